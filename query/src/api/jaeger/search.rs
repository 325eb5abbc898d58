//! `GET /jaeger/api/traces`: a search by service, operation, tags and duration, or a fetch of several IDs.

use super::{Envelope, MissingTrace, model, trace_id};
use crate::{
    api::{ApiState, Fault, parameters::Parameters, trace, traceql_text as write},
    engine::SearchRequest,
    traceql,
};
use axum::{body::Bytes, extract::State, response::Response};
use sigyn_store::TraceId;
use std::{collections::BTreeMap, sync::Arc};

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_500;
const LOOK_BACK_DEFAULT_NANOS: u64 = 48 * 3_600 * 1_000_000_000;

pub(super) async fn traces(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let asked: Vec<TraceId> =
        parameters.all("traceID").map(trace_id::parse).collect::<Result<_, _>>()?;
    let is_search = asked.is_empty();
    let ids = if is_search {
        let request = request(&query_text(&parameters)?, &parameters, &state)?;
        let found = state.engine.search(request).await?;
        found.traces.into_iter().map(|found| found.trace_id).collect()
    } else if asked.len() > LIMIT_MAX {
        return Err(Fault::bad_request(format!("at most {LIMIT_MAX} traceID parameters")));
    } else {
        asked
    };
    let (traces, missing) = load_all(&state, ids, is_search).await?;
    let json = trace::on_blocking_thread(move || {
        let decoded = traces
            .iter()
            .map(|(id, encoded)| Ok((*id, trace::decode(encoded)?)))
            .collect::<Result<Vec<_>, Fault>>()?;
        let data: Vec<_> = decoded.iter().map(|(id, data)| model::Trace::new(*id, data)).collect();
        let mut envelope = Envelope::of(data, 0);
        envelope.errors = (!missing.is_empty()).then_some(&missing);
        trace::to_json(&envelope)
    });
    Ok(trace::json_response(json.await?))
}

pub(super) type Loaded = (Vec<(TraceId, Bytes)>, Vec<MissingTrace>);

/// The traces of a search end where their bytes become too many: the newest are there, and it is never an error.
pub(super) async fn load_all(
    state: &ApiState,
    ids: Vec<TraceId>,
    is_search: bool,
) -> Result<Loaded, Fault> {
    let (mut traces, mut missing) = (Vec::with_capacity(ids.len()), Vec::new());
    let mut bytes = 0;
    for id in ids {
        match trace::load(state, id).await? {
            Some(encoded) => {
                bytes += encoded.len();
                if bytes > state.limits.search_trace_bytes_max && !traces.is_empty() {
                    if is_search {
                        break;
                    }
                    return Err(Fault::bad_request(
                        "these traces are too large for one answer; ask for fewer at a time",
                    ));
                }
                traces.push((id, encoded));
            }
            // A trace that retention took between search and load is no error of the search.
            None if is_search => {}
            None => missing.push(MissingTrace {
                code: 404,
                msg: "trace not found",
                trace_id: trace::id_text(id),
            }),
        }
    }
    Ok((traces, missing))
}

/// The search for a query, with the bounds that the parameters give.
pub(super) fn request(
    query: &str,
    parameters: &Parameters,
    state: &ApiState,
) -> Result<SearchRequest, Fault> {
    let now = state.clock.now_unix_nano();
    let end = time(parameters, "end")?;
    let start = time(parameters, "start")?
        .unwrap_or_else(|| end.unwrap_or(now).saturating_sub(LOOK_BACK_DEFAULT_NANOS));
    if end.is_some_and(|end| end < start) {
        return Err(Fault::bad_request("end is before start"));
    }
    let limit = match parameters.number::<usize>("limit", "a whole number")? {
        None | Some(0) => LIMIT_DEFAULT,
        Some(limit) => limit.min(LIMIT_MAX),
    };
    Ok(SearchRequest {
        query: traceql::parse(query)?,
        start_unix_nano: Some(start),
        // The microsecond `end` itself belongs to the range.
        end_unix_nano: end.map(|end| end.saturating_add(1_000)),
        reach_nano: 0,
        limit,
        spans_per_span_set: 1,
    })
}

/// A time in Unix microseconds; milliseconds and nanoseconds, which some clients send, are told by their magnitude.
fn time(parameters: &Parameters, name: &str) -> Result<Option<u64>, Fault> {
    let number = parameters.number::<u64>(name, "a time in Unix microseconds")?;
    Ok(number.filter(|number| *number > 0).map(|number| match number {
        ..100_000_000_000_000 => number.saturating_mul(1_000_000),
        100_000_000_000_000..100_000_000_000_000_000 => number.saturating_mul(1_000),
        _ => number,
    }))
}

