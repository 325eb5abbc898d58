//! An instrumented app inside the test: a real span buffer behind a real port, and a metrics page.

use axum::{Router, http::header, routing::get};
use opentelemetry::trace::{Span, SpanContext, Tracer, TracerProvider};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use sigyn_buffer::SpanBuffer;
use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
};
use tokio::runtime::Runtime;

/// One process's worth of instrumentation.
pub(crate) struct App {
    /// Where its buffer and metrics are.
    pub(crate) address: SocketAddr,
    pub(crate) buffer: SpanBuffer,
    provider: SdkTracerProvider,
    metrics: Arc<Mutex<String>>,
    _runtime: Runtime,
}

impl App {
    /// An app that listens on a free port.
    pub(crate) fn start(service: &'static str) -> Self {
        Self::listen(service, TcpListener::bind("127.0.0.1:0").unwrap(), 1 << 20)
    }

    /// An app on a given listener, with a buffer of a given size.
    pub(crate) fn listen(service: &'static str, listener: TcpListener, capacity: usize) -> Self {
        Self::over(service, listener, SpanBuffer::new(capacity))
    }

    /// An app on a given listener, with a given buffer.
    pub(crate) fn over(service: &'static str, listener: TcpListener, buffer: SpanBuffer) -> Self {
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder_empty().with_service_name(service).build())
            .with_span_processor(buffer.processor())
            .build();
        let metrics = Arc::new(Mutex::new("# EOF\n".to_owned()));
        let shown = metrics.clone();
        let page = move || {
            let text = shown.lock().unwrap().clone();
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            async move { ([(header::CONTENT_TYPE, kind)], text) }
        };
        let router: Router = buffer.router().route("/metrics", get(page));
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let runtime = Runtime::new().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        Self { address, buffer, provider, metrics, _runtime: runtime }
    }

    /// Records one finished root span.
    pub(crate) fn span(&self, name: &'static str) -> SpanContext {
        let mut span = self.provider.tracer("black_box").start(name);
        span.end();
        span.span_context().clone()
    }

    /// What `/metrics` shows from now on.
    pub(crate) fn expose(&self, exposition: String) {
        *self.metrics.lock().unwrap() = exposition;
    }
}
