//! Scrape targets and what relabeling does to them.

use super::{ApiState, Fault, Success, parameters::Parameters};
use crate::collaborator::{DroppedTarget, TargetStatus};
use axum::extract::State;
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Targets {
    active_targets: Vec<TargetStatus>,
    dropped_targets: Vec<DroppedTarget>,
    /// Every drop, also those beyond the number that is kept; null when only active targets are asked for.
    dropped_target_counts: Option<BTreeMap<String, u64>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScrapePools {
    scrape_pools: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct RelabelSteps {
    steps: serde_json::Value,
}

/// `GET /api/v1/targets?state=active|dropped|any&scrapePool=`. An unknown state gives two empty lists, as in Prometheus.
pub(super) async fn targets(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Success<Targets> {
    let asked = parameters.get("state").unwrap_or("any").to_ascii_lowercase();
    let pool = parameters.get("scrapePool");
    let is_wanted = |scrape_pool: &str| pool.is_none_or(|pool| pool == scrape_pool);
    let mut active_targets = Vec::new();
    if matches!(asked.as_str(), "active" | "any") {
        active_targets = state.targets.targets();
        active_targets.retain(|target| is_wanted(&target.scrape_pool));
    }
    let (mut dropped_targets, mut dropped_target_counts) = (Vec::new(), None);
    if asked != "active" {
        let (dropped, mut counts) = state.targets.dropped();
        if matches!(asked.as_str(), "dropped" | "any") {
            dropped_targets = dropped;
            dropped_targets.retain(|target| is_wanted(&target.scrape_pool));
        }
        counts.retain(|scrape_pool, _| is_wanted(scrape_pool));
        dropped_target_counts = Some(counts);
    }
    Success::of(Targets { active_targets, dropped_targets, dropped_target_counts })
}

pub(super) async fn scrape_pools(State(state): State<Arc<ApiState>>) -> Success<ScrapePools> {
    Success::of(ScrapePools { scrape_pools: state.targets.scrape_pools() })
}

/// `GET /api/v1/targets/relabel_steps?scrapePool=&labels={json map}`.
pub(super) async fn relabel_steps(
    State(state): State<Arc<ApiState>>,
    parameters: Parameters,
) -> Result<Success<RelabelSteps>, Fault> {
    let pool = parameters.required("scrapePool")?;
    let labels = parameters.required("labels")?;
    let labels: BTreeMap<String, String> = serde_json::from_str(labels).map_err(|_| {
        Fault::parameter("labels", labels, r#"a JSON map of texts such as {"job":"shop"}"#)
    })?;
    let steps = state.targets.relabel_steps(pool, &labels).ok_or_else(|| {
        let known = state.targets.scrape_pools().join(", ");
        Fault::bad_request(format!("there is no scrape pool {pool:?}; there are: {known}"))
    })?;
    Ok(Success::of(RelabelSteps { steps }))
}
