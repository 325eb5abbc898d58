//! What a list of traces shows of one.

use crate::api::trace;
use serde::{Serialize, Serializer};
use sigyn_proto::{
    jaeger as wire,
    otlp::{
        common::v1::any_value::Value,
        trace::v1::{ResourceSpans, Span, TracesData, status::StatusCode as SpanStatus},
    },
};
use sigyn_store::TraceId;
use std::collections::{BTreeMap, BTreeSet};

/// A trace summed up; as JSON, zeros are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    trace_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    root_service_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    root_operation_name: String,
    min_start_time_unix_nano: Nanoseconds,
    max_end_time_unix_nano: Nanoseconds,
    span_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    error_span_count: u64,
    /// Spans whose parent is not there.
    #[serde(skip_serializing_if = "is_zero")]
    orphan_span_count: u64,
    services: Vec<OfService>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct OfService {
    name: String,
    span_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    error_span_count: u64,
}

/// Since the Unix epoch; text in JSON, because JavaScript would round the number.
struct Nanoseconds(u64);

impl Serialize for Nanoseconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Summary {
    pub(super) fn of(id: TraceId, data: &TracesData) -> Self {
        let ids: BTreeSet<&[u8]> =
            trace::spans_of(&data.resource_spans).map(|span| &span.span_id[..]).collect();
        let mut services: BTreeMap<&str, OfService> = BTreeMap::new();
        let mut root: Option<(&str, &Span)> = None;
        let mut orphan_span_count = 0;
        for resource in &data.resource_spans {
            let service = service_of(resource);
            for span in trace::spans_of(std::slice::from_ref(resource)) {
                let failed =
                    span.status.as_ref().is_some_and(|status| status.code() == SpanStatus::Error);
                let counted = services.entry(service).or_default();
                counted.span_count += 1;
                counted.error_span_count += u64::from(failed);
                if span.parent_span_id.is_empty() {
                    let is_first = root.is_none_or(|(_, known)| {
                        span.start_time_unix_nano < known.start_time_unix_nano
                    });
                    root = if is_first { Some((service, span)) } else { root };
                } else if !ids.contains(&span.parent_span_id[..]) {
                    orphan_span_count += 1;
                }
            }
        }
        let (start, end) = trace::time_range(&data.resource_spans).unwrap_or_default();
        let (root_service, root_name) =
            root.map(|(service, span)| (service, span.name.as_str())).unwrap_or_default();
        Self {
            trace_id: id.to_string(),
            root_service_name: root_service.to_owned(),
            root_operation_name: root_name.to_owned(),
            min_start_time_unix_nano: Nanoseconds(start),
            max_end_time_unix_nano: Nanoseconds(end),
            span_count: services.values().map(|service| service.span_count).sum(),
            error_span_count: services.values().map(|service| service.error_span_count).sum(),
            orphan_span_count,
            services: services
                .into_iter()
                .map(|(name, counted)| OfService { name: name.to_owned(), ..counted })
                .collect(),
        }
    }
}

impl Summary {
    /// The message, whose ID the two packages spell differently.
    pub(super) fn into_wire(self, trace_id: Vec<u8>) -> wire::TraceSummary {
        let count = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
        wire::TraceSummary {
            trace_id,
            root_service_name: self.root_service_name,
            root_operation_name: self.root_operation_name,
            min_start_time_unix_nano: self.min_start_time_unix_nano.0,
            max_end_time_unix_nano: self.max_end_time_unix_nano.0,
            span_count: count(self.span_count),
            error_span_count: count(self.error_span_count),
            orphan_span_count: count(self.orphan_span_count),
            services: self
                .services
                .into_iter()
                .map(|of| wire::ServiceSummary {
                    name: of.name,
                    span_count: count(of.span_count),
                    error_span_count: count(of.error_span_count),
                })
                .collect(),
        }
    }
}

fn service_of(resource: &ResourceSpans) -> &str {
    let attributes = resource.resource.iter().flat_map(|resource| &resource.attributes);
    let mut named = attributes.filter(|attribute| attribute.key == "service.name");
    match named.next().and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(name)) => name,
        _ => "",
    }
}
