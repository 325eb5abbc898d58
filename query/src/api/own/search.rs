//! The traces that match, the newest or the longest first.

use super::{
    selection::{Stats, bounded},
    trace_page::Shown,
};
use crate::{
    api::{ApiState, Fault, parameters::Parameters, times},
    engine::{DurationPlace, SearchRequest, StartPlace, TraceMatch},
    traceql,
};
use axum::{Json, extract::State};
use serde::Serialize;
use sigyn_store::TraceId;
use std::sync::Arc;

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 10_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Search {
    traces: Vec<Trace>,
    /// For `after`; `None` where nothing follows.
    next: Option<String>,
    partial: Option<String>,
    stats: Stats,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Trace {
    trace_id: Shown<TraceId>,
    /// With the next: `None` while the root span has not come.
    root_service_name: Option<String>,
    root_name: Option<String>,
    start_unix_nano: Shown<u64>,
    duration_nanos: u64,
    /// Spans that the query keeps.
    matched: usize,
    /// Sorted by name.
    services: Vec<Service>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    name: String,
    span_count: u64,
    error_count: u64,
}

/// In which order traces are listed, and after which one.
enum Order {
    Newest(Option<StartPlace>),
    /// The longest first.
    Duration(Option<DurationPlace>),
}

/// `GET /api/sigyn/v1/search?q=&start=&end=&limit=&order=&after=`
pub(super) async fn search(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Json<Search>, Fault> {
    let text = parameters.get("q").unwrap_or("{ }");
    let query_bytes_max = state.limits.query_text_bytes_max;
    if text.len() > query_bytes_max {
        let bytes = text.len();
        let what = format!("the query has {bytes} bytes, at most {query_bytes_max} are possible");
        return Err(Fault::bad_request(what));
    }
    let (start_unix_nano, end_unix_nano) = times::open_range(&parameters)?;
    let limit = bounded(&parameters, "limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    let order = Order::read(&parameters)?;
    let request = SearchRequest {
        // A metrics query stands for the spans that it counts.
        query: traceql::parse(text)?.into_search(),
        start_unix_nano,
        end_unix_nano,
        reach_nano: 0,
        limit,
        spans_per_span_set: 0,
    };
    // By what the traces of a page are sorted.
    let (answer, number): (_, fn(&TraceMatch) -> u64) = match order {
        Order::Newest(after) => {
            (state.engine.search_after(request, after).await?, |trace| trace.start_unix_nano)
        }
        Order::Duration(after) => {
            (state.engine.search_longest(request, after).await?, |trace| trace.duration_nano)
        }
    };
    // After an answer that a limit cut short nothing is said: what it left out would be missing.
    let is_full = answer.partial.is_none() && answer.traces.len() >= limit;
    let last = answer.traces.last().filter(|_| is_full);
    Ok(Json(Search {
        next: last.map(|trace| key_of(number(trace), trace.trace_id)),
        traces: answer.traces.into_iter().map(Trace::from).collect(),
        partial: answer.partial,
        stats: Stats::new(answer.inspected_spans, answer.inspected_bytes),
    }))
}

impl Order {
    fn read(parameters: &Parameters) -> Result<Self, Fault> {
        let after = parameters.get("after").map(|key| {
            let expected = "a key to go on from; pass what the page before gave as next";
            place_of(key).ok_or_else(|| Fault::parameter("after", key, expected))
        });
        let after = after.transpose()?;
        match parameters.get("order").unwrap_or("newest") {
            "newest" => Ok(Self::Newest(
                after.map(|(start_unix_nano, trace_id)| StartPlace { start_unix_nano, trace_id }),
            )),
            "duration" => Ok(Self::Duration(
                after.map(|(duration_nano, trace_id)| DurationPlace { duration_nano, trace_id }),
            )),
            other => Err(Fault::parameter("order", other, "one of newest, duration")),
        }
    }
}

/// A place in an order, as clients carry it: opaque to them.
fn key_of(number: u64, trace_id: TraceId) -> String {
    format!("{number:x}-{trace_id}")
}

fn place_of(key: &str) -> Option<(u64, TraceId)> {
    let (number, id) = key.split_once('-')?;
    let number = u64::from_str_radix(number, 16).ok()?;
    let trace_id = TraceId::parse(id).ok()?;
    // Other spellings of a number would be taken for ours.
    (key_of(number, trace_id) == key).then_some((number, trace_id))
}

impl From<TraceMatch> for Trace {
    fn from(found: TraceMatch) -> Self {
        let service = |(name, stats): (String, crate::engine::ServiceStats)| Service {
            name,
            span_count: stats.span_count,
            error_count: stats.error_count,
        };
        Self {
            trace_id: Shown(found.trace_id),
            root_service_name: found.root_service_name,
            root_name: found.root_trace_name,
            start_unix_nano: Shown(found.start_unix_nano),
            duration_nanos: found.duration_nano,
            matched: found.span_sets.iter().map(|set| set.matched).sum(),
            services: found.service_stats.into_iter().map(service).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_key_is_read_as_it_was_written(number: u64, id: [u8; 16]) {
            let id = TraceId(id);
            prop_assert_eq!(place_of(&key_of(number, id)), Some((number, id)));
        }

        #[test]
        fn no_text_is_read_as_another_key(text in "[0-9a-f+-]{0,20}-?[0-9a-f]{0,34}") {
            if let Some((number, id)) = place_of(&text) {
                prop_assert_eq!(key_of(number, id), text);
            }
        }
    }

    #[track_caller]
    fn check_fault(parameters: &str, part: &str) {
        let Err(fault) = Order::read(&Parameters::parse(parameters)) else {
            panic!("{parameters} was taken")
        };
        assert!(fault.sentence.contains(part), "{parameters}: {}", fault.sentence);
    }

    #[test]
    fn faults_say_what_to_do() {
        check_fault("order=fastest", "one of newest, duration");
        check_fault("order=duration&after=7", "pass what the page before gave as next");
        check_fault("order=duration&after=1-zz", "after=\"1-zz\"");
        check_fault("after=-00000000000000000000000000000001", "a key to go on from");
    }
}
