//! Jaeger over gRPC: `jaeger.api_v2.CollectorService/PostSpans`.

use super::{
    super::{conversion::to_otlp, grpc, intake::Intake, otlp_fields::padded},
    model::{self, JaegerSpan, Process, Reference, Tag},
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::Response,
    routing::post,
};
use prost::Message;
use sigyn_proto::otlp::common::v1::any_value::Value;
use sigyn_store::Via;
use std::sync::Arc;

const POST_SPANS_PATH: &str = "/jaeger.api_v2.CollectorService/PostSpans";

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PostSpansRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) batch: Option<ProtoBatch>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct PostSpansResponse {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProtoBatch {
    #[prost(message, repeated, tag = "1")]
    pub(crate) spans: Vec<ProtoSpan>,
    #[prost(message, optional, tag = "2")]
    pub(crate) process: Option<ProtoProcess>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProtoSpan {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) span_id: Vec<u8>,
    #[prost(string, tag = "3")]
    pub(crate) operation_name: String,
    #[prost(message, repeated, tag = "4")]
    pub(crate) references: Vec<ProtoReference>,
    #[prost(uint32, tag = "5")]
    pub(crate) flags: u32,
    #[prost(message, optional, tag = "6")]
    pub(crate) start_time: Option<Seconds>,
    #[prost(message, optional, tag = "7")]
    pub(crate) duration: Option<Seconds>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) tags: Vec<ProtoTag>,
    #[prost(message, repeated, tag = "9")]
    pub(crate) logs: Vec<ProtoLog>,
    #[prost(message, optional, tag = "10")]
    pub(crate) process: Option<ProtoProcess>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct ProtoReference {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) span_id: Vec<u8>,
    /// 0: CHILD_OF.
    #[prost(int32, tag = "3")]
    pub(crate) ref_type: i32,
}

/// `google.protobuf.Timestamp` and `Duration` alike.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(crate) struct Seconds {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProtoTag {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    /// STRING, BOOL, INT64, FLOAT64, BINARY: which of the values it is.
    #[prost(int32, tag = "2")]
    pub(crate) v_type: i32,
    #[prost(string, tag = "3")]
    pub(crate) v_str: String,
    #[prost(bool, tag = "4")]
    pub(crate) v_bool: bool,
    #[prost(int64, tag = "5")]
    pub(crate) v_int64: i64,
    #[prost(double, tag = "6")]
    pub(crate) v_float64: f64,
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) v_binary: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProtoLog {
    #[prost(message, optional, tag = "1")]
    pub(crate) timestamp: Option<Seconds>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) fields: Vec<ProtoTag>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProtoProcess {
    #[prost(string, tag = "1")]
    pub(crate) service_name: String,
    #[prost(message, repeated, tag = "2")]
    pub(crate) tags: Vec<ProtoTag>,
}

pub(in super::super) fn router(intake: Arc<Intake>) -> Router {
    Router::new()
        .route(POST_SPANS_PATH, post(post_spans))
        .fallback(grpc::unknown)
        .with_state(intake)
}

async fn post_spans(State(intake): State<Arc<Intake>>, request: Request) -> Response<Body> {
    let take = async |received| {
        let received = to_otlp(received, "a jaeger.api_v2.PostSpansRequest", convert).await?;
        intake.take_whole(received, Via::Jaeger).await?;
        Ok(PostSpansResponse {})
    };
    grpc::unary(&intake, request, take).await
}

fn convert(body: &[u8]) -> Result<Vec<u8>, String> {
    let request = PostSpansRequest::decode(body).map_err(|error| error.to_string())?;
    let batch = request.batch.unwrap_or_default();
    Ok(model::encode(model::Batch {
        process: batch.process.map(ProtoProcess::into_model).unwrap_or_default(),
        spans: batch.spans.into_iter().map(ProtoSpan::into_model).collect(),
    }))
}

impl ProtoSpan {
    fn into_model(self) -> JaegerSpan {
        let reference = |it: ProtoReference| Reference {
            is_child_of: it.ref_type == 0,
            trace_id: padded(&it.trace_id, 16),
            span_id: padded(&it.span_id, 8),
        };
        let log = |log: ProtoLog| model::Log {
            unix_nano: log.timestamp.map(Seconds::nanos).unwrap_or_default(),
            fields: log.fields.into_iter().map(ProtoTag::into_model).collect(),
        };
        JaegerSpan {
            trace_id: padded(&self.trace_id, 16),
            span_id: padded(&self.span_id, 8),
            parent_span_id: Vec::new(),
            operation_name: self.operation_name,
            references: self.references.into_iter().map(reference).collect(),
            flags: self.flags,
            start_unix_nano: self.start_time.map(Seconds::nanos).unwrap_or_default(),
            duration_nanos: self.duration.map(Seconds::nanos).unwrap_or_default(),
            tags: self.tags.into_iter().map(ProtoTag::into_model).collect(),
            logs: self.logs.into_iter().map(log).collect(),
            process: self.process.map(ProtoProcess::into_model),
        }
    }
}

impl ProtoProcess {
    fn into_model(self) -> Process {
        let tags = self.tags.into_iter().map(ProtoTag::into_model).collect();
        Process { service_name: self.service_name, tags }
    }
}

impl ProtoTag {
    fn into_model(self) -> Tag {
        let value = match self.v_type {
            1 => Value::BoolValue(self.v_bool),
            2 => Value::IntValue(self.v_int64),
            3 => Value::DoubleValue(self.v_float64),
            4 => Value::BytesValue(self.v_binary),
            _ => Value::StringValue(self.v_str),
        };
        (self.key, value)
    }
}

impl Seconds {
    /// 0 for what is before 1970 or negative.
    fn nanos(self) -> u64 {
        let nanos = i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos);
        u64::try_from(nanos).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::convert;
    use crate::{
        damage::{check_conversion, damage, damaged},
        fixture::sample,
    };
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn damaged_requests_are_taken_or_refused(changes in damage()) {
            let body = damaged(&sample("jaeger_grpc.hex"), &changes);
            check_conversion(&body, convert(&body));
        }
    }
}
