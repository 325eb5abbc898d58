//! Binds the receivers' ports, serves them, and stops.

use super::{config::Config, intake::Intake, otlp_grpc, otlp_http};
use axum::Router;
use sigyn_store::Store;
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

/// The running receivers. Dropping them ends them at once; [`Receivers::stop`] is graceful.
#[derive(Debug)]
pub struct Receivers {
    otlp_grpc: Option<SocketAddr>,
    otlp_http: Option<SocketAddr>,
    stopping: CancellationToken,
    servers: JoinSet<()>,
}

impl Receivers {
    /// Binds all ports, then serves. Either all of them are bound or none is.
    pub async fn start(config: &Config, store: Store) -> Result<Self, StartError> {
        let grpc = bind("OTLP/gRPC", config.otlp_grpc.as_deref()).await?;
        let http = bind("OTLP/HTTP", config.otlp_http.as_deref()).await?;
        let intake = Arc::new(Intake::new(config, store));
        let mut receivers = Self {
            otlp_grpc: None,
            otlp_http: None,
            stopping: CancellationToken::new(),
            servers: JoinSet::new(),
        };
        if let Some((listener, address)) = grpc {
            receivers.otlp_grpc = Some(address);
            receivers.serve("OTLP/gRPC", listener, otlp_grpc::router(Arc::clone(&intake)));
        }
        if let Some((listener, address)) = http {
            receivers.otlp_http = Some(address);
            receivers.serve("OTLP/HTTP", listener, otlp_http::router(intake));
        }
        Ok(receivers)
    }

    /// Where OTLP/gRPC is taken, with the real port.
    pub fn otlp_grpc_address(&self) -> Option<SocketAddr> {
        self.otlp_grpc
    }

    /// Where OTLP/HTTP is taken, with the real port.
    pub fn otlp_http_address(&self) -> Option<SocketAddr> {
        self.otlp_http
    }

    /// Takes no further connection and finishes what is in hand, for at most 5 s.
    pub async fn stop(mut self) {
        self.stopping.cancel();
        let finish = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIME_MAX, finish).await.is_err() {
            tracing::warn!("requests were still in hand when the receivers stopped");
        }
    }

    fn serve(&mut self, protocol: &'static str, listener: TcpListener, router: Router) {
        let stopping = self.stopping.clone().cancelled_owned();
        self.servers.spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(stopping);
            if let Err(error) = serving.await {
                tracing::error!(protocol, %error, "receiver ended");
            }
        });
    }
}

async fn bind(
    protocol: &'static str,
    endpoint: Option<&str>,
) -> Result<Option<(TcpListener, SocketAddr)>, StartError> {
    let Some(endpoint) = endpoint else { return Ok(None) };
    let bound = async {
        let listener = TcpListener::bind(endpoint).await?;
        let address = listener.local_addr()?;
        Ok(Some((listener, address)))
    };
    let endpoint = endpoint.to_owned();
    bound.await.map_err(|source| StartError { protocol, endpoint, source })
}

fn explain(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use by another process; stop it or choose another endpoint".to_owned()
        }
        _ => source.to_string(),
    }
}
