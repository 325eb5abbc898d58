//! Binds the receivers' ports, serves them, and stops.

use super::{
    config::{Config, JaegerConfig},
    intake::Intake,
    jaeger::{self, Agent, Protocol},
    otlp_grpc, otlp_http,
    sink::Sink,
    zipkin,
};
use axum::Router;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// Requests in hand get this long to finish when the receivers stop.
const STOP_TIME_MAX: Duration = Duration::from_secs(5);

/// A receiver that could not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot take {protocol} on {endpoint}: {}", explain(source))]
pub struct StartError {
    /// Such as `OTLP/gRPC`.
    pub protocol: &'static str,
    /// As configured.
    pub endpoint: String,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// A listener of the receivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interface {
    /// OTLP over gRPC.
    OtlpGrpc,
    /// OTLP over HTTP.
    OtlpHttp,
    /// Zipkin v2 over HTTP.
    Zipkin,
    /// `jaeger.api_v2.CollectorService`.
    JaegerGrpc,
    /// Jaeger's thrift over HTTP.
    JaegerThriftHttp,
    /// Jaeger's agent, compact protocol.
    JaegerThriftCompact,
    /// Jaeger's agent, binary protocol.
    JaegerThriftBinary,
}

impl Interface {
    /// As in logs and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::OtlpGrpc => "otlp_grpc",
            Self::OtlpHttp => "otlp_http",
            Self::Zipkin => "zipkin",
            Self::JaegerGrpc => "jaeger_grpc",
            Self::JaegerThriftHttp => "jaeger_thrift_http",
            Self::JaegerThriftCompact => "jaeger_thrift_compact",
            Self::JaegerThriftBinary => "jaeger_thrift_binary",
        }
    }

    fn protocol(self) -> &'static str {
        match self {
            Self::OtlpGrpc => "OTLP/gRPC",
            Self::OtlpHttp => "OTLP/HTTP",
            Self::Zipkin => "Zipkin",
            Self::JaegerGrpc => "Jaeger/gRPC",
            Self::JaegerThriftHttp => "Jaeger/thrift over HTTP",
            Self::JaegerThriftCompact | Self::JaegerThriftBinary => "Jaeger/thrift over UDP",
        }
    }
}

/// The running receivers. Dropping them ends them at once; [`Receivers::stop`] is graceful.
#[derive(Debug)]
pub struct Receivers {
    addresses: Vec<(Interface, SocketAddr)>,
    stopping: CancellationToken,
    servers: JoinSet<()>,
}

type MakeRouter = fn(Arc<Intake>) -> Router;

/// A port that is bound, with what will serve it.
enum Bound {
    Http(TcpListener, MakeRouter),
    Datagrams(Agent),
}

impl Receivers {
    /// Binds all ports, then serves. Either all of them are bound or none is.
    pub async fn start(config: &Config, sink: impl Sink) -> Result<Self, StartError> {
        use Interface::*;
        let mut bound = Vec::new();
        let JaegerConfig { grpc, thrift_http, thrift_compact, thrift_binary } = &config.jaeger;
        let of_http: [(_, _, MakeRouter); 5] = [
            (OtlpGrpc, &config.otlp_grpc, otlp_grpc::router),
            (OtlpHttp, &config.otlp_http, otlp_http::router),
            (Zipkin, &config.zipkin, zipkin::router),
            (JaegerGrpc, grpc, jaeger::grpc_router),
            (JaegerThriftHttp, thrift_http, jaeger::http_router),
        ];
        for (interface, endpoint, router) in of_http {
            let Some(endpoint) = endpoint else { continue };
            let listener = TcpListener::bind(endpoint).await;
            let listener = listener.and_then(|it| Ok((it.local_addr()?, it)));
            let (address, listener) = listener.map_err(|it| fail(interface, endpoint, it))?;
            bound.push((interface, address, Bound::Http(listener, router)));
        }
        let of_agent = [
            (JaegerThriftCompact, thrift_compact, Protocol::Compact),
            (JaegerThriftBinary, thrift_binary, Protocol::Binary),
        ];
        for (interface, endpoint, protocol) in of_agent {
            let Some(endpoint) = endpoint else { continue };
            let (agent, address) = Agent::bind(endpoint, protocol)
                .await
                .map_err(|error| fail(interface, endpoint, error))?;
            bound.push((interface, address, Bound::Datagrams(agent)));
        }
        let intake = Arc::new(Intake::new(config, Arc::new(sink)));
        let mut receivers = Self {
            addresses: Vec::new(),
            stopping: CancellationToken::new(),
            servers: JoinSet::new(),
        };
        for (interface, address, bound) in bound {
            receivers.addresses.push((interface, address));
            receivers.serve(interface, bound, intake.clone());
        }
        Ok(receivers)
    }

    /// What listens where, with the real ports.
    pub fn addresses(&self) -> &[(Interface, SocketAddr)] {
        &self.addresses
    }

    /// Where one of them listens, if it does.
    pub fn address(&self, interface: Interface) -> Option<SocketAddr> {
        self.addresses.iter().find(|(other, _)| *other == interface).map(|(_, address)| *address)
    }

    /// Takes no further connection and finishes what is in hand, for at most 5 s.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        let finish = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIME_MAX, finish).await.is_err() {
            tracing::warn!("requests were still in hand when the receivers stopped");
        }
    }

    fn serve(&mut self, interface: Interface, bound: Bound, intake: Arc<Intake>) {
        let stopping = self.stopping.clone();
        self.servers.spawn(async move {
            match bound {
                Bound::Http(listener, router) => {
                    let serving = axum::serve(listener, router(intake))
                        .with_graceful_shutdown(stopping.cancelled_owned());
                    if let Err(error) = serving.await {
                        tracing::error!(protocol = interface.protocol(), %error, "receiver ended");
                    }
                }
                Bound::Datagrams(agent) => agent.serve(intake, stopping).await,
            }
        });
    }
}

fn fail(interface: Interface, endpoint: &str, source: io::Error) -> StartError {
    StartError { protocol: interface.protocol(), endpoint: endpoint.to_owned(), source }
}

fn explain(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use by another process; stop it or choose another endpoint".to_owned()
        }
        _ => source.to_string(),
    }
}
