//! gRPC `tempopb.StreamingQuerier`: the questions of the HTTP routes, answered in parts as they are known.
//!
//! Each call becomes the parameters of its HTTP form, so that both forms mean the same and refuse the same.

use super::{messages, metrics, search, tag_values, tags};
use crate::{
    api::{
        ApiState, Fault, grpc,
        grpc::{Messages, Service, Work},
        parameters::Parameters,
    },
    engine::{MetricsResponse, TraceMatch},
};
use axum::{
    Router,
    extract::{Path, Request, State},
    response::Response,
    routing::post,
};
use prost::Message;
use sigyn_proto::tempo::{
    PartialStatus, QueryInstantRequest, QueryRangeRequest, QueryRangeResponse, SearchMetrics,
    SearchRequest, SearchResponse, SearchTagValuesRequest, SearchTagValuesResponse,
    SearchTagValuesV2Response, SearchTagsRequest, SearchTagsResponse, SearchTagsV2Response,
};
use sigyn_store::TraceId;
use std::{collections::HashSet, sync::Arc};
use tokio::sync::{Semaphore, mpsc};

/// Clients refuse 4 MiB; what is smaller comes earlier.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// Above this a client would refuse the message, and the whole answer with it.
const RECEIVED_BYTES_MAX: usize = 4 * 1024 * 1024 - 64 * 1024;
const PROGRESS_WAITING_MAX: usize = 4;

const SERVICE: &str = "tempopb.StreamingQuerier";

pub(super) fn routes(state: Arc<ApiState>, turns: Arc<Semaphore>) -> Router {
    let service = Service { state, turns, api: "tempo" };
    Router::new().route(&format!("/{SERVICE}/{{method}}"), post(call)).with_state(service)
}

async fn call(
    State(service): State<Service>,
    Path(method): Path<String>,
    request: Request,
) -> Response {
    let begun = begin(&service.state, &method, request).await;
    service.respond(begun)
}

/// Reads the call; what it asks runs when the answer is read.
async fn begin(
    state: &Arc<ApiState>,
    method: &str,
    request: Request,
) -> Result<(&'static str, Work), Fault> {
    let state = state.clone();
    Ok(match method {
        "Search" => {
            let asked = grpc::message::<SearchRequest>(request).await?;
            ("search", Box::new(|to| Box::pin(search_parts(state, asked, to))))
        }
        "SearchTags" | "SearchTagsV2" => {
            let asked = grpc::message::<SearchTagsRequest>(request).await?;
            let by_scope = method.ends_with("V2");
            ("tags", Box::new(move |to| Box::pin(search_tags(state, asked, by_scope, to))))
        }
        "SearchTagValues" | "SearchTagValuesV2" => {
            let asked = grpc::message::<SearchTagValuesRequest>(request).await?;
            let typed = method.ends_with("V2");
            ("tag_values", Box::new(move |to| Box::pin(search_values(state, asked, typed, to))))
        }
        "MetricsQueryRange" => {
            let asked = grpc::message::<QueryRangeRequest>(request).await?;
            ("metrics", Box::new(|to| Box::pin(metrics_range(state, asked, to))))
        }
        "MetricsQueryInstant" => {
            let asked = grpc::message::<QueryInstantRequest>(request).await?;
            ("metrics", Box::new(|to| Box::pin(metrics_instant(state, asked, to))))
        }
        other => return Err(grpc::no_method(SERVICE, other)),
    })
}

/// Parameters of the HTTP form; zero and empty text stand for "not given".
fn parameters<const N: usize>(pairs: [(&str, String); N]) -> Parameters {
    pairs.into_iter().filter(|(_, value)| !value.is_empty() && value != "0").collect()
}

async fn search_parts(
    state: Arc<ApiState>,
    asked: SearchRequest,
    to: Messages,
) -> Result<(), Fault> {
    let milliseconds = |number: u32| match number {
        0 => String::new(),
        number => format!("{number}ms"),
    };
    let tags: Vec<String> = asked
        .tags
        .iter()
        .map(|(key, value)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{key}=\"{value}\"")
        })
        .collect();
    let request = search::request(
        &parameters([
            ("q", asked.query),
            ("tags", tags.join(" ")),
            ("minDuration", milliseconds(asked.min_duration_ms)),
            ("maxDuration", milliseconds(asked.max_duration_ms)),
            ("limit", asked.limit.to_string()),
            ("spss", asked.spans_per_span_set.to_string()),
            ("start", asked.start.to_string()),
            ("end", asked.end.to_string()),
        ]),
        state.limits.query_text_bytes_max,
    )?;
    let (sender, mut progress) = mpsc::channel(PROGRESS_WAITING_MAX);
    let engine = state.engine.clone();
    let searching = engine.search_into(request, sender);
    tokio::pin!(searching);
    // Clients keep the first copy of a trace, so each is told once, complete.
    let mut told: HashSet<TraceId> = HashSet::new();
    let answer = loop {
        tokio::select! {
            biased;
            Some(news) = progress.recv() => {
                let metrics = messages::metrics(&news.stats);
                if !tell(&to, &news.traces, &mut told, metrics).await {
                    return Ok(());
                }
            }
            answer = &mut searching => break answer?,
        }
    };
    let metrics = SearchMetrics {
        inspected_bytes: answer.inspected_bytes,
        inspected_spans: answer.inspected_spans,
        completed_jobs: 1,
        total_jobs: 1,
        ..Default::default()
    };
    tell(&to, &answer.traces, &mut told, metrics).await;
    Ok(())
}

