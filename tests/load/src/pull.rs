//! Pull at scale: one process serves many span buffers, each on a port of its own, fills them at a rate, and
//! lets the real binary read them every 5 seconds.

use crate::{
    process::{cpu_seconds, peak_memory_bytes, resident_bytes},
    round,
};
use opentelemetry::{
    KeyValue,
    trace::{Span, SpanKind, Tracer, TracerProvider},
};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};
use serde_json::json;
use sigyn_buffer::SpanBuffer;
use sigyn_rig::{Options, Server, eventually};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(120);
const IDLE_BYTES: usize = 16 << 10;
const FILLED_BYTES: usize = 1 << 20;
const TICK: Duration = Duration::from_millis(100);

/// One app: its buffer, and what makes its spans.
struct App {
    address: String,
    provider: SdkTracerProvider,
}

/// Reads `targets` buffers for some seconds, each of which gets `rate` spans a second.
pub(crate) fn run(binary: &str, targets: usize, rate: usize, seconds: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let capacity = if rate == 0 { IDLE_BYTES } else { FILLED_BYTES };
    let apps: Vec<App> = (0..targets).map(|at| runtime.block_on(serve(at, capacity))).collect();

    let folder = tempfile::tempdir().expect("a temporary folder");
    let list: Vec<&str> = apps.iter().map(|app| app.address.as_str()).collect();
    write_targets(folder.path(), &list);
    let server = Options::new(binary, folder.path())
        .config(
            "scrape_configs:\n  - job_name: pull\n    scrape_interval: 5s\n    scrape_timeout: 5s\n    file_sd_configs: [{files: [targets.json]}]\n",
        )
        .start();
    let started = Instant::now();
    all_up(&server, targets);
    let up_seconds = started.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(6));

    let (recorded, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let filling = (rate > 0).then(|| fill(&apps, rate, &recorded, &stop));
    let (began, cpu_before) = (Instant::now(), cpu_seconds(&server));
    std::thread::sleep(Duration::from_secs(seconds as u64));
    let cpu = cpu_seconds(&server) - cpu_before;
    let wall = began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    if let Some(thread) = filling {
        thread.join().expect("the filling ends");
    }
    let recorded = recorded.load(Ordering::Relaxed);
    let ingested = eventually(PATIENCE, || {
        let ingested = server.api.metric_sum("sigyn_ingested_spans_total");
        let lost = server.api.metric_sum("sigyn_lost_spans_total");
        match ingested + lost >= recorded as f64 {
            true => Ok(ingested),
            false => Err(format!("{ingested} read and {lost} lost of {recorded}")),
        }
    });
    println!(
        "{}",
        json!({
            "bench": "pull", "targets": targets, "spans_per_second_each": rate, "seconds": round(wall),
            "all_up_after_seconds": round(up_seconds),
            "share_of_one_core_percent": round(100.0 * cpu / wall),
            "cpu_microseconds_per_read": round(1e6 * cpu / (targets as f64 * wall / 5.0)),
            "spans_recorded": recorded, "spans_read": ingested,
            "spans_lost": server.api.metric_sum("sigyn_lost_spans_total"),
            "targets_up": server.api.metric_sum("sigyn_target_up"),
            "memory_mb": resident_bytes(&server) / 1_000_000,
            "memory_peak_mb": peak_memory_bytes(&server) / 1_000_000,
        })
    );
    assert_eq!(server.stop().code, Some(0), "the server ends cleanly");
}

async fn serve(at: usize, capacity: usize) -> App {
    let buffer = SpanBuffer::builder().capacity_bytes(capacity).build();
    let resource = Resource::builder_empty().with_service_name(format!("service-{}", at % 20));
    let provider = SdkTracerProvider::builder()
        .with_resource(resource.build())
        .with_span_processor(buffer.processor())
        .build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async move { axum::serve(listener, buffer.router()).await });
    App { address, provider }
}

fn write_targets(folder: &Path, addresses: &[&str]) {
    let list = json!([{"targets": addresses}]).to_string();
    std::fs::write(folder.join("targets.json"), list).expect("the folder is writable");
}

fn all_up(server: &Server, targets: usize) {
    eventually(PATIENCE, || match server.api.metric_sum("sigyn_target_up") {
        up if up >= targets as f64 => Ok(()),
        up => {
            std::thread::sleep(Duration::from_secs(1));
            Err(format!("{up} of {targets} targets are up"))
        }
    });
}

/// Makes spans from a thread of its own, so many a second for each app, until it is told to stop.
fn fill(
    apps: &[App],
    rate: usize,
    recorded: &Arc<AtomicU64>,
    stop: &Arc<AtomicBool>,
) -> std::thread::JoinHandle<()> {
    let tracers: Vec<SdkTracer> = apps.iter().map(|app| app.provider.tracer("load")).collect();
    let (recorded, stop) = (Arc::clone(recorded), Arc::clone(stop));
    std::thread::spawn(move || {
        let began = Instant::now();
        let mut owed_ticks = 0;
        while !stop.load(Ordering::Relaxed) {
            while owed_ticks < began.elapsed().as_millis() / TICK.as_millis() {
                owed_ticks += 1;
                for tracer in &tracers {
                    let spans = (rate / 10).max(1);
                    (0..spans).for_each(|at| end_one(tracer, at));
                    recorded.fetch_add(spans as u64, Ordering::Relaxed);
                }
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    })
}

fn end_one(tracer: &SdkTracer, at: usize) {
    let mut span = tracer
        .span_builder("GET /api/products/{id}")
        .with_kind(SpanKind::Server)
        .with_attributes([
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", "/api/products/{id}"),
            KeyValue::new("http.response.status_code", 200),
            KeyValue::new("url.path", format!("/api/products/{at}")),
            KeyValue::new("server.address", "catalogue.shop.svc.cluster.local"),
            KeyValue::new("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)"),
            KeyValue::new("app.user.id", format!("user-{at:06}")),
        ])
        .start(tracer);
    span.end();
}
