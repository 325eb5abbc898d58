//! The HTTP port: query APIs, life cycle, self metrics, UI.

use crate::{
    control::Control,
    generator::{
        SpanMetricsSource,
        replicas::{STANDING_PATH, STATE_PATH},
    },
    ui,
};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use prometheus_client::encoding::text::encode;
use sigyn_generator::Format;
use std::sync::Arc;

pub(crate) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All that one port serves. Paths that no API owns belong to the UI.
pub(crate) fn router(
    queries: Router,
    control: Arc<Control>,
    span_metrics: Option<Arc<SpanMetricsSource>>,
) -> Router {
    let span_metrics = Router::new()
        .route("/metrics/spans", get(metrics_of_spans))
        .route(STANDING_PATH, get(standing_of_replica))
        .route(STATE_PATH, get(state_of_replica))
        .with_state(span_metrics);
    Router::new()
        .route("/-/healthy", get(async || "Sigyn is Healthy.\n"))
        .route("/-/ready", get(ready))
        // Where Tempo has it: probes that were written for Tempo go on.
        .route("/ready", get(ready))
        .route("/-/reload", post(reload).put(reload))
        .route("/-/quit", post(quit).put(quit))
        .route("/metrics", get(metrics))
        .route("/version", get(version))
        .with_state(control)
        .merge(span_metrics)
        .merge(queries)
        .fallback(ui::serve)
}

async fn ready(State(control): State<Arc<Control>>) -> Response {
    if control.is_stopping() {
        let head = [("X-Prometheus-Stopping", "true")];
        return (StatusCode::SERVICE_UNAVAILABLE, head, "Service Unavailable\n").into_response();
    }
    if let Some(why) = control.fault() {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response();
    }
    "Sigyn is Ready.\n".into_response()
}

async fn reload(State(control): State<Arc<Control>>) -> Response {
    if !control.lifecycle_enabled() {
        return lifecycle_disabled();
    }
    match control.reload().await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(why) => {
            let text = format!("failed to reload config: {why}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

async fn quit(State(control): State<Arc<Control>>) -> Response {
    if !control.lifecycle_enabled() {
        return lifecycle_disabled();
    }
    control.stop();
    "Requesting termination... Goodbye!\n".into_response()
}

fn lifecycle_disabled() -> Response {
    (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.\n").into_response()
}

async fn metrics(State(control): State<Arc<Control>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, control.registry()) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => {
            let text = format!("the metrics cannot be written: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

async fn metrics_of_spans(
    State(source): State<Option<Arc<SpanMetricsSource>>>,
    headers: HeaderMap,
) -> Response {
    let Some(source) = source else {
        let text = "no metrics are made from spans; `metrics_generator` in the config file turns that on\n";
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::of_accept(accept.unwrap_or_default());
    match source.show(format).await {
        Ok(body) => ([(header::CONTENT_TYPE, format.content_type())], body).into_response(),
        Err(error) => {
            let text = format!("the metrics cannot be shown: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

async fn standing_of_replica(State(source): State<Option<Arc<SpanMetricsSource>>>) -> Response {
    match source {
        Some(source) => Json(source.standing()).into_response(),
        None => (StatusCode::NOT_FOUND, "no metrics are made from spans here\n").into_response(),
    }
}

async fn state_of_replica(State(source): State<Option<Arc<SpanMetricsSource>>>) -> Response {
    let state = match source {
        Some(source) => source.state().await,
        None => None,
    };
    match state {
        Some(state) => ([(header::CONTENT_TYPE, "application/x-protobuf")], state).into_response(),
        None => (StatusCode::CONFLICT, "this replica does not lead\n").into_response(),
    }
}

async fn version() -> Response {
    let body = format!("{{\"version\":\"{}\"}}\n", env!("CARGO_PKG_VERSION"));
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
