//! A trace as columns says the same as the trace as OTLP.

use crate::rig::{Rig, START_UNIX_NANO, TRACE, attribute, of_service, span, text};
use serde_json::{Value as Json, json};
use sigyn_proto::otlp::{
    common::v1::any_value::Value,
    trace::v1::{Status, span::Event},
};

fn unix_nano(after: u64, value: &Json) -> u64 {
    match value {
        Json::String(text) => text.parse().unwrap(),
        number => (after as i64 + number.as_i64().unwrap()) as u64,
    }
}

/// Spans as OTLP/JSON has them, put together from columns, without zero values.
fn spans_of(page: &Json) -> Vec<Json> {
    let columns = &page["spans"];
    let start: u64 = page["startUnixNano"].as_str().unwrap().parse().unwrap();
    let place = |name: &str, index: usize| columns[name][index].as_u64().unwrap() as usize;
    let id =
        |name: &str, index: usize| columns[name].as_str().unwrap()[index * 16..][..16].to_owned();
    let mut attribute = 0;
    let count = columns["name"].as_array().unwrap().len();
    (0..count)
        .map(|index| {
            let from = unix_nano(start, &columns["start"][index]);
            let mut span = json!({
                "traceId": page["traceId"],
                "spanId": id("spanIds", index),
                "parentSpanId": id("parentSpanIds", index),
                "name": page["names"][place("name", index)],
                "kind": columns["kind"][index],
                "startTimeUnixNano": from.to_string(),
                "endTimeUnixNano": unix_nano(from, &columns["duration"][index]).to_string(),
                "service": page["resources"][place("resource", index)],
            });
            let mut attributes = Vec::new();
            for _ in 0..place("attributes", index) {
                let key = &page["attributeKeys"][place("attributeKey", attribute)];
                let value = &page["attributeValues"][place("attributeValue", attribute)];
                let value =
                    if value.is_string() { json!({"stringValue": value}) } else { value.clone() };
                attributes.push(json!({"key": key, "value": value}));
                attribute += 1;
            }
            span["attributes"] = attributes.into();
            let details = page["details"].as_array().unwrap();
            if let Some(detail) = details.iter().find(|detail| detail["span"] == index) {
                span["events"] = detail["events"].clone();
                span["status"] =
                    json!({"code": columns["status"][index], "message": detail["statusMessage"]});
            }
            span
        })
        .collect()
}

#[tokio::test]
async fn columns_and_messages_say_the_same() {
    let rig = Rig::with_shop().await;
    let mut odd = span(9, 2, "hold seat", 7, 0);
    odd.trace_id = crate::rig::trace_id(TRACE);
    odd.start_time_unix_nano = 0;
    odd.end_time_unix_nano = 3;
    odd.attributes = vec![
        attribute("seat", Value::IntValue(1 << 60)),
        attribute("price", Value::DoubleValue(f64::NAN)),
        attribute("isFree", Value::BoolValue(false)),
        text("note", "hold seat"),
    ];
    odd.events =
        vec![Event { name: "sold".into(), time_unix_nano: START_UNIX_NANO, ..Default::default() }];
    odd.status = Some(Status { code: 2, message: "sold out".into() });
    rig.append(vec![of_service("seats", vec![odd])]).await;

    let page = rig.json(&format!("/api/sigyn/v1/traces/{TRACE}")).await;
    let columns = rig.json(&format!("/api/sigyn/v1/traces/{TRACE}/columns")).await;
    let rebuilt = spans_of(&columns);
    let mut compared = 0;
    for resource in page["resourceSpans"].as_array().unwrap() {
        for span in resource["scopeSpans"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|scope| scope["spans"].as_array().unwrap())
        {
            let mut expected = span.clone();
            expected["service"] = resource["resource"].clone();
            let same = rebuilt.iter().find(|one| one["spanId"] == span["spanId"]).unwrap();
            for (key, value) in expected.as_object().unwrap() {
                if key != "status" || same.get("status").is_some() {
                    assert_eq!(&same[key], value, "{key} of {}", span["spanId"]);
                }
            }
            compared += 1;
        }
    }
    assert_eq!((compared, rebuilt.len()), (3, 3));
    assert_eq!(columns["startUnixNano"], START_UNIX_NANO.to_string(), "no start is none");
    assert!(columns["spans"]["start"].as_array().unwrap().contains(&json!("0")));
    for list in ["exemplars", "pins", "gaps"] {
        assert_eq!(columns[list], page[list]);
    }
}
