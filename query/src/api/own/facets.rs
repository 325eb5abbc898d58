//! What the values of some fields are among many spans, what sets two sets of spans apart, and where a duration stands.

use super::selection::{Stats, Typed, bounded, fields, selection};
use crate::{
    api::{ApiState, Fault, parameters::Parameters},
    engine,
    traceql::{FieldRef, Intrinsic, Scope},
};
use axum::{Json, extract::State};
use serde::Serialize;
use std::sync::Arc;

const TOP_DEFAULT: usize = 10;
const TOP_MAX: usize = 1_000;
const FIELDS_MAX: usize = 50;
const QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Facets {
    spans: u64,
    facets: Vec<Facet>,
    partial: Option<String>,
    stats: Stats,
}

#[derive(Serialize)]
struct Facet {
    field: String,
    present: u64,
    distinct: u64,
    values: Vec<Counted>,
}

#[derive(Serialize)]
struct Counted {
    #[serde(flatten)]
    value: Typed,
    count: u64,
}

/// `GET /api/sigyn/v1/facets?q=&field=&field=`
pub(super) async fn facets(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Json<Facets>, Fault> {
    let mut asked = fields(&parameters, "field")?;
    if asked.is_empty() {
        asked = vec![
            FieldRef::attribute(Scope::Resource, "service.name"),
            Intrinsic::Name.into(),
            Intrinsic::Kind.into(),
            Intrinsic::Status.into(),
        ];
    }
    if asked.len() > FIELDS_MAX {
        return Err(Fault::bad_request(format!("at most {FIELDS_MAX} fields at a time")));
    }
    let top = bounded(&parameters, "top", TOP_DEFAULT, TOP_MAX)?;
    let answer = state.engine.facets(selection(&parameters, "q")?, asked, top).await?;
    let facet = |facet: &engine::Facet| Facet {
        field: facet.field.to_string(),
        present: facet.present,
        distinct: facet.distinct,
        values: facet
            .values
            .iter()
            .map(|value| Counted { value: Typed::from(&value.value), count: value.count })
            .collect(),
    };
    Ok(Json(Facets {
        spans: answer.spans,
        facets: answer.facets.iter().map(facet).collect(),
        partial: answer.partial,
        stats: answer.stats.into(),
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Contrast {
    selection_spans: u64,
    baseline_spans: u64,
    fields: Vec<ContrastField>,
    partial: Option<String>,
    stats: Stats,
}

#[derive(Serialize)]
struct ContrastField {
    field: String,
    difference: f64,
    values: Vec<ContrastValue>,
}

#[derive(Serialize)]
struct ContrastValue {
    value: Option<Typed>,
    selection: u64,
    baseline: u64,
}

/// `GET /api/sigyn/v1/contrast?selection=&baseline=`
pub(super) async fn contrast(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Json<Contrast>, Fault> {
    parameters.required("selection")?;
    let fields_max = bounded(&parameters, "fields", 20, 200)?;
    let values_max = bounded(&parameters, "values", TOP_DEFAULT, TOP_MAX)?;
    let (ours, theirs) =
        (selection(&parameters, "selection")?, selection(&parameters, "baseline")?);
    let answer = state.engine.contrast(ours, theirs, fields_max, values_max).await?;
    let value = |value: &engine::ContrastValue| ContrastValue {
        value: value.value.as_ref().map(Typed::from),
        selection: value.selection,
        baseline: value.baseline,
    };
    let field = |field: &engine::ContrastField| ContrastField {
        field: field.field.to_string(),
        difference: field.difference,
        values: field.values.iter().map(value).collect(),
    };
    Ok(Json(Contrast {
        selection_spans: answer.selection_spans,
        baseline_spans: answer.baseline_spans,
        fields: answer.fields.iter().map(field).collect(),
        partial: answer.partial,
        stats: answer.stats.into(),
    }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rank {
    spans: u64,
    shorter: u64,
    /// 0 to 1: the share of spans that took less; `None` without a span.
    rank: Option<f64>,
    quantiles: Vec<Quantile>,
    partial: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Quantile {
    quantile: f64,
    duration_nanos: f64,
}

/// `GET /api/sigyn/v1/rank?q=&durationNanos=`
pub(super) async fn rank(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Json<Rank>, Fault> {
    let text = parameters.required("durationNanos")?;
    let duration = text
        .parse()
        .map_err(|_| Fault::parameter("durationNanos", text, "a whole number of nanoseconds"))?;
    let selection = selection(&parameters, "q")?;
    let answer = state.engine.duration_rank(selection, duration, QUANTILES.to_vec()).await?;
    let quantiles = QUANTILES.into_iter().zip(answer.quantiles_nano);
    Ok(Json(Rank {
        spans: answer.spans,
        shorter: answer.shorter,
        rank: (answer.spans > 0).then(|| answer.shorter as f64 / answer.spans as f64),
        quantiles: quantiles
            .map(|(quantile, duration_nanos)| Quantile { quantile, duration_nanos })
            .collect(),
        partial: answer.partial,
    }))
}
