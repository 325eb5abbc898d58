//! What a finished span costs its app: this buffer, and OpenTelemetry's batch processor with its OTLP
//! exporter on the same spans.
//!
//! `ns_per_span` is CPU time of the recording thread in `on_end`, which takes the span by value: here
//! it is encoded and freed, there it is queued. `record_ns_per_span` is the recording alone, from a
//! reference, always on one thread. `cpu_ns_per_span` is what the whole process needs in all, background threads and sending
//! included. The batch processor's queue is made large enough to lose nothing, because dropping
//! spans is cheap; `otel_batch_delivered` says how much of the bytes came out at the sink. `ratio` is
//! that of all CPU time, `on_end_ratio` that of the thread that ends the span.

#![expect(clippy::print_stdout, reason = "the figures are read from standard output")]

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use criterion::{BatchSize, Criterion, Throughput};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor,
};
use rustix::time::{ClockId, clock_gettime};
use sigyn_buffer::SpanBuffer;

const THREADS: [usize; 3] = [1, 4, 16];
const SPANS: usize = 48_000;
const ROUNDS: usize = 9;
/// Spans made at a time: few enough to be in the cache when they end, as in an app.
const BATCH: usize = 128;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    one_span(&mut criterion);
    criterion.final_summary();
    // As a test, it only shows that it still runs.
    let given = |name: &str| std::env::args().any(|argument| argument == name);
    let measures = given("--bench") && !given("--test");
    let (rounds, spans) = if measures { (ROUNDS, SPANS) } else { (1, 16 * BATCH) };
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
        let few: Vec<_> = (0..BATCH as u64).map(span).collect();
        median(rounds, || {
            let start = Usage::of_thread();
            few.iter().cycle().take(spans).for_each(|span| buffer.record(black_box(span)));
            let cpu = Usage::of_thread() - start;
            Cost { thread: cpu / spans as f64, ..Cost::default() }
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
        / (rounds * (spans / threads / BATCH * BATCH * threads)) as f64
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
        "on_end_ratio": round(otel.thread / on_end.thread),
        "cpu_ns_per_span": round(on_end.process),
        "otel_batch_cpu_ns_per_span": round(otel.process),
        "ratio": round(otel.process / on_end.process),
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
}

fn median(rounds: usize, mut round: impl FnMut() -> Cost) -> Cost {
    let costs: Vec<_> = (0..rounds).map(|_| round()).collect();
    let middle = |part: fn(&Cost) -> f64| {
        let mut values: Vec<_> = costs.iter().map(part).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Cost { thread: middle(|cost| cost.thread), process: middle(|cost| cost.process) }
}

/// Ends `spans` spans on `threads` threads. What making the spans costs is not counted.
fn run(
    threads: usize,
    spans: usize,
    on_end: impl Fn(SpanData) + Sync,
    finish: impl FnOnce(),
) -> Cost {
    let batches = spans / threads / BATCH;
    let (on_end_ns, making_ns) = (AtomicU64::new(0), AtomicU64::new(0));
    let process = Usage::of_process();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (on_end, on_end_ns, making_ns) = (&on_end, &on_end_ns, &making_ns);
            scope.spawn(move || {
                let mut made = Vec::with_capacity(BATCH);
                for batch in 0..batches {
                    let begin = Usage::of_thread();
                    made.extend((0..BATCH).map(|n| span((batch * BATCH + n + thread) as u64)));
                    let start = Usage::of_thread();
                    made.drain(..).for_each(on_end);
                    let end = Usage::of_thread();
                    making_ns.fetch_add((start - begin) as u64, Ordering::Relaxed);
                    on_end_ns.fetch_add((end - start) as u64, Ordering::Relaxed);
                }
            });
        }
    });
    finish();
    let process = Usage::of_process() - process - making_ns.into_inner() as f64;
    let count = (batches * BATCH * threads) as f64;
    Cost { thread: on_end_ns.into_inner() as f64 / count, process: process / count }
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
    let queue = BatchConfigBuilder::default().with_max_queue_size(2 * SPANS).build();
    BatchSpanProcessor::builder(exporter).with_batch_config(queue).build()
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
