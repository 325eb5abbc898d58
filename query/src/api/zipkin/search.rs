//! `GET /zipkin/api/v2/traces`: every condition must hold in a trace, but different spans may meet them; where a service is
//! asked for, only its spans count.

use super::{as_lists, load_all, model::REMOTE_NAMES, range, services_named};
use crate::{
    api::{ApiState, Fault, parameters::Parameters, traceql_text as write},
    engine::{SearchRequest, SpanSelection, Value},
    traceql,
};
use axum::{extract::State, response::Response};
use sigyn_store::TraceId;
use std::{collections::BTreeSet, sync::Arc};

const LIMIT_DEFAULT: usize = 10;
const LIMIT_MAX: usize = 1_500;
/// Names of other sides that are looked at.
const REMOTE_NAMES_MAX: usize = 10_000;

pub(super) async fn traces(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let range = range(&parameters, &state)?;
    let limit = match parameters.number::<usize>("limit", "a whole number")? {
        Some(0) => return Err(Fault::bad_request("limit must be greater than zero")),
        limit => limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX),
    };
    let services = match parameters.get("serviceName") {
        None => None,
        Some(name) => Some(services_named(&state, name).await?),
    };
    let query = query_text(&parameters, services.as_deref())?;
    if services.is_some_and(|services| services.is_empty()) {
        return as_lists(Vec::new()).await;
    }
    let request = SearchRequest {
        query: traceql::parse(&query)?,
        start_unix_nano: Some(range.start),
        end_unix_nano: Some(range.end),
        reach_nano: 0,
        limit,
        spans_per_span_set: 1,
    };
    let found = state.engine.search(request).await?;
    let ids: Vec<TraceId> = found.traces.into_iter().map(|found| found.trace_id).collect();
    as_lists(load_all(&state, ids).await?).await
}

/// A filter for each condition.
fn query_text(parameters: &Parameters, services: Option<&[String]>) -> Result<String, Fault> {
    let of_service = services.map(|services| {
        let each =
            services.iter().map(|name| format!("resource.service.name = {}", write::quoted(name)));
        write::any_of(&each.collect::<Vec<_>>())
    });
    let mut conditions = Vec::new();
    if let Some(name) = parameters.get("spanName").filter(|name| *name != "all") {
        conditions.push(format!("name =~ {}", of_any_case(name)));
    }
    if let Some(name) = parameters.get("remoteServiceName") {
        let pattern = of_any_case(name);
        let each =
            REMOTE_NAMES.map(|key| format!("{} =~ {pattern}", write::attribute("span", key)));
        conditions.push(write::any_of(&each));
    }
    let micros = |name| parameters.number::<u64>(name, "a number of microseconds");
    match (micros("minDuration")?, micros("maxDuration")?) {
        (None, Some(_)) => return Err(Fault::bad_request("maxDuration needs minDuration")),
        (Some(min), Some(max)) if max < min => {
            return Err(Fault::bad_request("maxDuration is below minDuration"));
        }
        (Some(min), max) => {
            let mut both = vec![format!("duration >= {min}us")];
            both.extend(max.map(|max| format!("duration < {}us", max.saturating_add(1))));
            conditions.push(both.join(" && "));
        }
        (None, None) => {}
    }
    for term in parameters.get("annotationQuery").into_iter().flat_map(terms) {
        conditions.push(match term.split_once('=') {
            Some((key, value)) if !key.is_empty() => write::tag(key, value),
            _ => annotation(term),
        });
    }
    if conditions.is_empty() {
        conditions.extend(of_service.is_none().then(|| "true".to_owned()));
        conditions.extend(of_service);
        return Ok(format!("{{ {} }}", conditions.join("")));
    }
    let filters = conditions.into_iter().map(|condition| match &of_service {
        Some(service) => format!("{{ {service} && {condition} }}"),
        None => format!("{{ {condition} }}"),
    });
    Ok(filters.collect::<Vec<_>>().join(" && "))
}

fn terms(text: &str) -> impl Iterator<Item = &str> {
    text.split(" and ").map(str::trim).filter(|term| !term.is_empty())
}

/// A tag that is there, or an annotation.
fn annotation(word: &str) -> String {
    if word == "error" {
        return "status = error".to_owned();
    }
    let mut each = vec![format!("event:name = {}", write::quoted(word))];
    let scopes = ["span", "resource"].into_iter();
    each.extend(scopes.map(|scope| format!("{} != nil", write::attribute(scope, word))));
    write::any_of(&each)
}

/// A pattern that matches a name in whatever case.
fn of_any_case(name: &str) -> String {
    write::quoted(&format!("(?i){}", regex::escape(name)))
}

/// What calls of some services name as their other sides, in lower case.
pub(super) async fn remote_names(
    state: &ApiState,
    services: &[String],
) -> Result<BTreeSet<String>, Fault> {
    let mut found = BTreeSet::new();
    for service in services {
        let text = format!("{{ resource.service.name = {} }}", write::quoted(service));
        for name in REMOTE_NAMES {
            let field = traceql::parse_field(&write::attribute("span", name))?;
            let selection =
                SpanSelection { query: Some(traceql::parse(&text)?), ..SpanSelection::default() };
            let values = state.engine.tag_values(&field, selection, REMOTE_NAMES_MAX).await?;
            found.extend(values.into_iter().filter_map(|counted| match counted.value {
                Value::String(name) => Some(name.to_lowercase()),
                _ => None,
            }));
        }
    }
    Ok(found)
}
