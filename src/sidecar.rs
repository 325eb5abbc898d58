//! A sidecar: receivers, the buffer with its file, and the port where it is read.

mod metrics;

use anyhow::Context;
use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics::SidecarMetrics;
use prometheus_client::{encoding::text::encode, registry::Registry};
use sigyn_buffer::Drain;
use sigyn_collector::receivers::{Config, Receivers};
use sigyn_sidecar::{Sidecar, SidecarConfig};
use std::{future::IntoFuture, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

/// Answers in hand get this long when the port closes.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// What the command line says.
pub(crate) struct Settings {
    pub(crate) listen_address: SocketAddr,
    pub(crate) drain_timeout: Duration,
    pub(crate) bearer_token: Option<String>,
    pub(crate) receivers: Config,
    pub(crate) sidecar: SidecarConfig,
}

/// Takes pushes and is read, until SIGTERM or SIGINT; then until a reader has everything or time is up.
pub(crate) async fn run_until_signal(settings: Settings) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(settings.listen_address)
        .await
        .with_context(|| format!("--web.listen-address={}", settings.listen_address))?;
    let address = listener.local_addr().context("the bound address")?;
    let config = settings.sidecar.clone();
    let opened = tokio::task::spawn_blocking(move || Sidecar::open(&config)).await?;
    let (sidecar, opened) = opened.context("--buffer.file")?;
    let path = settings.sidecar.path.display();
    if let Some(why) = opened.new_epoch {
        tracing::warn!(%path, why, "readers begin anew");
    }
    if opened.damaged > 0 {
        tracing::warn!(%path, spans = opened.damaged, "spans in the file are damaged, and left out");
    }
    tracing::info!(%path, spans = opened.spans, "opened");
    let receivers = Receivers::start(&settings.receivers, sidecar.clone()).await?;
    for (interface, address) in receivers.addresses() {
        tracing::info!(interface = interface.name(), %address, "listening");
    }
    let stopping = CancellationToken::new();
    let router = router(&sidecar, settings.bearer_token);
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(stopping.clone().cancelled_owned());
    let web = tokio::spawn(serving.into_future());
    tracing::info!(interface = "web", %address, "listening");

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    let deadline = Instant::now() + settings.drain_timeout;
    sidecar.buffer().start_draining();
    // The app may end with us, and push its last spans now: its ports close last but one.
    sidecar.buffer().drained(settings.drain_timeout).await;
    receivers.stop().await;
    let rest = deadline.saturating_duration_since(Instant::now());
    let drain = sidecar.buffer().drained(rest).await;
    tracing::info!(all_read = drain == Drain::Confirmed, "drained");
    stopping.cancel();
    let abort = web.abort_handle();
    if tokio::time::timeout(ANSWER_TIME_MAX, web).await.is_err() {
        abort.abort();
    }
    Ok(())
}

fn router(sidecar: &Sidecar, bearer_token: Option<String>) -> Router {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(SidecarMetrics::new(sidecar.clone())));
    let mut spans: Router = sidecar.buffer().router();
    if let Some(token) = bearer_token {
        spans = spans.layer(from_fn_with_state(Arc::new(format!("Bearer {token}")), with_token));
    }
    Router::new()
        .route("/-/healthy", get(async || "Sigyn is Healthy.\n"))
        .route("/-/ready", get(async || "Sigyn is Ready.\n"))
        .route("/metrics", get(metrics_page))
        .with_state(Arc::new(registry))
        .merge(spans)
}

async fn metrics_page(State(registry): State<Arc<Registry>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, crate::web::OPENMETRICS)], text).into_response(),
        Err(error) => {
            let text = format!("the metrics cannot be written: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

/// Answers 401 to who does not show the token.
async fn with_token(State(wanted): State<Arc<String>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
    if shown.is_some_and(|shown| is_same(shown, wanted.as_bytes())) {
        return next.run(request).await;
    }
    let head = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, head, "show the bearer token of this buffer\n").into_response()
}

/// Takes as long for a nearly right token as for a wrong one.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |seen, (one, other)| seen | (one ^ other));
    one.len() == other.len() && differences == 0
}
