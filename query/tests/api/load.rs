//! Heavy questions beside intake: many at once must not keep spans from being taken in, and those beyond what runs at one
//! time wait for their turn.

use crate::{
    corpus::encoded,
    rig::{Rig, of_service, span, trace_id},
};
use sigyn_query::{api::ApiLimits, engine::Limits};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

const QUERIES_AT_ONCE: usize = 32;
const APPENDS: usize = 20;
/// Acknowledgements may take this much longer beside the questions: the cores are shared, and the build is a slow one. What
/// starves is not acknowledged at all.
const SLOWER_MAX: u32 = 50;

/// What reads every span: expressions over names, relatives, series of quantiles.
const HEAVY: [(&str, &str); 3] = [
    ("/api/search?", "{ name =~ \".*x.*|step .+\" } | count() > 400"),
    ("/api/search?", "{ } >> { name !~ \".*7\" } | count() > 400"),
    ("/api/metrics/query_range?step=1s&", "{ } | quantile_over_time(duration, .5, .99) by(name)"),
];

/// Traces of ten spans each.
async fn fill(rig: &Rig) {
    for part in 0..6_u64 {
        let spans = (0..1_000_u64).map(|number| {
            let place = (number % 10) as u8 + 1;
            let parent = if place == 1 { 0 } else { 1 };
            let mut span = span(place, parent, &format!("step {place}"), number, 3);
            span.trace_id = trace_id(&format!("{:x}", part * 100 + number / 10 + 1));
            span
        });
        rig.append(vec![of_service("archive", spans.collect())]).await;
    }
}

/// How long acknowledgements take at the median.
async fn appended(rig: &Rig, first: u64) -> Duration {
    let mut waits = Vec::new();
    for number in 0..APPENDS as u64 {
        let mut span = span(1, 0, "place order", 900, 1);
        span.trace_id = trace_id(&format!("{:x}", first + number));
        let begin = Instant::now();
        rig.append(vec![of_service("checkout", vec![span])]).await;
        waits.push(begin.elapsed());
    }
    waits.sort();
    waits[APPENDS / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_heavy_questions_do_not_starve_intake() {
    let limits = ApiLimits { concurrent_queries_max: QUERIES_AT_ONCE / 2, ..Default::default() };
    let rig = Arc::new(Rig::with_limits(limits, Limits::default()).await);
    fill(&rig).await;
    let alone = appended(&rig, 0x10_000).await;
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let askers: Vec<_> = (0..QUERIES_AT_ONCE)
        .map(|asker| {
            let (rig, over, answered) = (rig.clone(), over.clone(), answered.clone());
            let (path, query) = HEAVY[asker % HEAVY.len()];
            let path = format!("{path}start=1789999990&end=1790000010&q={}", encoded(query));
            tokio::spawn(async move {
                // At least one answer each: half of them have to wait for it.
                loop {
                    let answer = rig.get(&path).await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    answered.fetch_add(1, Ordering::Relaxed);
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                }
            })
        })
        .collect();
    let beside = appended(&rig, 0x20_000).await;
    over.store(true, Ordering::Relaxed);
    for asker in askers {
        asker.await.unwrap();
    }
    assert!(answered.load(Ordering::Relaxed) >= QUERIES_AT_ONCE);
    assert!(beside < alone * SLOWER_MAX, "{beside:?} beside questions, {alone:?} without");
    let query = encoded("{ resource.service.name = \"checkout\" }");
    let found = rig
        .json(&format!("/api/search?limit=1000&start=1789999990&end=1790000010&q={query}"))
        .await;
    assert_eq!(found["traces"].as_array().unwrap().len(), 2 * APPENDS);
}
