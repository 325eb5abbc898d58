//! What a finished span costs its app: this buffer, and OpenTelemetry's batch processor with its OTLP
//! exporter on the same spans.
//!
//! `ns_per_span` is CPU time of the recording thread in `on_end`, which takes the span by value and so
//! pays for freeing it in one case and for queueing it in the other; `record_ns_per_span` is the
//! recording alone, from a reference. `wall_…` is what passes for the caller, and `cpu_…` is what the whole
//! process needed, background threads included, until the last span was sent. The batch processor
//! drops what its queue of 2,048 cannot hold; `otel_batch_delivered` is the part that came out.

#![expect(clippy::print_stdout, reason = "the figures are read from standard output")]
#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant, UNIX_EPOCH};

use criterion::{BatchSize, Criterion, Throughput};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use rustix::time::{ClockId, clock_gettime};
use sigyn_buffer::SpanBuffer;

const THREADS: [usize; 3] = [1, 4, 16];
const SPANS: usize = 48_000;
const ROUNDS: usize = 9;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    one_span(&mut criterion);
    criterion.final_summary();
    let (rounds, spans) = match std::env::args().any(|argument| argument == "--test") {
        true => (1, 1_600),
        false => (ROUNDS, SPANS),
    };
    for threads in THREADS {
        println!("{}", compare(threads, rounds, spans));
    }
}

/// An HTTP server span of about 400 encoded bytes, like those of the reference shop.
fn span(number: u64) -> SpanData {
    let text = |key: &'static str, value: &str| KeyValue::new(key, value.to_owned());
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(u128::from(number) << 64 | 0x1234_5678),
            SpanId::from(number | 1 << 60),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::from(number | 1 << 61),
        parent_span_is_remote: true,
        span_kind: SpanKind::Server,
        name: "GET /api/products/{id}".into(),
        start_time: UNIX_EPOCH + Duration::from_secs(1_790_000_000),
        end_time: UNIX_EPOCH + Duration::from_millis(1_790_000_000_042),
        attributes: vec![
            text("http.request.method", "GET"),
            text("http.route", "/api/products/{id}"),
            text("url.path", "/api/products/8124773"),
            text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) Firefox/131.0"),
            KeyValue::new("http.response.status_code", 200),
            KeyValue::new("server.port", 8080),
            text("server.address", "catalogue.shop.svc.cluster.local"),
            text("app.user.id", "user-0048123"),
            KeyValue::new("app.cache.hit", true),
        ],
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("shop-http")
            .with_version("1.4.0")
            .build(),
    }
}

fn one_span(criterion: &mut Criterion) {
    let buffer = SpanBuffer::new(16 << 20);
    let processor = buffer.processor();
    let one = span(7);
    let mut group = criterion.benchmark_group("buffer");
    group.throughput(Throughput::Elements(1));
    group.bench_function("record", |bencher| bencher.iter(|| buffer.record(black_box(&one))));
    group.bench_function("on_end", |bencher| {
        bencher.iter_batched(|| one.clone(), |one| processor.on_end(one), BatchSize::LargeInput);
    });
    group.finish();
}

/// One line for one number of threads; the median of the rounds.
fn compare(threads: usize, rounds: usize, spans: usize) -> serde_json::Value {
    let buffer = SpanBuffer::new(16 << 20);
    buffer.record(&span(1));
    let span_bytes = buffer.stats().held_bytes - 8;
    let ours = buffer.processor();
    let on_end = median(rounds, || run(threads, spans, |span| ours.on_end(span), || {}));
    let record = {
        let spans: Vec<_> = (0..spans as u64 / 4).map(span).collect();
        median(rounds, || {
            let start = Usage::of_thread();
            spans.iter().for_each(|span| buffer.record(black_box(span)));
            let cpu = Usage::of_thread() - start;
            Cost { thread: cpu / spans.len() as f64, ..Cost::default() }
        })
    };

    let sink = Sink::start();
    let mut batch = batch_processor(&sink);
    batch.set_resource(&Resource::builder().with_service_name("bench").build());
    let otel = median(rounds, || {
        let flush = || batch.force_flush().expect("the sink takes everything");
        run(threads, spans, |span| batch.on_end(span), flush)
    });
    batch.shutdown().expect("the sink takes everything");
    let delivered = sink.received_bytes.load(Ordering::Relaxed) as f64
        / (rounds * (spans / threads * threads)) as f64
        / span_bytes as f64;

    let stats = buffer.stats();
    let round = |value: f64| (value * 10.0).round() / 10.0;
    serde_json::json!({
        "bench": "buffer_record",
        "threads": threads,
        "span_bytes": span_bytes,
        "ns_per_span": round(on_end.thread),
        "record_ns_per_span": round(record.thread),
        "otel_batch_ns_per_span": round(otel.thread),
        "ratio": round(otel.thread / on_end.thread),
        "wall_ns_per_span": round(on_end.wall),
        "otel_batch_wall_ns_per_span": round(otel.wall),
        "cpu_ns_per_span": round(on_end.process),
        "otel_batch_cpu_ns_per_span": round(otel.process),
        "dropped": stats.dropped,
        "recorded": stats.recorded,
        "otel_batch_delivered": (delivered * 1_000.0).round() / 1_000.0,
    })
}

