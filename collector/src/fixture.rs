//! What the tests of this crate share: a real store in a temporary folder, a clock, OTLP bodies.

use prometheus_client::registry::Registry;
use prost::Message;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, TracesData},
};
use sigyn_store::{Clock, Config, Store, TraceId};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;

/// Begins at a fixed moment and runs with tokio's time.
pub(crate) struct TestClock {
    began: tokio::time::Instant,
}

pub(crate) const BEGAN_UNIX_NANO: u64 = 1_766_400_000_000_000_000;

impl TestClock {
    pub(crate) fn start() -> Arc<Self> {
        Arc::new(Self { began: tokio::time::Instant::now() })
    }
}

impl Clock for TestClock {
    fn now_unix_nano(&self) -> u64 {
        BEGAN_UNIX_NANO + self.began.elapsed().as_nanos() as u64
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }
}

/// A store that goes away with its folder.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    pub(crate) folder: TempDir,
}

impl TestStore {
    pub(crate) async fn open(clock: Arc<dyn Clock>) -> Self {
        Self::open_with(clock, 1 << 30).await
    }

    pub(crate) async fn open_with(clock: Arc<dyn Clock>, journal_bytes_max: u64) -> Self {
        Self::at(tempfile::tempdir().unwrap(), clock, journal_bytes_max).await
    }

    /// Closes the store and opens its folder again.
    pub(crate) async fn reopen(self) -> Self {
        self.store.close().await.unwrap();
        drop(self.store);
        Self::at(self.folder, TestClock::start(), 1 << 30).await
    }

    async fn at(folder: TempDir, clock: Arc<dyn Clock>, journal_bytes_max: u64) -> Self {
        let config = Config {
            head_bytes_max: 256 << 20,
            head_age_max: Duration::from_secs(600),
            journal_bytes_max,
            exemplar_retention: Duration::from_secs(3600),
            ..Config::at(folder.path())
        };
        let store = Store::open(config, clock, &mut Registry::default()).await.unwrap();
        Self { store, folder }
    }

    /// Spans that can be searched.
    pub(crate) fn spans(&self) -> usize {
        self.store.snapshot().sources.iter().map(|source| source.rows()).sum()
    }

    pub(crate) async fn trace(&self, id: u8) -> TracesData {
        let bytes = self.store.trace(TraceId([id; 16])).await.unwrap().expect("the trace is there");
        TracesData::decode(bytes).unwrap()
    }
}

/// A valid span; its trace has sixteen times this byte as ID.
pub(crate) fn span(id: u8) -> Span {
    Span {
        trace_id: vec![id; 16],
        span_id: vec![id; 8],
        name: format!("span {id}"),
        start_time_unix_nano: BEGAN_UNIX_NANO,
        end_time_unix_nano: BEGAN_UNIX_NANO + 5,
        ..Span::default()
    }
}

pub(crate) fn request(spans: Vec<Span>, resource: &[(&str, &str)]) -> ExportTraceServiceRequest {
    let attributes = resource.iter().map(|(name, value)| attribute(name, value)).collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
}

/// An OTLP body with one span for each ID.
pub(crate) fn body(ids: impl IntoIterator<Item = u8>) -> Vec<u8> {
    request(ids.into_iter().map(span).collect(), &[("job", "own")]).encode_to_vec()
}

fn attribute(name: &str, value: &str) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) }),
        ..KeyValue::default()
    }
}

/// The resource attributes of a trace's first span, as text, sorted.
pub(crate) fn resource_of(trace: &TracesData) -> Vec<(String, String)> {
    let resource = trace.resource_spans[0].resource.as_ref().unwrap();
    let mut all: Vec<_> = resource
        .attributes
        .iter()
        .map(|attribute| {
            let value = match &attribute.value {
                Some(AnyValue { value: Some(Value::StringValue(text)) }) => text.clone(),
                other => format!("{other:?}"),
            };
            (attribute.key.clone(), value)
        })
        .collect();
    all.sort();
    all
}

pub(crate) fn gzip(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Waits until it is so, a second at most.
#[track_caller]
pub(crate) fn eventually(mut so: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for _ in 0..200 {
            if so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it never came to be, {caller}");
    }
}

/// What a client of another system sent, as it lies in `testdata/receivers`.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/receivers");
    let bytes = std::fs::read(format!("{folder}/{name}")).unwrap();
    if !name.ends_with(".hex") {
        return bytes;
    }
    let digits = bytes.trim_ascii();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}
