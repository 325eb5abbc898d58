//! Jaeger's API v3 over HTTP, below `/jaeger/api/v3`: what its own UI asks since it left the classic search.

use super::{
    model,
    search::{self, Loaded},
    trace_id,
};
use crate::api::{
    ApiState, Fault,
    guard::Family,
    otlp_json::{Style, Styled},
    parameters::{Parameters, Segment},
    times, trace,
};
use axum::{Router, body::Bytes, extract::State, response::Response, routing::get};
use http::StatusCode;
use serde::Serialize;
use serde_json::json;
use sigyn_proto::otlp::{
    common::v1::any_value::Value,
    trace::v1::{ResourceSpans, Span, TracesData, status::StatusCode as SpanStatus},
};
use sigyn_store::TraceId;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub(crate) fn routes(family: Family) -> Router {
    family
        .route("/jaeger/api/v3/services", "services", get(services))
        .route("/jaeger/api/v3/operations", "operations", get(operations))
        .route("/jaeger/api/v3/traces", "search", get(traces))
        .route("/jaeger/api/v3/traces/{id}", "trace", get(trace_by_id))
        .route("/jaeger/api/v3/trace-summaries", "search", get(summaries))
        .into_router()
}

async fn services(State(state): State<Arc<ApiState>>) -> Result<Response, Fault> {
    let services = state.engine.services().await?;
    Ok(trace::json_response(trace::to_json(&json!({"services": services}))?))
}

async fn operations(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let missing = || Fault::bad_request("the parameter service is required");
    let service = parameters.get("service").ok_or_else(missing)?;
    let wanted = of_either_case(&parameters, "", "spanKind");
    // A span without a kind is an internal one here.
    let kind = |kind: u8| match model::kind_name(kind.into()) {
        "" => "internal",
        name => name,
    };
    let all = state.engine.operations(service).await?.into_iter();
    let found: BTreeSet<(String, &str)> = all
        .map(|(name, number)| (name, kind(number)))
        .filter(|(_, kind)| wanted.is_none_or(|wanted| wanted == *kind))
        .collect();
    let operations: Vec<_> =
        found.into_iter().map(|(name, kind)| json!({"name": name, "spanKind": kind})).collect();
    Ok(trace::json_response(trace::to_json(&json!({"operations": operations}))?))
}

/// The times are taken and not used, as in the classic form.
async fn trace_by_id(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
) -> Result<Response, Fault> {
    let id = trace_id::parse(&id)?;
    let Some(encoded) = trace::load(&state, id).await? else {
        return Err(Fault::not_found("No traces found"));
    };
    as_result(vec![(id, encoded)]).await
}

async fn traces(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let (found, _) = found(&state, &parameters).await?;
    if found.is_empty() {
        return Err(Fault::not_found("No traces found"));
    }
    as_result(found).await
}

async fn as_result(traces: Vec<(TraceId, Bytes)>) -> Result<Response, Fault> {
    #[derive(Serialize)]
    struct Answer<'a> {
        result: Merged<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Merged<'a> {
        resource_spans: Styled<'a, [ResourceSpans]>,
    }
    let json = trace::on_blocking_thread(move || {
        let decoded: Vec<TracesData> =
            traces.iter().map(|(_, encoded)| trace::decode(encoded)).collect::<Result<_, _>>()?;
        let all: Vec<ResourceSpans> =
            decoded.into_iter().flat_map(|trace| trace.resource_spans).collect();
        trace::to_json(&Answer { result: Merged { resource_spans: Styled(&all[..], Style::OTLP) } })
    });
    Ok(trace::json_response(json.await?))
}

async fn summaries(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let (found, _) = found(&state, &parameters).await?;
    let json = trace::on_blocking_thread(move || {
        let summaries = found
            .iter()
            .map(|(id, encoded)| Ok(Summary::of(*id, &trace::decode(encoded)?)))
            .collect::<Result<Vec<_>, Fault>>()?;
        if summaries.is_empty() {
            return Ok(Bytes::from_static(b"{}"));
        }
        trace::to_json(&json!({"summaries": summaries}))
    });
    Ok(trace::json_response(json.await?))
}

/// What a list of traces shows of one; zeros are left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    trace_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    root_service_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    root_operation_name: String,
    min_start_time_unix_nano: String,
    max_end_time_unix_nano: String,
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

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Summary {
    fn of(id: TraceId, data: &TracesData) -> Self {
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
            min_start_time_unix_nano: start.to_string(),
            max_end_time_unix_nano: end.to_string(),
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

fn service_of(resource: &ResourceSpans) -> &str {
    let attributes = resource.resource.iter().flat_map(|resource| &resource.attributes);
    let mut named = attributes.filter(|attribute| attribute.key == "service.name");
    match named.next().and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(name)) => name,
        _ => "",
    }
}

async fn found(state: &ApiState, parameters: &Parameters) -> Result<Loaded, Fault> {
    let request = search::request(&classic(parameters)?, state)?;
    let found = state.engine.search(request).await?;
    let ids = found.traces.into_iter().map(|found| found.trace_id).collect();
    search::load_all(state, ids, true).await
}

/// `prefix` and a name in camel or in snake case; Grafana sends the latter.
fn of_either_case<'a>(parameters: &'a Parameters, prefix: &str, name: &str) -> Option<&'a str> {
    let snake: String = name
        .chars()
        .map(|letter| match letter {
            'A'..='Z' => format!("_{}", letter.to_ascii_lowercase()),
            other => other.to_string(),
        })
        .collect();
    parameters
        .get(&format!("{prefix}{name}"))
        .or_else(|| parameters.get(&format!("{prefix}{snake}")))
}

/// The parameters of the classic search that ask the same.
fn classic(parameters: &Parameters) -> Result<Parameters, Fault> {
    let get = |name| of_either_case(parameters, "query.", name);
    let time = |name: &'static str| {
        let missing = || Fault::bad_request(format!("the parameter query.{name} is required"));
        let text = get(name).ok_or_else(missing)?;
        // Grafana does not escape the plus sign of an offset.
        times::moment(&text.replace(' ', "+"))
            .ok_or_else(|| Fault::parameter(&format!("query.{name}"), text, "an RFC 3339 time"))
    };
    let (start, end) = (time("startTimeMin")?, time("startTimeMax")?);
    if end <= start {
        return Err(Fault::bad_request("query.startTimeMax must be after query.startTimeMin"));
    }
    if get("filter").is_some() {
        return Err(Fault::new(
            StatusCode::NOT_IMPLEMENTED,
            "query.filter is not taken; use the other parameters, or TraceQL at /api/search",
        ));
    }
    let depth =
        get("searchDepth").or_else(|| get("numTraces")).filter(|depth| !depth.starts_with('-'));
    let pairs = [
        ("service", get("serviceName").map(str::to_owned)),
        ("operation", get("operationName").map(str::to_owned)),
        ("minDuration", get("durationMin").map(str::to_owned)),
        ("maxDuration", get("durationMax").map(str::to_owned)),
        ("tags", get("attributes").map(str::to_owned)),
        ("limit", depth.map(str::to_owned)),
        ("start", Some(start.to_string())),
        ("end", Some(end.to_string())),
    ];
    Ok(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}
