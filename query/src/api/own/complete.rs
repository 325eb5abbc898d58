//! What may stand at the cursor of a query that is being typed.

use super::utf16;
use crate::{
    api::{ApiState, Fault, parameters::Parameters, times, traceql_text as write},
    engine::{SpanSelection, Value, ValueCount},
    traceql::{self, FieldRef, Intrinsic, SpanKind, StatusCode, Wanted},
};
use axum::{Json, extract::State};
use serde::Serialize;
use sigyn_store::AttributeScope;
use std::{cmp::Reverse, sync::Arc};

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 1_000;
/// Values that are looked through for those that hold what was typed.
const VALUES_MAX: usize = 5_000;
const DURATIONS: [&str; 6] = ["10ms", "50ms", "100ms", "500ms", "1s", "5s"];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Completed {
    /// What a candidate replaces, in UTF-16 code units: from here …
    from: usize,
    /// … to here, which is the cursor.
    to: usize,
    /// The best first.
    candidates: Vec<Candidate>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    /// What takes the place.
    text: String,
    kind: &'static str,
    /// Spans that have the value, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

impl Candidate {
    fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self { text: text.into(), kind, count: None }
    }
}

/// `GET /api/sigyn/v1/complete?q=&position=`
pub(super) async fn complete(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Json<Completed>, Fault> {
    let text = parameters.get("q").unwrap_or_default();
    let position = parameters.number::<usize>("position", "a number of UTF-16 code units")?;
    let byte = position.map_or(text.len(), |units| utf16::byte_at(text, units));
    let limit = parameters.number::<usize>("limit", "a whole number")?.unwrap_or(LIMIT_DEFAULT);
    let (start_unix_nano, end_unix_nano) = times::open_range(&parameters)?;
    let selection = SpanSelection { query: None, start_unix_nano, end_unix_nano };

    let completion = traceql::complete(text, byte);
    let typed = text[completion.from..completion.to].to_lowercase();
    let mut candidates = Vec::new();
    // Values of the field that is compared come before all else, brackets and operators in the parser's order.
    for wanted in completion.wanted {
        match wanted {
            Wanted::Word(word) => candidates.push(Candidate::new("operator", word)),
            Wanted::Function(name) => {
                candidates.push(Candidate::new("function", format!("{name}(")));
            }
            Wanted::Hint(name) => candidates.push(Candidate::new("hint", format!("{name}="))),
            // Whoever types a number knows it.
            Wanted::Number => {}
            Wanted::Field => candidates.extend(fields(&state, selection.clone()).await?),
            Wanted::Value(None) => {
                candidates.extend(["true", "false"].map(|word| Candidate::new("value", word)));
            }
            Wanted::Value(Some(field)) => {
                candidates.extend(values(&state, &field, selection.clone()).await?);
            }
        }
    }
    // What begins with the typed text goes before what only holds it; the sort keeps the rest of the order.
    let in_quotes = typed.starts_with(['"', '`']);
    candidates.retain(|candidate| {
        rank(candidate, &typed).is_some() && (!in_quotes || candidate.kind == "value")
    });
    candidates.sort_by_key(|candidate| rank(candidate, &typed));
    candidates.truncate(limit.clamp(1, LIMIT_MAX));
    Ok(Json(Completed {
        from: utf16::units_before(text, completion.from),
        to: utf16::units_before(text, completion.to),
        candidates,
    }))
}

/// 0: begins with what was typed, 1: a part of it does, 2: holds it; `None`: neither.
fn rank(candidate: &Candidate, typed: &str) -> Option<u8> {
    let text = candidate.text.to_lowercase();
    // `http` should find `span.http.route`, and `.http` too; a value may be typed without its quote.
    let part = typed.trim_start_matches(['.', '"', '`']);
    if text.starts_with(typed) {
        Some(0)
    } else if text.split(['.', ':', '"']).any(|begin| begin.starts_with(part)) {
        Some(1)
    } else {
        text.contains(part).then_some(2)
    }
}

async fn fields(state: &ApiState, selection: SpanSelection) -> Result<Vec<Candidate>, Fault> {
    let intrinsics = Intrinsic::all().map(|field| Candidate::new("intrinsic", field.name()));
    let mut all: Vec<Candidate> = Vec::new();
    for (scope, names) in state.engine.tag_names(selection).await? {
        let scope = match scope {
            AttributeScope::Resource => "resource",
            AttributeScope::Span => "span",
            AttributeScope::Event => "event",
            AttributeScope::Link => "link",
            AttributeScope::Instrumentation => "instrumentation",
        };
        all.extend(
            names.iter().map(|name| Candidate::new("attribute", write::attribute(scope, name))),
        );
    }
    all.extend(intrinsics);
    Ok(all)
}

async fn values(
    state: &ApiState,
    field: &FieldRef,
    selection: SpanSelection,
) -> Result<Vec<Candidate>, Fault> {
    let words = |words: &[&str]| words.iter().map(|word| Candidate::new("value", *word)).collect();
    Ok(match field {
        FieldRef::Intrinsic(Intrinsic::Status) => words(&StatusCode::ALL.map(StatusCode::word)),
        FieldRef::Intrinsic(Intrinsic::Kind) => words(&SpanKind::ALL.map(SpanKind::word)),
        FieldRef::Intrinsic(
            Intrinsic::Duration | Intrinsic::TraceDuration | Intrinsic::EventTimeSinceStart,
        ) => words(&DURATIONS),
        _ => {
            let mut found = state.engine.tag_values(field, selection, VALUES_MAX).await?;
            found.sort_by_key(|value| Reverse(value.count));
            found.iter().filter_map(value).collect()
        }
    })
}

fn value(counted: &ValueCount) -> Option<Candidate> {
    let text = match &counted.value {
        Value::String(text) => write::quoted(text),
        Value::Int(int) => int.to_string(),
        Value::Double(double) => format!("{double:?}"),
        Value::Bool(flag) => flag.to_string(),
        Value::Encoded(_) => return None,
    };
    Some(Candidate { text, kind: "value", count: (counted.count > 0).then_some(counted.count) })
}