/// Sends what was not told yet, in messages that are not too large; at least one.
async fn tell(
    to: &Messages,
    traces: &[TraceMatch],
    told: &mut HashSet<TraceId>,
    metrics: SearchMetrics,
) -> bool {
    let mut message = SearchResponse { traces: Vec::new(), metrics: Some(metrics) };
    let mut bytes = message.encoded_len();
    for found in traces {
        if !told.insert(found.trace_id) {
            continue;
        }
        let trace = messages::trace(found);
        // Each stands behind a tag and its length.
        let length = trace.encoded_len() + 8;
        if bytes + length > MESSAGE_BYTES_MAX && !message.traces.is_empty() {
            if !to.send(&message).await {
                return false;
            }
            message.traces.clear();
            bytes = message.encoded_len();
        }
        bytes += length;
        message.traces.push(trace);
    }
    to.send(&message).await
}

async fn search_tags(
    state: Arc<ApiState>,
    asked: SearchTagsRequest,
    by_scope: bool,
    to: Messages,
) -> Result<(), Fault> {
    let parameters = parameters([
        ("scope", asked.scope),
        ("q", asked.query),
        ("start", asked.start.to_string()),
        ("end", asked.end.to_string()),
        ("limit", asked.max_tags_per_scope.to_string()),
    ]);
    if by_scope {
        let list = tags::Version2 { scopes: tags::scopes(&state, &parameters).await? };
        to.send(&SearchTagsV2Response::from(list)).await;
    } else {
        let list = tags::Version1 { tag_names: tags::names(&state, &parameters).await? };
        to.send(&SearchTagsResponse::from(list)).await;
    }
    Ok(())
}

async fn search_values(
    state: Arc<ApiState>,
    asked: SearchTagValuesRequest,
    typed: bool,
    to: Messages,
) -> Result<(), Fault> {
    let parameters = parameters([
        ("q", asked.query),
        ("start", asked.start.to_string()),
        ("end", asked.end.to_string()),
        ("limit", asked.max_tag_values.to_string()),
    ]);
    if typed {
        let tag_values = tag_values::values(&state, &asked.tag_name, &parameters).await?;
        let list = tag_values::Version2 { tag_values };
        to.send(&SearchTagValuesV2Response::from(list)).await;
    } else {
        let tag_values = tag_values::texts(&state, &asked.tag_name, &parameters).await?;
        let list = tag_values::Version1 { tag_values };
        to.send(&SearchTagValuesResponse::from(list)).await;
    }
    Ok(())
}

async fn metrics_range(
    state: Arc<ApiState>,
    asked: QueryRangeRequest,
    to: Messages,
) -> Result<(), Fault> {
    let request = metrics::range_request(
        &state,
        &parameters([
            ("q", asked.query),
            ("start", nanoseconds(asked.start)),
            ("end", nanoseconds(asked.end)),
            ("step", if asked.step == 0 { String::new() } else { format!("{}ns", asked.step) }),
            ("exemplars", asked.exemplars.to_string()),
            ("maxSeries", asked.max_series.to_string()),
            ("instant", asked.instant.unwrap_or(false).to_string()),
        ]),
    )?;
    let (sender, mut progress) = mpsc::channel::<MetricsResponse>(PROGRESS_WAITING_MAX);
    let engine = state.engine.clone();
    let running = engine.metrics_into(request, sender);
    tokio::pin!(running);
    let answer = loop {
        tokio::select! {
            biased;
            Some(news) = progress.recv() => {
                if !to.send(&cut(messages::range(&news))).await {
                    return Ok(());
                }
            }
            answer = &mut running => break answer?,
        }
    };
    to.send(&cut(messages::range(&answer))).await;
    Ok(())
}

async fn metrics_instant(
    state: Arc<ApiState>,
    asked: QueryInstantRequest,
    to: Messages,
) -> Result<(), Fault> {
    let request = metrics::instant_request(
        &state,
        &parameters([
            ("q", asked.query),
            ("start", nanoseconds(asked.start)),
            ("end", nanoseconds(asked.end)),
        ]),
    )?;
    let answer = state.engine.metrics(request).await?;
    to.send(&messages::instant(&answer)).await;
    Ok(())
}

/// With as many digits as tell nanoseconds from seconds.
fn nanoseconds(number: u64) -> String {
    if number == 0 { String::new() } else { format!("{number:011}") }
}

/// A message that a client takes: a metrics answer cannot be told in parts, since each takes the place of the one before.
fn cut(mut answer: QueryRangeResponse) -> QueryRangeResponse {
    let mut bytes = 0;
    let fitting = answer.series.iter().take_while(|series| {
        bytes += series.encoded_len() + 8;
        bytes <= RECEIVED_BYTES_MAX
    });
    let fitting = fitting.count();
    if fitting < answer.series.len() {
        answer.message = format!(
            "{} of {} series are left out, because one message cannot hold them; use topk() or group by less",
            answer.series.len() - fitting,
            answer.series.len()
        );
        answer.series.truncate(fitting);
        answer.status = PartialStatus::Partial.into();
    }
    answer
}
