//! The whole server under the reference workload (BENCHMARKS): pushes every body over four connections,
//! waits until the server is idle, then looks traces up. Prints one JSON object a line.
//!
//! `sigyn-load SIGYN pull 5000 0 60` serves 5,000 span buffers on loopback instead and lets the server read them.
//! `sigyn-load SIGYN exemplars [SECONDS]` measures how many exemplars of a real Prometheus lead to their traces.
//! `sigyn-load SIGYN exemplar-series [SERIES [SECONDS]]` measures what reading the exemplars of 100,000 series costs.
//! `SIGYN_BENCH_TRACES` sets the number of traces (default 60,000: 1.17 million spans, 467 MB; up to
//! that number, questions are asked a second time while more is pushed).

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the figures are its output")]

mod exemplar_series;
mod process;
mod pull;

use process::{cpu_seconds, peak_memory_bytes};
use serde_json::json;
use sigyn_load::hit_ratio::{self, Plan};
use sigyn_rig::{Api, Options, Server};
use sigyn_workload::{Body, Workload};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

const TRACES: u64 = 60_000;
const CONNECTIONS: usize = 4;
/// While questions are asked: a quarter of what two cores take in.
const PUSHED_SPANS_PER_SECOND: f64 = 100_000.0;
/// The server looks after its blocks, and merges them, at least so often; and a little more.
const UPKEEP_EVERY_MAX: Duration = Duration::from_secs(33);
const RANGE: Duration = Duration::from_secs(600);
const LOOK_UPS: usize = 50;
const REPEATS: usize = 9;
/// Of issue 6: at each of the three times.
const HIT_RATIO_GOAL: f64 = 0.995;

fn main() {
    let Some(binary) = std::env::args().nth(1) else {
        eprintln!(
            "usage: sigyn-load PATH_OF_SIGYN [pull TARGETS SPANS_PER_SECOND_EACH SECONDS | exemplars [SECONDS] | exemplar-series [SERIES [SECONDS]]]"
        );
        std::process::exit(2)
    };
    if std::env::args().nth(2).as_deref() == Some("pull") {
        let number = |at, default| {
            let text = std::env::args().nth(at).and_then(|text| text.parse().ok());
            text.unwrap_or(default)
        };
        return pull::run(&binary, number(3, 500), number(4, 100), number(5, 30));
    }
    if std::env::args().nth(2).as_deref() == Some("exemplar-series") {
        let number = |at| std::env::args().nth(at).and_then(|text| text.parse().ok());
        let series = number(3).unwrap_or(100_000);
        return exemplar_series::run(&binary, series as usize, number(4).unwrap_or(60));
    }
    if std::env::args().nth(2).as_deref() == Some("exemplars") {
        let seconds = std::env::args().nth(3).and_then(|text| text.parse().ok());
        return exemplars(&binary, seconds);
    }
    let traces = std::env::var("SIGYN_BENCH_TRACES").ok().and_then(|text| text.parse().ok());
    let traces: u64 = traces.unwrap_or(TRACES);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("past 1970");
    let start = now - RANGE - Duration::from_secs(60);
    let (bodies, ids) =
        Workload::bodies(7, traces, start.as_nanos() as u64, RANGE.as_nanos() as u64);
    let spans: usize = bodies.iter().map(|body| body.spans).sum();
    let bytes: usize = bodies.iter().map(|body| body.bytes.len()).sum();

    let folder = tempfile::tempdir().expect("a temporary folder");
    let server =
        Options::new(&binary, folder.path()).config("storage:\n  head: {max_age: 15s}\n").start();
    let started = Instant::now();
    push(&server.otlp, &bodies);
    let push_seconds = started.elapsed().as_secs_f64();
    let cpu_pushed = cpu_seconds(&server);
    settle(&server, folder.path());
    let disk = folder_bytes(&folder.path().join("data"));
    let millions = spans as f64 / 1e6;
    println!(
        "{}",
        json!({
            "bench": "push", "traces": traces, "spans": spans, "body_bytes": bytes,
            "push_seconds": round(push_seconds),
            "cpu_seconds_per_million_spans_acknowledged": round(cpu_pushed / millions),
        })
    );
    let cpu_settled = cpu_seconds(&server) / millions;
    beside_goal("push", "cpu_seconds_per_million_spans_settled", cpu_settled, 5.0);
    let memory_peak = peak_memory_bytes(&server) as f64 / 1e6;
    beside_goal("push", "memory_peak_mb", memory_peak, 150.0);
    beside_goal("push", "disk_bytes_per_span", disk as f64 / spans as f64, 34.0);
    let rest = ["journal", "index", "blocks"].map(|part| {
        let bytes = folder_bytes(&folder.path().join("data").join(part));
        (part.to_owned(), round(bytes as f64 / spans as f64).into())
    });
    println!(
        "{}",
        json!({"bench": "push", "disk_bytes_per_span_by_part": serde_json::Map::from_iter(rest)})
    );
    look_up(&server.api, &ids, &QUIET);
    search(&server.api, &QUIET);
    if traces <= TRACES {
        let (later, _) = Workload::bodies(
            8,
            traces,
            (start + RANGE / 2).as_nanos() as u64,
            RANGE.as_nanos() as u64 / 2,
        );
        pushing(&server.otlp, &later, || {
            look_up(&server.api, &ids, &BESIDE_PUSH);
            search(&server.api, &BESIDE_PUSH);
        });
    }
}

