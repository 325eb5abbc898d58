//! `sigyn check buffer`: a real buffer passes; one with a fault is told which.

use crate::SIGYN;
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use opentelemetry::{
    KeyValue,
    trace::{Span, Tracer, TracerProvider},
};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracer, SdkTracerProvider},
};
use sigyn_buffer::SpanBuffer;
use std::{
    net::SocketAddr,
    process::{Command, Output},
    sync::{Arc, Mutex},
};
use tokio::runtime::Runtime;

/// An app whose answers go through `change`.
struct Strange {
    address: SocketAddr,
    tracer: SdkTracer,
    _runtime: Runtime,
}

impl Strange {
    fn start(change: impl Fn(Router) -> Router) -> Self {
        let buffer = SpanBuffer::new(1 << 20);
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder_empty().with_service_name("strange").build())
            .with_span_processor(buffer.processor())
            .build();
        let tracer = provider.tracer("check");
        let working = tracer.clone();
        let work = async move || working.start("work").end();
        let router = change(buffer.router()).route("/work", get(work));
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, tracer, _runtime: runtime }
    }

    /// With spans of all sizes, the first too large for a small answer.
    fn with_spans(self) -> Self {
        for number in 0..60 {
            let mut span = self.tracer.start("span");
            let length = if number == 0 { 6_000 } else { 100 };
            span.set_attribute(KeyValue::new("pad", "x".repeat(length)));
        }
        self
    }

    fn check(&self, arguments: &[&str]) -> Output {
        Command::new(SIGYN)
            .args(["check", "buffer", &format!("http://{}/debug/spans", self.address)])
            .args(arguments)
            .output()
            .unwrap()
    }
}

