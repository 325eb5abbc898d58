//! `google.rpc.Status` and `RetryInfo`, in which OTLP wraps errors.

use prost::Message;
use std::time::Duration;

#[derive(Clone, PartialEq, Message)]
pub(super) struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(super) details: Vec<Any>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Any {
    #[prost(string, tag = "1")]
    pub(super) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl RpcStatus {
    /// With a `RetryInfo` when the client should come again.
    pub(super) fn new(code: tonic::Code, message: &str, retry_after: Option<Duration>) -> Self {
        let details = retry_after.map(|after| {
            let delay =
                Delay { seconds: after.as_secs() as i64, nanos: after.subsec_nanos() as i32 };
            Any {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: RetryInfo { retry_delay: Some(delay) }.encode_to_vec(),
            }
        });
        Self {
            code: code as i32,
            message: message.to_owned(),
            details: details.into_iter().collect(),
        }
    }

    pub(super) fn to_json(&self, retry_after: Option<Duration>) -> String {
        let details: Vec<_> = retry_after
            .map(|after| {
                serde_json::json!({
                    "@type": "type.googleapis.com/google.rpc.RetryInfo",
                    "retryDelay": format!("{}s", after.as_secs_f64()),
                })
            })
            .into_iter()
            .collect();
        serde_json::json!({ "code": self.code, "message": self.message, "details": details })
            .to_string()
    }
}
