//! A search of Jaeger's version 3, over HTTP or gRPC: the conditions that it has, or a filter.

use super::{
    filter::Call,
    search::{self, Loaded},
};
use crate::{
    api::{ApiState, Fault, parameters::Parameters, plain_json::PlainJson, times},
    engine::SearchResponse,
};
use sigyn_proto::jaeger::{Duration, StorageQueryParameters, Timestamp, TraceQueryParameters};
use sigyn_store::TraceId;
use std::collections::HashMap;

/// What is asked.
pub(super) struct Question {
    /// Those of the classic search that ask the same.
    classic: Parameters,
    /// TraceQL.
    query: String,
    /// Inclusive.
    start_unix_nano: u64,
    /// Exclusive.
    end_unix_nano: u64,
}

/// The conditions that a filter excludes.
const CONDITIONS: [&str; 5] = ["service", "operation", "minDuration", "maxDuration", "tags"];

impl Question {
    /// Of the parameters of a URL, in camel or in snake case; Grafana sends the latter.
    pub(super) fn of(parameters: &Parameters) -> Result<Self, Fault> {
        let get = |name| of_either_case(parameters, "query.", name);
        let time = |name: &'static str| {
            let missing = || Fault::bad_request(format!("the parameter query.{name} is required"));
            let text = get(name).ok_or_else(missing)?;
            // Grafana does not escape the plus sign of an offset.
            times::moment(&text.replace(' ', "+"))
                .ok_or_else(|| Fault::parameter(&format!("query.{name}"), text, "an RFC 3339 time"))
        };
        let range = (time("startTimeMin")?, time("startTimeMax")?);
        let text = |name| get(name).unwrap_or_default().to_owned();
        let depth = get("searchDepth").or_else(|| get("numTraces")).unwrap_or_default();
        let pairs = [
            ("service", text("serviceName")),
            ("operation", text("operationName")),
            ("minDuration", text("durationMin")),
            ("maxDuration", text("durationMax")),
            ("tags", text("attributes")),
            ("limit", depth.to_owned()),
        ];
        let filter = get("filter").map(Call::parse).transpose()?;
        Self::new(pairs, range, filter)
    }

    pub(super) fn of_query(query: Option<TraceQueryParameters>) -> Result<Self, Fault> {
        let query = query.ok_or_else(|| Fault::bad_request("the request has no query"))?;
        let tags = serde_json::json!(query.attributes).to_string();
        let pairs = [
            ("service", query.service_name),
            ("operation", query.operation_name),
            ("minDuration", duration(query.duration_min)?),
            ("maxDuration", duration(query.duration_max)?),
            ("tags", if query.attributes.is_empty() { String::new() } else { tags }),
            ("limit", query.search_depth.to_string()),
        ];
        let range = range(query.start_time_min, query.start_time_max)?;
        Self::new(pairs, range, query.filter.map(Call::of_wire).transpose()?)
    }

    pub(super) fn of_storage_query(query: Option<StorageQueryParameters>) -> Result<Self, Fault> {
        let query = query.ok_or_else(|| Fault::bad_request("the request has no query"))?;
        let mut attributes = HashMap::new();
        for attribute in query.attributes {
            let value = attribute.value.as_ref().map(PlainJson);
            // Text stands for itself, and all other values for the text that spells them.
            let value = match serde_json::json!(value) {
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            };
            attributes.insert(attribute.key, value);
        }
        Self::of_query(Some(TraceQueryParameters {
            service_name: query.service_name,
            operation_name: query.operation_name,
            attributes,
            start_time_min: query.start_time_min,
            start_time_max: query.start_time_max,
            duration_min: query.duration_min,
            duration_max: query.duration_max,
            search_depth: query.search_depth,
            raw_traces: true,
            filter: query.filter,
        }))
    }

    fn new<const N: usize>(
        pairs: [(&'static str, String); N],
        (start_unix_nano, end_unix_nano): (u64, u64),
        filter: Option<Call>,
    ) -> Result<Self, Fault> {
        if end_unix_nano <= start_unix_nano {
            return Err(Fault::bad_request("query.startTimeMax must be after query.startTimeMin"));
        }
        // A depth below zero is none.
        let is_given = |(name, value): &(&str, String)| *name != "limit" || !value.starts_with('-');
        let classic: Parameters = pairs.into_iter().filter(is_given).collect();
        let query = match filter {
            None => search::query_text(&classic)?,
            Some(_) if CONDITIONS.iter().any(|name| classic.get(name).is_some()) => {
                return Err(Fault::bad_request(
                    "a query has a filter or conditions of its own, not both; move them into the filter",
                ));
            }
            Some(filter) => filter.to_traceql()?,
        };
        Ok(Self { classic, query, start_unix_nano, end_unix_nano })
    }

    /// What matches, newest first.
    pub(super) async fn matches(&self, state: &ApiState) -> Result<SearchResponse, Fault> {
        let mut request = search::request(&self.query, &self.classic, state)?;
        request.start_unix_nano = Some(self.start_unix_nano);
        request.end_unix_nano = Some(self.end_unix_nano);
        Ok(state.engine.search(request).await?)
    }

    /// The traces that match, newest first.
    pub(super) async fn traces(
        &self,
        state: &ApiState,
    ) -> Result<Vec<(TraceId, axum::body::Bytes)>, Fault> {
        let found = self.matches(state).await?;
        let ids = found.traces.into_iter().map(|found| found.trace_id).collect();
        let (traces, _): Loaded = search::load_all(state, ids, true).await?;
        Ok(traces)
    }
}

/// `prefix` and a name in camel or in snake case.
pub(super) fn of_either_case<'a>(
    parameters: &'a Parameters,
    prefix: &str,
    name: &str,
) -> Option<&'a str> {
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

/// Nanoseconds since the Unix epoch; what is before it, or beyond what 64 bits count, is as near as can be.
fn moment(time: Timestamp) -> u64 {
    let nanos = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    u64::try_from(nanos.max(0)).unwrap_or(u64::MAX)
}

/// Both ends of a range, which must be given.
pub(super) fn range(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<(u64, u64), Fault> {
    match (start, end) {
        (Some(start), Some(end)) => Ok((moment(start), moment(end))),
        _ => Err(Fault::bad_request("the start and the end of the time range are required")),
    }
}

/// In the words of a URL; empty for none.
fn duration(duration: Option<Duration>) -> Result<String, Fault> {
    let Some(duration) = duration else { return Ok(String::new()) };
    let nanos = i128::from(duration.seconds) * 1_000_000_000 + i128::from(duration.nanos);
    match u64::try_from(nanos) {
        Ok(0) => Ok(String::new()),
        Ok(nanos) => Ok(format!("{nanos}ns")),
        Err(_) => Err(Fault::bad_request("a duration of the query is below zero or too long")),
    }
}