/// All conditions hold for one span, as in Jaeger.
pub(super) fn query_text(parameters: &Parameters) -> Result<String, Fault> {
    let mut conditions = Vec::new();
    if let Some(service) = parameters.get("service") {
        conditions.push(format!("resource.service.name = {}", write::quoted(service)));
    }
    if let Some(operation) = parameters.get("operation") {
        conditions.push(format!("name = {}", write::quoted(operation)));
    }
    let (min, max) = parameters.duration_bounds()?;
    for (operator, nanos) in [(">=", min), ("<=", max)] {
        let condition = |nanos| format!("duration {operator} {}", write::duration(nanos));
        conditions.extend(nanos.map(condition));
    }
    for (key, value) in tags(parameters)? {
        conditions.push(write::tag(&key, &value));
    }
    Ok(write::span_set(&conditions))
}

/// `tag=key:value` and `tags={"key":"value"}`, both repeatable.
fn tags(parameters: &Parameters) -> Result<Vec<(String, String)>, Fault> {
    let mut all = Vec::new();
    for tag in parameters.all("tag") {
        let pair = tag.split_once(':').filter(|(key, _)| !key.is_empty());
        let (key, value) = pair.ok_or_else(|| Fault::parameter("tag", tag, "key:value"))?;
        all.push((key.to_owned(), value.to_owned()));
    }
    for tags in parameters.all("tags") {
        let map: BTreeMap<String, serde_json::Value> = serde_json::from_str(tags)
            .map_err(|_| Fault::parameter("tags", tags, r#"a JSON map such as {"key":"value"}"#))?;
        all.extend(map.into_iter().map(|(key, value)| match value {
            serde_json::Value::String(text) => (key, text),
            other => (key, other.to_string()),
        }));
    }
    if all.iter().any(|(key, _)| key.is_empty()) {
        return Err(Fault::bad_request("a tag without a name cannot be searched for"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_asked_parses(
            service in any::<String>(),
            operation in any::<String>(),
            key in ".+",
            value in any::<String>(),
        ) {
            let tags = serde_json::json!({key: value}).to_string();
            let pairs = [("service", service), ("operation", operation), ("tags", tags)];
            let text = query_text(&Parameters::from_iter(pairs)).unwrap();
            prop_assert!(traceql::parse(&text).is_ok(), "{} : {:?}", text, traceql::parse(&text));
        }
    }

    #[track_caller]
    fn check(parameters: &str, expected: &str) {
        let text = query_text(&Parameters::parse(parameters)).map_err(|fault| fault.sentence);
        assert_eq!(text.as_deref(), Ok(expected), "{parameters}");
    }

    #[test]
    fn parameters_become_traceql() {
        check("", "{ }");
        check(
            "service=seats&operation=hold+seat&minDuration=1ms&maxDuration=2.5s",
            r#"{ resource.service.name = "seats" && name = "hold seat" && duration >= 1ms && duration <= 2500ms }"#,
        );
        check(
            "tags=%7B%22error%22:%22true%22,%22span.kind%22:%22client%22%7D",
            "{ status = error && kind = client }",
        );
        check(
            "tag=seat:12",
            r#"{ (span.seat = "12" || span.seat = 12 || resource.seat = "12" || resource.seat = 12 || instrumentation.seat = "12" || instrumentation.seat = 12 || event.seat = "12" || event.seat = 12 || link.seat = "12" || link.seat = 12) }"#,
        );
    }

    #[test]
    fn faults_name_the_parameter() {
        for (text, part) in [
            ("minDuration=5", "minDuration=\"5\""),
            ("minDuration=2s&maxDuration=1s", "below minDuration"),
            ("tag=novalue", "tag=\"novalue\" is not key:value"),
            ("tags=a%3Db", "is not a JSON map"),
            ("tags=%7B%22%22:%221%22%7D", "a tag without a name"),
        ] {
            let sentence = query_text(&Parameters::parse(text)).unwrap_err().sentence;
            assert!(sentence.contains(part), "{text}: {sentence}");
        }
    }

    #[test]
    fn times_are_told_by_magnitude() {
        for text in ["1790000000000", "1790000000000000", "1790000000000000000"] {
            let parameters = Parameters::parse(&format!("start={text}"));
            let nanos = time(&parameters, "start").unwrap();
            assert_eq!(nanos, Some(1_790_000_000_000_000_000), "{text}");
        }
    }
}
