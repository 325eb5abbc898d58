//! Against servers that misbehave: each gets a sentence, costs nothing else, and moves no cursor.

use super::rig::{Rig, config, order, serve, status, target};
use crate::{
    config::{Authentication, HttpHeader, Secret, SecretSource},
    fixture::{BEGAN_UNIX_NANO, TestClock, TestStore, body, eventually, gzip, request, span},
    scrape::Health,
};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, Response, StatusCode},
};
use parking_lot::Mutex;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

fn answer(headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder();
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}

const SPANS: (&str, &str) = ("content-type", "application/x-protobuf");

/// Scrapes a server that always answers this, and gives the error that is shown.
async fn error_of(make: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static) -> String {
    let rig = Rig::new().await;
    let address = serve(move |_| std::future::ready(make())).await;
    let mut config = config();
    config.body_size_limit_bytes = 1_000_000;
    let state = rig.scrape(order(target(address), config));
    eventually(|| status(&state).health == Health::Down).await;
    rig.stop().await;
    assert_eq!(rig.store.spans(), 0);
    assert_eq!(rig.store.store.cursor(&state.key), None, "no cursor moves");
    status(&state).last_error
}

#[tokio::test]
async fn each_fault_is_named() {
    let html = error_of(|| answer(&[("content-type", "text/html; charset=utf-8")], "<html>")).await;
    assert_eq!(
        html,
        "the answer is text/html, a span buffer answers application/x-protobuf: is traces_path right?"
    );
    let down = error_of(|| {
        let mut response = answer(&[], "no");
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response
    });
    assert_eq!(down.await, "server returned HTTP status 503 Service Unavailable");
    let json = error_of(|| answer(&[("content-type", "application/json")], "{\"status\":\"ok\"}"));
    assert!(json.await.starts_with("the answer is JSON, but not spans: missing field"));
    let bare = error_of(|| answer(&[], "hello")).await;
    assert!(bare.starts_with("the answer has no content type"), "{bare}");
    let cut = error_of(|| answer(&[SPANS], body([1])[..40].to_vec())).await;
    assert!(cut.starts_with("the answer is not spans: the body is not OTLP"), "{cut}");
    let huge = error_of(|| answer(&[SPANS], vec![0; 1_000_000])).await;
    assert_eq!(huge, "the body is larger than 999999 bytes after decompression");
    let bomb =
        error_of(|| answer(&[SPANS, ("content-encoding", "gzip")], gzip(&vec![0; 20_000_000])));
    assert_eq!(bomb.await, "the body is larger than 999999 bytes after decompression");
    let garbled = error_of(|| answer(&[SPANS, ("content-encoding", "zstd")], "not zstd")).await;
    assert!(garbled.starts_with("the body is not valid zstd"), "{garbled}");
    let cursor = error_of(|| answer(&[SPANS, ("sigyn-cursor", "no spaces")], body([1]))).await;
    assert_eq!(cursor, "the header sigyn-cursor is not a cursor");
}

#[tokio::test]
async fn a_slow_answer_is_given_up_after_the_timeout() {
    let rig = Rig::new().await;
    let address = serve(|_| async {
        let never = futures::stream::once(async { Ok::<_, std::io::Error>("spa") });
        let never = futures::StreamExt::chain(never, futures::stream::pending());
        answer(&[SPANS, ("sigyn-cursor", "a")], Body::from_stream(never))
    })
    .await;
    let mut target = target(address);
    target.scrape_timeout = Duration::from_millis(40);
    let state = rig.scrape(order(target, config()));
    eventually(|| status(&state).health == Health::Down).await;
    assert_eq!(status(&state).last_error, "the read took longer than its timeout of 40ms");
    rig.stop().await;
}

#[tokio::test]
async fn nobody_at_the_address_is_said_so() {
    let rig = Rig::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let state = rig.scrape(order(target(address), config()));
    eventually(|| status(&state).health == Health::Down).await;
    let error = status(&state).last_error;
    assert!(error.starts_with("cannot reach the target: Connection refused"), "{error}");
    assert!(rig.metrics().contains("sigyn_target_up{job=\"shop\""));
    rig.stop().await;
}

