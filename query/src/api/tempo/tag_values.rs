//! Values of one attribute or intrinsic.

use super::{Format, compact, tags::INTRINSICS};
use crate::{
    api::{
        ApiState, Fault,
        parameters::{Parameters, Segment},
        traceql_text as write,
    },
    engine::Value,
    traceql,
};
use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Serialize;
use sigyn_proto::tempo::{SearchTagValuesResponse, SearchTagValuesV2Response, TagValue};
use std::{collections::BTreeSet, sync::Arc};

const LIMIT_DEFAULT: usize = 5_000;
const LIMIT_MAX: usize = 100_000;
const STATUSES: [&str; 3] = ["error", "ok", "unset"];
const KINDS: [&str; 6] = ["client", "consumer", "internal", "producer", "server", "unspecified"];
/// A list of single durations helps nobody to choose one.
const DURATIONS: [&str; 5] =
    ["duration", "span:duration", "traceDuration", "trace:duration", "event:timeSinceStart"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version2 {
    pub(super) tag_values: Vec<TypedValue>,
}

#[derive(Serialize)]
pub(super) struct TypedValue {
    pub(super) r#type: &'static str,
    pub(super) value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version1 {
    pub(super) tag_values: BTreeSet<String>,
}

impl From<Version2> for SearchTagValuesV2Response {
    fn from(list: Version2) -> Self {
        let values = list.tag_values.into_iter();
        let values =
            values.map(|value| TagValue { r#type: value.r#type.to_owned(), value: value.value });
        Self { tag_values: values.collect() }
    }
}

impl From<Version1> for SearchTagValuesResponse {
    fn from(list: Version1) -> Self {
        Self { tag_values: list.tag_values.into_iter().collect() }
    }
}

/// `GET /api/v2/search/tag/{tag}/values`: the tag is a TraceQL field.
pub(super) async fn version_2(
    State(state): State<Arc<ApiState>>,
    Segment(path): Segment,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let tag = tag(&path, &parameters)?;
    let tag_values = values(&state, tag, &parameters).await?;
    if Format::of(&headers) == Format::Compact {
        return super::compact_response(&compact::TagValues::of(tag_values));
    }
    super::list_response::<SearchTagValuesV2Response, _>(&headers, Version2 { tag_values })
}

/// `GET /api/search/tag/{tag}/values`: the tag is an intrinsic, or an attribute without its scope.
pub(super) async fn version_1(
    State(state): State<Arc<ApiState>>,
    Segment(path): Segment,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let tag = tag(&path, &parameters)?;
    let list = Version1 { tag_values: texts(&state, tag, &parameters).await? };
    super::list_response::<SearchTagValuesResponse, _>(&headers, list)
}

/// Values as text of an intrinsic, or of an attribute without its scope.
pub(super) async fn texts(
    state: &ApiState,
    tag: &str,
    parameters: &Parameters,
) -> Result<BTreeSet<String>, Fault> {
    let field = match tag {
        // Names from before TraceQL, which have kept their meaning.
        "status.code" => "status".to_owned(),
        "service.name" => "resource.service.name".to_owned(),
        _ if INTRINSICS.contains(&tag) => tag.to_owned(),
        _ => write::attribute("", tag),
    };
    let values = values(state, &field, parameters).await?;
    Ok(values.into_iter().map(|value| value.value).collect())
}

/// The tag of a path `{tag}/values`. Clients collapse doubled slashes in a path, so the parameter `tag`, which some send
/// as well, is the better source.
fn tag<'a>(path: &'a str, parameters: &'a Parameters) -> Result<&'a str, Fault> {
    let tag = path.strip_suffix("/values").ok_or_else(|| {
        Fault::not_found("the path must end with /values, as in /api/v2/search/tag/name/values")
    })?;
    Ok(parameters.get("tag").unwrap_or(tag))
}

pub(super) async fn values(
    state: &ApiState,
    tag: &str,
    parameters: &Parameters,
) -> Result<Vec<TypedValue>, Fault> {
    let selection = super::tags::selection(parameters)?;
    let limit = parameters.number::<usize>("limit", "a whole number")?.filter(|limit| *limit > 0);
    let limit = limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX);
    let field = traceql::parse_field(tag)
        .map_err(|error| Fault::bad_request(format!("{tag:?} is not a TraceQL field: {error}")))?;
    match tag {
        "status" | "span:status" => return Ok(keywords(&STATUSES)),
        "kind" | "span:kind" => return Ok(keywords(&KINDS)),
        _ if DURATIONS.contains(&tag) => return Ok(Vec::new()),
        _ => {}
    }
    let values = state.engine.tag_values(&field, selection, limit).await?;
    Ok(values.into_iter().filter_map(|counted| typed(counted.value)).collect())
}

fn keywords(words: &[&str]) -> Vec<TypedValue> {
    words.iter().map(|word| TypedValue { r#type: "keyword", value: (*word).to_owned() }).collect()
}

/// Arrays, maps and bytes have no literal in TraceQL, so they are not offered.
fn typed(value: Value) -> Option<TypedValue> {
    let (r#type, value) = match value {
        Value::String(text) => ("string", text),
        Value::Int(int) => ("int", int.to_string()),
        Value::Double(double) => ("float", double.to_string()),
        Value::Bool(flag) => ("bool", flag.to_string()),
        Value::Encoded(_) => return None,
    };
    Some(TypedValue { r#type, value })
}
