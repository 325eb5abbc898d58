//! What `deploy/grafana` provisions: every reference to a data source must lead to one that is provisioned too, since a
//! broken one shows only when somebody clicks on it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/grafana")
}

/// Types by UID.
fn data_sources() -> (BTreeMap<String, String>, Vec<Json>) {
    let text = fs::read_to_string(folder().join("provisioning/datasources/sigyn.yaml")).unwrap();
    let file: Json = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(file["apiVersion"], 1);
    let all = file["datasources"].as_array().unwrap().clone();
    let field = |source: &Json, name: &str| source[name].as_str().unwrap().to_owned();
    (all.iter().map(|source| (field(source, "uid"), field(source, "type"))).collect(), all)
}

/// The one data source of a type.
fn source(kind: &str) -> Json {
    let (_, all) = data_sources();
    let mut found: Vec<Json> = all.into_iter().filter(|source| source["type"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}");
    found.remove(0)
}

fn dashboards() -> Vec<(PathBuf, Json)> {
    let files = fs::read_dir(folder().join("dashboards")).unwrap();
    files
        .map(|file| {
            let path = file.unwrap().path();
            let json = serde_json::from_str(&fs::read_to_string(&path).unwrap());
            (path, json.unwrap())
        })
        .collect()
}

/// Calls `see` with every object below a value.
fn each_object(value: &Json, see: &mut impl FnMut(&serde_json::Map<String, Json>)) {
    match value {
        Json::Object(map) => {
            see(map);
            map.values().for_each(|below| each_object(below, see));
        }
        Json::Array(list) => list.iter().for_each(|below| each_object(below, see)),
        _ => {}
    }
}

#[test]
fn a_dot_leads_to_a_trace_however_its_label_is_spelled() {
    let (prometheus, tempo) = (source("prometheus"), source("tempo"));
    let destinations = prometheus["jsonData"]["exemplarTraceIdDestinations"].as_array().unwrap();
    let names: Vec<_> = destinations.iter().map(|destination| &destination["name"]).collect();
    assert_eq!(names, ["trace_id", "traceID", "TraceID", "traceId"]);
    for destination in destinations {
        assert_eq!(destination["datasourceUid"], tempo["uid"], "{destination}");
    }
}

#[test]
fn a_span_leads_to_the_metrics_of_its_target() {
    let (prometheus, tempo) = (source("prometheus"), source("tempo"));
    let back = &tempo["jsonData"]["tracesToMetrics"];
    assert_eq!(back["datasourceUid"], prometheus["uid"]);
    assert_eq!(tempo["jsonData"]["serviceMap"]["datasourceUid"], prometheus["uid"]);
    // A target's labels are resource attributes of its spans under the same names: nothing is renamed.
    let tags = back["tags"].as_array().unwrap();
    let keys: BTreeSet<&str> = tags.iter().map(|tag| tag["key"].as_str().unwrap()).collect();
    assert_eq!(keys, BTreeSet::from(["job", "instance"]));
    for tag in tags {
        assert!(tag["value"].is_null() || tag["value"] == tag["key"], "{tag}");
    }
    for query in back["queries"].as_array().unwrap() {
        let text = query["query"].as_str().unwrap();
        // Grafana takes $name in such files for a variable of its environment.
        let single = text.replace("$$", "").contains('$');
        assert!(text.contains("{$$__tags}") && !single, "{text}");
    }
}

#[test]
fn every_reference_leads_to_a_data_source() {
    let (types, all) = data_sources();
    let mut seen = 0;
    all.iter().for_each(|source| {
        each_object(source, &mut |object| {
            if let Some(uid) = object.get("datasourceUid") {
                assert!(types.contains_key(uid.as_str().unwrap()), "{uid}");
                seen += 1;
            }
        });
    });
    for (path, dashboard) in dashboards() {
        each_object(&dashboard, &mut |object| {
            if let Some(source) = object.get("datasource") {
                let uid = source["uid"].as_str().unwrap();
                let found = types.get(uid).map(String::as_str);
                assert_eq!(found, source["type"].as_str(), "{}: {uid}", path.display());
                seen += 1;
            }
        });
    }
    assert!(seen > 20, "{seen}");
}

#[test]
fn queries_of_data_sources_escape_the_dollar_sign() {
    let (_, all) = data_sources();
    for source in all {
        each_object(&source, &mut |object| {
            if let Some(Json::String(query)) = object.get("query") {
                assert!(!query.replace("$$", "").contains('$'), "{query}");
            }
        });
    }
}

#[test]
fn dashboards_show_exemplars_and_name_no_panel_twice() {
    let mut with_exemplars = 0;
    for (path, dashboard) in dashboards() {
        let panels = dashboard["panels"].as_array().unwrap();
        let mut ids: Vec<_> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), panels.len(), "{}", path.display());
        each_object(&dashboard, &mut |object| {
            with_exemplars += usize::from(object.get("exemplar") == Some(&Json::Bool(true)));
        });
    }
    assert!(with_exemplars >= 2);
}

#[test]
fn dashboards_name_data_sources_that_are_there_and_show_exemplars() {
    let (types, _) = data_sources();
    let mut with_exemplars = 0;
    for (path, board) in dashboards() {
        assert!(!board["uid"].as_str().unwrap().is_empty(), "{}", path.display());
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let named = [&target["datasource"], &panel["datasource"]];
                let uid = named.iter().find_map(|source| source["uid"].as_str());
                let known = uid.is_none_or(|uid| types.contains_key(uid) || uid.starts_with('$'));
                assert!(known, "{}: {uid:?}", path.display());
                with_exemplars += usize::from(target["exemplar"] == true);
            }
        }
    }
    assert!(with_exemplars > 0, "no panel asks for exemplars");
}
