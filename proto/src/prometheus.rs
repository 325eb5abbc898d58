//! Prometheus' messages: the protobuf exposition format (`io.prometheus.client`) and remote write,
//! versions 1 (`prometheus.WriteRequest`) and 2 (`io.prometheus.write.v2.Request`).
//!
//! Only what is read or written here is named; unknown fields are passed over.

/// `io.prometheus.client`: one message a metric family, each with its length before it.
pub mod exposition {
    use prost::{Enumeration, Message};

    /// All series of a metric.
    #[derive(Clone, PartialEq, Message)]
    pub struct MetricFamily {
        /// With all suffixes that the text format would show but those of histograms.
        #[prost(string, tag = "1")]
        pub name: String,
        /// One line for people.
        #[prost(string, tag = "2")]
        pub help: String,
        /// Which of a metric's values is set.
        #[prost(enumeration = "MetricType", tag = "3")]
        pub r#type: i32,
        /// The series.
        #[prost(message, repeated, tag = "4")]
        pub metric: Vec<Metric>,
        /// Such as `seconds`.
        #[prost(string, tag = "5")]
        pub unit: String,
    }

    /// Kinds of metrics.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
    #[repr(i32)]
    pub enum MetricType {
        /// Only grows.
        Counter = 0,
        /// Goes up and down.
        Gauge = 1,
        /// Quantiles.
        Summary = 2,
        /// Nobody says.
        Untyped = 3,
        /// Counts by size.
        Histogram = 4,
        /// Counts by size that may shrink.
        GaugeHistogram = 5,
    }

    /// One series.
    #[derive(Clone, PartialEq, Message)]
    pub struct Metric {
        /// Without `__name__`.
        #[prost(message, repeated, tag = "1")]
        pub label: Vec<LabelPair>,
        /// Set for its type.
        #[prost(message, optional, tag = "2")]
        pub gauge: Option<Number>,
        /// Set for its type.
        #[prost(message, optional, tag = "3")]
        pub counter: Option<Counter>,
        /// Set for its type.
        #[prost(message, optional, tag = "5")]
        pub untyped: Option<Number>,
        /// Set for its type.
        #[prost(message, optional, tag = "7")]
        pub histogram: Option<Histogram>,
        /// When it was observed, if the application says so.
        #[prost(int64, optional, tag = "6")]
        pub timestamp_ms: Option<i64>,
    }

    /// A label.
    #[derive(Clone, PartialEq, Eq, Message)]
    pub struct LabelPair {
        /// Its name.
        #[prost(string, tag = "1")]
        pub name: String,
        /// Its value.
        #[prost(string, tag = "2")]
        pub value: String,
    }

    /// A gauge, or a value without a type.
    #[derive(Clone, Copy, PartialEq, Message)]
    pub struct Number {
        /// Its value.
        #[prost(double, tag = "1")]
        pub value: f64,
    }

    /// A counter.
    #[derive(Clone, PartialEq, Message)]
    pub struct Counter {
        /// Its value.
        #[prost(double, tag = "1")]
        pub value: f64,
        /// One that was counted.
        #[prost(message, optional, tag = "2")]
        pub exemplar: Option<Exemplar>,
    }

    /// A histogram, classic, native or both. Floating point counts are not read.
    #[derive(Clone, PartialEq, Message)]
    pub struct Histogram {
        /// All observations.
        #[prost(uint64, tag = "1")]
        pub sample_count: u64,
        /// Their sum.
        #[prost(double, tag = "2")]
        pub sample_sum: f64,
        /// Classic buckets, cumulative.
        #[prost(message, repeated, tag = "3")]
        pub bucket: Vec<Bucket>,
        /// Native: resolution.
        #[prost(sint32, optional, tag = "5")]
        pub schema: Option<i32>,
        /// Native: what counts as zero.
        #[prost(double, optional, tag = "6")]
        pub zero_threshold: Option<f64>,
        /// Native: how many are zero.
        #[prost(uint64, optional, tag = "7")]
        pub zero_count: Option<u64>,
        /// Native: runs of buckets of negative values in use.
        #[prost(message, repeated, tag = "9")]
        pub negative_span: Vec<BucketSpan>,
        /// Native: runs of buckets in use.
        #[prost(message, repeated, tag = "12")]
        pub positive_span: Vec<BucketSpan>,
        /// Native: differences of the counts of neighbours.
        #[prost(sint64, repeated, packed = "false", tag = "13")]
        pub positive_delta: Vec<i64>,
        /// Native: observations, which must say their time.
        #[prost(message, repeated, tag = "16")]
        pub exemplars: Vec<Exemplar>,
    }

