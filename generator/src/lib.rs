//! Metrics made from spans: how often, how many failed, how long (`traces_spanmetrics_*`), and who
//! calls whom (`traces_service_graph_*`), under Tempo's names, so that Grafana's service map and
//! tables work on them as they are.
//!
//! It reads the columns that the store has just taken in and keeps counters and histograms in
//! memory, bounded in number. It is not: a part of the store (it writes no span), a scraper, or a
//! sender: whoever shows or sends the metrics asks for them.

mod config;
mod dimension;
mod edges;
mod exposition;
mod generator;
mod histogram;
mod native;
mod seen;
mod series;
mod service_graph;
mod span_metrics;
mod spans;
mod state;
mod target_info;

pub use config::{Config, Histograms, ServiceGraphs, SpanMetrics};
pub use exposition::{Format, PROTOBUF_CONTENT_TYPE, TEXT_CONTENT_TYPE, write};
pub use generator::{Arrival, Generator, Stats};
pub use histogram::{Buckets, ExemplarPoint, HistogramValue};
pub use native::{NativeHistogram, Span};
pub use series::{Family, Kind, Labels, Point, Value};
pub use state::StateError;
