//! What discovery knows of one pod.

use crate::api::{ApiState, Fault, parameters::Parameters};
use axum::{Json, extract::State};
use serde::Serialize;
use std::sync::Arc;

#[derive(Serialize)]
pub(super) struct Pod {
    jobs: serde_json::Value,
}

/// `GET /api/sigyn/v1/pod?namespace=&name=`: why a pod is a target, or none, by the jobs that could find it.
pub(super) async fn pod(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Json<Pod>, Fault> {
    let (namespace, name) = (parameters.required("namespace")?, parameters.required("name")?);
    Ok(Json(Pod { jobs: state.targets.pod_sightings(namespace, name) }))
}
