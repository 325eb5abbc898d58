//! Where pushes are taken, and how much.

/// The receivers' configuration. An absent endpoint is off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// OTLP/gRPC, such as `0.0.0.0:4317`. Port 0 takes a free one.
    pub otlp_grpc: Option<String>,
    /// OTLP/HTTP, such as `0.0.0.0:4318`.
    pub otlp_http: Option<String>,
    /// Bytes of one body after decompression.
    pub body_bytes_max: usize,
    /// Bytes that all requests together may hold in memory.
    pub in_flight_bytes_max: usize,
}

impl Default for Config {
    /// Both protocols on their registered ports, 64 MiB a body, 256 MiB in all.
    fn default() -> Self {
        Self {
            otlp_grpc: Some("0.0.0.0:4317".to_owned()),
            otlp_http: Some("0.0.0.0:4318".to_owned()),
            body_bytes_max: 64 << 20,
            in_flight_bytes_max: 256 << 20,
        }
    }
}
