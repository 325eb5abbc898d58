//! Searches and what they find: `testdata/answers.txt` over traces that have some of everything.

use crate::{
    corpus::encoded,
    rig::{Rig, START_UNIX_NANO, attribute, of_service, span, text, trace_id},
};
use sigyn_proto::otlp::{
    common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value},
    trace::v1::{
        ResourceSpans, Span, Status,
        span::{Event, Link},
    },
};

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

fn made(trace: &str, id: u8, parent: u8, name: &str, at_ms: (u64, u64), kind: i32) -> Span {
    Span { trace_id: trace_id(trace), kind, ..span(id, parent, name, at_ms.0, at_ms.1) }
}

fn int(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn float(key: &str, value: f64) -> KeyValue {
    attribute(key, Value::DoubleValue(value))
}

fn flag(key: &str, value: bool) -> KeyValue {
    attribute(key, Value::BoolValue(value))
}

fn array(key: &str, values: impl IntoIterator<Item = Value>) -> KeyValue {
    let values = values.into_iter().map(|value| AnyValue { value: Some(value) }).collect();
    attribute(key, Value::ArrayValue(ArrayValue { values }))
}

fn status(code: i32, message: &str) -> Option<Status> {
    Some(Status { code, message: message.into() })
}

fn in_zone(service: &str, zone: &str, spans: Vec<Span>) -> ResourceSpans {
    let mut of_service = of_service(service, spans);
    of_service.resource.as_mut().unwrap().attributes.push(text("zone", zone));
    of_service
}

fn event(start_ms: u64, name: &str, attributes: Vec<KeyValue>) -> Event {
    let time_unix_nano = START_UNIX_NANO + start_ms * 1_000_000;
    Event { time_unix_nano, name: name.into(), attributes, ..Default::default() }
}

fn traces() -> Vec<ResourceSpans> {
    let mut post = made("a", 0xa1, 0, "POST", (0, 400), SERVER);
    let tags = ["vip", "test"].map(|tag| Value::StringValue(tag.into()));
    post.attributes = vec![
        text("route", "/hold"),
        int("code", 200),
        float("load", 0.5),
        flag("vip", true),
        array("tags", tags),
    ];
    let mut hold = made("a", 0xa2, 0xa1, "hold", (10, 300), SERVER);
    hold.attributes = vec![int("code", 500), int("seat", 12), int("load", 1), flag("vip", false)];
    hold.status = status(2, "sold out");
    hold.events = vec![
        event(15, "retry", vec![int("attempt", 3)]),
        event(16, "exception", vec![text("type", "Full")]),
    ];
    let mut select = made("a", 0xa3, 0xa2, "SELECT", (20, 100), CLIENT);
    select.attributes =
        vec![text("db", "sqlite"), int("rows", 0), array("nums", [1, 2, 3].map(Value::IntValue))];
    select.status = status(1, "");
    let mut render = made("a", 0xa4, 0xa1, "render", (320, 50), 1);
    let (linked, span_id) = (trace_id("b"), vec![0, 0, 0, 0, 0, 0, 0, 0xb1]);
    let attributes = vec![text("why", "cache")];
    render.links = vec![Link { trace_id: linked, span_id, attributes, ..Default::default() }];
    let mut get = made("b", 0xb1, 0, "GET", (1_000, 2_000), SERVER);
    get.attributes = vec![text("route", "/fares"), float("timeout", 2.0), text("zone", "span")];
    get.status = status(1, "");
    let cache = made("b", 0xb2, 0xb1, "cache", (1_001, 1), CLIENT);
    let mut job = made("c", 0xc2, 0xc1, "job", (4_000, 5), 5);
    job.attributes = vec![text("flag", "true"), text("note", "")];
    let mut web = in_zone("fares", "west", vec![get, cache]);
    let scope = web.scope_spans[0].scope.as_mut().unwrap();
    (scope.name, scope.version) = ("web".into(), "1.2".into());
    scope.attributes = vec![text("lang", "rust")];
    vec![
        in_zone("kiosk", "north", vec![post, render]),
        in_zone("seats", "south", vec![hold, select]),
        web,
        of_service("jobs", vec![job]),
    ]
}

#[tokio::test]
async fn searches_find_what_they_should() {
    let rig = Rig::new().await;
    rig.append(traces()).await;
    let seconds = START_UNIX_NANO / 1_000_000_000;
    let mut wrong = Vec::new();
    for line in include_str!("../../testdata/answers.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (query, expected) = line.split_once(" ==>").unwrap();
        let range = format!("start={}&end={}", seconds - 10, seconds + 100);
        let answer = rig.get(&format!("/api/search?{range}&spss=100&q={}", encoded(query))).await;
        if answer.status != 200 {
            wrong.push(format!("{line}: {}", answer.text()));
            continue;
        }
        let answer = answer.json();
        let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
        let names = |set: &serde_json::Value| {
            let spans = list(&set["spans"]);
            let names: Vec<&str> =
                spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
            names.join(" ")
        };
        let sets = list(&answer["traces"]).into_iter().flat_map(|trace| list(&trace["spanSets"]));
        let found = sets.map(|set| names(&set)).collect::<Vec<_>>().join(" / ");
        if found != expected.trim() {
            wrong.push(format!("{line}: found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{} answers:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn each_resource_has_a_service_if_without_a_name() {
    let rig = Rig::new().await;
    let named = made("a", 0xa1, 0, "named", (0, 10), SERVER);
    let mut stray = made("b", 0xb1, 0, "stray", (20, 10), SERVER);
    stray.attributes = vec![text("service.namespace", "shops")];
    let mut numbered = of_service("", vec![made("c", 0xc1, 0, "numbered", (40, 10), SERVER)]);
    numbered.resource.as_mut().unwrap().attributes = vec![int("service.name", 7)];
    let mut nobody = of_service("", vec![stray]);
    nobody.resource.as_mut().unwrap().attributes = vec![text("zone", "north")];
    rig.append(vec![of_service("kiosk", vec![named]), nobody, numbered]).await;
    let seconds = START_UNIX_NANO / 1_000_000_000;
    let range = format!("start={}&end={}", seconds - 10, seconds + 100);
    let ask = async |query: &str| {
        rig.json(&format!("/api/search?{range}&q={}", encoded(query))).await["traces"].clone()
    };
    for (query, found) in [
        (r#"{ resource.service.name != "kiosk" }"#, "stray"),
        (r#"{ resource.service.name !~ "ki.*" }"#, "stray"),
        (r#"{ resource.service.name = "" }"#, "stray"),
        (r#"{ resource.service.name =~ "(kiosk)?" }"#, "stray named"),
        (r#"{ resource.service.name != "" }"#, "named"),
        (r#"{ "a" > resource.service.name }"#, "stray"),
        (r#"{ resource.service.name != nil }"#, "numbered stray named"),
        (r#"{ .service.name != "kiosk" }"#, "stray"),
        (r#"{ .service.name = nil }"#, ""),
        (r#"{ span.service.name != "kiosk" }"#, ""),
        (r#"{ resource.zone != "south" }"#, "stray"),
        (r#"{ resource.service.namespace != "x" }"#, ""),
        (r#"{ resource.service.name = rootServiceName }"#, "stray named"),
        (r#"{ } | by(resource.service.name) | count() > 0"#, "numbered stray named"),
    ] {
        let answer = ask(query).await;
        let traces = answer.as_array().unwrap().iter();
        let names: Vec<&str> =
            traces.map(|trace| trace["rootTraceName"].as_str().unwrap()).collect();
        assert_eq!(names.join(" "), found, "{query}");
    }
    let stray = ask("{ name = `stray` }").await;
    assert_eq!(stray[0]["rootServiceName"], "<root span not yet received>");
    for query in ["resource.service.name", "rootServiceName", "statusMessage"] {
        let answer = ask(&format!("{{ name = `stray` }} | by({query})")).await;
        let set = &answer[0]["spanSets"][0];
        assert_eq!(set["attributes"][0]["value"]["stringValue"], "", "{query}");
        let metrics = format!("{{ name = `stray` }} | count_over_time() by({query})");
        let path = format!("/api/metrics/query_range?{range}&step=10s&q={}", encoded(&metrics));
        let answer = rig.json(&path).await;
        assert_eq!(answer["series"][0]["labels"][0]["value"]["stringValue"], "", "{query}");
    }
    // Nobody need choose it, though.
    let values = rig.json("/api/v2/search/tag/resource.service.name/values").await;
    let values = values["tagValues"].as_array().unwrap().clone();
    assert!(values.iter().all(|value| value["value"] != ""), "{values:?}");
}

#[tokio::test]
async fn the_event_that_was_asked_for_is_shown() {
    let rig = Rig::new().await;
    rig.append(traces()).await;
    let seconds = START_UNIX_NANO / 1_000_000_000;
    for (query, shown) in [
        (r#"{ event:name = "exception" }"#, r#"{"stringValue":"exception"}"#),
        (r#"{ event:name = "retry" }"#, r#"{"stringValue":"retry"}"#),
        (r#"{ status = error } | select(event:name)"#, r#"{"stringValue":"retry"}"#),
        (r#"{ event.type = "Full" } | select(event:name)"#, r#"{"stringValue":"exception"}"#),
        (r#"{ event.attempt > 2 } | select(event:name)"#, r#"{"stringValue":"retry"}"#),
        (r#"{ event:name = "x" || event:name =~ "ex.*" }"#, r#"{"stringValue":"exception"}"#),
    ] {
        let range = format!("start={}&end={}", seconds - 10, seconds + 100);
        let answer = rig.json(&format!("/api/search?{range}&q={}", encoded(query))).await;
        let attributes = answer["traces"][0]["spanSets"][0]["spans"][0]["attributes"].clone();
        let name = attributes.as_array().unwrap().iter().find(|one| one["key"] == "event:name");
        assert_eq!(name.unwrap()["value"].to_string(), shown, "{query}");
    }
}
