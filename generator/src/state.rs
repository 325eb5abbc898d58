//! The generator's whole state as bytes: for the next life of the process, or for a replica that is
//! to go on where this one stands.
//!
//! Exemplars are not part of it: new ones come with the next spans.

use crate::{
    config::Config,
    edges::{Edge, Side},
    generator::State,
    histogram::{ExemplarPoint, HistogramValue},
    seen::Seen,
    service_graph::Calls,
    span_metrics::SpanStatistics,
};
use prost::Message;
use sigyn_store::{SpanId, TraceId};
use std::{hash::BuildHasher, sync::Arc, time::Duration};

/// Changes when what is below changes.
const VERSION: u32 = 1;

/// Why a state is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateError {
    /// It is not one, or it is damaged.
    Malformed,
    /// It was made with other settings, or by another version.
    OtherSettings,
}

impl std::error::Error for StateError {}

impl std::fmt::Display for StateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the state is damaged",
            Self::OtherSettings => "the state was made with other settings of metrics_generator",
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct SavedState {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(fixed64, tag = "2")]
    settings: u64,
    /// Spans that ended before this moment were counted, as far as they came in time.
    #[prost(fixed64, tag = "3")]
    counted_before_unix_nano: u64,
    #[prost(fixed64, repeated, tag = "4")]
    seen: Vec<u64>,
    #[prost(message, repeated, tag = "5")]
    spans: Vec<SavedSpans>,
    #[prost(message, repeated, tag = "6")]
    calls: Vec<SavedCalls>,
    #[prost(message, repeated, tag = "7")]
    edges: Vec<SavedEdge>,
    #[prost(message, repeated, tag = "8")]
    targets: Vec<SavedTarget>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedSpans {
    #[prost(string, repeated, tag = "1")]
    values: Vec<String>,
    #[prost(uint64, tag = "2")]
    age_nano: u64,
    #[prost(uint64, tag = "3")]
    size: u64,
    #[prost(message, optional, tag = "4")]
    latency: Option<SavedHistogram>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedCalls {
    #[prost(string, repeated, tag = "1")]
    values: Vec<String>,
    #[prost(uint64, tag = "2")]
    age_nano: u64,
    #[prost(uint64, tag = "3")]
    total: u64,
    #[prost(uint64, tag = "4")]
    failed: u64,
    #[prost(message, optional, tag = "5")]
    server: Option<SavedHistogram>,
    #[prost(message, optional, tag = "6")]
    client: Option<SavedHistogram>,
    #[prost(message, optional, tag = "7")]
    messaging: Option<SavedHistogram>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedHistogram {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(double, tag = "2")]
    sum: f64,
    #[prost(uint64, repeated, tag = "3")]
    counts: Vec<u64>,
    #[prost(sint32, optional, tag = "4")]
    schema: Option<i32>,
    #[prost(uint64, tag = "5")]
    zero_count: u64,
    #[prost(sint32, repeated, tag = "6")]
    indexes: Vec<i32>,
    #[prost(uint64, repeated, tag = "7")]
    native_counts: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedEdge {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(uint64, tag = "3")]
    left_nano: u64,
    #[prost(message, optional, tag = "4")]
    client: Option<SavedSide>,
    #[prost(message, optional, tag = "5")]
    server: Option<SavedSide>,
    #[prost(bool, tag = "6")]
    is_answered: bool,
    #[prost(message, repeated, tag = "7")]
    more: Vec<SavedSide>,
}

#[derive(Clone, PartialEq, Message)]
struct SavedSide {
    #[prost(string, tag = "1")]
    service: String,
    #[prost(bool, tag = "2")]
    failed: bool,
    #[prost(bytes = "vec", tag = "3")]
    span_id: Vec<u8>,
    #[prost(double, tag = "4")]
    seconds: f64,
    #[prost(fixed64, tag = "5")]
    end_unix_nano: u64,
    #[prost(fixed64, tag = "6")]
    start_unix_nano: u64,
    #[prost(string, repeated, tag = "7")]
    dimensions: Vec<String>,
    #[prost(string, optional, tag = "8")]
    peer: Option<String>,
    #[prost(bool, tag = "9")]
    is_root: bool,
    #[prost(bool, tag = "10")]
    is_messaging: bool,
}

#[derive(Clone, PartialEq, Message)]
struct SavedTarget {
    #[prost(string, repeated, tag = "1")]
    labels: Vec<String>,
    #[prost(uint64, tag = "2")]
    age_nano: u64,
}

pub(crate) fn save(state: &State, config: &Config, now: Duration, now_unix_nano: u64) -> Vec<u8> {
    let mut saved = SavedState {
        version: VERSION,
        settings: fingerprint(config),
        counted_before_unix_nano: now_unix_nano.saturating_add_signed(-state.seen.age_nano(now)),
        seen: state.seen.iter().collect(),
        ..SavedState::default()
    };
    let age = |touched: Duration| nanoseconds(now.saturating_sub(touched));
    for series in state.spans.iter().flat_map(|it| it.table.iter()) {
        saved.spans.push(SavedSpans {
            values: texts(&series.values),
            age_nano: age(series.touched),
            size: series.value.size,
            latency: Some(SavedHistogram::of(&series.value.latency)),
        });
    }
    if let Some(calls) = &state.calls {
        for series in calls.table.iter() {
            let Calls { total, failed, server, client, messaging } = &series.value;
            saved.calls.push(SavedCalls {
                values: texts(&series.values),
                age_nano: age(series.touched),
                total: *total,
                failed: *failed,
                server: Some(SavedHistogram::of(server)),
                client: Some(SavedHistogram::of(client)),
                messaging: messaging.as_deref().map(SavedHistogram::of),
            });
        }
        for waiting in calls.edges.waiting(now) {
            let (trace_id, span_id) = waiting.key;
            saved.edges.push(SavedEdge {
                trace_id: trace_id.0.to_vec(),
                span_id: span_id.0.to_vec(),
                left_nano: nanoseconds(waiting.left),
                client: waiting.edge.client.as_ref().map(SavedSide::of),
                server: waiting.edge.server.as_ref().map(SavedSide::of),
                is_answered: waiting.edge.is_answered,
                more: waiting.edge.more.iter().map(SavedSide::of).collect(),
            });
        }
    }
    for (labels, touched) in state.target_info.iter().flat_map(|it| &it.seen) {
        let labels = labels.iter().flat_map(|(name, value)| [name.to_string(), value.to_string()]);
        saved.targets.push(SavedTarget { labels: labels.collect(), age_nano: age(*touched) });
    }
    saved.encode_to_vec()
}

/// Fills an empty state. Returns the moment before which spans are taken for counted.
pub(crate) fn restore(
    state: &mut State,
    config: &Config,
    bytes: &[u8],
    now: Duration,
    now_unix_nano: u64,
) -> Result<u64, StateError> {
    let saved = SavedState::decode(bytes).map_err(|_| StateError::Malformed)?;
    if saved.version != VERSION || saved.settings != fingerprint(config) {
        return Err(StateError::OtherSettings);
    }
    let age_nano = now_unix_nano.saturating_sub(saved.counted_before_unix_nano);
    state.seen = Seen::restore(saved.seen, age_nano as i64, now);
    let touched = |age_nano| now.saturating_sub(Duration::from_nanos(age_nano));
    if let Some(spans) = &mut state.spans {
        for series in saved.spans {
            let latency = Arc::new(read(series.latency, spans.empty())?);
            let statistics = SpanStatistics { latency, size: series.size };
            spans.table.restore(&shared(series.values), touched(series.age_nano), statistics);
        }
    }
    if let Some(calls) = &mut state.calls {
        for series in saved.calls {
            let messaging = series.messaging.map(|it| read(Some(it), calls.empty()));
            let value = Calls {
                total: series.total,
                failed: series.failed,
                server: read(series.server, calls.empty())?.into(),
                client: read(series.client, calls.empty())?.into(),
                messaging: messaging.transpose()?.map(Arc::new),
            };
            calls.table.restore(&shared(series.values), touched(series.age_nano), value);
        }
        for saved in saved.edges {
            let trace_id = TraceId(fixed(&saved.trace_id)?);
            let side = |side: Option<SavedSide>| side.map(|it| it.read(trace_id)).transpose();
            let edge = Edge {
                client: side(saved.client)?,
                server: side(saved.server)?,
                more: saved
                    .more
                    .into_iter()
                    .map(|it| it.read(trace_id))
                    .collect::<Result<_, _>>()?,
                is_answered: saved.is_answered,
            };
            let until = now + Duration::from_nanos(saved.left_nano);
            calls.edges.restore((trace_id, SpanId(fixed(&saved.span_id)?)), edge, until);
        }
    }
    if let Some(target_info) = &mut state.target_info {
        for target in saved.targets {
            let pairs = target.labels.chunks_exact(2);
            let labels = pairs.map(|it| (it[0].as_str().into(), it[1].as_str().into())).collect();
            target_info.seen.insert(labels, touched(target.age_nano));
        }
    }
    Ok(saved.counted_before_unix_nano)
}

impl SavedHistogram {
    fn of(value: &HistogramValue) -> Self {
        let native = value.native.as_deref();
        let buckets = native.map(|native| &native.buckets);
        Self {
            count: value.count,
            sum: value.sum,
            counts: value.counts.clone(),
            schema: native.map(|native| native.schema),
            zero_count: native.map_or(0, |native| native.zero_count),
            indexes: buckets.map(|it| it.keys().copied().collect()).unwrap_or_default(),
            native_counts: buckets.map(|it| it.values().copied().collect()).unwrap_or_default(),
        }
    }
}

fn read(
    saved: Option<SavedHistogram>,
    empty: HistogramValue,
) -> Result<HistogramValue, StateError> {
    let saved = saved.ok_or(StateError::Malformed)?;
    let mut value = HistogramValue { count: saved.count, sum: saved.sum, ..empty };
    if saved.counts.len() != value.counts.len() {
        return Err(StateError::Malformed);
    }
    value.counts = saved.counts;
    if let (Some(native), Some(schema)) = (&mut value.native, saved.schema) {
        native.schema = schema;
        native.zero_count = saved.zero_count;
        native.buckets = saved.indexes.into_iter().zip(saved.native_counts).collect();
    }
    Ok(value)
}

impl SavedSide {
    fn of(side: &Side) -> Self {
        Self {
            service: side.service.to_string(),
            failed: side.failed,
            span_id: side.point.span_id.0.to_vec(),
            seconds: side.point.value,
            end_unix_nano: side.point.timestamp_unix_nano,
            start_unix_nano: side.start_unix_nano,
            dimensions: texts(&side.dimensions),
            peer: side.peer.as_ref().map(ToString::to_string),
            is_root: side.is_root,
            is_messaging: side.is_messaging,
        }
    }

    fn read(self, trace_id: TraceId) -> Result<Side, StateError> {
        let point = ExemplarPoint {
            trace_id,
            span_id: SpanId(fixed(&self.span_id)?),
            value: self.seconds,
            timestamp_unix_nano: self.end_unix_nano,
        };
        Ok(Side {
            service: self.service.into(),
            failed: self.failed,
            point,
            start_unix_nano: self.start_unix_nano,
            dimensions: shared(self.dimensions),
            peer: self.peer.map(Arc::from),
            is_root: self.is_root,
            is_messaging: self.is_messaging,
        })
    }
}

/// Two generators of one fingerprint have the same series with the same buckets.
fn fingerprint(config: &Config) -> u64 {
    rapidhash::fast::SeedableState::fixed().hash_one(format!("{config:?}"))
}

fn texts(values: &[Arc<str>]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

fn shared(values: Vec<String>) -> Box<[Arc<str>]> {
    values.into_iter().map(Arc::from).collect()
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], StateError> {
    bytes.try_into().map_err(|_| StateError::Malformed)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