#[tokio::test]
async fn an_endpoint_without_the_headers_is_scraped_and_marked() {
    let rig = Rig::new().await;
    let json = serde_json::to_vec(&request(vec![span(2)], &[])).unwrap();
    let reads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    let address = serve(move |_| {
        let first = counter.fetch_add(1, Ordering::Relaxed) == 0;
        let json = json.clone();
        async move {
            match first {
                true => answer(&[SPANS], body([1])),
                false => answer(&[("content-type", "application/json")], json),
            }
        }
    })
    .await;
    let state = rig.scrape(order(target(address), config()));
    eventually(|| reads.load(Ordering::Relaxed) > 3 && rig.store.spans() >= 2).await;
    let shown = status(&state);
    assert_eq!((shown.health, shown.buffer.unwrap().tracked), (Health::Up, false));
    assert_eq!(rig.store.trace(2).await.resource_spans[0].scope_spans[0].spans.len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_buffer_that_began_a_new_life_leaves_an_unknown_gap() {
    let rig = Rig::new().await;
    let address = serve(|request: Request| async move {
        let query = request.uri().query().unwrap_or_default();
        let tracked = |cursor, lost, dropped: &str, body| {
            let fill = format!("dropped={dropped}, bytes=1, capacity=4, overwrite_seconds=inf");
            answer(
                &[SPANS, ("sigyn-cursor", cursor), ("sigyn-lost", lost), ("sigyn-buffer", &fill)],
                body,
            )
        };
        if query.contains("cursor=b1") {
            tracked("b1", "0", "2", Vec::new())
        } else if query.contains("cursor=a1") {
            tracked("b1", "unknown", "2", body([2]))
        } else {
            tracked("a1", "0", "9", body([1]))
        }
    })
    .await;
    let state = rig.scrape(order(target(address), config()));
    eventually(|| rig.store.spans() == 2).await;
    eventually(|| status(&state).buffer.unwrap().last_spans == 0).await;
    let buffer = status(&state).buffer.unwrap();
    assert_eq!(buffer.unknown_losses, 1);
    assert_eq!(buffer.lost_total, 2, "the new life's unrecorded spans are counted, the old's not");
    let gaps = rig.store.store.gaps(0, u64::MAX).await.unwrap();
    assert_eq!(gaps.iter().map(|(_, gap)| gap.lost).collect::<Vec<_>>(), [None]);
    let metrics = rig.metrics();
    assert!(metrics.contains("reason=\"unknown_epoch\"} 1"), "{metrics}");
    assert!(metrics.contains("reason=\"buffer_full\"} 2"), "{metrics}");
    rig.stop().await;
}

#[tokio::test]
async fn a_cursor_that_the_buffer_cannot_read_is_dropped() {
    let rig = Rig::new().await;
    let address = serve(|request: Request| async move {
        let query = request.uri().query().unwrap_or_default();
        if query.contains("cursor=old") {
            let mut response = answer(&[], "the cursor is malformed");
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return response;
        }
        let cursor = if query.contains("cursor=") { "new" } else { "old" };
        answer(&[SPANS, ("sigyn-cursor", cursor), ("sigyn-lost", "0")], body([1]))
    })
    .await;
    let state = rig.scrape(order(target(address), config()));
    eventually(|| status(&state).buffer.is_some_and(|buffer| buffer.unknown_losses > 0)).await;
    assert_eq!(status(&state).last_error, "");
    let gaps = rig.store.store.gaps(0, u64::MAX).await.unwrap();
    assert_eq!(gaps[0].1.lost, None);
    assert!(gaps[0].1.from_unix_nano >= BEGAN_UNIX_NANO, "the gap begins at the last good read");
    rig.stop().await;
}

#[tokio::test]
async fn a_full_store_stops_the_cursor_and_shows_why() {
    let clock = TestClock::start();
    let rig = Rig::over(TestStore::open_with(clock.clone(), 0).await, clock);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let address = serve(move |request: Request| {
        log.lock().push(request.uri().query().unwrap_or_default().to_owned());
        std::future::ready(answer(&[SPANS, ("sigyn-cursor", "next")], body([1])))
    })
    .await;
    let state = rig.scrape(order(target(address), config()));
    eventually(|| asked.lock().len() > 2).await;
    let error = status(&state).last_error;
    assert!(
        error.starts_with("the spans could not be stored: the journal takes nothing"),
        "{error}"
    );
    rig.stop().await;
    assert!(asked.lock().iter().all(|query| !query.contains("cursor")), "{:?}", asked.lock());
}

#[tokio::test]
async fn a_redirect_to_another_host_gets_no_credentials() {
    let rig = Rig::new().await;
    let seen = Arc::new(Mutex::new(Vec::<HeaderMap>::new()));
    let log = Arc::clone(&seen);
    let other = serve(move |request: Request| {
        log.lock().push(request.headers().clone());
        std::future::ready(answer(&[SPANS, ("sigyn-cursor", "a")], Vec::new()))
    })
    .await;
    let log = Arc::clone(&seen);
    let address = serve(move |request: Request| {
        log.lock().push(request.headers().clone());
        let to = match request.uri().path() {
            "/debug/spans" => "/moved".to_owned(),
            _ => format!("http://{other}/debug/spans"),
        };
        let mut response = answer(&[("location", &to)], "");
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        std::future::ready(response)
    })
    .await;
    let secret = |text: &str| SecretSource::Inline(Secret::new(text));
    let mut config = config();
    config.http.authentication = Authentication::Basic {
        username: secret("Aladdin"),
        password: Some(secret("open sesame")),
    };
    config.http.headers = vec![HttpHeader {
        name: "X-Tenant".to_owned(),
        values: vec!["shop".to_owned()],
        secrets: Vec::new(),
        files: Vec::new(),
    }];
    let state = rig.scrape(order(target(address), config.clone()));
    eventually(|| status(&state).health == Health::Up).await;
    {
        let seen = seen.lock();
        for headers in &seen[..2] {
            assert_eq!(headers["authorization"], "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
            assert_eq!(headers["x-tenant"], "shop");
            assert_eq!(headers["accept-encoding"], "zstd, gzip");
            assert_eq!(headers["x-prometheus-scrape-timeout-seconds"], "20");
            let agent = headers["user-agent"].to_str().unwrap();
            assert!(agent.starts_with("sigyn/"), "{agent}");
        }
        assert!(!seen[2].contains_key("authorization") && !seen[2].contains_key("x-tenant"));
    }
    config.http.follow_redirects = false;
    state.give(order(target(address), config));
    eventually(|| status(&state).health == Health::Down).await;
    assert_eq!(status(&state).last_error, "server returned HTTP status 307 Temporary Redirect");
    rig.stop().await;
}

#[tokio::test]
async fn a_secret_file_that_is_missing_is_named_and_found_later() {
    let rig = Rig::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let address = serve(|request: Request| async move {
        let good = request.headers().get("authorization").is_some_and(|have| have == "Bearer abc");
        let mut response = answer(&[SPANS, ("sigyn-cursor", "a")], Vec::new());
        if !good {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        response
    })
    .await;
    let mut config = config();
    config.http.authentication = Authentication::Header {
        scheme: "Bearer".to_owned(),
        credentials: SecretSource::File(path.clone()),
    };
    let state = rig.scrape(order(target(address), config));
    eventually(|| status(&state).health == Health::Down).await;
    let error = status(&state).last_error;
    assert!(
        error.starts_with("the HTTP client of this job cannot be used: cannot read"),
        "{error}"
    );
    std::fs::write(&path, "abc\n").unwrap();
    eventually(|| status(&state).health == Health::Up).await;
    rig.stop().await;
}

#[tokio::test]
async fn limits_leave_spans_out_and_failures_are_logged() {
    let rig = Rig::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failures.log");
    let reads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    let address = serve(move |_| {
        let first = counter.fetch_add(1, Ordering::Relaxed) == 0;
        let page = answer(&[("content-type", "text/html")], "");
        std::future::ready(if first { answer(&[SPANS], body([1, 2, 3])) } else { page })
    })
    .await;
    let mut config = config();
    config.span_limit = 2;
    config.scrape_failure_log_file = Some(path.clone());
    let state = rig.scrape(order(target(address), config));
    eventually(|| status(&state).health == Health::Down).await;
    assert_eq!((rig.store.spans(), status(&state).buffer.unwrap().lost_total), (2, 1));
    assert!(rig.metrics().contains("reason=\"too_large\"} 1"));
    rig.stop().await;
    let log = std::fs::read_to_string(&path).unwrap();
    let line: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(line["job_name"], "shop");
    assert_eq!(line["target"], format!("http://{address}/debug/spans"));
    assert!(line["msg"].as_str().unwrap().starts_with("the answer is text/html"));
    assert!(line["time"].as_str().unwrap().starts_with("2025-12-22T"), "{line}");
}

#[tokio::test]
async fn a_batch_that_is_no_otlp_is_narrowed_down_and_stepped_past() {
    let rig = Rig::new().await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    // Ten spans, one to each cursor; the fourth is broken.
    let address = serve(move |request: Request| {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let number = |name: &str| {
            let pair = query.split('&').find_map(|pair| pair.strip_prefix(name));
            pair.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0)
        };
        let (from, room) = (number("cursor="), number("max_bytes="));
        log.lock().push(room);
        let to = if room > 2000 { 10 } else { (from + 1).min(10) };
        let mut bytes: Vec<u8> = (from..to).flat_map(|id| body([id as u8 + 1])).collect();
        if (from..to).contains(&3) {
            bytes.extend([0xff, 0xff]);
        }
        let more = if to < 10 { "1" } else { "0" };
        let cursor = to.to_string();
        let head = [SPANS, ("sigyn-cursor", &*cursor), ("sigyn-lost", "0"), ("sigyn-more", more)];
        std::future::ready(answer(&head, bytes))
    })
    .await;
    let mut slow = target(address);
    slow.scrape_interval = std::time::Duration::from_secs(3600);
    slow.ending = true;
    let state = rig.scrape(order(slow, config()));
    eventually(|| rig.store.spans() == 9).await;
    eventually(|| asked.lock().last() == Some(&(4 << 20))).await;
    assert_eq!(status(&state).buffer.unwrap().unknown_losses, 1);
    let metrics = rig.metrics();
    assert!(metrics.contains("reason=\"malformed\"} 1"), "{metrics}");
    let gaps = rig.store.store.gaps(0, u64::MAX).await.unwrap();
    assert_eq!(gaps.len(), 1);
    rig.stop().await;
}

#[tokio::test]
async fn spans_are_relabeled_before_they_are_stored() {
    let rig = Rig::new().await;
    let address = serve(|request: Request| {
        let first = !request.uri().query().unwrap_or_default().contains("cursor=");
        let bytes = if first { body([1, 2, 3]) } else { Vec::new() };
        std::future::ready(answer(&[SPANS, ("sigyn-cursor", "a"), ("sigyn-lost", "0")], bytes))
    })
    .await;
    let yaml = "scrape_configs: [{job_name: shop, scrape_interval: 50ms, scrape_timeout: 50ms, \
                span_relabel_configs: [{action: drop, source_labels: [name], regex: span 2}, \
                {action: drop, source_labels: [resource.pod], regex: other}]}]";
    let (mut parsed, _) = crate::config::Config::parse(yaml, "test.yml", &|_| None).unwrap();
    let state = rig.scrape(order(target(address), parsed.scrape_configs.remove(0)));
    eventually(|| rig.store.spans() == 2).await;
    assert_eq!(status(&state).last_error, "");
    assert!(rig.metrics().contains("sigyn_target_dropped_spans_total{"), "{}", rig.metrics());
    rig.stop().await;
}
