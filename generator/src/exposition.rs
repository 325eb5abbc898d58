//! The series as Prometheus scrapes them: OpenMetrics text, or protobuf, which alone carries native
//! histograms.

mod protobuf;
mod text;

use crate::{histogram::ExemplarPoint, series::Family};

/// Of OpenMetrics text.
pub const TEXT_CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Of protobuf with a length before each family.
pub const PROTOBUF_CONTENT_TYPE: &str = "application/vnd.google.protobuf; \
     proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// The exemplar label under which Tempo's generator writes the trace ID.
const TRACE_LABEL: &str = "traceID";
const SPAN_LABEL: &str = "spanID";

/// How series are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenMetrics 1.0.
    Text,
    /// `io.prometheus.client.MetricFamily`, delimited.
    Protobuf,
}

impl Format {
    /// What a scraper wants, by its `Accept` header: protobuf when it names that first, as Prometheus does once it
    /// keeps native histograms.
    pub fn of_accept(accept: &str) -> Self {
        let protobuf = accept.find("io.prometheus.client.MetricFamily");
        let text = accept.find("openmetrics-text").unwrap_or(usize::MAX);
        if protobuf.is_some_and(|at| at < text) { Self::Protobuf } else { Self::Text }
    }

    /// The `Content-Type` of what [`write`] gives.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => TEXT_CONTENT_TYPE,
            Self::Protobuf => PROTOBUF_CONTENT_TYPE,
        }
    }
}

/// Writes all families.
pub fn write(families: &[Family], format: Format) -> Vec<u8> {
    match format {
        Format::Text => text::write(families).into_bytes(),
        Format::Protobuf => protobuf::write(families),
    }
}

fn exemplar_labels(point: &ExemplarPoint) -> [(&'static str, String); 2] {
    [(TRACE_LABEL, point.trace_id.to_string()), (SPAN_LABEL, point.span_id.to_string())]
}
