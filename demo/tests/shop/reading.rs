//! Reading span buffers as a collector does.

use prost::Message;
use sigyn_demo::{ScrapeTarget, Shop};
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, status::StatusCode},
};

/// Trace ID and span ID.
pub(crate) type SpanKey = (Vec<u8>, Vec<u8>);

/// A span, and the target that it was read from.
pub(crate) struct Seen {
    pub(crate) service: &'static str,
    pub(crate) span: Span,
}

impl Seen {
    pub(crate) fn key(&self) -> SpanKey {
        (self.span.trace_id.clone(), self.span.span_id.clone())
    }

    pub(crate) fn attribute(&self, key: &str) -> Option<&Value> {
        attribute(&self.span.attributes, key)
    }

    pub(crate) fn is_error(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code() == StatusCode::Error)
    }

    pub(crate) fn has_event(&self, name: &str) -> bool {
        self.span.events.iter().any(|event| event.name == name)
    }
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

/// Loopback is plain: a machine without CA certificates runs the tests as well.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([]).build().unwrap()
}

/// Reads a target's buffer from its oldest span to its newest.
pub(crate) async fn read_spans(target: &ScrapeTarget) -> Vec<Seen> {
    let mut spans = Vec::new();
    let mut cursor = String::new();
    loop {
        let url = format!("http://{}/debug/spans{cursor}", target.address);
        let response = client().get(url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("sigyn-lost"), "0");
        let more = header("sigyn-more") == "1";
        cursor = format!("?cursor={}", header("sigyn-cursor"));
        let body = response.bytes().await.unwrap();
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        for resource_spans in request.resource_spans {
            let resource = resource_spans.resource.unwrap();
            let text = |key: &str| match attribute(&resource.attributes, key) {
                Some(Value::StringValue(text)) => text.clone(),
                other => panic!("{key} is {other:?}"),
            };
            assert_eq!(text("service.name"), target.service);
            assert_eq!(text("service.instance.id"), target.pod);
            for scope_spans in resource_spans.scope_spans {
                let service = target.service;
                spans.extend(scope_spans.spans.into_iter().map(|span| Seen { service, span }));
            }
        }
        if !more {
            return spans;
        }
    }
}

/// Reads every buffer of the shop; each must hold spans.
pub(crate) async fn read_all(shop: &Shop) -> Vec<Seen> {
    let mut spans = Vec::new();
    for target in shop.scrape_targets() {
        let read = read_spans(target).await;
        assert!(!read.is_empty(), "{} has no spans", target.pod);
        spans.extend(read);
    }
    spans
}
