//! `sigyn buffer`: the sidecar.

use crate::{
    exit::Exit,
    logging,
    sidecar::{self, Settings},
};
use clap::Args;
use sigyn_collector::{
    config::{ByteSize, PrometheusDuration},
    receivers::{Config, JaegerConfig},
};
use sigyn_sidecar::SidecarConfig;
use std::{net::SocketAddr, path::PathBuf};

/// A span buffer beside an app that cannot be changed: takes what the app pushes, and waits to be scraped.
///
/// What was taken is in a file before the push is acknowledged, and is there again after a crash or a kill.
#[derive(Args, Clone, Debug)]
pub(crate) struct Buffer {
    /// Where the spans lie; on a volume that outlives the container, such as an emptyDir.
    #[arg(long = "buffer.file", value_name = "FILE", default_value = "spans.ring")]
    file: PathBuf,
    /// Memory for spans; the file takes two and a half times as much.
    #[arg(long = "buffer.capacity", value_name = "SIZE", default_value = "16MB")]
    capacity: ByteSize,
    /// The pod's UID, which readers compare with what discovery says.
    #[arg(long = "buffer.uid", value_name = "UID", env = "POD_UID")]
    uid: Option<String>,
    /// How long to wait, at the end, for a reader that fetches the rest.
    #[arg(long = "drain.timeout", value_name = "DURATION", default_value = "5s")]
    drain_timeout: PrometheusDuration,
    /// /debug/spans, /metrics, /-/healthy and /-/ready.
    #[arg(long = "web.listen-address", value_name = "ADDRESS", default_value = "0.0.0.0:7450")]
    listen_address: SocketAddr,
    /// A file with the token that readers of /debug/spans must show as `authorization: Bearer …`.
    #[arg(long = "web.bearer-token-file", value_name = "FILE")]
    bearer_token_file: Option<PathBuf>,
    /// OTLP over gRPC; `off` for none, as for all that follow.
    #[arg(long = "otlp.grpc", value_name = "ADDRESS", default_value = "127.0.0.1:4317")]
    otlp_grpc: String,
    /// OTLP over HTTP.
    #[arg(long = "otlp.http", value_name = "ADDRESS", default_value = "127.0.0.1:4318")]
    otlp_http: String,
    /// Zipkin v2 over HTTP.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9411")]
    zipkin: String,
    /// Jaeger over gRPC.
    #[arg(long = "jaeger.grpc", value_name = "ADDRESS", default_value = "127.0.0.1:14250")]
    jaeger_grpc: String,
    /// Jaeger's thrift over HTTP.
    #[arg(long = "jaeger.thrift-http", value_name = "ADDRESS", default_value = "127.0.0.1:14268")]
    jaeger_thrift_http: String,
    /// Jaeger's agent, UDP, compact protocol.
    #[arg(
        long = "jaeger.thrift-compact",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:6831"
    )]
    jaeger_thrift_compact: String,
    /// Jaeger's agent, UDP, binary protocol.
    #[arg(long = "jaeger.thrift-binary", value_name = "ADDRESS", default_value = "127.0.0.1:6832")]
    jaeger_thrift_binary: String,
    /// error, warn, info, debug or trace.
    #[arg(long = "log.level", value_name = "LEVEL", default_value = "info")]
    log_level: String,
    /// How a log line looks.
    #[arg(long = "log.format", value_name = "FORMAT", default_value = "text")]
    log_format: logging::Format,
}

impl Buffer {
    /// Runs until SIGTERM or SIGINT, and a little longer, until the spans were read.
    pub(crate) fn run(self) -> Result<(), Exit> {
        logging::install(&self.log_level, self.log_format).map_err(Exit::bad)?;
        let bearer_token = self.bearer_token_file.as_ref().map(|file| {
            std::fs::read_to_string(file).map(|text| text.trim().to_owned()).map_err(|error| {
                Exit::bad(format!("--web.bearer-token-file={}: {error}", file.display()))
            })
        });
        let settings = Settings {
            listen_address: self.listen_address,
            drain_timeout: self.drain_timeout.0,
            bearer_token: bearer_token.transpose()?,
            receivers: self.receivers(),
            sidecar: SidecarConfig {
                path: self.file,
                capacity_bytes: self.capacity.0,
                uid: self.uid,
            },
        };
        let runtime = super::serve::runtime()?;
        runtime
            .block_on(sidecar::run_until_signal(settings))
            .map_err(|error| Exit::not_started(&error))
    }

    fn receivers(&self) -> Config {
        let endpoint = |address: &String| (address != "off").then(|| address.clone());
        Config {
            otlp_grpc: endpoint(&self.otlp_grpc),
            otlp_http: endpoint(&self.otlp_http),
            zipkin: endpoint(&self.zipkin),
            jaeger: JaegerConfig {
                grpc: endpoint(&self.jaeger_grpc),
                thrift_http: endpoint(&self.jaeger_thrift_http),
                thrift_compact: endpoint(&self.jaeger_thrift_compact),
                thrift_binary: endpoint(&self.jaeger_thrift_binary),
            },
            // One app: what it has in hand at a time is bounded more closely than a server's.
            body_bytes_max: 16 << 20,
            in_flight_bytes_max: 64 << 20,
        }
    }
}
