//! Prometheus' HTTP API: targets, status and exemplars.

mod exemplars;
mod selectors;
mod status;
mod targets;
mod time;

pub(super) use selectors::Selectors;

use super::{ApiState, Fault, guard::Family, parameters, trace};
use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;

pub(crate) fn routes(family: Family) -> Router {
    let exemplars = get(exemplars::query_exemplars).post(exemplars::query_exemplars);
    family
        .route("/api/v1/query_exemplars", "exemplars", exemplars)
        .route("/api/v1/targets", "targets", get(targets::targets))
        .route("/api/v1/targets/relabel_steps", "relabel_steps", get(targets::relabel_steps))
        .route("/api/v1/scrape_pools", "targets", get(targets::scrape_pools))
        .route("/api/v1/status/config", "status", get(status::config))
        .route("/api/v1/status/flags", "status", get(status::flags))
        .route("/api/v1/status/runtimeinfo", "status", get(status::runtime_info))
        .route("/api/v1/status/buildinfo", "status", get(status::build_info))
        .into_router()
}

/// `{"status":"success","data":…}`.
#[derive(Serialize)]
struct Success<T> {
    status: &'static str,
    data: T,
}

impl<T: Serialize> Success<T> {
    fn of(data: T) -> Self {
        Self { status: "success", data }
    }
}

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        match trace::to_json(&self) {
            Ok(json) => trace::json_response(json),
            Err(fault) => fault.into_response(),
        }
    }
}
