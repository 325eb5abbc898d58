//! Services and operations, with how often, how badly and how slowly they answer.

use crate::{
    api::{ApiState, Fault, parameters::Parameters, times, traceql_text as write},
    engine::{MetricsRequest, MetricsWindow, Value},
    traceql,
};
use axum::{Json, extract::State};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

const SERIES_MAX: usize = 10_000;

#[derive(Serialize)]
pub(super) struct Services {
    services: Vec<Service>,
}

#[derive(Serialize)]
struct Service {
    name: String,
    #[serde(flatten)]
    red: Option<Red>,
}

#[derive(Serialize)]
pub(super) struct Operations {
    operations: Vec<Operation>,
}

#[derive(Serialize)]
struct Operation {
    name: String,
    kind: &'static str,
    #[serde(flatten)]
    red: Option<Red>,
}

/// Rate, errors, durations; only where a time range is asked for.
#[derive(Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Red {
    rate_per_second: f64,
    error_rate_per_second: f64,
    /// Nanoseconds of the median and of high quantiles; zeros where nothing was called.
    duration_nanos: Durations,
}

#[derive(Clone, Default, Serialize)]
struct Durations {
    p50: f64,
    p90: f64,
    p95: f64,
    p99: f64,
}

/// `GET /api/sigyn/v1/services`: names, and with a time range what was asked of each.
pub(super) async fn services(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Json<Services>, Fault> {
    let names = state.engine.services().await?;
    // What a service is asked shows where requests and messages come in.
    let entries = "kind = server || kind = consumer";
    let reds = reds(&state, &parameters, entries, "resource.service.name").await?;
    let services = names.into_iter().map(|name| {
        let red = reds.as_ref().map(|all| all.get(&name).cloned().unwrap_or_default());
        Service { name, red }
    });
    Ok(Json(Services { services: services.collect() }))
}

/// `GET /api/sigyn/v1/operations?service=`
pub(super) async fn operations(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Json<Operations>, Fault> {
    let service = parameters.required("service")?;
    let known = state.engine.operations(service).await?;
    let filter = format!("resource.service.name = {}", write::quoted(service));
    let reds = reds(&state, &parameters, &filter, "name, kind").await?;
    let operations = known.into_iter().map(|(name, kind)| {
        let kind = kind_name(kind);
        let key = format!("{name}\0{kind}");
        let red = reds.as_ref().map(|all| all.get(&key).cloned().unwrap_or_default());
        Operation { name, kind, red }
    });
    Ok(Json(Operations { operations: operations.collect() }))
}

/// By the values of the labels, with a zero byte between them; `None` where no range is asked for.
async fn reds(
    state: &ApiState,
    parameters: &Parameters,
    filter: &str,
    by: &str,
) -> Result<Option<BTreeMap<String, Red>>, Fault> {
    if ["start", "end", "since"].iter().all(|name| parameters.get(name).is_none()) {
        return Ok(None);
    }
    let (start, end) = times::range(parameters, state.clock.now_unix_nano())?;
    let window = MetricsWindow::instant(start, end)?;
    let ask = async |text: String| {
        let query = traceql::parse(&text)?;
        let request = MetricsRequest { query, window, exemplars_max: 0, series_max: SERIES_MAX };
        Ok::<_, Fault>(state.engine.metrics(request).await?.series)
    };
    let mut all: BTreeMap<String, Red> = BTreeMap::new();
    for series in ask(format!("{{ {filter} }} | rate() by({by})")).await? {
        all.entry(key(&series.labels)).or_default().rate_per_second = last(&series.samples);
    }
    for series in ask(format!("{{ ({filter}) && status = error }} | rate() by({by})")).await? {
        all.entry(key(&series.labels)).or_default().error_rate_per_second = last(&series.samples);
    }
    let text =
        format!("{{ {filter} }} | quantile_over_time(duration, 0.5, 0.9, 0.95, 0.99) by({by})");
    for series in ask(text).await? {
        let quantile = series.labels.iter().find_map(|(key, value)| match value {
            Value::Double(quantile) if key == "p" => Some(*quantile),
            _ => None,
        });
        let durations = &mut all.entry(key(&series.labels)).or_default().duration_nanos;
        let nanos = last(&series.samples) * 1e9;
        match quantile {
            Some(0.5) => durations.p50 = nanos,
            Some(0.9) => durations.p90 = nanos,
            Some(0.95) => durations.p95 = nanos,
            Some(0.99) => durations.p99 = nanos,
            _ => {}
        }
    }
    Ok(Some(all))
}

fn key(labels: &[(String, Value)]) -> String {
    let texts = labels.iter().filter(|(key, _)| key != "p").map(|(_, value)| match value {
        Value::String(text) => text.as_str(),
        _ => "",
    });
    texts.collect::<Vec<_>>().join("\0")
}

fn last(samples: &[crate::engine::Sample]) -> f64 {
    samples.last().map_or(0.0, |sample| sample.value)
}

/// TraceQL's word for an OTLP span kind.
fn kind_name(kind: u8) -> &'static str {
    match kind {
        1 => "internal",
        2 => "server",
        3 => "client",
        4 => "producer",
        5 => "consumer",
        _ => "unspecified",
    }
}
