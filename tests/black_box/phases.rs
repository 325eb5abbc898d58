//! When in its interval each target is read: spread, different in replicas, the same after a restart.

use crate::{app::App, sigyn};
use serde_json::Value;
use sigyn_rig::{Options, Server, eventually};
use std::{collections::BTreeMap, path::Path, time::Duration};

const PATIENCE: Duration = Duration::from_secs(60);
const INTERVAL_SECONDS: f64 = 3.0;
/// A read begins a little late on a busy machine.
const LATE_SECONDS: f64 = 0.3;
const TARGETS: usize = 12;

/// By the label `n`: seconds into the interval at which the last read began.
type Phases = BTreeMap<String, f64>;

fn config(app: &App, replica: &str) -> String {
    let target = |n| format!("{{targets: ['{}'], labels: {{n: '{n}'}}}}", app.address);
    let targets: Vec<String> = (0..TARGETS).map(target).collect();
    format!(
        "global: {{scrape_interval: 3s, scrape_timeout: 3s, external_labels: {{replica: {replica}}}}}\nscrape_configs: [{{job_name: apps, static_configs: [{}]}}]\n",
        targets.join(", ")
    )
}

fn phases(server: &Server) -> Result<Phases, String> {
    let answer = server.api.json("/api/v1/targets?state=active");
    let targets = answer["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
    let phase = |target: &Value| {
        let last: jiff::Timestamp = target["lastScrape"].as_str()?.parse().ok()?;
        let seconds = last.as_microsecond() as f64 / 1e6;
        let name = target["labels"]["n"].as_str()?.to_owned();
        (seconds > 0.0).then_some((name, seconds % INTERVAL_SECONDS))
    };
    let phases: Phases = targets.iter().filter_map(phase).collect();
    match phases.len() {
        TARGETS => Ok(phases),
        read => Err(format!("{read} of {TARGETS} targets were read")),
    }
}

/// How many targets are read at another time in the one than in the other.
fn differing(one: &Phases, other: &Phases) -> usize {
    let differs = |(name, phase): &(&String, &f64)| {
        let apart = (*phase - other[*name]).abs();
        apart.min(INTERVAL_SECONDS - apart) > LATE_SECONDS
    };
    one.iter().filter(differs).count()
}

#[track_caller]
fn settle(server: &Server, wanted: impl Fn(&Phases) -> bool) -> Phases {
    eventually(PATIENCE, || {
        let phases = phases(server)?;
        if wanted(&phases) { Ok(phases) } else { Err(format!("{phases:?}")) }
    })
}

fn start(folder: &Path, app: &App, replica: &str) -> Server {
    let options: Options = sigyn(folder).config(&config(app, replica));
    options.argument("--web.enable-lifecycle").start()
}

#[test]
fn replicas_read_at_different_times_and_a_restart_changes_none() {
    let app = App::start("cart");
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let one = start(folders[0].path(), &app, "a");
    let other = start(folders[1].path(), &app, "b");
    let of_one = settle(&one, |_| true);
    // Were they read all at once, a pair would halve nothing.
    settle(&other, |of_other| differing(&of_one, of_other) >= TARGETS / 3);

    let one = one.kill().start();
    settle(&one, |again| differing(&of_one, again) == 0);

    // Another external label is another seed, without a restart.
    one.options().clone().config(&config(&app, "c")).write_config();
    let answer = one.api.post("/-/reload", "text/plain", &[], Vec::new()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    settle(&one, |again| differing(&of_one, again) >= TARGETS / 3);
}