/// What goes on while questions are asked, and by how much answers may take longer.
struct Moment {
    bench_suffix: &'static str,
    goal_factor: f64,
}

const QUIET: Moment = Moment { bench_suffix: "", goal_factor: 1.0 };
const BESIDE_PUSH: Moment = Moment { bench_suffix: "_beside_push", goal_factor: 2.0 };

/// Does something while bodies are pushed, at the rate at which one busy fleet does: so many spans a second.
fn pushing(otlp: &Api, bodies: &[Body], work: impl FnOnce()) {
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let started = Instant::now();
            let mut spans = 0;
            for body in bodies.iter().cycle() {
                if is_done.load(Ordering::Relaxed) {
                    break;
                }
                otlp.post("/v1/traces", "application/x-protobuf", &[], body.bytes.clone())
                    .expect("the server answers");
                spans += body.spans;
                let due = Duration::from_secs_f64(spans as f64 / PUSHED_SPANS_PER_SECOND);
                std::thread::sleep(due.saturating_sub(started.elapsed()));
            }
        });
        work();
        is_done.store(true, Ordering::Relaxed);
    });
}

/// The long form, or one of some seconds.
fn exemplars(binary: &str, seconds: Option<u64>) {
    let plan = seconds.map_or_else(Plan::long, |seconds| Plan::short(Duration::from_secs(seconds)));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(report) = hit_ratio::run(binary, folder.path(), &plan) else { return };
    println!(
        "{}",
        json!({
            "bench": "exemplars", "traces": report.traces, "spans": report.spans,
            "seconds": plan.load.as_secs(), "exemplars": report.exemplars, "spans_lost": report.lost,
            "sought_in_live_buffers": report.sought,
            "ordinary_traces_kept": round(report.ordinary_kept),
            "ordinary_traces_left": round(report.ordinary_left),
        })
    );
    for ratio in &report.ratios {
        let hit = ratio.hit();
        println!(
            "{}",
            json!({
                "bench": "exemplars", "figure": "hit_ratio", "at": ratio.at, "value": hit, "goal": HIT_RATIO_GOAL,
                "met": hit >= HIT_RATIO_GOAL, "traces": ratio.traces, "found": ratio.found,
                "with_span": ratio.with_span, "with_descendants": ratio.with_descendants,
                "failures": ratio.failures,
            })
        );
    }
}

/// A figure of BENCHMARKS and what it should be at most.
fn beside_goal(bench: &str, figure: &str, value: f64, goal: f64) {
    println!(
        "{}",
        json!({"bench": bench, "figure": figure, "value": round(value), "goal": goal, "met": value <= goal})
    );
}

fn push(otlp: &Api, bodies: &[Body]) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    loop {
                        let answer = otlp
                            .post("/v1/traces", "application/x-protobuf", &[], body.bytes.clone())
                            .expect("the server answers");
                        match answer.status {
                            200 => break,
                            429 | 503 => std::thread::sleep(Duration::from_millis(50)),
                            _ => panic!("{}: {}", answer.status, answer.text()),
                        }
                    }
                }
            });
        }
    });
}

