//! When a target is read, and when not.

use super::rig::{Rig, config, order, serve, status, target, with};
use crate::{fixture::eventually, scrape::Health};
use axum::{body::Body, extract::Request, http::Response};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

fn empty(overwrite_seconds: &str) -> Response<Body> {
    Response::builder()
        .header("content-type", "application/x-protobuf")
        .header("sigyn-cursor", "a")
        .header("sigyn-buffer", format!("overwrite_seconds={overwrite_seconds}"))
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn reads_never_overlap_and_a_slow_one_skips_its_turns() {
    let rig = Rig::new().await;
    let (now, most, all) = (
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
        Arc::new(AtomicUsize::new(0)),
    );
    let counters = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&all));
    let address = serve(move |_| {
        let (now, most, all) = counters.clone();
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(30)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            all.fetch_add(1, Ordering::SeqCst);
            empty("inf")
        }
    })
    .await;
    let mut target = target(address);
    target.scrape_interval = Duration::from_millis(10);
    rig.scrape(order(target, config()));
    eventually(|| all.load(Ordering::SeqCst) > 5).await;
    assert_eq!(most.load(Ordering::SeqCst), 1);
    rig.stop().await;
}

#[tokio::test]
async fn a_fast_filling_buffer_is_read_sooner() {
    let rig = Rig::new().await;
    let reads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    let address = serve(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        std::future::ready(empty("0.0001"))
    })
    .await;
    let mut target = target(address);
    target.ending = true;
    let state = rig.scrape(order(target, config()));
    eventually(|| reads.load(Ordering::SeqCst) > 0).await;
    let quiet = |target: &mut crate::target::Target| {
        target.ending = false;
        target.scrape_interval = Duration::from_secs(3600);
    };
    state.give(with(&state, quiet));
    let before = reads.load(Ordering::SeqCst);
    eventually(|| reads.load(Ordering::SeqCst) > before + 2).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_refused_target_is_not_read() {
    let rig = Rig::new().await;
    let reads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    let address = serve(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        std::future::ready(empty("inf"))
    })
    .await;
    let mut refused = order(target(address), config());
    let why = "target_limit exceeded (number of targets: 3, limit: 2)";
    refused.refused = Some(why.to_owned());
    let state = rig.scrape(refused.clone());
    eventually(|| status(&state).health == Health::Down).await;
    assert_eq!((status(&state).last_error.as_str(), reads.load(Ordering::SeqCst)), (why, 0));
    refused.refused = None;
    state.give(refused);
    eventually(|| status(&state).health == Health::Up).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_target_that_comes_back_while_it_is_left_keeps_its_loop() {
    let rig = Rig::new().await;
    let address = serve(|_: Request| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        empty("inf")
    })
    .await;
    let first = order(target(address), config());
    let state = rig.scrape(first.clone());
    for _ in 0..20 {
        state.leave();
        tokio::time::sleep(Duration::from_millis(3)).await;
        state.give(first.clone());
        if state.claim(crate::scrape::state::Loop::Spans) {
            let context = Arc::clone(&rig.context);
            rig.context.tasks.spawn(crate::scrape::span_loop::run(context, Arc::clone(&state)));
        }
        assert!(!state.is_over());
    }
    eventually(|| status(&state).health == Health::Up).await;
    assert_eq!(rig.context.tasks.len(), 1, "there is exactly one loop");
    rig.stop().await;
}

#[tokio::test]
async fn an_ending_target_that_refuses_is_left_once_discovery_lost_it() {
    let rig = Rig::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut target = target(address);
    target.ending = true;
    let state = rig.scrape(order(target, config()));
    eventually(|| status(&state).health == Health::Down).await;
    assert!(!state.is_over(), "it may come up again while discovery has it");
    state.leave();
    eventually(|| state.is_over()).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_live_target_that_cannot_wait_is_read_at_its_interval() {
    let rig = Rig::new().await;
    let (waiting, plain) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counters = (Arc::clone(&waiting), Arc::clone(&plain));
    let address = serve(move |request: Request| {
        let waits = request.uri().query().unwrap_or_default().contains("wait=");
        let count = if waits { &counters.0 } else { &counters.1 };
        count.fetch_add(1, Ordering::SeqCst);
        let mut response = empty("inf");
        if waits {
            *response.status_mut() = axum::http::StatusCode::TOO_MANY_REQUESTS;
        }
        std::future::ready(response)
    })
    .await;
    let mut config = config();
    config.live = true;
    let state = rig.scrape(order(target(address), config));
    eventually(|| plain.load(Ordering::SeqCst) > 4).await;
    assert_eq!(waiting.load(Ordering::SeqCst), 1, "it is not asked again at once");
    assert_eq!((status(&state).health, status(&state).last_error.as_str()), (Health::Up, ""));
    rig.stop().await;
}
