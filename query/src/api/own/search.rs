//! The traces that match, the newest or the longest first.

use super::{
    selection::{Stats, bounded},
    trace_page::Shown,
};
use crate::{
    api::{ApiState, Fault, parameters::Parameters, times},
    engine::{DurationPlace, SearchRequest, SearchResponse, TraceMatch},
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
    /// For `after`; `None` where nothing follows, or the order has no such key.
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

/// In which order traces are listed.
enum Order {
    Newest,
    /// The longest first, from the one after this on.
    Duration {
        after: Option<DurationPlace>,
    },
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
    let (answer, next) = match order {
        Order::Newest => (state.engine.search(request).await?, None),
        Order::Duration { after } => {
            let answer = state.engine.search_longest(request, after).await?;
            let next = next_of(&answer, limit);
            (answer, next)
        }
    };
    Ok(Json(Search {
        traces: answer.traces.into_iter().map(Trace::from).collect(),
        next: next.map(key_of),
        partial: answer.partial,
        stats: Stats::new(answer.inspected_spans, answer.inspected_bytes),
    }))
}

impl Order {
    fn read(parameters: &Parameters) -> Result<Self, Fault> {
        let after = parameters.get("after");
        match (parameters.get("order").unwrap_or("newest"), after) {
            ("newest", None) => Ok(Self::Newest),
            ("newest", Some(_)) => {
                Err(Fault::bad_request("after goes on from a page of order=duration alone"))
            }
            ("duration", None) => Ok(Self::Duration { after: None }),
            ("duration", Some(key)) => match place_of(key) {
                Some(place) => Ok(Self::Duration { after: Some(place) }),
                None => Err(Fault::parameter(
                    "after",
                    key,
                    "a key to go on from; pass what the page before gave as next",
                )),
            },
            (other, _) => Err(Fault::parameter("order", other, "one of newest, duration")),
        }
    }
}

/// Where the next page goes on. After an answer that a limit cut short nothing is said: what it left out would be missing.
fn next_of(answer: &SearchResponse, limit: usize) -> Option<DurationPlace> {
    let last = answer.traces.last()?;
    let place = DurationPlace { duration_nano: last.duration_nano, trace_id: last.trace_id };
    (answer.partial.is_none() && answer.traces.len() >= limit).then_some(place)
}

/// A place as clients carry it: opaque to them.
fn key_of(place: DurationPlace) -> String {
    format!("{:x}-{}", place.duration_nano, place.trace_id)
}

fn place_of(key: &str) -> Option<DurationPlace> {
    let (duration, id) = key.split_once('-')?;
    let duration_nano = u64::from_str_radix(duration, 16).ok()?;
    let trace_id = TraceId::parse(id).ok()?;
    let place = DurationPlace { duration_nano, trace_id };
    // Other spellings of a number would be taken for ours.
    (key_of(place) == key).then_some(place)
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
        fn a_key_is_read_as_it_was_written(duration_nano: u64, id: [u8; 16]) {
            let place = DurationPlace { duration_nano, trace_id: TraceId(id) };
            prop_assert_eq!(place_of(&key_of(place)), Some(place));
        }

        #[test]
        fn no_text_is_read_as_another_key(text in "[0-9a-f+-]{0,20}-?[0-9a-f]{0,34}") {
            if let Some(place) = place_of(&text) {
                prop_assert_eq!(key_of(place), text);
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
        check_fault("after=1-00000000000000000000000000000001", "order=duration alone");
    }
}
