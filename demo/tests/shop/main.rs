//! The shop as a collector sees it: everything is read over HTTP, from the ports that it names.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod exposition;
mod reading;

use exposition::{metrics_of, read_exemplars, unhex};
use reading::{Seen, SpanKey, client, read_all, read_spans};
use sigyn_demo::{Shop, ShopConfig, ShopError};
use sigyn_proto::otlp::{
    common::v1::{AnyValue, any_value::Value},
    trace::v1::span::SpanKind,
};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

/// Lets a fixed number of visitors through a shop, and waits until the last has left.
async fn visited_shop(visits: u64) -> Shop {
    let shop = Shop::start(ShopConfig {
        traces_per_second: 120.0,
        // A seed among whose first 300 visitors every fault of the shop occurs.
        seed: 11,
        visits_max: Some(visits),
        ..ShopConfig::default()
    })
    .await
    .unwrap();
    let done = async {
        while shop.traffic().served + shop.traffic().failed < visits {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), done).await.expect("the traffic does not end");
    assert!(shop.stop_traffic(Duration::from_secs(20)).await, "messages are left over");
    let count = shop.traffic();
    assert_eq!((count.begun, count.turned_away), (visits, 0), "{count:?}");
    assert!(count.served > visits / 2 && count.failed > 0, "{count:?}");
    shop
}

fn by_trace(spans: &[Seen]) -> HashMap<&[u8], Vec<&Seen>> {
    let mut traces = HashMap::<_, Vec<_>>::new();
    for seen in spans {
        traces.entry(seen.span.trace_id.as_slice()).or_default().push(seen);
    }
    traces
}