fn printed(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn a_buffer_that_keeps_the_protocol_passes() {
    let app = Strange::start(|buffer| buffer).with_spans();
    let output = app.check(&[&format!("--provoke=http://{}/work", app.address)]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    // All but the credentials, as there are none.
    assert!(text.contains("28 good, 0 bad, 1 not tried"), "{text}");
    assert!(text.contains("good  each span once: 61 span(s)"), "{text}");
    assert!(text.contains("carry sigyn.truncated"), "{text}");
}

#[test]
fn an_empty_buffer_is_good_as_far_as_can_be_seen() {
    let app = Strange::start(|buffer| buffer);
    let output = app.check(&[]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("-     spans: not tried, the buffer holds no span"), "{text}");
}

#[test]
fn credentials_are_sent_and_their_absence_is_tried() {
    async fn with_token(request: Request, next: Next) -> Response {
        match request.headers().get(header::AUTHORIZATION) {
            Some(token) if token == "Bearer open sesame" => next.run(request).await,
            _ => StatusCode::UNAUTHORIZED.into_response(),
        }
    }
    let app = Strange::start(|buffer| buffer.layer(from_fn(with_token))).with_spans();
    let output = app.check(&["--bearer-token=open sesame"]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("good  credentials: GET ?max_bytes=1 without credentials answered 401"));
    let text = printed(&app.check(&[]));
    assert!(text.contains("BAD   answer: GET ? answered 401. Pass the credentials"), "{text}");
}

#[test]
fn what_is_no_url_and_what_does_not_answer_are_told_apart() {
    let run = |url: &str| Command::new(SIGYN).args(["check", "buffer", url]).output().unwrap();
    assert_eq!(run("localhost/debug").status.code(), Some(2));
    assert_eq!(run("ftp://localhost/debug").status.code(), Some(2));
    let output = run("http://127.0.0.1:1/debug/spans");
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("BAD   answer: GET ?:"), "{}", printed(&output));
}

/// A fault, and the line that must name it.
struct Fault {
    line: &'static str,
    change: fn(Router) -> Router,
}

/// The request with its query changed.
fn requery(mut request: Request, change: impl Fn(&str) -> Option<String>) -> Request {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let kept: Vec<String> = query.split('&').filter_map(change).collect();
    *request.uri_mut() = format!("/debug/spans?{}", kept.join("&")).parse::<Uri>().unwrap();
    request
}

fn without(request: Request, name: &str) -> Request {
    requery(request, |pair| (pair.split('=').next() != Some(name)).then(|| pair.to_owned()))
}

/// Lets the answer's headers be changed.
fn reheaded(buffer: Router, change: fn(&mut HeaderMap)) -> Router {
    buffer.layer(from_fn(move |request: Request, next: Next| async move {
        let mut response = next.run(request).await;
        change(response.headers_mut());
        response
    }))
}

/// Takes a parameter away, as a buffer that does not look at it would.
fn deaf(buffer: Router, name: &'static str) -> Router {
    buffer.layer(from_fn(move |request: Request, next: Next| async move {
        next.run(without(request, name)).await
    }))
}

fn emptied_by_reading(buffer: Router) -> Router {
    let reached = Arc::new(Mutex::new(String::new()));
    buffer.layer(from_fn(move |request: Request, next: Next| {
        let reached = reached.clone();
        async move {
            let mut request = request;
            let query = request.uri().query().unwrap_or_default().to_owned();
            if !query.contains("cursor=") {
                let cursor = reached.lock().unwrap().clone();
                *request.uri_mut() =
                    format!("/debug/spans?cursor={cursor}&{query}").parse().unwrap();
            }
            let mut response = next.run(request).await;
            if let Some(cursor) = response.headers().get("sigyn-cursor") {
                *reached.lock().unwrap() = cursor.to_str().unwrap().to_owned();
            }
            response.headers_mut().insert("sigyn-lost", HeaderValue::from_static("0"));
            response
        }
    }))
}

const FAULTS: &[Fault] = &[
    Fault {
        line: "answer",
        change: |buffer| reheaded(buffer, |headers| drop(headers.remove("sigyn-cursor"))),
    },
    Fault {
        line: "answer",
        change: |buffer| reheaded(buffer, |headers| drop(headers.remove("sigyn-buffer"))),
    },
    Fault {
        line: "headers",
        change: |buffer| {
            reheaded(buffer, |headers| {
                headers.insert("sigyn-time", HeaderValue::from_static("1790000001500"));
            })
        },
    },
    Fault {
        line: "cursor of another life",
        change: |buffer| {
            reheaded(buffer, |headers| {
                headers.insert("sigyn-lost", HeaderValue::from_static("0"));
            })
        },
    },
    Fault { line: "spans", change: emptied_by_reading },
    Fault { line: "nothing new", change: |buffer| deaf(buffer, "cursor") },
    Fault { line: "each span once", change: |buffer| deaf(buffer, "cursor") },
    Fault { line: "max_bytes", change: |buffer| deaf(buffer, "max_bytes") },
    Fault { line: "wait in vain", change: |buffer| deaf(buffer, "wait") },
    Fault { line: "wait for a span", change: |buffer| deaf(buffer, "wait") },
    Fault {
        line: "no cursor",
        change: |buffer| {
            buffer.layer(from_fn(async |request: Request, next: Next| {
                let query = request.uri().query().unwrap_or_default();
                let is_forgiven = query.contains("cursor=banana");
                next.run(if is_forgiven { without(request, "cursor") } else { request }).await
            }))
        },
    },
    Fault {
        line: "encoding",
        change: |buffer| {
            buffer.layer(from_fn(async |mut request: Request, next: Next| {
                let gzip = HeaderValue::from_static("gzip");
                request.headers_mut().insert(header::ACCEPT_ENCODING, gzip);
                next.run(request).await
            }))
        },
    },
    Fault {
        line: "methods",
        change: |buffer| {
            buffer.layer(from_fn(async |mut request: Request, next: Next| {
                *request.method_mut() = Method::GET;
                next.run(request).await
            }))
        },
    },
    Fault {
        line: "trace_id",
        change: |buffer| {
            buffer.layer(from_fn(async |request: Request, next: Next| {
                let asks = request.uri().query().unwrap_or_default().contains("trace_id");
                let mut response = next.run(without(request, "trace_id")).await;
                if asks {
                    let headers = response.headers_mut();
                    headers.insert("sigyn-filter", HeaderValue::from_static("trace_id"));
                    headers.remove("sigyn-cursor");
                    headers.remove("sigyn-lost");
                }
                response
            }))
        },
    },
    Fault {
        line: "answer",
        change: |buffer| {
            buffer.layer(from_fn(async |request: Request, next: Next| {
                let mut response = next.run(request).await;
                // Cut off in the middle of a message.
                let body = std::mem::replace(response.body_mut(), Body::empty());
                let bytes = axum::body::to_bytes(body, 1 << 24).await.unwrap();
                response.headers_mut().remove(header::CONTENT_LENGTH);
                *response.body_mut() = Body::from(bytes.slice(..bytes.len() / 2));
                response
            }))
        },
    },
];

#[test]
fn each_fault_is_named() {
    let checks = FAULTS.iter().map(|Fault { line, change }| {
        std::thread::spawn(move || {
            let app = Strange::start(change).with_spans();
            let output = app.check(&[&format!("--provoke=http://{}/work", app.address)]);
            let text = printed(&output);
            assert_eq!(output.status.code(), Some(1), "{line}: {text}");
            assert!(text.contains(&format!("BAD   {line}: ")), "{line}: {text}");
        })
    });
    let ended = checks.collect::<Vec<_>>().into_iter().map(std::thread::JoinHandle::join);
    assert_eq!(ended.filter(Result::is_err).count(), 0, "what these saw stands above");
}
