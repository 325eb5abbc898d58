//! Names of attributes and intrinsics, by scope.

use crate::{
    api::{ApiState, Fault, parameters::Parameters},
    engine::SpanSelection,
    traceql::{self, FieldExpression, Literal},
};
use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Serialize;
use sigyn_proto::tempo::{SearchTagsResponse, SearchTagsV2Response, SearchTagsV2Scope};
use sigyn_store::AttributeScope;
use std::{collections::BTreeSet, sync::Arc};

/// Every intrinsic that can be searched, in both spellings, sorted.
pub(super) const INTRINSICS: [&str; 25] = [
    "duration",
    "event:name",
    "event:timeSinceStart",
    "instrumentation:name",
    "instrumentation:version",
    "kind",
    "link:spanID",
    "link:traceID",
    "name",
    "rootName",
    "rootServiceName",
    "span:duration",
    "span:id",
    "span:kind",
    "span:name",
    "span:parentID",
    "span:status",
    "span:statusMessage",
    "status",
    "statusMessage",
    "trace:duration",
    "trace:id",
    "trace:rootName",
    "trace:rootService",
    "traceDuration",
];

const SCOPES: [&str; 6] = ["resource", "span", "event", "link", "instrumentation", "intrinsic"];
/// A scope that queries know, with nothing in it to choose from.
const EMPTY_SCOPE: &str = "trace";
const LIMIT_DEFAULT: usize = 5_000;

#[derive(Serialize)]
pub(super) struct Version2 {
    pub(super) scopes: Vec<Scope>,
}

#[derive(Serialize)]
pub(super) struct Scope {
    pub(super) name: &'static str,
    pub(super) tags: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version1 {
    pub(super) tag_names: BTreeSet<String>,
}

impl From<Version2> for SearchTagsV2Response {
    fn from(list: Version2) -> Self {
        let scopes = list.scopes.into_iter();
        let scopes =
            scopes.map(|scope| SearchTagsV2Scope { name: scope.name.to_owned(), tags: scope.tags });
        Self { scopes: scopes.collect() }
    }
}

impl From<Version1> for SearchTagsResponse {
    fn from(list: Version1) -> Self {
        Self { tag_names: list.tag_names.into_iter().collect() }
    }
}

/// `GET /api/v2/search/tags`.
pub(super) async fn version_2(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let list = Version2 { scopes: scopes(&state, &parameters).await? };
    super::list_response::<SearchTagsV2Response, _>(&headers, list)
}

/// `GET /api/search/tags`: attribute names of all scopes in one list; intrinsics only when asked for.
pub(super) async fn version_1(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let list = Version1 { tag_names: names(&state, &parameters).await? };
    super::list_response::<SearchTagsResponse, _>(&headers, list)
}

pub(super) async fn names(
    state: &ApiState,
    parameters: &Parameters,
) -> Result<BTreeSet<String>, Fault> {
    let all = scopes(state, parameters).await?;
    let wants_intrinsics = parameters.get("scope") == Some("intrinsic");
    let all = all.into_iter().filter(|scope| wants_intrinsics || scope.name != "intrinsic");
    Ok(all.flat_map(|scope| scope.tags).collect())
}

pub(super) async fn scopes(state: &ApiState, parameters: &Parameters) -> Result<Vec<Scope>, Fault> {
    let wanted = parameters.get("scope").filter(|scope| !matches!(*scope, "none" | "all"));
    if let Some(scope) = wanted.filter(|scope| !SCOPES.contains(scope) && *scope != EMPTY_SCOPE) {
        let expected = format!("one of {}", SCOPES.join(", "));
        return Err(Fault::parameter("scope", scope, &expected));
    }
    let selection = selection(parameters)?;
    let limit = parameters.number::<usize>("limit", "a whole number")?.filter(|limit| *limit > 0);
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    let mut names = state.engine.tag_names(selection).await?;
    let intrinsics = INTRINSICS.iter().map(|name| (*name).to_owned()).collect();
    let mut scopes = Vec::with_capacity(SCOPES.len());
    for scope in SCOPES.into_iter().filter(|scope| wanted.is_none_or(|wanted| wanted == *scope)) {
        let mut tags: Vec<String> = match attribute_scope(scope) {
            None => Vec::clone(&intrinsics),
            Some(attribute_scope) => {
                let here = names.iter_mut().filter(|(found, _)| *found == attribute_scope);
                here.flat_map(|(_, tags)| std::mem::take(tags)).collect()
            }
        };
        tags.truncate(limit);
        if !tags.is_empty() {
            scopes.push(Scope { name: scope, tags });
        }
    }
    Ok(scopes)
}

/// The spans that a list is about. A filter that is half typed narrows as far as it can be read; one that cannot be read
/// at all narrows nothing: completion must not fail while somebody types.
pub(super) fn selection(parameters: &Parameters) -> Result<SpanSelection, Fault> {
    let (start_unix_nano, end_unix_nano) = super::search::seconds_range(parameters)?;
    // Lists are at hand here, so there is nothing that could end early.
    parameters.number::<u32>("maxStaleValues", "a whole number")?;
    let query = parameters
        .get("q")
        .and_then(traceql::parse_filter_leniently)
        // `{ }` asks for nothing in particular, nor does a first condition that is half typed; lists of everything are at hand.
        .filter(|query| {
            !matches!(
                query.as_filter(),
                Some(None | Some(FieldExpression::Literal(Literal::Bool(true), _)))
            )
        });
    Ok(SpanSelection { query, start_unix_nano, end_unix_nano })
}

fn attribute_scope(scope: &str) -> Option<AttributeScope> {
    match scope {
        "resource" => Some(AttributeScope::Resource),
        "span" => Some(AttributeScope::Span),
        "event" => Some(AttributeScope::Event),
        "link" => Some(AttributeScope::Link),
        "instrumentation" => Some(AttributeScope::Instrumentation),
        _ => None,
    }
}