fn depth(seen: &Seen, by_id: &HashMap<SpanKey, &Seen>) -> usize {
    let parent = (seen.span.trace_id.clone(), seen.span.parent_span_id.clone());
    1 + by_id.get(&parent).map_or(0, |parent| depth(parent, by_id))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_are_whole_across_services_and_metrics_point_into_them() {
    let visits = 300;
    let shop = visited_shop(visits).await;
    let services: HashSet<_> = shop.scrape_targets().iter().map(|target| target.service).collect();
    assert!(services.len() >= 8, "{services:?}");
    // Exemplars first, spans second: an exemplar may never be ahead of its span.
    let exemplars = read_exemplars(&shop).await;
    let spans = read_all(&shop).await;
    shop.stop().await;

    let by_id: HashMap<SpanKey, &Seen> = spans.iter().map(|seen| (seen.key(), seen)).collect();
    assert_eq!(by_id.len(), spans.len(), "a span was delivered twice");
    assert_connected(&spans, &by_id);
    assert_shapes(&spans, &by_id, visits);
    assert_faults(&spans, &by_id);
    assert_attribute_types(&spans);
    assert!(exemplars.len() > 50, "only {} exemplars", exemplars.len());
    for (service, key) in exemplars {
        let seen = by_id.get(&key).unwrap_or_else(|| panic!("{service} exposes an unknown span"));
        assert_eq!(seen.service, service);
        let kind = seen.span.kind();
        assert!(matches!(kind, SpanKind::Server | SpanKind::Consumer), "{kind:?}");
    }
}

/// Each span's parent is there, and calls cross from a client span to the server span of a peer.
fn assert_connected(spans: &[Seen], by_id: &HashMap<SpanKey, &Seen>) {
    let mut crossings = HashSet::new();
    for seen in spans {
        assert_eq!((seen.span.trace_id.len(), seen.span.span_id.len()), (16, 8));
        assert!(seen.span.end_time_unix_nano >= seen.span.start_time_unix_nano);
        if seen.span.parent_span_id.is_empty() {
            continue;
        }
        let parent = (seen.span.trace_id.clone(), seen.span.parent_span_id.clone());
        let parent = by_id.get(&parent).unwrap_or_else(|| panic!("no parent: {:?}", seen.span));
        if parent.service != seen.service {
            let kinds = (parent.span.kind(), seen.span.kind());
            let expected =
                [(SpanKind::Client, SpanKind::Server), (SpanKind::Producer, SpanKind::Consumer)];
            assert!(expected.contains(&kinds), "{kinds:?}");
            crossings.insert((parent.service, seen.service));
        }
    }
    for crossing in [
        ("frontend", "checkout"),
        ("checkout", "payment"),
        ("recommendation", "catalogue"),
        ("checkout", "email"),
        ("email", "shipping"),
    ] {
        assert!(crossings.contains(&crossing), "{crossing:?} is not among {crossings:?}");
    }
}

/// Traces have the sizes and depths that a shop's traces have, and begin where visitors do.
fn assert_shapes(spans: &[Seen], by_id: &HashMap<SpanKey, &Seen>, visits: u64) {
    let traces = by_trace(spans);
    let mut roots = HashMap::<_, u64>::new();
    for trace in traces.values() {
        let root: Vec<_> =
            trace.iter().filter(|seen| seen.span.parent_span_id.is_empty()).collect();
        assert_eq!(root.len(), 1, "a trace with {} roots", root.len());
        *roots.entry(root[0].service).or_default() += 1;
    }
    assert_eq!(roots["frontend"], visits);
    assert!(roots["fraud"] > 0);
    assert_eq!(roots.len(), 2, "{roots:?}");

    let mut sizes: Vec<usize> = traces.values().map(Vec::len).collect();
    sizes.sort_unstable();
    let median = sizes[sizes.len() / 2];
    assert!((8..=40).contains(&median), "median {median} of {sizes:?}");
    assert!(sizes.last().is_some_and(|size| (40..=90).contains(size)), "{sizes:?}");
    let deepest = spans.iter().map(|seen| depth(seen, by_id)).max();
    assert!(deepest >= Some(6), "{deepest:?}");
    // The fan-out: catalogue is asked for several articles at once.
    let widest = traces.values().map(|trace| {
        let calls = trace.iter().filter(|seen| seen.service == "recommendation");
        calls.filter(|seen| seen.attribute("peer.service").is_some()).count()
    });
    assert!(widest.max() >= Some(3));
}

/// Errors with exceptions, retries that say so, and links from batches to orders.
fn assert_faults(spans: &[Seen], by_id: &HashMap<SpanKey, &Seen>) {
    assert!(spans.iter().filter(|seen| seen.is_error()).count() > 3);
    for name in ["exception", "retry", "slow path", "cache miss", "order placed"] {
        assert!(spans.iter().any(|seen| seen.has_event(name)), "no event {name:?}");
    }
    let resent = spans.iter().filter(|seen| seen.attribute("http.request.resend_count").is_some());
    assert!(resent.count() > 0);
    let declined = spans.iter().any(|seen| {
        seen.service == "payment"
            && seen.attribute("http.response.status_code") == Some(&Value::IntValue(402))
    });
    assert!(declined, "no card was declined");

    let mut foreign_links = 0;
    for seen in spans {
        for link in &seen.span.links {
            let linked = by_id.get(&(link.trace_id.clone(), link.span_id.clone()));
            assert_eq!(linked.expect("a link leads nowhere").span.kind(), SpanKind::Producer);
            foreign_links += usize::from(link.trace_id != seen.span.trace_id);
        }
    }
    assert!(foreign_links > 0, "no batch links to another trace");
}

fn assert_attribute_types(spans: &[Seen]) {
    let values = || spans.iter().flat_map(|seen| &seen.span.attributes);
    let any = |is: fn(&Value) -> bool| {
        values().any(|attribute| {
            matches!(&attribute.value, Some(AnyValue { value: Some(value), .. }) if is(value))
        })
    };
    assert!(any(|value| matches!(value, Value::StringValue(_))));
    assert!(any(|value| matches!(value, Value::IntValue(_))));
    assert!(any(|value| matches!(value, Value::DoubleValue(_))));
    assert!(any(|value| matches!(value, Value::BoolValue(_))));
    assert!(any(|value| matches!(value, Value::ArrayValue(_))));
    let keys: HashSet<&str> = values().map(|attribute| attribute.key.as_str()).collect();
    for key in [
        "db.query.text",
        "db.system.name",
        "http.route",
        "messaging.destination.name",
        "server.address",
        "session.id",
        "user.id",
        "product.id",
    ] {
        assert!(keys.contains(key), "no span has {key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shop_with_a_waiting_reader_stops_within_a_second() {
    let config = ShopConfig { traces_per_second: 40.0, ..ShopConfig::default() };
    let shop = Shop::start(config).await.unwrap();
    let addresses: Vec<_> = shop.scrape_targets().iter().map(|target| target.address).collect();
    let busy = async {
        while shop.traffic().served < 5 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), busy).await.expect("nobody is served");
    // Nothing ends a span in the fraud service without an order, so this reader waits.
    let fraud = addresses.last().unwrap();
    let cursor = client().get(format!("http://{fraud}/debug/spans")).send().await.unwrap();
    let cursor = cursor.headers()["sigyn-cursor"].to_str().unwrap().to_owned();
    let reader = tokio::spawn(
        client().get(format!("http://{fraud}/debug/spans?cursor={cursor}&wait=30s")).send(),
    );

    let began = Instant::now();
    shop.stop().await;
    assert!(began.elapsed() < Duration::from_secs(1), "took {:?}", began.elapsed());
    timeout(Duration::from_secs(1), reader).await.expect("the reader still waits").unwrap().ok();
    for address in addresses {
        let refused = tokio::net::TcpStream::connect(address).await;
        assert!(refused.is_err(), "{address} still listens");
    }
}

#[tokio::test]
async fn a_rate_that_is_no_rate_is_refused() {
    for rate in [-1.0, f64::NAN, f64::INFINITY] {
        let config = ShopConfig { traces_per_second: rate, ..ShopConfig::default() };
        let error = Shop::start(config).await.map(drop).unwrap_err();
        assert!(matches!(error, ShopError::Rate(_)), "{error}");
    }
}

#[tokio::test]
async fn a_shop_without_visitors_still_serves_reads() {
    let config = ShopConfig { traces_per_second: 0.0, ..ShopConfig::default() };
    let shop = Shop::start(config).await.unwrap();
    for target in shop.scrape_targets() {
        assert!(read_spans(target).await.is_empty());
    }
    assert_eq!(shop.traffic().begun, 0);
    shop.stop().await;
}

/// A request whose caller does not wait for the answer is recorded as such, and not counted as
/// in flight for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_leaves_a_span_and_no_request_in_flight() {
    let config = ShopConfig { traces_per_second: 0.0, ..ShopConfig::default() };
    let shop = Shop::start(config).await.unwrap();
    let frontend = &shop.scrape_targets()[0];
    let recorded = async {
        // Hanging up too early, the request is never handled; too late, it is answered. So each
        // caller is a little more patient than the one before.
        for patience_ms in (1..=25).cycle() {
            let mut caller = TcpStream::connect(frontend.address).await.unwrap();
            let request = b"GET /products/bowl-oak HTTP/1.1\r\nhost: shop\r\n\r\n";
            caller.write_all(request).await.unwrap();
            sleep(Duration::from_millis(patience_ms)).await;
            drop(caller);
            let spans = read_spans(frontend).await;
            if let Some(seen) = spans.into_iter().find(|seen| seen.has_event("caller hung up")) {
                return seen;
            }
        }
        unreachable!("the callers come without end");
    };
    let seen = timeout(Duration::from_secs(20), recorded).await.expect("no such span is recorded");
    assert_eq!(seen.span.kind(), SpanKind::Server);
    assert!(seen.is_error());
    let idle = async {
        while !metrics_of(frontend).await.contains("\nhttp_requests_in_flight 0\n") {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), idle).await.expect("a request stays in flight");
    shop.stop().await;
}

/// A trace that began elsewhere goes on in the shop, with its trace state, through every service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_from_outside_is_continued() {
    let config = ShopConfig { traces_per_second: 0.0, ..ShopConfig::default() };
    let shop = Shop::start(config).await.unwrap();
    let response = client()
        .get(format!("http://{}/search?q=bowl", shop.scrape_targets()[0].address))
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("tracestate", "congo=t61rcWkgMzE")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);

    let mut servers = HashMap::new();
    for target in shop.scrape_targets() {
        for seen in read_spans(target).await {
            assert_eq!(seen.span.trace_id, unhex("0af7651916cd43dd8448eb211c80319c"));
            assert_eq!(seen.span.trace_state, "congo=t61rcWkgMzE");
            if seen.span.kind() == SpanKind::Server {
                servers.insert(seen.service, seen.span.parent_span_id);
            }
        }
    }
    shop.stop().await;
    assert_eq!(servers["frontend"], unhex("b7ad6b7169203331"));
    assert!(servers.contains_key("catalogue"), "{servers:?}");
}
