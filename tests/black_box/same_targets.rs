//! The same configuration and files for Prometheus 2.42 and for Sigyn: both must find the same targets,
//! drop the same, and give them the same labels.
//!
//! Kubernetes and Consul are not among the jobs: Debian builds Prometheus without them. Without Prometheus, or with another version of it, the test says that it is skipped.

mod jobs;
mod rules;
mod servers;

use crate::sigyn;
use serde_json::Value;
use sigyn_rig::{Api, Prometheus, eventually};
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    time::Duration,
};
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(60);

/// Labels that Prometheus gives since, and 2.42 does not know yet.
const NEWER: [&str; 2] = ["__meta_docker_container_image", "__meta_docker_container_image_id"];

/// Another version finds other labels.
fn is_2_42() -> bool {
    let version = Command::new("prometheus").arg("--version").output();
    version.map_or(true, |it| String::from_utf8_lossy(&it.stdout).contains("version 2.42."))
}

/// All targets of each pool as sorted text; what is dropped comes second.
type Found = BTreeMap<String, (Vec<String>, Vec<String>)>;

fn found(api: &Api) -> Result<Found, String> {
    let answer = api.try_get("/api/v1/targets?state=any", &[])?;
    let answer: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    let mut found = Found::new();
    let text = |labels: &Value| {
        let labels = labels.as_object().unwrap().iter();
        let labels = labels.filter(|(name, _)| !NEWER.iter().any(|newer| name.starts_with(newer)));
        labels.map(|(name, value)| format!("\n    {name}={value}")).collect::<String>()
    };
    // Relabeling in 2.42 spoils the labels that it shows as discovered: what a rule deletes or replaces
    // is gone from them, too. So where there are rules, only what they made is compared.
    let has_rules = |pool: &str| pool == "mended" || pool.starts_with("rules-");
    for target in answer["data"]["activeTargets"].as_array().into_iter().flatten() {
        let pool = target["scrapePool"].as_str().unwrap().to_owned();
        let labels = text(&target["labels"]);
        let discovered =
            if has_rules(&pool) { String::new() } else { text(&target["discoveredLabels"]) };
        found.entry(pool).or_default().0.push(format!("{discovered}\n   becomes{labels}"));
    }
    for target in answer["data"]["droppedTargets"].as_array().into_iter().flatten() {
        // 2.42 does not say which pool dropped a target; the label `job` does, in these jobs.
        let discovered = &target["discoveredLabels"];
        let pool = discovered["job"].as_str().unwrap().to_owned();
        let address = format!("\n    {}", discovered["__address__"]);
        let labels = if has_rules(&pool) { address } else { text(discovered) };
        found.entry(pool).or_default().1.push(labels);
    }
    for (active, dropped) in found.values_mut() {
        active.sort();
        dropped.sort();
    }
    Ok(found)
}

/// The first differences, for people.
fn differences(expected: &Found, got: &Found) -> Option<String> {
    let mut out = String::new();
    let pools: BTreeSet<&String> = expected.keys().chain(got.keys()).collect();
    for pool in pools {
        let (expected, got) = (
            expected.get(pool).cloned().unwrap_or_default(),
            got.get(pool).cloned().unwrap_or_default(),
        );
        for (what, expected, got) in
            [("active", &expected.0, &got.0), ("dropped", &expected.1, &got.1)]
        {
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                these.iter().filter(|it| !those.contains(it)).take(2).cloned().collect()
            };
            let (missing, more) = (only(expected, got), only(got, expected));
            if expected.len() != got.len() || !missing.is_empty() || !more.is_empty() {
                out += &format!(
                    "\n{pool}, {what}: Prometheus {}, Sigyn {}\n  only Prometheus: {}\n  only Sigyn: {}",
                    expected.len(),
                    got.len(),
                    missing.concat(),
                    more.concat(),
                );
            }
        }
    }
    (!out.is_empty()).then_some(out)
}

#[test]
fn sigyn_finds_what_prometheus_finds() {
    if !is_2_42() {
        eprintln!("skipped: the installed Prometheus is not 2.42");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let servers = runtime.block_on(servers::start());
    jobs::write_files(folder.path());
    let config = jobs::config(servers) + &rules::config();
    // Both read their files from the same folder, so that paths mean the same.
    let Some(prometheus) = Prometheus::start(folder.path(), &config) else { return };
    // What 2.42 knows of label names is what Prometheus 3 calls legacy.
    let config = config.replace("global: {", "global: {metric_name_validation_scheme: legacy, ");
    let server = sigyn(folder.path()).config(&config).start();
    // Every job that shall find something must have done so in Prometheus.
    let expected = eventually(PATIENCE, || {
        let found = found(&prometheus.api)?;
        let missing: Vec<_> =
            jobs::NAMES.iter().filter(|name| !found.contains_key(**name)).collect();
        match missing.is_empty() {
            true => Ok(found),
            false => Err(format!("Prometheus finds nothing for {missing:?}")),
        }
    });
    let targets: usize =
        expected.values().map(|(active, dropped)| active.len() + dropped.len()).sum();
    assert!(targets > 200, "{targets}");
    eventually(PATIENCE.min(Duration::from_secs(10)), || {
        // Both may still be on their way.
        match differences(&found(&prometheus.api)?, &found(&server.api)?) {
            None => Ok(()),
            Some(differences) => Err(differences),
        }
    });
}
