//! What merging costs: eight blocks of some 120,000 spans of the reference workload become one, as in a server at rest. CPU seconds
//! per million spans, and the memory that it takes at its peak. One JSON object a line.
//!
//! `SIGYN_BENCH_TRACES` sets the size (default 49,200 traces, some 960,000 spans; 50 when run as a test);
//! `SIGYN_BENCH_FOLDER` names a folder in which all stores are kept, for looking at their blocks.

#![expect(clippy::print_stdout, reason = "its output is its result")]

#[path = "kit/process.rs"]
mod process;

use process::{
    START_UNIX_NANO, cpu_seconds, folder_bytes, forget_resident_peak, resident_peak_bytes,
};
use prometheus_client::registry::Registry;
use sigyn_store::{Batch, Clock, Config, Overlay, Store, Via};
use sigyn_workload::Workload;
use std::{env, fs, io, path::Path, path::PathBuf, process::Command, sync::Arc, time::Duration};

/// The server's: what a merge takes at its peak depends on it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const BLOCKS: usize = 8;
/// Blocks are looked after ten times in it, and merged when an eighth of it and a minute are over.
const RETENTION: Duration = Duration::from_secs(100);
/// Over, but not so long that blocks go.
const LATER: Duration = Duration::from_secs(90);
/// In a process of its own each, set to the folder: one that writes the blocks …
const FILL: &str = "SIGYN_BENCH_FILL";
/// … and one for each merge, whose memory is its own then.
const MERGE: &str = "SIGYN_BENCH_MERGE";
const ROUNDS: usize = 3;

fn main() {
    // `cargo test --benches` passes no `--bench`: then it only shows that it still runs.
    let full = env::args().any(|argument| argument == "--bench");
    let traces = env::var("SIGYN_BENCH_TRACES").ok().and_then(|text| text.parse().ok());
    let traces = traces.unwrap_or(if full { 49_200 } else { 50 });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime starts");
    if let Some(folder) = env::var_os(FILL) {
        return runtime.block_on(fill(folder.as_ref(), traces));
    }
    if let Some(folder) = env::var_os(MERGE) {
        return runtime.block_on(merge(folder.as_ref()));
    }
    let temporary = tempfile::tempdir().expect("a folder for the stores");
    let kept = env::var_os("SIGYN_BENCH_FOLDER").map(PathBuf::from);
    let folder = kept.unwrap_or_else(|| temporary.path().to_owned());
    let filled = folder.join("filled");
    run(FILL, &filled);
    for round in 0..if full { ROUNDS } else { 1 } {
        let merged = folder.join(format!("merged-{round}"));
        copy(&filled, &merged).expect("there is room for a copy");
        run(MERGE, &merged);
    }
}

/// Runs a step in a process of its own.
fn run(step: &str, folder: &Path) {
    let own = env::current_exe().expect("a process knows its program");
    let done = Command::new(own).args(env::args().skip(1)).env(step, folder).status();
    assert!(done.expect("it can be started again").success(), "the step is done");
}

/// A clock that stands still.
struct Still(Duration);

impl Clock for Still {
    fn now_unix_nano(&self) -> u64 {
        START_UNIX_NANO + self.0.as_nanos() as u64
    }

    fn monotonic(&self) -> Duration {
        self.0
    }
}

async fn open(folder: &Path, at: Duration, registry: &mut Registry) -> Store {
    // The head is cut when it is told to, and never else.
    let config = Config { head_bytes_max: 8 << 30, retention: RETENTION, ..Config::at(folder) };
    Store::open(config, Arc::new(Still(at)), registry).await.expect("it opens")
}

async fn fill(folder: &Path, traces: u64) {
    let (bodies, _) = Workload::bodies(7, traces, START_UNIX_NANO, 600_000_000_000);
    let store = open(folder, Duration::ZERO, &mut Registry::default()).await;
    let overlay = Arc::new(Overlay {
        attributes: vec![("job".to_owned(), "pods".to_owned())],
        ..Overlay::default()
    });
    for bodies in bodies.chunks(bodies.len().div_ceil(BLOCKS)) {
        for body in bodies {
            let batch = Batch {
                via: Via::Otlp,
                body: body.bytes.clone().into(),
                compressed: None,
                overlay: Arc::clone(&overlay),
                reach: None,
                gap: None,
            };
            store.append(batch).await.expect("there is room");
        }
        store.flush().await.expect("the block is written");
    }
    store.close().await.expect("it closes");
}

async fn merge(folder: &Path) {
    let blocks = folder.join("blocks");
    let count = || fs::read_dir(&blocks).map_or(0, Iterator::count);
    let (inputs, bytes_before) = (count(), folder_bytes(&blocks));
    let mut registry = Registry::default();
    let store = open(folder, LATER, &mut registry).await;
    forget_resident_peak();
    let (cpu, resident) = (cpu_seconds(), resident_peak_bytes());
    while count() > 1 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (cpu, peak) = (cpu_seconds() - cpu, resident_peak_bytes() - resident);
    let spans = compacted_spans(&registry);
    store.close().await.expect("it closes");
    println!(
        r#"{{"bench":"merge","blocks":{inputs},"spans":{spans},"cpu_seconds_per_million_spans":{:.3},"peak_resident_growth_mb":{},"block_bytes_per_span":{:.2},"before":{:.2}}}"#,
        cpu * 1e6 / spans,
        peak >> 20,
        folder_bytes(&blocks) as f64 / spans,
        bytes_before as f64 / spans,
    );
}

/// Spans that the store has written again, by its own count.
fn compacted_spans(registry: &Registry) -> f64 {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry).expect("a string takes all");
    let line =
        text.lines().find_map(|line| line.strip_prefix("sigyn_store_compacted_spans_total "));
    line.and_then(|count| count.parse().ok()).expect("the store counts them")
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
