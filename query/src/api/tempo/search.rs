//! `GET /api/search`.

use super::{logfmt, messages, search_json};
use crate::{
    api::{ApiState, Fault, parameters::Parameters, trace, traceql_text as write},
    engine::SearchRequest,
    traceql,
};
use axum::{extract::State, response::Response};
use http::{HeaderMap, HeaderValue};
use prost::Message;
use std::sync::Arc;

const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 262_144;
const SPANS_PER_SPAN_SET_DEFAULT: usize = 3;
const SPANS_PER_SPAN_SET_MAX: usize = 100;
/// What `/api/search` knows; anything else beside none of `q`, `tags`, `start` and `end` is a tag.
const KNOWN_PARAMETERS: [&str; 8] =
    ["q", "tags", "minDuration", "maxDuration", "limit", "spss", "start", "end"];
const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// Tempo finds traces that reach into the range, wherever their fitting spans are. Here a span must last until an end of the
/// range that started no longer before it than this.
const REACH_NANO: u64 = 300 * NANOS_PER_SECOND;

/// The body is decoded strictly by Grafana, so an answer that a limit cut short says so in a header.
const PARTIAL_HEADER: &str = "sigyn-partial";

pub(super) async fn search(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let request = request(&parameters, state.limits.query_text_bytes_max)?;
    let answer = state.engine.search(request).await?;
    let partial = answer.partial.clone();
    let mut response = if super::wants_protobuf(&headers) {
        super::protobuf_response(messages::search(&answer).encode_to_vec().into())
    } else {
        trace::json_response(trace::to_json(&search_json::SearchResponse::from(&answer))?)
    };
    if let Some(reason) = partial.and_then(|reason| HeaderValue::from_str(&reason).ok()) {
        response.headers_mut().insert(PARTIAL_HEADER, reason);
    }
    Ok(response)
}

pub(super) fn request(
    parameters: &Parameters,
    query_bytes_max: usize,
) -> Result<SearchRequest, Fault> {
    let limit = bounded(parameters, "limit", LIMIT_DEFAULT, LIMIT_MAX)?;
    // 0 stands for as many as there may be.
    let spans_per_span_set = match parameters.get("spss") {
        Some("0") => SPANS_PER_SPAN_SET_MAX,
        _ => bounded(parameters, "spss", SPANS_PER_SPAN_SET_DEFAULT, SPANS_PER_SPAN_SET_MAX)?,
    };
    let (start, end) = seconds_range(parameters)?;
    let text = query_text(parameters)?;
    if text.len() > query_bytes_max {
        return Err(Fault::bad_request(format!(
            "the query has {} bytes, at most {query_bytes_max} are possible",
            text.len()
        )));
    }
    Ok(SearchRequest {
        // A metrics query stands for the spans that it counts.
        query: traceql::parse(&text)?.into_search(),
        start_unix_nano: start,
        end_unix_nano: end,
        reach_nano: REACH_NANO,
        limit,
        spans_per_span_set,
    })
}

/// A number from 1 to `max`.
fn bounded(
    parameters: &Parameters,
    name: &str,
    default: usize,
    max: usize,
) -> Result<usize, Fault> {
    let expected = format!("a whole number from 1 to {max}");
    match parameters.number::<usize>(name, &expected)? {
        None => Ok(default),
        Some(number) if (1..=max).contains(&number) => Ok(number),
        Some(number) => Err(Fault::parameter(name, &number.to_string(), &expected)),
    }
}

