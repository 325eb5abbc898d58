//! What every route runs under: a turn, a time limit, a measurement, and faults in the family's envelope.

use super::{ApiState, Fault};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any},
};
use futures::FutureExt;
use http::{StatusCode, Uri, header};
use serde_json::json;
use std::{panic::AssertUnwindSafe, sync::Arc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A query's form body holds at most this.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// A family of APIs: decides how a fault looks, and is the `api` label of the query metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    Tempo,
    Jaeger,
    JaegerVersion3,
    Zipkin,
    Prometheus,
    Own,
}

impl Api {
    fn label(self) -> &'static str {
        match self {
            Self::Tempo => "tempo",
            Self::Jaeger | Self::JaegerVersion3 => "jaeger",
            Self::Zipkin => "zipkin",
            Self::Prometheus => "prometheus",
            Self::Own => "sigyn",
        }
    }

    fn render(self, fault: &Fault) -> Response {
        let Fault { status, sentence } = fault;
        match self {
            Self::Tempo | Self::Zipkin => (*status, sentence.clone()).into_response(),
            Self::Jaeger => {
                let errors = json!([{"code": status.as_u16(), "msg": sentence}]);
                let body =
                    json!({"data": null, "total": 0, "limit": 0, "offset": 0, "errors": errors});
                (*status, Json(body)).into_response()
            }
            Self::JaegerVersion3 => {
                let error = json!({"httpCode": status.as_u16(), "message": sentence});
                (*status, Json(json!({"error": error}))).into_response()
            }
            Self::Prometheus => {
                let (status, kind) = prometheus_error(*status);
                let body = json!({"status": "error", "errorType": kind, "error": sentence});
                (status, Json(body)).into_response()
            }
            Self::Own => (*status, Json(json!({"error": sentence}))).into_response(),
        }
    }
}

/// Prometheus has a word for each status, and answers timeouts with 503.
fn prometheus_error(status: StatusCode) -> (StatusCode, &'static str) {
    match status {
        StatusCode::GATEWAY_TIMEOUT => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
        StatusCode::SERVICE_UNAVAILABLE => (status, "unavailable"),
        StatusCode::NOT_FOUND => (status, "not_found"),
        StatusCode::NOT_ACCEPTABLE => (status, "not_acceptable"),
        StatusCode::UNPROCESSABLE_ENTITY => (status, "execution"),
        _ if status.is_client_error() => (status, "bad_data"),
        _ => (status, "internal"),
    }
}

/// Collects the routes of one family.
pub(crate) struct Family {
    api: Api,
    state: Arc<ApiState>,
    turns: Arc<Semaphore>,
    router: Router<Arc<ApiState>>,
}

impl Family {
    pub(crate) fn new(api: Api, state: Arc<ApiState>, turns: Arc<Semaphore>) -> Self {
        Self { api, state, turns, router: Router::new() }
    }

    /// Serves a path; `kind` is the label of the query metrics.
    pub(crate) fn route(
        mut self,
        path: &str,
        kind: &'static str,
        handler: MethodRouter<Arc<ApiState>>,
    ) -> Self {
        let (api, state, turns) = (self.api, self.state.clone(), self.turns.clone());
        let watch = Watch { api, kind, state, turns };
        let handler = handler.fallback(wrong_method).layer(from_fn_with_state(watch, guarded));
        self.router = self.router.route(path, handler);
        self
    }

    pub(crate) fn into_router(self) -> Router {
        self.router.layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(self.state)
    }
}

/// A query's place among those that run at one time; an answer that is made while it is read takes it along.
#[derive(Clone)]
pub(crate) struct Turn {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Turn {
    /// Waits until fewer queries run than may.
    pub(crate) async fn of(turns: &Arc<Semaphore>) -> Self {
        let permit = turns.clone().acquire_owned().await.expect("the semaphore is never closed");
        Self { _permit: Arc::new(permit) }
    }
}

#[derive(Clone)]
struct Watch {
    api: Api,
    kind: &'static str,
    state: Arc<ApiState>,
    turns: Arc<Semaphore>,
}

async fn guarded(State(watch): State<Watch>, mut request: Request, next: Next) -> Response {
    let Watch { api, kind, state, turns } = watch;
    let begin = state.clock.monotonic();
    let answer = async {
        let turn = Turn::of(&turns).await;
        request.extensions_mut().insert(turn.clone());
        let response = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        drop(turn);
        response
    };
    let limit = state.limits.query_timeout;
    let response = match tokio::time::timeout(limit, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => Fault::internal(&panic_text(&*panic)).into_response(),
        Err(_) => Fault::new(
            StatusCode::GATEWAY_TIMEOUT,
            format!(
                "the query took longer than {} s; ask for a shorter time range or add conditions",
                limit.as_secs_f64()
            ),
        )
        .into_response(),
    };
    state.metrics.observe(api.label(), kind, state.clock.monotonic().saturating_sub(begin));
    match response.extensions().get::<Fault>() {
        None => response,
        Some(fault) => {
            let mut rendered = api.render(fault);
            if let Some(allow) = response.headers().get(header::ALLOW) {
                rendered.headers_mut().insert(header::ALLOW, allow.clone());
            }
            rendered
        }
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a message"))
}

async fn wrong_method(request: Request) -> Fault {
    Fault::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!("{} does not take {}", request.uri().path(), request.method()),
    )
}

/// Answers what nobody serves below the API paths.
pub(crate) fn unknown_paths() -> Router {
    let mut router = Router::new();
    for path in ["/api", "/api/{*rest}", "/jaeger", "/jaeger/{*rest}", "/zipkin", "/zipkin/{*rest}"]
    {
        router = router.route(path, any(unknown_path));
    }
    router
}

async fn unknown_path(uri: Uri) -> Response {
    let path = uri.path();
    let fault = Fault::not_found(format!(
        "there is no API at {path}; /api/sigyn/v1/openapi.json lists our own"
    ));
    let api = match path {
        _ if path.starts_with("/api/v1/") => Api::Prometheus,
        _ if path.starts_with("/jaeger/api/v3/") => Api::JaegerVersion3,
        _ if path.starts_with("/jaeger") => Api::Jaeger,
        _ if path.starts_with("/zipkin") => Api::Zipkin,
        _ => Api::Own,
    };
    api.render(&fault)
}
