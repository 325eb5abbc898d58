//! Against the real span buffer.

use super::rig::{Rig, config, order, serve_router, status, target, with};
use crate::{
    Labels,
    fixture::{TestClock, eventually, resource_of},
    scrape::Health,
    target::Discovered,
};
use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use prost::Message;
use sigyn_buffer::SpanBuffer;
use sigyn_proto::otlp::trace::v1::TracesData;
use sigyn_store::TraceId;
use std::{net::SocketAddr, time::Duration};

struct App {
    provider: SdkTracerProvider,
    address: SocketAddr,
}

impl App {
    async fn start(capacity_bytes: usize, uid: &str) -> Self {
        let buffer = SpanBuffer::builder().capacity_bytes(capacity_bytes).uid(uid).build();
        Self::over(buffer).await
    }

    async fn over(buffer: SpanBuffer) -> Self {
        let resource = Resource::builder_empty()
            .with_attribute(opentelemetry::KeyValue::new("pod", "own"))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_span_processor(buffer.processor())
            .build();
        let address = serve_router(buffer.router()).await;
        Self { provider, address }
    }

    fn record(&self, spans: usize) -> TraceId {
        let tracer = self.provider.tracer("test");
        let mut id = TraceId::default();
        for _ in 0..spans {
            let mut span = tracer.start("work");
            id = TraceId(span.span_context().trace_id().to_bytes());
            span.end();
        }
        id
    }
}

#[tokio::test]
async fn every_span_arrives_once_with_the_labels_of_its_target() {
    let rig = Rig::new().await;
    let app = App::start(1 << 20, "uid-1").await;
    let id = app.record(100);
    let state = rig.scrape(order(target(app.address), config()));
    eventually(|| rig.store.spans() == 100).await;
    app.record(50);
    eventually(|| status_spans(&state) == 150).await;
    assert_eq!(rig.store.spans(), 150);

    let trace = rig.store.store.trace(id).await.unwrap().expect("the last trace is there");
    let trace = TracesData::decode(trace).unwrap();
    let resource = resource_of(&trace);
    let get = |name: &str| {
        let found = resource.iter().find(|(have, _)| have == name);
        found.map_or("-", |(_, value)| value.as_str())
    };
    assert_eq!((get("job"), get("pod"), get("exported_pod")), ("shop", "cart-0", "own"));
    assert_eq!((get("service.name"), get("k8s.namespace.name")), ("shop", "shop"));
    assert_eq!(get("service.instance.id"), app.address.to_string());
    assert_eq!(get("k8s.pod.uid"), "uid-1");

    eventually(|| status(&state).health == Health::Up).await;
    let shown = status(&state);
    assert_eq!((shown.health, shown.last_error.as_str()), (Health::Up, ""));
    let buffer = shown.buffer.unwrap();
    assert!(buffer.tracked && !buffer.ending);
    assert_eq!((buffer.spans_total, buffer.lost_total, buffer.unknown_losses), (150, 0, 0));
    assert!(buffer.fill_ratio.unwrap() > 0.0 && buffer.clock_offset_seconds.is_some());
    let metrics = rig.metrics();
    assert!(metrics.contains("sigyn_target_up{job=\"shop\""), "{metrics}");
    assert!(metrics.contains("reason=\"overwritten\"} 0"), "{metrics}");
    rig.stop().await;
}

#[tokio::test]
async fn a_new_collector_goes_on_where_the_old_one_stood() {
    let clock = TestClock::start();
    let rig = Rig::new().await;
    let app = App::start(1 << 20, "uid-1").await;
    app.record(30);
    rig.scrape(order(target(app.address), config()));
    eventually(|| rig.store.spans() == 30).await;
    rig.stop().await;
    app.record(20);
    let Rig { store, context, .. } = rig;
    drop(context);
    let rig = Rig::over(store.reopen().await, clock);
    let state = rig.scrape(order(target(app.address), config()));
    eventually(|| status_spans(&state) == 20).await;
    assert_eq!(rig.store.spans(), 50);
    let buffer = status(&state).buffer.unwrap();
    assert_eq!((buffer.spans_total, buffer.lost_total), (20, 0));
    rig.stop().await;
}

#[tokio::test]
async fn what_was_overwritten_is_counted_and_kept_as_a_gap() {
    let rig = Rig::new().await;
    let app = App::start(64 << 10, "uid-1").await;
    app.record(1);
    let first = order(target(app.address), config());
    let state = rig.scrape(first.clone());
    eventually(|| rig.store.spans() == 1).await;
    // The target is left and comes back after more spans than the buffer holds.
    state.leave();
    eventually(|| state.is_over()).await;
    app.record(5000);
    let state = rig.scrape(first);
    eventually(|| status_spans(&state) > 0 && status(&state).last_error.is_empty()).await;
    eventually(|| {
        let buffer = status(&state).buffer.unwrap();
        buffer.spans_total + buffer.lost_total == 5000
    })
    .await;
    let lost = status(&state).buffer.unwrap().lost_total;
    assert!(lost > 0);
    let gaps = rig.store.store.gaps(0, u64::MAX).await.unwrap();
    assert_eq!(gaps.iter().filter_map(|(_, gap)| gap.lost).sum::<u64>(), lost);
    assert!(gaps[0].1.from_unix_nano >= crate::fixture::BEGAN_UNIX_NANO);
    assert!(gaps[0].1.to_unix_nano > gaps[0].1.from_unix_nano);
    let line = format!("reason=\"overwritten\"}} {lost}");
    assert!(rig.metrics().contains(&line), "{}", rig.metrics());
    rig.stop().await;
}