/// Waits until the server has had nothing to do for longer than it leaves its blocks alone.
fn settle(server: &Server, folder: &Path) {
    let limit = Instant::now() + Duration::from_secs(300);
    let mut last = (cpu_seconds(server), folder_bytes(folder));
    let mut idle_since = Instant::now();
    while Instant::now() < limit && idle_since.elapsed() < UPKEEP_EVERY_MAX {
        std::thread::sleep(Duration::from_secs(2));
        let now = (cpu_seconds(server), folder_bytes(folder));
        let is_idle = now.0 - last.0 < 0.1 && now.1 == last.1;
        if !is_idle || server.api.metric_sum("sigyn_store_head_spans") > 0.0 {
            idle_since = Instant::now();
        }
        last = now;
    }
}

fn look_up(api: &Api, ids: &[[u8; 16]], moment: &Moment) {
    let step = (ids.len() / LOOK_UPS).max(1);
    let mut millis: Vec<f64> = ids
        .iter()
        .step_by(step)
        .map(|id| {
            let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
            let started = Instant::now();
            let answer = api
                .try_get(&format!("/api/traces/{id}"), &[("accept", "application/protobuf")])
                .expect("the server answers");
            assert_eq!(answer.status, 200, "{id}");
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    let at = |quantile: f64| millis[((millis.len() - 1) as f64 * quantile) as usize];
    let bench = format!("trace_by_id{}", moment.bench_suffix);
    beside_goal(&bench, "p50_ms", at(0.5), 2.0 * moment.goal_factor);
    beside_goal(&bench, "p99_ms", at(0.99), 10.0 * moment.goal_factor);
}

fn search(api: &Api, moment: &Moment) {
    for (name, goal_ms, query) in [
        ("by service", 5.0, r#"{ resource.service.name = "cart" }"#),
        (
            "service + operation + duration",
            5.0,
            r#"{ resource.service.name = "frontend" && name = "GET /api/cart" && duration > 500ms }"#,
        ),
        ("one user id", 5.0, r#"{ span.app.user.id = "user-012345" }"#),
        ("service + error", 5.0, r#"{ resource.service.name = "checkout" && status = error }"#),
        ("regular expression", 30.0, r#"{ span.db.query.text =~ ".*'00000003E8'" }"#),
        (
            "structural",
            30.0,
            r#"{ resource.service.name = "frontend" } >> { resource.service.name = "postgresql" && duration > 20ms }"#,
        ),
        ("count", 15.0, r#"{ status = error } | count() > 8"#),
    ] {
        let path = format!("/api/search?limit=20&q={}", escaped(query));
        ask(
            api,
            &format!("search{}", moment.bench_suffix),
            name,
            &path,
            Some(goal_ms * moment.goal_factor),
        );
    }
    // The longest of all that match: nothing can be left out early.
    for (name, query) in [
        ("everything", "{ }"),
        ("by service", r#"{ resource.service.name = "cart" }"#),
        ("service + error", r#"{ resource.service.name = "checkout" && status = error }"#),
        (
            "structural",
            r#"{ resource.service.name = "frontend" } >> { resource.service.name = "postgresql" && duration > 20ms }"#,
        ),
    ] {
        let path = format!("/api/sigyn/v1/search?order=duration&limit=100&q={}", escaped(query));
        ask(api, &format!("longest{}", moment.bench_suffix), name, &path, None);
    }
}

fn escaped(query: &str) -> String {
    query.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Asks a question again and again.
fn ask(api: &Api, bench: &str, name: &str, path: &str, goal_ms: Option<f64>) {
    let mut found = 0;
    let mut refusal = None;
    let mut millis: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let started = Instant::now();
            let answer = api.get(path);
            if answer.status != 200 {
                refusal = Some(answer.text());
            }
            let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            found = json["traces"].as_array().map_or(0, Vec::len);
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let first = millis[0];
    millis.sort_by(f64::total_cmp);
    let median = millis[REPEATS / 2];
    let mut line = json!({
        "bench": bench, "query": name, "found": found,
        "first_ms": round(first), "median_ms": round(median),
    });
    if let Some(goal_ms) = goal_ms {
        line["goal_ms"] = goal_ms.into();
        line["met"] = (median <= goal_ms).into();
    }
    if let Some(refusal) = refusal {
        line["refused"] = refusal.trim().into();
    }
    println!("{line}");
}

fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_bytes(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