/// `start` and `end` in Unix seconds, as nanoseconds; 0 stands for "not given". The whole second `end` belongs to the
/// range: a client that asks up to now rounds down, and would miss what it just did.
pub(super) fn seconds_range(parameters: &Parameters) -> Result<(Option<u64>, Option<u64>), Fault> {
    let expected = "a time in Unix seconds";
    let read = |name| {
        // A fraction, which Tempo refuses, is cut off.
        let seconds = parameters.number::<f64>(name, expected)?.filter(|seconds| *seconds != 0.0);
        match seconds {
            None => Ok(None),
            Some(seconds) if (0.0..=f64::from(u32::MAX)).contains(&seconds) => {
                Ok(Some(seconds as u64))
            }
            // Milliseconds by mistake would silently find nothing.
            Some(_) => Err(Fault::parameter(
                name,
                parameters.get(name).unwrap_or_default(),
                "a time in Unix seconds (milliseconds, perhaps?)",
            )),
        }
    };
    let (start, end) = (read("start")?, read("end")?);
    if let (Some(start), Some(end)) = (start, end)
        && end <= start
    {
        return Err(Fault::bad_request(format!(
            "end={end} is not after start={start}; both are Unix seconds"
        )));
    }
    let nanos = |seconds: u64| seconds * NANOS_PER_SECOND;
    Ok((start.map(nanos), end.map(|end| nanos(end + 1))))
}

/// The query as TraceQL: `q`, or what `tags`, `minDuration` and `maxDuration` mean. Beside `q` these two must be durations, and have
/// no effect: so it is with Tempo.
fn query_text(parameters: &Parameters) -> Result<String, Fault> {
    let query = parameters.get("q").filter(|query| !query.trim().is_empty());
    let bounds = parameters.duration_bounds()?;
    match query {
        Some(_) if parameters.get("tags").is_some() => {
            Err(Fault::bad_request("q and tags cannot be used together; put the tags into q"))
        }
        Some(query) => Ok(query.to_owned()),
        None => old_form(parameters, bounds),
    }
}

/// Each condition holds for some span of the trace, not for the same span: so it was before TraceQL.
fn old_form(
    parameters: &Parameters,
    (min, max): (Option<u64>, Option<u64>),
) -> Result<String, Fault> {
    let mut sets = Vec::new();
    for (key, value) in tags(parameters)? {
        sets.push(write::span_set(&[tag_condition(&key, &value)?]));
    }
    let bounds = [(">=", min), ("<=", max)];
    let bounds: Vec<String> = bounds
        .into_iter()
        .filter_map(|(operator, nanos)| {
            nanos.map(|nanos| format!("traceDuration {operator} {}", write::duration(nanos)))
        })
        .collect();
    if !bounds.is_empty() || sets.is_empty() {
        sets.push(write::span_set(&bounds));
    }
    Ok(sets.join(" && "))
}

