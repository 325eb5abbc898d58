//! One instrumented service: what an app does to be read by Sigyn.
//!
//! All that has to do with Sigyn is marked: a buffer, its processor, its route. The rest is plain
//! OpenTelemetry and plain Prometheus, and would be there anyway.

use crate::{
    broker::Broker, dice::Dice, directory::Directory, directory::ScrapeTarget, instrument,
    metrics::Metrics,
};
use axum::{Router, extract::State, middleware, response::IntoResponse, routing::get};
use opentelemetry::{KeyValue, propagation::TextMapCompositePropagator, trace::TracerProvider};
use opentelemetry_sdk::{
    Resource,
    propagation::{BaggagePropagator, TraceContextPropagator},
    trace::{SdkTracer, SdkTracerProvider},
};
use sigyn_buffer::SpanBuffer;
use std::{fmt, ops::Deref, sync::Arc};

/// A running service, shared by its handlers and workers.
#[derive(Clone)]
pub(crate) struct Service(Arc<Parts>);

/// What a service is made of.
pub(crate) struct Parts {
    pub(crate) target: ScrapeTarget,
    pub(crate) tracer: SdkTracer,
    pub(crate) metrics: Metrics,
    pub(crate) propagator: TextMapCompositePropagator,
    pub(crate) neighbours: Neighbours,
    tracing: SdkTracerProvider,
    buffer: SpanBuffer,
}

/// What a service reaches besides itself.
#[derive(Debug, Clone)]
pub(crate) struct Neighbours {
    pub(crate) directory: Arc<Directory>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) http: reqwest::Client,
    pub(crate) dice: Dice,
    /// Who is told of orders, outside of the shop.
    pub(crate) beyond: Option<&'static str>,
}

impl Service {
    pub(crate) fn new(
        target: ScrapeTarget,
        version: &'static str,
        neighbours: Neighbours,
        buffer_capacity_bytes: usize,
    ) -> Self {
        // Sigyn, 1 of 3: the newest spans stay here until they are read or overwritten.
        let buffer = SpanBuffer::new(buffer_capacity_bytes);

        let tracing = SdkTracerProvider::builder()
            .with_resource(resource(&target, version))
            // Sigyn, 2 of 3: spans go into the buffer when they end.
            .with_span_processor(buffer.processor())
            .build();

        Self(Arc::new(Parts {
            tracer: tracing.tracer("shop"),
            metrics: Metrics::new(),
            propagator: TextMapCompositePropagator::new(vec![
                Box::new(TraceContextPropagator::new()),
                Box::new(BaggagePropagator::new()),
            ]),
            neighbours,
            target,
            tracing,
            buffer,
        }))
    }

    /// The service's one port: its own routes, its metrics and its spans.
    pub(crate) fn router(&self, routes: Router<Service>) -> Router {
        routes
            .layer(middleware::from_fn_with_state(self.clone(), instrument::request))
            .route("/metrics", get(exposition))
            .with_state(self.clone())
            // Sigyn, 3 of 3: `GET /debug/spans`, for whoever comes to read.
            .merge(self.buffer.router())
    }

    /// Ends the tracer: spans that end later are not recorded.
    pub(crate) fn shutdown(&self) {
        if let Err(error) = self.tracing.shutdown() {
            tracing::warn!(service = self.target.service, %error, "tracer did not shut down");
        }
    }
}

impl Deref for Service {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Service").field(&self.target).finish()
    }
}

/// Who the spans come from.
fn resource(target: &ScrapeTarget, version: &'static str) -> Resource {
    Resource::builder()
        .with_service_name(target.service)
        .with_attributes([
            KeyValue::new("service.namespace", "shop"),
            KeyValue::new("service.version", version),
            KeyValue::new("service.instance.id", target.pod.clone()),
            KeyValue::new("deployment.environment.name", "demo"),
        ])
        .build()
}

async fn exposition(State(service): State<Service>) -> impl IntoResponse {
    // What an exemplar on the page points at is not overwritten before it was read.
    service.buffer.exposition(service.metrics.encode())
}
