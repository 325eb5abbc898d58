//! What a start costs with a full journal: every span is taken in, none is in a block, and the store is opened again.
//! One JSON object a line.
//!
//! `SIGYN_BENCH_TRACES` sets the size (default 51,300 traces, some 1,000,000 spans; 50 when run as a test).

#![expect(clippy::print_stdout, reason = "its output is its result")]

#[path = "kit/process.rs"]
mod process;

use process::{Monotonic, START_UNIX_NANO, cpu_seconds, folder_bytes, resident_peak_bytes};
use prometheus_client::registry::Registry;
use sigyn_store::{Batch, Config, Overlay, Store, Via};
use sigyn_workload::Workload;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Bytes that nothing of this reaches.
const PLENTY: u64 = 8 << 30;
const ROUNDS: usize = 5;

fn main() {
    // `cargo test --benches` passes no `--bench`: then it only shows that it still runs.
    let full = std::env::args().any(|argument| argument == "--bench");
    let traces = std::env::var("SIGYN_BENCH_TRACES").ok().and_then(|text| text.parse().ok());
    let traces = traces.unwrap_or(if full { 51_300 } else { 50 });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    runtime.block_on(reopen(traces));
}

async fn open(folder: &Path) -> Store {
    let config = Config {
        head_bytes_max: PLENTY,
        head_age_max: Duration::from_secs(86_400),
        journal_bytes_max: PLENTY,
        ..Config::at(folder)
    };
    let clock = Arc::new(Monotonic::new());
    Store::open(config, clock, &mut Registry::default()).await.expect("it opens")
}

async fn reopen(traces: u64) {
    let (bodies, _) = Workload::bodies(7, traces, START_UNIX_NANO, 600_000_000_000);
    let spans: usize = bodies.iter().map(|body| body.spans).sum();
    let cpu = cpu_seconds();
    for body in &bodies {
        let read = sigyn_store::check_body(&body.bytes).expect("the workload is OTLP");
        assert_eq!(read.spans, body.spans);
    }
    let nanoseconds = (cpu_seconds() - cpu) * 1e9 / spans as f64;
    println!(r#"{{"bench":"check","spans":{spans},"cpu_nanoseconds_per_span":{nanoseconds:.0}}}"#);

    let folder = tempfile::tempdir().expect("a folder for the store");
    let store = open(folder.path()).await;
    let overlay = Arc::new(Overlay {
        attributes: vec![("job".to_owned(), "pods".to_owned())],
        ..Overlay::default()
    });
    for body in bodies {
        let batch = Batch {
            via: Via::Otlp,
            body: body.bytes.into(),
            compressed: None,
            overlay: Arc::clone(&overlay),
            reach: None,
            gap: None,
        };
        store.append(batch).await.expect("there is room");
    }
    store.close().await.expect("it closes");
    drop(store);

    for _ in 0..ROUNDS {
        let (cpu, began) = (cpu_seconds(), Instant::now());
        let store = open(folder.path()).await;
        let (seconds, cpu) = (began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        let sources = store.snapshot().sources;
        let held: usize = sources.iter().map(|source| source.rows()).sum();
        assert_eq!(held, spans, "every span is there");
        println!(
            r#"{{"bench":"reopen","spans":{spans},"seconds":{seconds:.2},"cpu_seconds":{cpu:.2},"journal_bytes_per_span":{:.1},"peak_resident_mb":{}}}"#,
            folder_bytes(&folder.path().join("journal")) as f64 / spans as f64,
            resident_peak_bytes() >> 20,
        );
        drop(sources);
        store.close().await.expect("it closes");
    }
}
