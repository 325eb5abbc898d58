//! Where pushes are taken, and how much.

/// The receivers' configuration. An absent endpoint is off; port 0 takes a free one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// OTLP/gRPC, such as `0.0.0.0:4317`.
    pub otlp_grpc: Option<String>,
    /// OTLP/HTTP, such as `0.0.0.0:4318`.
    pub otlp_http: Option<String>,
    /// Zipkin v2 over HTTP, such as `0.0.0.0:9411`.
    pub zipkin: Option<String>,
    /// Jaeger in its several forms.
    pub jaeger: JaegerConfig,
    /// Bytes of one body after decompression.
    pub body_bytes_max: usize,
    /// Bytes that all requests together may hold in memory.
    pub in_flight_bytes_max: usize,
}

/// Where Jaeger's clients and agents push.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JaegerConfig {
    /// `jaeger.api_v2.CollectorService`, such as `0.0.0.0:14250`.
    pub grpc: Option<String>,
    /// Thrift over HTTP, such as `0.0.0.0:14268`.
    pub thrift_http: Option<String>,
    /// The agent's UDP port for the compact protocol, such as `0.0.0.0:6831`.
    pub thrift_compact: Option<String>,
    /// The agent's UDP port for the binary protocol, such as `0.0.0.0:6832`.
    pub thrift_binary: Option<String>,
}

impl Config {
    /// Zipkin's registered port.
    pub const ZIPKIN_ENDPOINT: &str = "0.0.0.0:9411";

    /// No receiver, the limits of [`Config::default`].
    pub fn none() -> Self {
        Self {
            otlp_grpc: None,
            otlp_http: None,
            zipkin: None,
            jaeger: JaegerConfig::default(),
            body_bytes_max: 64 << 20,
            in_flight_bytes_max: 256 << 20,
        }
    }
}

impl Default for Config {
    /// OTLP on its registered ports, 64 MiB a body, 256 MiB in all.
    fn default() -> Self {
        Self {
            otlp_grpc: Some("0.0.0.0:4317".to_owned()),
            otlp_http: Some("0.0.0.0:4318".to_owned()),
            ..Self::none()
        }
    }
}

impl JaegerConfig {
    /// Everything on its registered port.
    pub fn everything() -> Self {
        Self {
            grpc: Some("0.0.0.0:14250".to_owned()),
            thrift_http: Some("0.0.0.0:14268".to_owned()),
            thrift_compact: Some("0.0.0.0:6831".to_owned()),
            thrift_binary: Some("0.0.0.0:6832".to_owned()),
        }
    }
}