    /// A classic bucket.
    #[derive(Clone, PartialEq, Message)]
    pub struct Bucket {
        /// Observations up to the bound.
        #[prost(uint64, tag = "1")]
        pub cumulative_count: u64,
        /// The bound, inclusive.
        #[prost(double, tag = "2")]
        pub upper_bound: f64,
        /// One that is in this bucket.
        #[prost(message, optional, tag = "3")]
        pub exemplar: Option<Exemplar>,
    }

    /// A run of native buckets.
    #[derive(Clone, Copy, PartialEq, Eq, Message)]
    pub struct BucketSpan {
        /// Buckets passed over since the last run.
        #[prost(sint32, tag = "1")]
        pub offset: i32,
        /// Its length.
        #[prost(uint32, tag = "2")]
        pub length: u32,
    }

    /// An observation.
    #[derive(Clone, PartialEq, Message)]
    pub struct Exemplar {
        /// Such as `trace_id`.
        #[prost(message, repeated, tag = "1")]
        pub label: Vec<LabelPair>,
        /// What was observed.
        #[prost(double, tag = "2")]
        pub value: f64,
        /// When.
        #[prost(message, optional, tag = "3")]
        pub timestamp: Option<Timestamp>,
    }

    /// `google.protobuf.Timestamp`.
    #[derive(Clone, Copy, PartialEq, Eq, Message)]
    pub struct Timestamp {
        /// Since the Unix epoch.
        #[prost(int64, tag = "1")]
        pub seconds: i64,
        /// Of the second.
        #[prost(int32, tag = "2")]
        pub nanos: i32,
    }
}

/// Remote write 1: `prometheus.WriteRequest`.
pub mod write_v1 {
    use super::exposition::BucketSpan;
    use prost::Message;

    /// A body, compressed with snappy.
    #[derive(Clone, PartialEq, Message)]
    pub struct WriteRequest {
        /// The series.
        #[prost(message, repeated, tag = "1")]
        pub timeseries: Vec<TimeSeries>,
        /// What the metrics are.
        #[prost(message, repeated, tag = "3")]
        pub metadata: Vec<Metadata>,
    }

    /// Kind and help of a metric.
    #[derive(Clone, PartialEq, Eq, Message)]
    pub struct Metadata {
        /// 1 counter, 2 gauge, 3 histogram.
        #[prost(int32, tag = "1")]
        pub r#type: i32,
        /// The name without the suffixes of its series.
        #[prost(string, tag = "2")]
        pub metric_family_name: String,
        /// One line for people.
        #[prost(string, tag = "4")]
        pub help: String,
    }

    /// One series and what is new of it.
    #[derive(Clone, PartialEq, Message)]
    pub struct TimeSeries {
        /// `__name__` included, sorted by name.
        #[prost(message, repeated, tag = "1")]
        pub labels: Vec<Label>,
        /// Values.
        #[prost(message, repeated, tag = "2")]
        pub samples: Vec<Sample>,
        /// Exemplars.
        #[prost(message, repeated, tag = "3")]
        pub exemplars: Vec<Exemplar>,
        /// Native histograms.
        #[prost(message, repeated, tag = "4")]
        pub histograms: Vec<Histogram>,
    }

    /// A label.
    #[derive(Clone, PartialEq, Eq, Message)]
    pub struct Label {
        /// Its name.
        #[prost(string, tag = "1")]
        pub name: String,
        /// Its value.
        #[prost(string, tag = "2")]
        pub value: String,
    }

