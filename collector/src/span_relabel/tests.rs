use super::*;
use crate::{
    config::Config,
    fixture::{request, span},
    relabel::Rule,
};
use proptest::prelude::*;
use prost::Message;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value},
    trace::v1::{Span, Status, span::Event},
};
use sigyn_store::Overlay;

fn rules(yaml: &str) -> Vec<Rule> {
    let text = format!("scrape_configs:\n- job_name: a\n  span_relabel_configs:\n{yaml}");
    let (mut config, _) =
        Config::parse(&text, "test.yml", &|_| None).unwrap_or_else(|errors| panic!("{errors:?}"));
    config.scrape_configs.remove(0).span_relabel_configs
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn server_span() -> Span {
    Span {
        name: "GET /users/17".into(),
        kind: 2,
        status: Some(Status { message: "user 17 is gone".into(), code: 2 }),
        attributes: vec![
            text("http.route", "/users/{id}"),
            attribute("http.status", Value::IntValue(503)),
            text("db.statement", "select 'a@b.c', 'd@e.f'"),
        ],
        events: vec![Event {
            name: "exception".into(),
            attributes: vec![text("exception.message", "mail to a@b.c failed"), text("x", "1")],
            ..Event::default()
        }],
        ..span(1)
    }
}

/// What becomes of one span, and its resource.
fn after(yaml: &str) -> Option<(Span, Vec<KeyValue>)> {
    let body = request(vec![server_span()], &[("host", "h-1"), ("job", "own")]).encode_to_vec();
    let overlay = Overlay {
        attributes: vec![("job".into(), "shop".into())],
        honor: false,
        defaults: vec![("service.name".into(), "cart".into())],
    };
    let body = match apply(&rules(yaml), &overlay, &body).unwrap() {
        Some(relabeled) => relabeled.body,
        None => body,
    };
    let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
    let resource = request.resource_spans[0].resource.clone().unwrap().attributes;
    let span = request.resource_spans[0].scope_spans[0].spans.first().cloned();
    span.map(|span| (span, resource))
}

/// A span attribute as text.
#[track_caller]
fn check(yaml: &str, key: &str, expected: &str) {
    let (span, _) = after(yaml).expect("the span is kept");
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    let found = found.and_then(|attribute| attribute.value.clone()?.value);
    let found = match found {
        Some(Value::StringValue(text)) => text,
        Some(other) => format!("{other:?}"),
        None => String::new(),
    };
    assert_eq!(found, expected, "{yaml}");
}

#[test]
fn spans_are_kept_and_dropped() {
    let kept = |rule: &str| after(&format!("  - {{{rule}}}")).is_some();
    assert!(kept("action: keep, source_labels: [kind, status], regex: 'server;error'"));
    assert!(!kept("action: keep, source_labels: [name], regex: '/healthz'"));
    assert!(!kept("action: drop, source_labels: [span.http.status], regex: '5..'"));
    assert!(!kept("action: drop, source_labels: [resource.job], regex: shop"));
    assert!(!kept("action: drop, source_labels: [resource.service.name], regex: cart"));
    assert!(!kept("action: drop, source_labels: [resource.host], regex: 'h-.'"));
    assert!(!kept("action: drop, source_labels: [trace_id], regex: '(01){16}'"));
    assert!(kept("action: keepequal, source_labels: [resource.job], target_label: resource.job"));
    assert!(!kept("action: dropequal, source_labels: [span.none], target_label: span.nil"));
}

#[test]
fn attributes_are_set_renamed_and_removed() {
    check(
        "  - {source_labels: [kind, span.http.route], regex: '(.*);/(.*)/.*', target_label: span.what, replacement: '$1-$2'}",
        "what",
        "server-users",
    );
    check("  - {target_label: span.http.route, replacement: ''}", "http.route", "");
    check("  - {action: uppercase, source_labels: [kind], target_label: span.k}", "k", "SERVER");
    check(
        "  - {action: labelmap, regex: 'span\\.http\\.(.*)', replacement: 'span.h.$1'}",
        "h.status",
        "IntValue(503)",
    );
    check(
        "  - {action: labelmap, regex: 'span\\.http\\.(.*)', replacement: 'span.h.$1'}\n  - {action: labeldrop, regex: 'span\\.http\\..*'}",
        "http.status",
        "",
    );
    check(
        "  - {action: hashmod, source_labels: [trace_id], modulus: 1, target_label: span.__share}\n  - {action: keep, source_labels: [span.__share], regex: '0'}",
        "__share",
        "",
    );
    let (span, resource) =
        after("  - {action: labeldrop, regex: '(resource\\.host|event\\.x)'}").unwrap();
    assert_eq!(resource.iter().map(|it| &*it.key).collect::<Vec<_>>(), ["job"]);
    assert_eq!(span.events[0].attributes.len(), 1);
    let (span, _) =
        after("  - {source_labels: [name], regex: '(GET /users)/.*', target_label: name}").unwrap();
    assert_eq!((span.name.as_str(), span.kind), ("GET /users", 2));
}

#[test]
fn secrets_are_redacted_wherever_they_stand() {
    let (span, _) =
        after("  - {action: redact, regex: '[a-z]+@[a-z.]+', replacement: '<mail>'}").unwrap();
    let shown = format!("{span:?}");
    assert!(!shown.contains('@'), "{shown}");
    check(
        "  - {action: redact, source_labels: [span.db.statement], regex: \"'[^']*'\"}",
        "db.statement",
        "select [redacted], [redacted]",
    );
    let (span, _) = after("  - {action: redact, source_labels: [name, status_message], regex: '[0-9]+', replacement: N}").unwrap();
    assert_eq!(span.name, "GET /users/N");
    assert_eq!(span.status, Some(Status { message: "user N is gone".into(), code: 2 }));

    let inner = AnyValue { value: Some(Value::StringValue("k=hunter2".into())) };
    let list = Value::ArrayValue(ArrayValue { values: vec![inner] });
    let mut in_list = server_span();
    in_list.attributes = vec![attribute("list", list)];
    let body = request(vec![in_list], &[]).encode_to_vec();
    let rules = rules("  - {action: redact, regex: hunter2}");
    let redacted = apply(&rules, &Overlay::default(), &body).unwrap().unwrap().body;
    assert!(!redacted.windows(7).any(|bytes| bytes == b"hunter2"));
    ExportTraceServiceRequest::decode(&redacted[..]).unwrap();
}

#[test]
fn what_no_rule_changes_is_not_written_anew() {
    let body = request(vec![server_span()], &[]).encode_to_vec();
    let rules = rules(
        "  - {action: drop, source_labels: [name], regex: none}\n  - {action: redact, regex: nowhere}",
    );
    assert!(apply(&rules, &Overlay::default(), &body).unwrap().is_none());
}

#[test]
fn what_cannot_be_read_is_refused() {
    let body = request(vec![server_span()], &[]).encode_to_vec();
    let rules = rules("  - {action: redact, regex: x}");
    assert!(apply(&rules, &Overlay::default(), &body[..body.len() - 1]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_relabeled_or_refused(mut body: Vec<u8>, at: usize, byte: u8) {
        let rules = rules("  - {action: redact, regex: a}\n  - {action: labeldrop, regex: 'event.*'}\n  - {action: labelmap, regex: '(.*)', replacement: '${1}x'}".replace("'${1}x'", "'span.${1}x'").as_str());
        let _ = apply(&rules, &Overlay::default(), &body);
        body = request(vec![server_span()], &[("a", "b")]).encode_to_vec();
        let at = at % body.len();
        body[at] = byte;
        if let Ok(Some(relabeled)) = apply(&rules, &Overlay::default(), &body) {
            // What still is OTLP stays OTLP.
            if ExportTraceServiceRequest::decode(&body[..]).is_ok() {
                prop_assert!(ExportTraceServiceRequest::decode(&relabeled.body[..]).is_ok());
            }
        }
    }
}
