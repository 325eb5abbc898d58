//! What intake costs: CPU seconds per million spans, bytes per span on disk, peak memory, and the
//! time of a look-up by trace ID, over the reference workload. One JSON object a line.
//!
//! `SIGYN_BENCH_TRACES` sets the size (default 20,000 traces, some 390,000 spans; 50 when run as a test);
//! `SIGYN_BENCH_FOLDER` names a folder in which the store is kept, for looking at its blocks.

#![expect(clippy::print_stdout, reason = "its output is its result")]

#[path = "kit/process.rs"]
mod process;

use process::{
    Monotonic, START_UNIX_NANO, cpu_seconds, folder_bytes, read_bytes, resident_peak_bytes,
};
use prometheus_client::registry::Registry;
use sigyn_store::{Batch, Config, ErrorKind, Overlay, Store, TraceId, Via};
use sigyn_workload::Workload;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::time::Instant;

const CONNECTIONS: usize = 4;

fn main() {
    // `cargo test --benches` passes no `--bench`: then it only shows that it still runs.
    let full = std::env::args().any(|argument| argument == "--bench");
    let traces = std::env::var("SIGYN_BENCH_TRACES").ok().and_then(|text| text.parse().ok());
    let traces = traces.unwrap_or(if full { 20_000 } else { 50 });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(ingest(traces));
}

async fn ingest(traces: u64) {
    let (bodies, ids) = Workload::bodies(7, traces, START_UNIX_NANO, 600_000_000_000);
    let spans: usize = bodies.iter().map(|body| body.spans).sum();
    let bytes: usize = bodies.iter().map(|body| body.bytes.len()).sum();
    let millions = spans as f64 / 1e6;
    println!(
        r#"{{"bench":"workload","spans":{spans},"bytes_per_span":{:.1}}}"#,
        bytes as f64 / spans as f64
    );

    let temporary = tempfile::tempdir().expect("a folder for the store");
    let kept = std::env::var_os("SIGYN_BENCH_FOLDER").map(PathBuf::from);
    let folder = kept.unwrap_or_else(|| temporary.path().to_owned());
    let config = Config {
        head_bytes_max: 128 << 20,
        head_age_max: Duration::from_secs(120),
        journal_bytes_max: 1 << 30,
        exemplar_retention: Duration::from_secs(3600),
        ..Config::at(&folder)
    };
    let clock = Arc::new(Monotonic::new());
    let store = Store::open(config, clock, &mut Registry::default()).await.expect("it opens");
    let resident_before = resident_peak_bytes();
    let (cpu_before, began) = (cpu_seconds(), Instant::now());
    let overlay = Arc::new(Overlay {
        attributes: vec![
            ("instance".to_owned(), "10.0.0.1:8080".to_owned()),
            ("job".to_owned(), "pods".to_owned()),
        ],
        ..Overlay::default()
    });
    let mut queues = vec![Vec::new(); CONNECTIONS];
    for (index, body) in bodies.into_iter().enumerate() {
        queues[index % CONNECTIONS].push(body.bytes);
    }
    let mut pushes = Vec::new();
    for queue in queues {
        let (store, overlay) = (store.clone(), Arc::clone(&overlay));
        pushes.push(tokio::spawn(async move {
            for body in queue {
                let batch = Batch {
                    via: Via::Otlp,
                    body: body.into(),
                    compressed: None,
                    overlay: Arc::clone(&overlay),
                    reach: None,
                    gap: None,
                };
                // As a client does that was told to try later: blocks are written more slowly than this pushes.
                while let Err(error) = store.append(batch.clone()).await {
                    assert_eq!(error.kind(), ErrorKind::TryLater, "{error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }));
    }
    for push in pushes {
        push.await.expect("no push panics");
    }
    let acknowledged = (cpu_seconds() - cpu_before, began.elapsed().as_secs_f64());
    store.flush().await.expect("the block is written");
    let cpu = cpu_seconds() - cpu_before;
    println!(
        r#"{{"bench":"ingest","cpu_seconds_per_million_spans":{:.2},"until_acknowledged":{:.2},"wall_seconds_until_acknowledged":{:.2},"peak_resident_growth_mb":{}}}"#,
        cpu / millions,
        acknowledged.0 / millions,
        acknowledged.1,
        (resident_peak_bytes() - resident_before) >> 20,
    );
    println!(
        r#"{{"bench":"disk","block_bytes_per_span":{:.2}}}"#,
        folder_bytes(&folder.join("blocks")) as f64 / spans as f64
    );

    let mut times: Vec<f64> = Vec::new();
    let read_before = read_bytes();
    for id in ids.iter().step_by((ids.len() / 50).max(1)) {
        let began = Instant::now();
        let found = store.trace(TraceId(*id)).await.expect("blocks can be read");
        assert!(found.is_some(), "every trace is found");
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!(
        r#"{{"bench":"trace_by_id","p50_ms":{:.2},"max_ms":{:.2},"lookups":{},"read_kib_each":{:.1}}}"#,
        times[times.len() / 2],
        times[times.len() - 1],
        times.len(),
        (read_bytes() - read_before) as f64 / 1024.0 / times.len() as f64,
    );
    store.close().await.expect("it closes");
}
