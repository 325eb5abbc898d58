//! The protocol over the tower service and the axum router, without sockets.

use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use sigyn_buffer::{Drain, SpanBuffer};
use tower::ServiceExt as _;

use crate::support::{numbers, span};

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

async fn ask(buffer: &SpanBuffer, method: Method, query: &str, accept: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(format!("/debug/spans{query}"))
        .header("accept-encoding", accept)
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = buffer.service().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}

async fn get(buffer: &SpanBuffer, query: &str) -> Answer {
    ask(buffer, Method::GET, query, "").await
}

fn filled(spans: u64) -> SpanBuffer {
    let buffer = SpanBuffer::new(1 << 20);
    (0..spans).for_each(|number| buffer.record(&span(number, 100)));
    buffer
}

#[tokio::test]
async fn a_reader_goes_on_from_its_cursor() {
    let buffer = filled(3);
    let first = get(&buffer, "").await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.header("content-type"), "application/x-protobuf");
    assert_eq!((first.header("sigyn-lost"), first.header("sigyn-more")), ("0", "0"));
    assert!(first.header("sigyn-time").parse::<u64>().unwrap() > 1_600_000_000_000_000_000);
    let account = first.header("sigyn-buffer");
    assert!(account.starts_with("recorded=3, overwritten=0, dropped=0, bytes="), "{account}");
    assert!(account.contains(", capacity=1048576, overwrite_seconds="), "{account}");
    assert_eq!(numbers(&first.body).len(), 3);

    let cursor = first.header("sigyn-cursor");
    let second = get(&buffer, &format!("?cursor={cursor}")).await;
    assert_eq!((second.status, second.body.len()), (StatusCode::OK, 0));
    assert_eq!(second.header("sigyn-cursor"), cursor);

    buffer.record(&span(3, 0));
    let third = get(&buffer, &format!("?cursor={cursor}")).await;
    assert_eq!(numbers(&third.body), [3]);
}

#[tokio::test]
async fn an_empty_buffer_answers_with_an_empty_body_and_a_cursor() {
    let buffer = SpanBuffer::new(1 << 20);
    let answer = ask(&buffer, Method::GET, "", "zstd").await;
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 0));
    assert_eq!(answer.header("content-encoding"), "");
    assert!(answer.header("sigyn-buffer").ends_with("overwrite_seconds=inf"));
    assert!(!answer.header("sigyn-cursor").is_empty());
}

#[tokio::test]
async fn bodies_are_compressed_as_the_reader_likes() {
    let buffer = filled(2_000);
    let plain = get(&buffer, "").await.body;
    let zstd = ask(&buffer, Method::GET, "", "gzip, deflate, zstd").await;
    assert_eq!(zstd.header("content-encoding"), "zstd");
    assert_eq!(zstd.header("vary"), "accept-encoding");
    assert!(zstd.body.len() < plain.len() / 2);
    assert_eq!(zstd::decode_all(&*zstd.body).unwrap(), plain);
    let gzip = ask(&buffer, Method::GET, "", "gzip").await;
    assert_eq!(gzip.header("content-encoding"), "gzip");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*gzip.body).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain);
}