    /// A value at a time.
    #[derive(Clone, Copy, PartialEq, Message)]
    pub struct Sample {
        /// The value.
        #[prost(double, tag = "1")]
        pub value: f64,
        /// Milliseconds since the Unix epoch.
        #[prost(int64, tag = "2")]
        pub timestamp: i64,
    }

    /// An observation.
    #[derive(Clone, PartialEq, Message)]
    pub struct Exemplar {
        /// Such as `trace_id`.
        #[prost(message, repeated, tag = "1")]
        pub labels: Vec<Label>,
        /// What was observed.
        #[prost(double, tag = "2")]
        pub value: f64,
        /// Milliseconds since the Unix epoch.
        #[prost(int64, tag = "3")]
        pub timestamp: i64,
    }

    /// A native histogram of whole counts. Version 2 has the same message.
    #[derive(Clone, PartialEq, Message)]
    pub struct Histogram {
        /// All observations.
        #[prost(uint64, tag = "1")]
        pub count_int: u64,
        /// Their sum.
        #[prost(double, tag = "3")]
        pub sum: f64,
        /// Resolution.
        #[prost(sint32, tag = "4")]
        pub schema: i32,
        /// What counts as zero.
        #[prost(double, tag = "5")]
        pub zero_threshold: f64,
        /// How many are zero.
        #[prost(uint64, tag = "6")]
        pub zero_count_int: u64,
        /// Runs of buckets in use.
        #[prost(message, repeated, tag = "11")]
        pub positive_spans: Vec<BucketSpan>,
        /// Differences of the counts of neighbours.
        #[prost(sint64, repeated, tag = "12")]
        pub positive_deltas: Vec<i64>,
        /// Milliseconds since the Unix epoch.
        #[prost(int64, tag = "15")]
        pub timestamp: i64,
    }
}

/// Remote write 2: `io.prometheus.write.v2.Request`. Labels are numbers of symbols.
pub mod write_v2 {
    use super::write_v1::{Histogram, Sample};
    use prost::Message;

    /// A body, compressed with snappy.
    #[derive(Clone, PartialEq, Message)]
    pub struct Request {
        /// The texts that others name by number; the first is empty.
        #[prost(string, repeated, tag = "4")]
        pub symbols: Vec<String>,
        /// The series.
        #[prost(message, repeated, tag = "5")]
        pub timeseries: Vec<TimeSeries>,
    }

    /// One series and what is new of it.
    #[derive(Clone, PartialEq, Message)]
    pub struct TimeSeries {
        /// Name, value, name, value … as symbols, sorted by name.
        #[prost(uint32, repeated, tag = "1")]
        pub labels_refs: Vec<u32>,
        /// Values.
        #[prost(message, repeated, tag = "2")]
        pub samples: Vec<Sample>,
        /// Native histograms.
        #[prost(message, repeated, tag = "3")]
        pub histograms: Vec<Histogram>,
        /// Exemplars.
        #[prost(message, repeated, tag = "4")]
        pub exemplars: Vec<Exemplar>,
        /// What kind of metric it is of.
        #[prost(message, optional, tag = "5")]
        pub metadata: Option<Metadata>,
    }

    /// An observation.
    #[derive(Clone, PartialEq, Message)]
    pub struct Exemplar {
        /// Name, value … as symbols.
        #[prost(uint32, repeated, tag = "1")]
        pub labels_refs: Vec<u32>,
        /// What was observed.
        #[prost(double, tag = "2")]
        pub value: f64,
        /// Milliseconds since the Unix epoch.
        #[prost(int64, tag = "3")]
        pub timestamp: i64,
    }

    /// Kind and help.
    #[derive(Clone, Copy, PartialEq, Eq, Message)]
    pub struct Metadata {
        /// 1 counter, 2 gauge, 3 histogram.
        #[prost(int32, tag = "1")]
        pub r#type: i32,
        /// A symbol.
        #[prost(uint32, tag = "3")]
        pub help_ref: u32,
        /// A symbol.
        #[prost(uint32, tag = "4")]
        pub unit_ref: u32,
    }
}
