//! What reading the exemplars of many series costs: pages whose exemplars are mostly the same as the time before.

use crate::{
    beside_goal,
    process::{cpu_seconds, peak_memory_bytes, resident_bytes},
};
use axum::{Router, http::header, routing::get};
use serde_json::{Value, json};
use sigyn_buffer::SpanBuffer;
use sigyn_rig::{Options, eventually};
use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

const TARGETS: usize = 10;
/// Of a target's exemplars, one in so many is another one at each scrape.
const CHANGING: usize = 100;
const PATIENCE: Duration = Duration::from_secs(120);

/// What a server took.
#[derive(Clone, Copy)]
struct Used {
    share_of_one_core_percent: f64,
    /// The most after the first reading.
    memory_mb: f64,
    /// The most of all, the first reading included.
    peak_memory_mb: f64,
}

impl Used {
    fn to_json(self) -> Value {
        let Self { share_of_one_core_percent, memory_mb, peak_memory_mb } = self;
        json!({"share_of_one_core_percent": share_of_one_core_percent, "memory_mb": memory_mb, "peak_memory_mb": peak_memory_mb})
    }
}

/// Serves `series` series with an exemplar each, lets the real binary read them every 15 seconds, and prints what that takes beside a server
/// that reads none.
pub(crate) fn run(binary: &str, series: usize, seconds: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let per_target = series / TARGETS;
    let addresses: Vec<String> =
        (0..TARGETS).map(|target| runtime.block_on(serve(target, per_target))).collect();
    let targets = addresses.join("', '");
    let job = |more: &str| {
        format!(
            "scrape_configs:\n  - job_name: many\n    scrape_interval: 15s\n{more}    static_configs: [{{targets: ['{targets}']}}]\n"
        )
    };
    let mut used = Vec::new();
    for config in [job(""), job("    exemplars_path: /metrics\n")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Options::new(binary, folder.path()).config(&config).start();
        let reads_exemplars = config.contains("exemplars_path");
        eventually(PATIENCE, || {
            let up = server.api.metric_sum("sigyn_target_up");
            let seen = server.api.metric_sum("sigyn_exemplars_seen_total");
            let all_seen = !reads_exemplars || seen >= series as f64;
            if up >= TARGETS as f64 && all_seen {
                Ok(())
            } else {
                Err(format!("{up} up, {seen} seen"))
            }
        });
        // The first reading is over; this is about all that follow.
        std::thread::sleep(Duration::from_secs(20));
        let (began, cpu_before) = (Instant::now(), cpu_seconds(&server));
        let mut resident: u64 = 0;
        while began.elapsed() < Duration::from_secs(seconds) {
            std::thread::sleep(Duration::from_millis(500));
            resident = resident.max(resident_bytes(&server));
        }
        let share = (cpu_seconds(&server) - cpu_before) / began.elapsed().as_secs_f64();
        let peak = peak_memory_bytes(&server);
        used.push(Used {
            share_of_one_core_percent: share * 100.0,
            memory_mb: resident as f64 / 1e6,
            peak_memory_mb: peak as f64 / 1e6,
        });
    }
    let (without, with) = (used[0], used[1]);
    println!(
        "{}",
        json!({"bench": "exemplar_series", "series": series, "without": without.to_json(), "with": with.to_json()})
    );
    let share = with.share_of_one_core_percent - without.share_of_one_core_percent;
    beside_goal("exemplar_series", "share_of_one_core_percent", share, 5.0);
    beside_goal("exemplar_series", "memory_mb", with.memory_mb - without.memory_mb, 64.0);
}

/// An app with a span buffer and a page of series.
async fn serve(target: usize, series: usize) -> String {
    let scrapes = AtomicU64::new(0);
    let page = move || {
        let scrape = scrapes.fetch_add(1, Ordering::Relaxed);
        let text = page(target, series, scrape);
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        async move { ([(header::CONTENT_TYPE, kind)], text) }
    };
    let page = std::sync::Arc::new(page);
    let router: Router = SpanBuffer::new(64 << 10).router().route("/metrics", get(move || page()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn page(target: usize, series: usize, scrape: u64) -> String {
    let mut text = "# TYPE http_request_duration_seconds histogram\n".to_owned();
    for number in 0..series {
        let since = if number % CHANGING == 0 { scrape } else { 0 };
        let trace = (since as u128 + 1) << 64 | (target * series + number) as u128;
        writeln!(
            text,
            "http_request_duration_seconds_bucket{{method=\"GET\",route=\"/api/v1/thing/{number}\",status=\"200\",le=\"0.5\"}} {} # {{trace_id=\"{trace:032x}\",span_id=\"{number:016x}\"}} 0.4{number} 1766400000.125",
            scrape + 1
        )
        .expect("a text takes what is written");
    }
    text + "# EOF\n"
}
