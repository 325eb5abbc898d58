//! What the server says about itself.

use super::{ApiState, Success};
use axum::extract::State;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

#[derive(Serialize)]
pub(super) struct Config {
    yaml: String,
}

pub(super) async fn config(State(state): State<Arc<ApiState>>) -> Success<Config> {
    Success::of(Config { yaml: state.status.config_yaml() })
}

pub(super) async fn flags(State(state): State<Arc<ApiState>>) -> Success<BTreeMap<String, String>> {
    Success::of(state.status.flags())
}

pub(super) async fn runtime_info(State(state): State<Arc<ApiState>>) -> Success<serde_json::Value> {
    Success::of(state.status.runtime_info())
}

pub(super) async fn build_info(
    State(state): State<Arc<ApiState>>,
) -> Success<BTreeMap<String, String>> {
    Success::of(state.status.build_info())
}