/// The pairs of `tags`, or, as the first Grafana that searched wrote them, a parameter for each.
fn tags(parameters: &Parameters) -> Result<Vec<(String, String)>, Fault> {
    let has_range =
        ["start", "end"].iter().any(|name| !matches!(parameters.get(name), None | Some("0")));
    match parameters.get("tags") {
        Some(tags) => logfmt::parse(tags),
        None if has_range => Ok(Vec::new()),
        None => {
            let pairs = parameters.first_values();
            let tags = pairs.filter(|(name, _)| !KNOWN_PARAMETERS.contains(name));
            Ok(tags.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
        }
    }
}

/// A tag matches when its value holds the text, whatever the case.
fn tag_condition(key: &str, value: &str) -> Result<String, Fault> {
    let contains = write::quoted(&format!("(?is).*{}.*", regex::escape(value)));
    Ok(match key {
        "name" => format!("name =~ {contains}"),
        "root.name" => format!("rootName =~ {contains}"),
        "root.service.name" => format!("rootServiceName =~ {contains}"),
        "service.name" => format!("resource.service.name =~ {contains}"),
        "status" | "status.code" => match value {
            "error" | "ok" | "unset" => format!("status = {value}"),
            _ => return Err(Fault::parameter(key, value, "one of error, ok, unset")),
        },
        "error" if value == "true" => "status = error".to_owned(),
        _ => {
            let attribute = write::attribute("", key);
            let mut alternatives = vec![format!("{attribute} =~ {contains}")];
            let typed = write::literals(value);
            let typed = typed.iter().skip(1).map(|literal| format!("{attribute} = {literal}"));
            alternatives.extend(typed);
            write::any_of(&alternatives)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_a_tag_is_its_condition_parses(key in ".+", value in any::<String>()) {
            if let Ok(condition) = tag_condition(&key, &value) {
                let text = write::span_set(&[condition]);
                let parsed = traceql::parse(&text);
                prop_assert!(parsed.is_ok(), "{} : {:?}", text, parsed);
            }
        }

        #[test]
        fn whatever_the_bounds_are_they_parse(min in 0..=i64::MAX, max in 0..=i64::MAX) {
            let pairs = [
                ("minDuration", format!("{}ns", min.min(max))),
                ("maxDuration", format!("{}ns", min.max(max))),
                ("tags", "name=x a=1".to_owned()),
            ];
            let text = query_text(&Parameters::from_iter(pairs)).unwrap();
            let parsed = traceql::parse(&text);
            prop_assert!(parsed.is_ok(), "{} : {:?}", text, parsed);
        }
    }

    #[track_caller]
    fn check(parameters: &str, expected: &str) {
        let text = query_text(&Parameters::parse(parameters)).map_err(|fault| fault.sentence);
        assert_eq!(text.as_deref(), Ok(expected), "{parameters}");
    }

    #[track_caller]
    fn check_fault(parameters: &str, part: &str) {
        let parameters = Parameters::parse(parameters);
        let fault = query_text(&parameters)
            .and_then(|_| seconds_range(&parameters))
            .map(drop)
            .and_then(|()| bounded(&parameters, "limit", 20, 100).map(drop))
            .unwrap_err();
        assert!(fault.sentence.contains(part), "{parameters:?}: {}", fault.sentence);
    }

    #[test]
    fn the_old_form_becomes_traceql() {
        check("", "{ }");
        check("q=%20", "{ }");
        check("q={+status+=+error+}", "{ status = error }");
        check("tags=name%3DGET", r#"{ name =~ "(?is).*GET.*" }"#);
        check(
            "tags=code%3D500&minDuration=10ms&maxDuration=1.5s",
            r#"{ (.code =~ "(?is).*500.*" || .code = 500) } && { traceDuration >= 10ms && traceDuration <= 1500ms }"#,
        );
        check("name=GET&limit=5&name=PUT", r#"{ name =~ "(?is).*GET.*" }"#);
        check("name=GET&tags=name%3DPUT", r#"{ name =~ "(?is).*PUT.*" }"#);
        check("name=GET&start=1&end=2", "{ }");
        check("name=GET&start=0&end=0", r#"{ name =~ "(?is).*GET.*" }"#);
        check("name=GET&q={}", "{}");
        // A query says itself how long traces are to be.
        check("q={}&minDuration=1s&maxDuration=2s", "{}");
        check(
            "tags=service.name%3D%22a.b%22+error%3Dtrue",
            r#"{ resource.service.name =~ "(?is).*a\\.b.*" } && { status = error }"#,
        );
    }

    #[test]
    fn faults_name_what_is_wrong() {
        check_fault("q={}&tags=a%3D1", "cannot be used together");
        check_fault("q={}&minDuration=10", "minDuration=\"10\" is not a duration");
        check_fault("q={}&minDuration=2s&maxDuration=1s", "below minDuration");
        check_fault("minDuration=10", "minDuration=\"10\" is not a duration");
        check_fault("minDuration=2s&maxDuration=1s", "below minDuration");
        check_fault("start=20&end=10", "is not after");
        check_fault("start=-5", "start=\"-5\"");
        check_fault("start=1790000000000", "milliseconds, perhaps");
        check_fault("limit=0", "limit=\"0\" is not a whole number from 1");
    }

    #[test]
    fn the_last_second_belongs_to_the_range() {
        let range = seconds_range(&Parameters::parse("start=1&end=2")).unwrap();
        assert_eq!(range, (Some(1_000_000_000), Some(3_000_000_000)));
        let range = seconds_range(&Parameters::parse("start=1.2&end=2.999")).unwrap();
        assert_eq!(range, (Some(1_000_000_000), Some(3_000_000_000)));
        assert_eq!(seconds_range(&Parameters::parse("start=0&end=0")).unwrap(), (None, None));
    }
}