#[tokio::test]
async fn max_bytes_bounds_the_body_and_more_says_to_come_again() {
    let buffer = filled(1_000);
    let (mut cursor, mut seen) = (String::new(), Vec::new());
    loop {
        let answer = get(&buffer, &format!("?max_bytes=10000&cursor={cursor}")).await;
        assert!(answer.body.len() <= 10_000);
        seen.extend(numbers(&answer.body));
        cursor = answer.header("sigyn-cursor").into();
        if answer.header("sigyn-more") == "0" {
            break;
        }
        assert!(answer.body.len() > 8_000, "the limit is used");
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..1_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_was_overwritten_is_counted_and_another_epoch_is_unknown() {
    let buffer = SpanBuffer::new(64 << 10);
    buffer.record(&span(0, 0));
    let cursor = get(&buffer, "").await.header("sigyn-cursor").to_owned();
    (1..1_000).for_each(|number| buffer.record(&span(number, 200)));
    let answer = get(&buffer, &format!("?cursor={cursor}")).await;
    let lost: u64 = answer.header("sigyn-lost").parse().unwrap();
    assert_eq!(lost + numbers(&answer.body).len() as u64, 999);

    let reborn = filled(2);
    let answer = get(&reborn, &format!("?cursor={cursor}")).await;
    assert_eq!(answer.header("sigyn-lost"), "unknown");
    assert_eq!(numbers(&answer.body).len(), 2);
}

#[tokio::test]
async fn faults_of_readers_get_a_sentence() {
    let buffer = filled(1);
    for (query, says) in [
        ("?cursor=banana", "the cursor is not one"),
        ("?cursor=1.00000000000000000000000000000000.-5", "the cursor is not one"),
        ("?max_bytes=-1", "max_bytes is a number"),
        ("?wait=soon", "wait is a duration"),
        ("?drain=perhaps", "drain is 1 or 0"),
    ] {
        let answer = get(&buffer, query).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.text().starts_with(says), "{}", answer.text());
        assert_eq!(answer.text().lines().count(), 1);
    }
    let cursor = get(&buffer, "").await.header("sigyn-cursor").to_owned();
    for ahead in [format!("{cursor}fff"), format!("{cursor}.1")] {
        for wait in ["", "&wait=10s"] {
            let answer = get(&buffer, &format!("?cursor={ahead}{wait}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        }
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = ask(&buffer, method, "", "").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.header("allow"), "GET, HEAD");
    }
}

#[tokio::test]
async fn head_says_the_same_without_the_body() {
    let buffer = filled(5);
    let (head, get) = (ask(&buffer, Method::HEAD, "", "").await, get(&buffer, "").await);
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-length"), get.body.len().to_string());
    assert_eq!(head.header("sigyn-cursor"), get.header("sigyn-cursor"));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_when_its_time_is_up() {
    let buffer = filled(1);
    let cursor = get(&buffer, "").await.header("sigyn-cursor").to_owned();
    let start = tokio::time::Instant::now();
    let answer = get(&buffer, &format!("?cursor={cursor}&wait=10s")).await;
    assert_eq!(answer.body.len(), 0);
    assert_eq!(start.elapsed().as_secs(), 10);
    // More than 30 s is taken for 30 s.
    get(&buffer, &format!("?cursor={cursor}&wait=1h")).await;
    assert_eq!(start.elapsed().as_secs(), 40);
    // Where there is something, nothing is waited for.
    get(&buffer, "?wait=10s").await;
    assert_eq!(start.elapsed().as_secs(), 40);
}

#[tokio::test(start_paused = true)]
async fn a_span_ends_the_wait() {
    let buffer = filled(1);
    let cursor = get(&buffer, "").await.header("sigyn-cursor").to_owned();
    let waiting = tokio::spawn({
        let (buffer, query) = (buffer.clone(), format!("?cursor={cursor}&wait=20s"));
        async move { get(&buffer, &query).await }
    });
    let start = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(3)).await;
    buffer.record(&span(1, 0));
    let answer = waiting.await.unwrap();
    assert_eq!(numbers(&answer.body), [1]);
    // Within a blink, in which more may gather.
    assert!(start.elapsed() < Duration::from_millis(3_100), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_fifth_who_waits_is_sent_away() {
    let buffer = filled(1);
    let cursor = get(&buffer, "").await.header("sigyn-cursor").to_owned();
    let query = format!("?cursor={cursor}&wait=20s");
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let (buffer, query) = (buffer.clone(), query.clone());
            tokio::spawn(async move { get(&buffer, &query).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let fifth = get(&buffer, &query).await;
    assert_eq!(fifth.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(fifth.header("retry-after"), "1");
    assert!(fifth.text().contains("waiting already"));
    // Who does not wait is served all the same.
    assert_eq!(get(&buffer, "").await.status, StatusCode::OK);
    buffer.record(&span(1, 0));
    for answer in waiting {
        assert_eq!(numbers(&answer.await.unwrap().body), [1]);
    }
    // And the places are free again.
    assert_eq!(get(&buffer, &query).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn readers_that_do_not_take_their_bodies_are_bounded() {
    let buffer = filled(1);
    let request = || Request::get("/").body(Empty::<Bytes>::new()).unwrap();
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(buffer.service().oneshot(request()).await.unwrap());
    }
    assert_eq!(get(&buffer, "").await.status, StatusCode::TOO_MANY_REQUESTS);
    held.pop();
    assert_eq!(get(&buffer, "").await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn a_drain_is_over_when_the_reader_confirms() {
    let buffer = filled(100);
    let drained = tokio::spawn({
        let buffer = buffer.clone();
        async move { buffer.drained(Duration::from_secs(20)).await }
    });
    // Without `drain`, a reader does not count.
    get(&buffer, "").await;
    let mut cursor = String::new();
    let mut reads = 0;
    loop {
        let query = format!("?drain=1&max_bytes=6000&cursor={cursor}");
        let answer = get(&buffer, &query).await;
        cursor = answer.header("sigyn-cursor").into();
        if answer.body.is_empty() {
            break;
        }
        assert!(!drained.is_finished());
        reads += 1;
    }
    assert!(reads > 1);
    let start = tokio::time::Instant::now();
    assert_eq!(drained.await.unwrap(), Drain::Confirmed);
    assert!(start.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn at_the_end_a_reader_that_follows_a_cursor_counts() {
    let buffer = filled(3);
    let cursor = get(&buffer, "").await.header("sigyn-cursor").to_owned();
    get(&buffer, &format!("?cursor={cursor}")).await;
    buffer.start_draining();
    assert_eq!(buffer.drained(Duration::ZERO).await, Drain::Unread, "that was before the end");
    get(&buffer, "").await;
    assert_eq!(buffer.drained(Duration::ZERO).await, Drain::Unread, "one that only looks");
    get(&buffer, &format!("?cursor={cursor}")).await;
    assert_eq!(buffer.drained(Duration::ZERO).await, Drain::Confirmed);
}

#[tokio::test(start_paused = true)]
async fn an_invented_cursor_confirms_nothing() {
    let buffer = filled(3);
    let cursor = get(&buffer, "").await.header("sigyn-cursor").to_owned();
    let epoch = cursor.split('.').nth(1).unwrap();
    let ahead = ".ffff".repeat(cursor.split('.').count() - 2);
    for invented in [format!("1.{epoch}{ahead}"), format!("1.{epoch}.ffff")] {
        let answer = get(&buffer, &format!("?drain=1&cursor={invented}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(buffer.drained(Duration::from_secs(5)).await, Drain::Unread);
}

#[tokio::test(start_paused = true)]
async fn a_drain_without_confirmation_ends_a_little_later() {
    let buffer = filled(100);
    get(&buffer, "?drain=1").await;
    let start = tokio::time::Instant::now();
    assert_eq!(buffer.drained(Duration::from_secs(20)).await, Drain::Delivered);
    assert!((1..3).contains(&start.elapsed().as_secs()));
    // A span after that has not been read.
    buffer.record(&span(100, 0));
    assert_eq!(buffer.drained(Duration::from_secs(5)).await, Drain::Unread);
}

#[tokio::test(start_paused = true)]
async fn shutdown_answers_those_who_wait() {
    let buffer = filled(1);
    let cursor = get(&buffer, "").await.header("sigyn-cursor").to_owned();
    let query = format!("?cursor={cursor}&wait=20s");
    let waiting = tokio::spawn({
        let (buffer, query) = (buffer.clone(), query.clone());
        async move { get(&buffer, &query).await }
    });
    let start = tokio::time::Instant::now();
    tokio::time::sleep(Duration::from_secs(1)).await;
    buffer.start_draining();
    assert_eq!(waiting.await.unwrap().status, StatusCode::OK);
    assert_eq!(start.elapsed().as_secs(), 1);
    // A reader that knows of the end does not wait at all; one that does not must not spin.
    get(&buffer, &format!("{query}&drain=1")).await;
    assert_eq!(start.elapsed().as_secs(), 1);
    get(&buffer, &query).await;
    assert_eq!(start.elapsed().as_secs(), 21);
}

#[tokio::test]
async fn the_uid_is_sent_when_it_can_stand_in_a_header() {
    let buffer = SpanBuffer::builder().uid("5c0f-77").build();
    assert_eq!(get(&buffer, "").await.header("sigyn-uid"), "5c0f-77");
    let buffer = SpanBuffer::builder().uid("line\nbreak").build();
    assert!(!get(&buffer, "").await.headers.contains_key("sigyn-uid"));
}

#[tokio::test]
async fn the_router_serves_its_path_and_nothing_else() {
    let buffer = filled(1);
    for (uri, status) in [("/debug/spans?max_bytes=10", 200), ("/debug", 404), ("/", 404)] {
        let request = Request::get(uri).body(axum::body::Body::empty()).unwrap();
        let response = buffer.router::<()>().oneshot(request).await.unwrap();
        assert_eq!(response.status(), status, "{uri}");
    }
}