/// Nanoseconds a span.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// CPU time of the threads that end spans.
    thread: f64,
    /// CPU time of the process, until everything has been sent.
    process: f64,
    /// From the first to the last, times the threads that run side by side.
    wall: f64,
}

fn median(rounds: usize, mut round: impl FnMut() -> Cost) -> Cost {
    let costs: Vec<_> = (0..rounds).map(|_| round()).collect();
    let middle = |part: fn(&Cost) -> f64| {
        let mut values: Vec<_> = costs.iter().map(part).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Cost {
        thread: middle(|cost| cost.thread),
        process: middle(|cost| cost.process),
        wall: middle(|cost| cost.wall),
    }
}

/// Ends `spans` spans on `threads` threads. The spans are made before, outside of what is measured.
fn run(
    threads: usize,
    spans: usize,
    on_end: impl Fn(SpanData) + Sync,
    finish: impl FnOnce(),
) -> Cost {
    let each = spans / threads;
    let (ready, go, done) =
        (Barrier::new(threads + 1), Barrier::new(threads + 1), Barrier::new(threads + 1));
    let thread_ns = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (ready, go, done) = (&ready, &go, &done);
            let (on_end, thread_ns) = (&on_end, &thread_ns);
            scope.spawn(move || {
                let spans: Vec<_> =
                    (0..each as u64).map(|n| span(n * 64 + thread as u64)).collect();
                ready.wait();
                go.wait();
                let start = Usage::of_thread();
                spans.into_iter().for_each(on_end);
                thread_ns.fetch_add((Usage::of_thread() - start) as u64, Ordering::Relaxed);
                done.wait();
            });
        }
        ready.wait();
        let (process, wall) = (Usage::of_process(), Instant::now());
        go.wait();
        done.wait();
        let wall = wall.elapsed().as_nanos() as f64;
        finish();
        let process = Usage::of_process() - process;
        let count = (each * threads) as f64;
        let cores = std::thread::available_parallelism().map_or(1, usize::from).min(threads);
        Cost {
            thread: thread_ns.load(Ordering::Relaxed) as f64 / count,
            process: process / count,
            wall: wall * cores as f64 / count,
        }
    })
}

/// CPU time in nanoseconds, by the kernel's account: with more threads than cores, the clock on the
/// wall measures the scheduler.
struct Usage;

impl Usage {
    fn of_thread() -> f64 {
        Self::read(ClockId::ThreadCPUTime)
    }

    fn of_process() -> f64 {
        Self::read(ClockId::ProcessCPUTime)
    }

    fn read(clock: ClockId) -> f64 {
        let time = clock_gettime(clock);
        time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
    }
}

fn batch_processor(sink: &Sink) -> BatchSpanProcessor {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("http://{}/v1/traces", sink.address))
        .build()
        .expect("the endpoint is valid");
    BatchSpanProcessor::builder(exporter).build()
}

/// A collector that takes everything and does nothing.
struct Sink {
    address: std::net::SocketAddr,
    received_bytes: Arc<AtomicU64>,
}

impl Sink {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
        let address = listener.local_addr().expect("it is bound");
        let received_bytes = Arc::new(AtomicU64::new(0));
        let received = received_bytes.clone();
        // Ends with the process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let received = received.clone();
                std::thread::spawn(move || drop(serve(stream, &received)));
            }
        });
        Self { address, received_bytes }
    }
}

fn serve(mut stream: TcpStream, received_bytes: &AtomicU64) -> std::io::Result<()> {
    let (mut buffer, mut held) = (vec![0; 1 << 20], 0);
    loop {
        let head_end = loop {
            let head_end = buffer[..held].windows(4).position(|window| window == b"\r\n\r\n");
            if let Some(end) = head_end {
                break end + 4;
            }
            match stream.read(&mut buffer[held..])? {
                0 => return Ok(()),
                count => held += count,
            }
        };
        let head = String::from_utf8_lossy(&buffer[..head_end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.and_then(|length| length.trim().parse().ok()).unwrap_or(0);
        let mut missing = (head_end + length).saturating_sub(held);
        while missing > 0 {
            let wanted = missing.min(buffer.len());
            match stream.read(&mut buffer[..wanted])? {
                0 => return Ok(()),
                count => missing -= count,
            }
        }
        held = 0;
        received_bytes.fetch_add(length as u64, Ordering::Relaxed);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}
