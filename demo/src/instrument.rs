//! The server side of a request: its span, and its place in the metrics.

use crate::{
    dice::Dice,
    failure::Failure,
    metrics::RequestLabels,
    service::Service,
    work::{ATTEMPT_HEADER, Work},
};
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, Method, header},
    middleware::Next,
    response::Response,
};
use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt,
    propagation::TextMapPropagator,
    trace::{SpanKind, Status, TraceContextExt, Tracer},
};
use opentelemetry_http::HeaderExtractor;
use tokio::time::Instant;

/// Wraps each handler in a server span and counts its answer, with the span as exemplar.
pub(crate) async fn request(
    State(service): State<Service>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = known_method(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let caller = service
        .propagator
        .extract_with_context(&Context::new(), &HeaderExtractor(request.headers()));

    let span = service
        .tracer
        .span_builder(format!("{method} {route}"))
        .with_kind(SpanKind::Server)
        .with_attributes(attributes(&service, &request, &route, &caller));
    let context = caller.with_span(service.tracer.build_with_context(span, &caller));
    let work = Work::new(service.clone(), context.clone(), dice(&service, &request, &context));
    request.extensions_mut().insert(work);

    let mut in_hand = InHand::new(&service, &context);
    let response = next.run(request).await;
    in_hand.is_answered = true;
    drop(in_hand);

    let span = context.span();
    let status = response.status();
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
    if status.is_server_error() {
        match response.extensions().get::<Failure>() {
            Some(failure) => failure.record(&span),
            None => span.set_status(Status::error(status.to_string())),
        }
    }
    // End first, count then: the exemplar must never be older than the span that it names.
    span.end();
    let labels = RequestLabels { method, route, status: status.as_u16() };
    service.metrics.request(&labels, started.elapsed(), span.span_context());
    response
}

/// The method as a label. Anybody may make methods up, so those that no route knows are one.
fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "DELETE" => "DELETE",
        _ => "_OTHER",
    }
}

/// A request between its arrival and its answer. Dropped without an answer when the caller hangs
/// up, since the server then drops the handler where it stands.
struct InHand<'a> {
    service: &'a Service,
    context: &'a Context,
    is_answered: bool,
}

impl<'a> InHand<'a> {
    fn new(service: &'a Service, context: &'a Context) -> Self {
        service.metrics.in_flight.inc();
        Self { service, context, is_answered: false }
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.service.metrics.in_flight.dec();
        if !self.is_answered {
            let span = self.context.span();
            span.add_event("caller hung up", Vec::new());
            span.set_attribute(KeyValue::new("error.type", "cancelled"));
            span.set_status(Status::error("the caller hung up"));
            span.end();
        }
    }
}

/// What is known of a request before it is handled.
fn attributes(
    service: &Service,
    request: &Request,
    route: &str,
    caller: &Context,
) -> Vec<KeyValue> {
    let mut attributes = vec![
        KeyValue::new("http.request.method", request.method().to_string()),
        KeyValue::new("http.route", route.to_owned()),
        KeyValue::new("url.path", request.uri().path().to_owned()),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("server.address", service.target.service),
        KeyValue::new("server.port", i64::from(service.target.address.port())),
        KeyValue::new("network.protocol.version", "1.1"),
    ];
    if let Some(query) = request.uri().query() {
        attributes.push(KeyValue::new("url.query", query.to_owned()));
    }
    if let Some(agent) = text(request.headers(), header::USER_AGENT.as_str()) {
        attributes.push(KeyValue::new("user_agent.original", agent.to_owned()));
    }
    for name in ["user.id", "session.id"] {
        if let Some(value) = caller.baggage().get(name) {
            attributes.push(KeyValue::new(name, value.clone()));
        }
    }
    attributes
}

/// The chances of this request: those of its visit, at this service, path and attempt.
///
/// A request that belongs to no visit (somebody's curl) is as random as its trace ID.
fn dice(service: &Service, request: &Request, context: &Context) -> Dice {
    let visit = context.baggage().get("shop.visit").and_then(|visit| visit.as_str().parse().ok());
    let visit = visit.unwrap_or_else(|| {
        let trace_id = context.span().span_context().trace_id().to_bytes();
        u64::from_be_bytes(trace_id[8..].try_into().expect("half of 16 bytes are 8"))
    });
    service.neighbours.dice.nth(visit).of(service.target.service).of(request.uri().path()).of(text(
        request.headers(),
        ATTEMPT_HEADER,
    )
    .unwrap_or("0"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
