//! What the metrics must say, counted the slow way over decoded spans.

use prost::Message;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value},
    trace::v1::Span,
};
use sigyn_store::{SpanId, TraceId};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Calls between two services.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Calls {
    pub(super) total: u64,
    pub(super) failed: u64,
}

/// All that is to be known.
pub(super) struct Model {
    /// Seconds of each span, by service, name, kind and status.
    pub(super) series: BTreeMap<Vec<String>, Vec<f64>>,
    /// Bytes of the spans of each series.
    pub(super) sizes: BTreeMap<Vec<String>, u64>,
    pub(super) edges: BTreeMap<Vec<String>, Calls>,
    pub(super) spans: HashSet<(TraceId, SpanId)>,
}

impl Model {
    pub(super) fn of(bodies: &[impl AsRef<[u8]>]) -> Self {
        let mut spans: Vec<(String, Span)> = Vec::new();
        for body in bodies {
            let request = ExportTraceServiceRequest::decode(body.as_ref()).unwrap();
            for resource in request.resource_spans {
                let attributes = resource.resource.unwrap().attributes;
                let service = text(&attributes, "service.name").unwrap();
                for scope in resource.scope_spans {
                    spans.extend(scope.spans.into_iter().map(|span| (service.clone(), span)));
                }
            }
        }
        let mut series = BTreeMap::<_, Vec<f64>>::new();
        let mut sizes = BTreeMap::<_, u64>::new();
        for (service, span) in &spans {
            let labels = [service.as_str(), &span.name, span.kind().as_str_name(), status(span)];
            let seconds = (span.end_time_unix_nano - span.start_time_unix_nano) as f64 / 1e9;
            let labels = labels.map(str::to_owned).to_vec();
            *sizes.entry(labels.clone()).or_default() += span.encoded_len() as u64;
            series.entry(labels).or_default().push(seconds);
        }
        let id = |span: &Span| {
            let trace = TraceId(span.trace_id.clone().try_into().unwrap());
            (trace, SpanId(span.span_id.clone().try_into().unwrap()))
        };
        let ids = spans.iter().map(|(_, it)| id(it)).collect();
        Self { series, sizes, edges: edges(&spans), spans: ids }
    }

    pub(super) fn calls(&self) -> BTreeMap<Vec<String>, u64> {
        self.series.iter().map(|(labels, all)| (labels.clone(), all.len() as u64)).collect()
    }
}

fn edges(spans: &[(String, Span)]) -> BTreeMap<Vec<String>, Calls> {
    let callers: HashMap<_, _> = spans
        .iter()
        .filter(|(_, span)| matches!(span.kind, 3 | 4))
        .map(|it| ((&*it.1.trace_id, &*it.1.span_id), it))
        .collect();
    let mut answered = HashSet::new();
    let mut edges = BTreeMap::<Vec<String>, Calls>::new();
    let mut count = |client: &str, server: &str, kind: &str, failed: bool| {
        let values = [client, server, kind].into_iter().filter(|value| !value.is_empty());
        let calls = edges.entry(values.map(str::to_owned).collect()).or_default();
        calls.total += 1;
        calls.failed += u64::from(failed);
    };
    for (service, span) in spans.iter().filter(|(_, span)| matches!(span.kind, 2 | 5)) {
        match callers.get(&(&*span.trace_id, &*span.parent_span_id)) {
            Some((caller, call)) => {
                answered.insert((&*call.trace_id, &*call.span_id));
                let queue = if span.kind == 5 { "messaging_system" } else { "" };
                count(caller, service, queue, failed(span) || failed(call));
            }
            None if span.parent_span_id.is_empty() => {
                count("user", service, "virtual_node", failed(span));
            }
            None => {}
        }
    }
    for (service, span) in callers.values() {
        if answered.contains(&(&*span.trace_id, &*span.span_id)) {
            continue;
        }
        let any = |keys: &[&str]| keys.iter().find_map(|key| text(&span.attributes, key));
        let database = any(&["db.namespace", "db.name", "db.system", "db.system.name"]);
        let peer = any(&["peer.service", "server.address", "network.peer.address"]);
        let stranger = any(&["peer.service", "db.name", "db.system", "db.system.name"]);
        match (database, stranger) {
            (Some(database), _) if span.kind == 3 => {
                count(service, &peer.unwrap_or(database), "database", failed(span));
            }
            (_, Some(stranger)) => count(service, &stranger, "virtual_node", failed(span)),
            _ => {}
        }
    }
    edges
}

fn failed(span: &Span) -> bool {
    status(span) == "STATUS_CODE_ERROR"
}

fn status(span: &Span) -> &'static str {
    span.status.as_ref().map_or("STATUS_CODE_UNSET", |status| status.code().as_str_name())
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        any_value::Value::IntValue(number) => Some(number.to_string()),
        _ => None,
    }
}
