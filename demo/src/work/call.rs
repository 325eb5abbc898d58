//! Calls to other services: HTTP with trace context, a time limit and retries.

use super::Work;
use crate::failure::Failure;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use opentelemetry::{
    KeyValue,
    propagation::TextMapPropagator,
    trace::{SpanKind, Status},
};
use opentelemetry_http::HeaderInjector;
use serde_json::Value;
use std::time::Duration;

/// Says which attempt of a call this is, so that chance treats each attempt anew.
pub(crate) const ATTEMPT_HEADER: &str = "x-shop-attempt";

const TIMEOUT: Duration = Duration::from_millis(900);
const BACKOFF_MEDIAN_MS: f64 = 6.0;

/// One call to another service.
#[derive(Debug)]
pub(crate) struct Call {
    peer: &'static str,
    method: Method,
    /// The route as the peer knows it: low cardinality, for the span's name.
    template: &'static str,
    path: String,
    timeout: Duration,
    attempts_max: u32,
}

impl Call {
    pub(crate) fn get(peer: &'static str, template: &'static str, path: String) -> Self {
        let method = Method::GET;
        Self { peer, method, template, path, timeout: TIMEOUT, attempts_max: 1 }
    }

    pub(crate) fn post(peer: &'static str, template: &'static str, path: String) -> Self {
        Self { method: Method::POST, ..Self::get(peer, template, path) }
    }

    pub(crate) fn delete(peer: &'static str, template: &'static str, path: String) -> Self {
        Self { method: Method::DELETE, ..Self::get(peer, template, path) }
    }

    /// Gives up on an attempt after this time.
    pub(crate) fn within_ms(self, timeout_ms: u64) -> Self {
        Self { timeout: Duration::from_millis(timeout_ms), ..self }
    }

    /// Tries again after a temporary failure, until this many attempts were made.
    pub(crate) fn attempts(self, attempts_max: u32) -> Self {
        Self { attempts_max, ..self }
    }
}

impl Work {
    /// Calls another service and returns what it answered.
    ///
    /// A refusal (4xx) comes back as the peer gave it; anything else that goes wrong becomes 503
    /// or 504 while it may pass, and 502 when it will not.
    pub(crate) async fn call(&self, call: Call) -> Result<Value, Failure> {
        let mut attempt = 0;
        loop {
            let failure = match self.attempt(&call, attempt).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            attempt += 1;
            if !failure.is_temporary() {
                return Err(failure);
            }
            if attempt >= call.attempts_max {
                let message = format!("{} after {attempt} attempts", failure.message);
                return Err(Failure::new(StatusCode::BAD_GATEWAY, failure.kind, message));
            }
            let backoff_ms = BACKOFF_MEDIAN_MS * f64::from(1 << attempt.min(5));
            self.span().add_event(
                "retry",
                vec![
                    KeyValue::new("retry.attempt", i64::from(attempt)),
                    KeyValue::new("retry.backoff_ms", backoff_ms),
                    KeyValue::new("retry.reason", failure.message),
                    KeyValue::new("peer.service", call.peer),
                ],
            );
            tokio::time::sleep(self.dice.of(call.peer).latency("backoff", backoff_ms)).await;
        }
    }

    /// One attempt, in a client span of its own.
    async fn attempt(&self, call: &Call, attempt: u32) -> Result<Value, Failure> {
        let dice = self.dice.of(&call.path).nth(u64::from(attempt));
        let address = self.service.neighbours.directory.resolve(call.peer, dice);
        let address = address.expect("services only call services of the shop");
        let url = format!("http://{address}{}", call.path);
        let mut attributes = vec![
            KeyValue::new("http.request.method", call.method.to_string()),
            KeyValue::new("url.full", url.clone()),
            KeyValue::new("url.template", call.template),
            KeyValue::new("server.address", call.peer),
            KeyValue::new("server.port", i64::from(address.port())),
            KeyValue::new("peer.service", call.peer),
        ];
        if attempt > 0 {
            attributes.push(KeyValue::new("http.request.resend_count", i64::from(attempt)));
        }
        let name = format!("{} {}", call.method, call.template);
        let step = self.begin(SpanKind::Client, name, attributes);

        let mut headers = HeaderMap::new();
        headers.insert(ATTEMPT_HEADER, HeaderValue::from(attempt));
        step.service.propagator.inject_context(&step.context, &mut HeaderInjector(&mut headers));
        let request = self.service.neighbours.http.request(call.method.clone(), url);
        let response = request.headers(headers).timeout(call.timeout).send().await;
        let outcome = step.judge(call.peer, response).await;
        step.finish();
        outcome
    }

    /// Writes into the client span how the attempt ended.
    async fn judge(
        &self,
        peer: &'static str,
        response: reqwest::Result<reqwest::Response>,
    ) -> Result<Value, Failure> {
        let unreadable = |error: reqwest::Error| {
            let failure = if error.is_timeout() {
                let message = format!("{peer} did not answer in time");
                Failure::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message)
            } else {
                let message = format!("{peer} cannot be reached");
                Failure::new(StatusCode::SERVICE_UNAVAILABLE, "connection", message)
            };
            failure.record(&self.span());
            failure
        };
        let response = response.map_err(unreadable)?;
        let status = response.status();
        self.note(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
        let answer = response.json::<Value>().await.map_err(unreadable)?;
        if status.is_success() {
            return Ok(answer);
        }
        let message = answer["error"].as_str().unwrap_or("no reason given").to_owned();
        self.note(KeyValue::new("error.type", status.as_str().to_owned()));
        self.span().set_status(Status::error(message.clone()));
        Err(match status {
            StatusCode::SERVICE_UNAVAILABLE => Failure::new(status, "UpstreamBusy", message),
            _ if status.is_client_error() => Failure::new(status, "Refused", message),
            _ => Failure::new(
                StatusCode::BAD_GATEWAY,
                "UpstreamError",
                format!("{peer} answered {}: {message}", status.as_u16()),
            ),
        })
    }
}
