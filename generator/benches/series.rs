//! What series cost: memory, and CPU at an interval of 15 seconds in which each of them gets spans, is shown once as text
//! and saved three times. One JSON object a line.
//!
//! A label set is 15 bucket series with an exemplar each, and four more. Sizes are numbers of label sets.

#![expect(clippy::print_stdout, reason = "its output is its result")]

use arrow_array::{
    Array, ArrayRef, DictionaryArray, FixedSizeBinaryArray, Int64Array, StringArray, UInt8Array,
    UInt32Array, UInt64Array, new_null_array, types::UInt32Type,
};
use sigyn_generator::{Arrival, Config, Format, Generator, SpanMetrics, write};
use sigyn_store::{AttributeScope, Children, Error, Field, Source, TimeRange, TraceId};
use std::{fs, sync::Arc, time::Duration};

const START_UNIX_NANO: u64 = 1_800_000_000_000_000_000;
const INTERVAL_SECONDS: f64 = 15.0;
const BUCKETS: usize = 15;
const ROWS: usize = 8192;

/// Spans of some operations, each of a duration that falls into one bucket.
struct Spans {
    round: usize,
    operations: std::ops::Range<usize>,
}

impl Spans {
    fn texts(values: impl Iterator<Item = String>) -> ArrayRef {
        let values: StringArray = values.map(Some).collect();
        let keys = UInt32Array::from_iter_values(0..values.len() as u32);
        Arc::new(DictionaryArray::<UInt32Type>::new(keys, Arc::new(values)))
    }

    fn ids(&self, width: usize) -> ArrayRef {
        let id = |operation: usize| {
            let mut id = vec![0; width];
            let number =
                (operation * BUCKETS + self.round % BUCKETS + self.round * 10_000_000) as u64;
            id[width - 8..].copy_from_slice(&(number + 1).to_be_bytes());
            id
        };
        let ids = self.operations.clone().map(id);
        Arc::new(FixedSizeBinaryArray::try_from_iter(ids).expect("all have one width"))
    }
}

impl Source for Spans {
    fn rows(&self) -> usize {
        self.operations.len()
    }

    fn time_range(&self) -> TimeRange {
        TimeRange { start_min_unix_nano: START_UNIX_NANO, start_max_unix_nano: START_UNIX_NANO }
    }

    fn field(&self, field: Field) -> Result<ArrayRef, Error> {
        let rows = self.rows();
        Ok(match field {
            Field::TraceId => self.ids(16),
            Field::SpanId => self.ids(8),
            Field::ParentSpanId => new_null_array(self.ids(8).data_type(), rows),
            Field::StartUnixNano => {
                Arc::new(UInt64Array::from(vec![START_UNIX_NANO + self.round as u64; rows]))
            }
            Field::DurationNano => {
                let nano = 1_500_000i64 << (self.round % BUCKETS);
                Arc::new(Int64Array::from(vec![nano; rows]))
            }
            Field::Kind => Arc::new(UInt8Array::from(vec![2; rows])),
            Field::StatusCode => Arc::new(UInt8Array::from(vec![0; rows])),
            Field::Name => {
                Self::texts(self.operations.clone().map(|it| format!("GET /api/shop/items/{it}")))
            }
            Field::ServiceName => {
                let service = |operation: usize| format!("service-{}", operation % 50);
                Self::texts(self.operations.clone().map(service))
            }
            _ => Self::texts((0..rows).map(|_| String::new())),
        })
    }

    fn field_at(&self, _: Field, _: &UInt32Array) -> Result<ArrayRef, Error> {
        unreachable!("the generator asks for whole columns")
    }

    fn attribute_at(
        &self,
        _: AttributeScope,
        _: &str,
        _: &UInt32Array,
    ) -> Result<Vec<ArrayRef>, Error> {
        unreachable!("the generator asks for whole columns")
    }

    fn attribute(&self, _: AttributeScope, _: &str) -> Result<Vec<ArrayRef>, Error> {
        Ok(Vec::new())
    }

    fn attribute_names(&self, _: AttributeScope) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    fn children(&self, _: AttributeScope) -> Result<Arc<dyn Children>, Error> {
        unreachable!("the generator asks for no events")
    }

    fn rows_of(&self, _: &TraceId) -> Result<UInt32Array, Error> {
        unreachable!("the generator asks for no trace")
    }

    fn may_hold(&self, _: &TraceId) -> Result<bool, Error> {
        unreachable!("the generator asks for no trace")
    }

    fn size_bytes(&self) -> u64 {
        0
    }
}

fn main() {
    // `cargo test --benches` passes no `--bench`: then it only shows that it still runs.
    let full = std::env::args().any(|argument| argument == "--bench");
    for label_sets in if full { vec![100_000 / BUCKETS, 100_000] } else { vec![100] } {
        measure(label_sets);
    }
}

fn measure(label_sets: usize) {
    let resident_before = resident_bytes();
    let config = Config { span_metrics: Some(SpanMetrics::default()), ..Config::default() };
    let generator = Generator::new(&config);
    let round = |round: usize| {
        let now = Duration::from_secs(round as u64);
        for first in (0..label_sets).step_by(ROWS) {
            let operations = first..label_sets.min(first + ROWS);
            let spans = Spans { round, operations };
            let rows = 0..spans.rows();
            generator.observe(&spans, rows, Arrival::Live, now).expect("these columns are there");
        }
        generator.expire(now);
    };
    (0..BUCKETS).for_each(round);
    let held = resident_bytes().saturating_sub(resident_before);

    // An interval's work, after the first: each second some spans, each five the state, at its end the text.
    let cpu_before = cpu_seconds();
    let mut text_bytes = 0;
    let mut state_bytes = 0;
    for second in 0..15 {
        round(BUCKETS + second);
        if second % 5 == 0 {
            state_bytes = generator.save(Duration::from_secs(60), START_UNIX_NANO).len();
        }
    }
    text_bytes += write(&generator.collect(), Format::Text).len();
    let cpu = cpu_seconds() - cpu_before;
    println!(
        r#"{{"bench":"generator_series","label_sets":{label_sets},"bucket_series":{},"resident_mb":{:.1},"peak_mb":{:.1},"cpu_percent_of_a_core":{:.2},"text_mb":{:.1},"state_mb":{:.1}}}"#,
        label_sets * BUCKETS,
        held as f64 / 1e6,
        resident_peak_bytes().saturating_sub(resident_before) as f64 / 1e6,
        cpu / INTERVAL_SECONDS * 100.0,
        text_bytes as f64 / 1e6,
        state_bytes as f64 / 1e6,
    );
}

/// User and system time of the whole process, in clock ticks of 10 ms.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn resident_bytes() -> u64 {
    status("VmRSS:")
}

fn resident_peak_bytes() -> u64 {
    status("VmHWM:")
}

fn status(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}
