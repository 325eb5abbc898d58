//! Over real sockets: the server on threads, axum and hyper.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use sigyn_buffer::{Drain, SpanBuffer};

use crate::support::{numbers, span};

/// Sends a request as it stands and reads until the other side closes.
fn exchange(address: SocketAddr, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    (head, answer[end + 4..].to_vec())
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
}

/// What every way of serving must do.
fn check(address: SocketAddr, buffer: &SpanBuffer) {
    buffer.record(&span(0, 1_000));
    // HTTP/1.0, so that the body ends where the connection does.
    let (head, body) = exchange(address, "GET /debug/spans HTTP/1.0\r\n\r\n");
    assert!(head.contains(" 200 OK"), "{head}");
    assert_eq!(header(&head, "content-length"), body.len().to_string());
    assert_eq!(numbers(&body), [0]);
    let cursor = header(&head, "sigyn-cursor").to_owned();

    let request = "GET /debug/spans HTTP/1.0\r\naccept-encoding: zstd\r\n\r\n";
    let (head, packed) = exchange(address, request);
    assert_eq!(header(&head, "content-encoding"), "zstd");
    assert_eq!(zstd::decode_all(&*packed).unwrap(), body);

    // A long poll ends with the span that comes, not with the time.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let request = format!("GET /debug/spans?cursor={cursor}&wait=15s HTTP/1.0\r\n\r\n");
            exchange(address, &request)
        });
        // Whether the reader waits already or not, it must get this one.
        std::thread::yield_now();
        buffer.record(&span(1, 10));
        let (head, body) = waiting.join().unwrap();
        assert_eq!(numbers(&body), [1], "{head}");
    });

    let (head, body) = exchange(address, "POST /debug/spans HTTP/1.0\r\n\r\n");
    assert!(head.contains(" 405 "), "{head}");
    assert!(String::from_utf8(body).unwrap().contains("not with POST"));
    let (head, _) = exchange(address, "GET /debug/spans?cursor=x HTTP/1.0\r\n\r\n");
    assert!(head.contains(" 400 "), "{head}");
    let (head, body) = exchange(address, "HEAD /debug/spans HTTP/1.0\r\n\r\n");
    assert!(head.contains(" 200 OK") && body.is_empty(), "{head}");
    let (head, _) = exchange(address, "GET /elsewhere HTTP/1.0\r\n\r\n");
    assert!(head.contains(" 404 "), "{head}");
}

#[test]
fn the_server_on_threads_speaks_the_protocol() {
    let buffer = SpanBuffer::new(1 << 20);
    let server = buffer.serve("127.0.0.1:0").unwrap();
    check(server.local_addr(), &buffer);
}

#[tokio::test(flavor = "multi_thread")]
async fn axum_speaks_the_protocol() {
    let buffer = SpanBuffer::new(1 << 20);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().merge(buffer.router());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    tokio::task::spawn_blocking(move || check(address, &buffer)).await.unwrap();
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn hyper_speaks_the_protocol() {
    let buffer = SpanBuffer::new(1 << 20);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = buffer.service();
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Only the path is the app's business here.
            let service = service.clone();
            let routed =
                hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let elsewhere = request.uri().path() != sigyn_buffer::PATH;
                    let answer = tower::ServiceExt::oneshot(service.clone(), request);
                    async move {
                        let mut response = answer.await?;
                        if elsewhere {
                            *response.status_mut() = http::StatusCode::NOT_FOUND;
                        }
                        Ok::<_, std::convert::Infallible>(response)
                    }
                });
            let stream = hyper_util::rt::TokioIo::new(stream);
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(stream, routed),
            );
        }
    });
    tokio::task::spawn_blocking(move || check(address, &buffer)).await.unwrap();
    server.abort();
}

#[test]
fn a_connection_serves_many_requests() {
    let buffer = SpanBuffer::new(1 << 20);
    let server = buffer.serve("127.0.0.1:0").unwrap();
    // Pipelined, with the last one closing.
    let requests = "HEAD /debug/spans HTTP/1.1\r\nhost: a\r\n\r\n".repeat(3)
        + "HEAD /debug/spans HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(server.local_addr()).unwrap();
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 4);
    assert_eq!(answers.matches("connection: close").count(), 1);
}

#[test]
fn what_is_no_request_is_refused_and_closed() {
    let buffer = SpanBuffer::new(1 << 20);
    let server = buffer.serve("127.0.0.1:0").unwrap();
    let (head, _) = exchange(server.local_addr(), "\u{16}\u{3}nonsense\r\n\r\n");
    assert!(head.contains(" 400 "), "{head}");
    let large = format!("GET /debug/spans HTTP/1.1\r\nx: {}", "y".repeat(9 << 10));
    let (head, _) = exchange(server.local_addr(), &large);
    assert!(head.contains(" 431 "), "{head}");
}

#[test]
fn the_ninth_connection_is_turned_away() {
    let buffer = SpanBuffer::new(1 << 20);
    let server = buffer.serve("127.0.0.1:0").unwrap();
    let request = b"HEAD /debug/spans HTTP/1.1\r\n\r\n";
    let _open: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(server.local_addr()).unwrap();
            stream.write_all(request).unwrap();
            // Its answer shows that its thread runs.
            assert!(stream.read(&mut [0; 64]).unwrap() > 0);
            stream
        })
        .collect();
    let mut stream = TcpStream::connect(server.local_addr()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[test]
fn dropping_the_server_closes_the_port_and_ends_those_who_wait() {
    let buffer = SpanBuffer::new(1 << 20);
    let server = buffer.serve("127.0.0.1:0").unwrap();
    let address = server.local_addr();
    let mut stream = TcpStream::connect(address).unwrap();
    // The first answer shows that the connection has its thread; the second request waits.
    let requests = "HEAD /debug/spans HTTP/1.1\r\n\r\nGET /debug/spans?wait=30s HTTP/1.1\r\n\r\n";
    stream.write_all(requests.as_bytes()).unwrap();
    assert!(stream.read(&mut [0; 1]).unwrap() > 0);
    drop(server);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_thread_without_runtime_can_wait_for_the_drain() {
    let buffer = SpanBuffer::new(1 << 20);
    buffer.record(&span(0, 10));
    let server = buffer.serve("127.0.0.1:0").unwrap();
    let address = server.local_addr();
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| buffer.drained_blocking(Duration::from_secs(20)));
        let (head, _) = exchange(address, "GET /debug/spans?drain=1 HTTP/1.0\r\n\r\n");
        let cursor = header(&head, "sigyn-cursor");
        let request = format!("GET /debug/spans?drain=1&cursor={cursor} HTTP/1.0\r\n\r\n");
        let (_, body) = exchange(address, &request);
        assert!(body.is_empty());
        assert_eq!(drained.join().unwrap(), Drain::Confirmed);
    });
}
