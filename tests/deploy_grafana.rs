//! What deploy/grafana provisions says what the rest of the house says.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/grafana"))
}

fn data_sources() -> Vec<Value> {
    let text = fs::read_to_string(folder().join("provisioning/datasources/sigyn.yaml")).unwrap();
    let file: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(file["apiVersion"], 1);
    file["datasources"].as_array().unwrap().clone()
}

/// The one data source of a type.
fn source(kind: &str) -> Value {
    let mut found: Vec<Value> =
        data_sources().into_iter().filter(|source| source["type"] == kind).collect();
    assert_eq!(found.len(), 1, "{kind}");
    found.remove(0)
}

#[test]
fn a_dot_leads_to_a_trace_however_its_label_is_spelled() {
    let (prometheus, tempo) = (source("prometheus"), source("tempo"));
    let destinations = prometheus["jsonData"]["exemplarTraceIdDestinations"].as_array().unwrap();
    let names: BTreeSet<&str> =
        destinations.iter().map(|destination| destination["name"].as_str().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["trace_id", "traceID", "TraceID", "traceId"]));
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
fn dashboards_name_data_sources_that_are_there_and_show_exemplars() {
    let uids: BTreeSet<String> =
        data_sources().iter().map(|source| source["uid"].as_str().unwrap().to_owned()).collect();
    let mut with_exemplars = 0;
    for entry in fs::read_dir(folder().join("dashboards")).unwrap() {
        let path = entry.unwrap().path();
        let board: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert!(!board["uid"].as_str().unwrap().is_empty(), "{}", path.display());
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let named = [&target["datasource"], &panel["datasource"]];
                let uid = named.iter().find_map(|source| source["uid"].as_str());
                let known = uid.is_none_or(|uid| uids.contains(uid) || uid.starts_with('$'));
                assert!(known, "{}: {uid:?}", path.display());
                with_exemplars += usize::from(target["exemplar"] == true);
            }
        }
    }
    assert!(with_exemplars > 0, "no panel asks for exemplars");
}
