//! What a handler or worker does inside one span, and the spans below it.

mod cache;
mod call;
mod database;
mod queue;

pub(crate) use call::{ATTEMPT_HEADER, Call};
pub(crate) use database::Statement;

use crate::{dice::Dice, failure::Failure, service::Service};
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt,
    trace::{SpanKind, SpanRef, TraceContextExt, Tracer},
};
use std::{convert::Infallible, time::Duration};

/// One request in a hundred takes a slow path, on which all takes this much longer.
const SLOW_PATH_PROBABILITY: f64 = 0.01;
const SLOW_PATH_FACTOR: f64 = 10.0;

/// No single wait is longer, so that a shop that is told to stop can finish what it began.
const PAUSE_MAX: Duration = Duration::from_millis(400);

/// A piece of work in hand: the span that it runs in, and the chances that it takes.
///
/// Handlers take it as an argument; the span of the request is already open then. A clone is the
/// same piece of work.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) service: Service,
    pub(crate) context: Context,
    pub(crate) dice: Dice,
    /// How much slower than usual everything is: 1 on the usual path.
    drag: f64,
}

impl Work {
    pub(crate) fn new(service: Service, context: Context, dice: Dice) -> Self {
        let drag = if dice.chance("slow path", SLOW_PATH_PROBABILITY) {
            context.span().add_event(
                "slow path",
                vec![
                    KeyValue::new("shop.drag", SLOW_PATH_FACTOR),
                    KeyValue::new("shop.reason", *dice.pick("reason", &["lock", "cold", "gc"])),
                ],
            );
            SLOW_PATH_FACTOR
        } else {
            1.0
        };
        Self { service, context, dice, drag }
    }

    /// The span that this work runs in.
    pub(crate) fn span(&self) -> SpanRef<'_> {
        self.context.span()
    }

    /// Adds an attribute to the span that this work runs in.
    pub(crate) fn note(&self, attribute: KeyValue) {
        self.span().set_attribute(attribute);
    }

    /// Who the visitor is, or `guest`.
    pub(crate) fn user_id(&self) -> String {
        self.context.baggage().get("user.id").map_or("guest", |user| user.as_str()).to_owned()
    }

    /// Opens a span below this one. It ends with [`Work::finish`], or when the work is dropped
    /// because its caller hung up.
    pub(crate) fn begin(
        &self,
        kind: SpanKind,
        name: impl Into<std::borrow::Cow<'static, str>>,
        attributes: Vec<KeyValue>,
    ) -> Self {
        let tracer = &self.service.tracer;
        let span = tracer.span_builder(name).with_kind(kind).with_attributes(attributes);
        let context = self.context.with_span(tracer.build_with_context(span, &self.context));
        Self { context, ..self.clone() }
    }

    pub(crate) fn finish(self) {
        self.span().end();
    }

    /// Work of the service itself, in an internal span of its own.
    pub(crate) async fn compute(
        &self,
        name: &'static str,
        median_ms: f64,
        attributes: Vec<KeyValue>,
    ) {
        let step = self.begin(SpanKind::Internal, name, attributes);
        step.pause(name, median_ms).await;
        step.finish();
    }

    /// Waits as long as something of this median takes today.
    pub(crate) async fn pause(&self, what: &str, median_ms: f64) {
        let pause = self.dice.latency(what, median_ms).mul_f64(self.drag);
        tokio::time::sleep(pause.min(PAUSE_MAX)).await;
    }

    /// A bug that is in the service: now and then it fails by itself.
    pub(crate) fn may_fail(&self, what: &'static str, probability: f64) -> Result<(), Failure> {
        if self.dice.chance(what, probability) {
            return Err(Failure::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                format!("{what} failed unexpectedly"),
            ));
        }
        Ok(())
    }
}

impl<S: Sync> FromRequestParts<S> for Work {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let work = parts.extensions.get::<Self>().cloned();
        Ok(work.expect("the instrumentation layer is around every handler"))
    }
}