fn status_spans(state: &crate::scrape::state::TargetState) -> u64 {
    status(state).buffer.map_or(0, |buffer| buffer.spans_total)
}

#[tokio::test]
async fn the_answer_of_another_pod_is_thrown_away() {
    let rig = Rig::new().await;
    let app = App::start(1 << 20, "uid-2").await;
    app.record(5);
    let state = rig.scrape(order(target(app.address), config()));
    eventually(|| status(&state).health == Health::Down).await;
    assert_eq!(
        status(&state).last_error,
        "the address has a new owner: discovery says pod UID uid-1, the buffer says uid-2; what it \
         answered was thrown away"
    );
    assert_eq!(rig.store.spans(), 0);
    assert_eq!(rig.store.store.cursor(&state.key), None);
    rig.stop().await;
}

#[tokio::test]
async fn a_live_target_is_read_as_soon_as_a_span_ends() {
    let rig = Rig::new().await;
    let app = App::start(1 << 20, "uid-1").await;
    let mut target = target(app.address);
    // Without the long-poll the second read would come in a minute.
    target.scrape_interval = Duration::from_secs(60);
    let mut config = config();
    config.live = true;
    // An ending target is asked at once: so the first read need not wait for its phase.
    target.ending = true;
    let state = rig.scrape(order(target, config));
    eventually(|| status(&state).health == Health::Up).await;
    state.give(with(&state, |target| target.ending = false));
    for round in 1..4 {
        app.record(10);
        eventually(|| rig.store.spans() == 10 * round).await;
    }
    rig.stop().await;
}

#[tokio::test]
async fn an_ending_target_is_read_at_once_and_until_it_is_drained() {
    let rig = Rig::new().await;
    let app = App::start(1 << 20, "uid-1").await;
    app.record(10);
    let mut quiet = target(app.address);
    quiet.scrape_interval = Duration::from_secs(3600);
    let state = rig.scrape(order(quiet, config()));
    tokio::task::yield_now().await;
    assert_eq!(rig.store.spans(), 0, "its phase is far away");
    state.give(with(&state, |target| target.ending = true));
    eventually(|| status_spans(&state) == 10).await;
    assert_eq!(rig.store.spans(), 10);
    assert!(status(&state).buffer.unwrap().ending);
    // Discovery loses it, but a span comes all the same.
    app.record(3);
    state.leave();
    eventually(|| rig.store.spans() == 13).await;
    eventually(|| state.is_over()).await;
    assert!(state.snapshot().is_none());
    rig.stop().await;
}

#[tokio::test]
async fn a_body_larger_than_asked_for_comes_in_parts() {
    let rig = Rig::new().await;
    let app = App::start(16 << 20, "uid-1").await;
    app.record(3000);
    let mut config = config();
    config.body_size_limit_bytes = 50_000;
    let state = rig.scrape(order(target(app.address), config));
    eventually(|| rig.store.spans() == 3000).await;
    assert_eq!(status(&state).last_error, "");
    rig.stop().await;
}

#[tokio::test]
async fn two_readers_of_one_buffer_both_have_everything() {
    let app = App::start(1 << 20, "uid-1").await;
    let (one, two) = (Rig::new().await, Rig::new().await);
    one.scrape(order(target(app.address), config()));
    two.scrape(order(target(app.address), config()));
    app.record(200);
    eventually(|| one.store.spans() == 200 && two.store.spans() == 200).await;
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn an_address_that_passed_on_is_a_new_target_and_no_continuation() {
    let rig = Rig::new().await;
    let app = App::start(1 << 20, "uid-1").await;
    app.record(5);
    let state = rig.scrape(order(target(app.address), config()));
    eventually(|| rig.store.spans() == 5).await;
    let mut other = target(app.address);
    let passed_on = [("__meta_kubernetes_pod_uid", "uid-2")].into_iter().collect();
    other.discovered = Discovered::new(&Labels::new(), &passed_on);
    assert_ne!(
        crate::scrape::state::place(&target(app.address)),
        crate::scrape::state::place(&other)
    );
    state.leave();
    rig.stop().await;
}

#[tokio::test]
async fn a_drain_never_takes_the_spans_of_who_came_after() {
    let rig = Rig::new().await;
    // An address whose owner changes: the buffers say nothing of a pod.
    let first = SpanBuffer::builder().capacity_bytes(1 << 20).build();
    let second = App::over(SpanBuffer::builder().capacity_bytes(1 << 20).build()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let old = tokio::spawn(async move { axum::serve(listener, first.router()).await });
    let mut quiet = target(address);
    quiet.scrape_interval = Duration::from_secs(3600);
    quiet.ending = true;
    let state = rig.scrape(order(quiet, config()));
    eventually(|| status(&state).health == Health::Up).await;
    assert_eq!(rig.store.spans(), 0);
    // The position is only kept in memory until something was read; give it one.
    old.abort();
    let _ = old.await;
    second.record(7);
    state.leave();
    eventually(|| state.is_over()).await;
    assert_eq!(rig.store.spans(), 0);
    rig.stop().await;
}
