//! A web app whose spans can be pulled.
//!
//! ```sh
//! cargo run -p sigyn-buffer --example axum
//! curl -s http://127.0.0.1:8080/hello/world
//! curl -sD - http://127.0.0.1:8080/debug/spans -o spans.otlp
//! ```

use std::time::Duration;

use axum::extract::Path;
use axum::routing::get;
use opentelemetry::global;
use opentelemetry::trace::{Span as _, Tracer as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use sigyn_buffer::SpanBuffer;

async fn hello(Path(name): Path<String>) -> String {
    let mut span = global::tracer("hello").start("hello");
    span.set_attribute(opentelemetry::KeyValue::new("name", name.clone()));
    format!("hello {name}\n")
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let buffer = SpanBuffer::new(16 << 20);
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("hello").build())
        .with_span_processor(buffer.processor())
        .build();
    global::set_tracer_provider(provider.clone());

    let app = axum::Router::new().route("/hello/{name}", get(hello)).merge(buffer.router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    let ended = async move {
        // The app would end here on SIGTERM; what it still holds is read before the port closes.
        tokio::signal::ctrl_c().await.expect("signals can be awaited");
        provider.shutdown().expect("the buffer has nothing that can fail");
        buffer.drained(Duration::from_secs(5)).await;
    };
    axum::serve(listener, app).with_graceful_shutdown(ended).await
}
