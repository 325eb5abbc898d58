//! The manager: from discovered groups to loops, through reloads, to the end.

use super::rig::{config, serve};
use crate::{
    Labels,
    config::{PrometheusDuration, ScrapeConfig},
    discovery::{DiscoveredTarget, JobGroups, TargetGroup},
    exemplars::Intake,
    fixture::{TestClock, TestStore, body, eventually},
    scrape::{Health, Manager, Options, Seed, TargetStatus},
};
use axum::{body::Body, extract::Request, http::Response};
use prometheus_client::registry::Registry;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

struct Rig {
    store: TestStore,
    groups: watch::Sender<Arc<JobGroups>>,
    manager: Manager,
    registry: Registry,
}

impl Rig {
    async fn start(configs: &[ScrapeConfig]) -> Self {
        let clock = TestClock::start();
        let store = TestStore::open(clock.clone()).await;
        let (groups, receiver) = watch::channel(Arc::default());
        let options = Options {
            store: store.store.clone(),
            exemplars: Intake::new(store.store.clone(), clock.clone()),
            clock,
            seed: Seed::new("test", &Labels::new()),
        };
        let mut registry = Registry::default();
        let manager = Manager::start(configs, receiver, options, &mut registry);
        Self { store, groups, manager, registry }
    }

    fn discover(&self, job: &str, addresses: &[SocketAddr]) {
        self.discover_as(job, addresses, false);
    }

    fn discover_as(&self, job: &str, addresses: &[SocketAddr], ending: bool) {
        let targets = addresses.iter().map(|address| DiscoveredTarget {
            labels: [("__address__", address.to_string())].into_iter().collect(),
            ending,
        });
        let group = TargetGroup {
            source: "0".to_owned(),
            labels: Labels::new(),
            targets: targets.collect(),
        };
        self.groups.send_modify(|groups| {
            let mut all = JobGroups::clone(groups);
            all.insert(job.to_owned(), vec![Arc::new(group)]);
            *groups = Arc::new(all);
        });
    }

    fn up(&self) -> usize {
        self.manager.targets().iter().filter(|target| target.health == Health::Up).count()
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }
}

fn job(name: &str) -> ScrapeConfig {
    let interval = PrometheusDuration(Duration::from_millis(150));
    ScrapeConfig {
        job_name: name.to_owned(),
        scrape_interval: interval,
        scrape_timeout: interval,
        ..config()
    }
}

/// Gives one span to who comes without a cursor.
async fn one_span(id: u8) -> SocketAddr {
    serve(move |request: Request| async move {
        let known = request.uri().query().unwrap_or_default().contains("cursor=");
        let body = if known { Vec::new() } else { body([id]) };
        Response::builder()
            .header("content-type", "application/x-protobuf")
            .header("sigyn-cursor", "c")
            .body(Body::from(body))
            .unwrap()
    })
    .await
}

#[tokio::test]
async fn targets_follow_discovery() {
    let rig = Rig::start(&[job("a"), job("b")]).await;
    assert_eq!(rig.manager.scrape_pools(), ["a", "b"]);
    let (one, two) = (one_span(1).await, one_span(2).await);
    rig.discover("a", &[one]);
    rig.discover("b", &[two]);
    eventually(|| rig.up() == 2 && rig.store.spans() == 2).await;
    let targets = rig.manager.targets();
    assert_eq!(targets[0].scrape_pool, "a");
    assert_eq!(targets[0].labels.get("instance"), one.to_string());
    assert_eq!(targets[0].scrape_url, format!("http://{one}/debug/spans"));
    rig.discover("a", &[]);
    eventually(|| rig.manager.targets().len() == 1).await;
    eventually(|| {
        rig.groups.send_modify(|_| {});
        !rig.metrics().contains(&one.to_string())
    })
    .await;
    rig.manager.stop().await;
    assert_eq!(rig.store.spans(), 2, "each span came once");
}

#[tokio::test]
async fn a_reload_keeps_what_both_configurations_have() {
    let rig = Rig::start(&[job("a"), job("b"), job("c")]).await;
    let (one, two, three) = (one_span(1).await, one_span(2).await, one_span(3).await);
    rig.discover("a", &[one]);
    rig.discover("b", &[two]);
    rig.discover("c", &[three]);
    eventually(|| rig.up() == 3).await;
    let mut changed = job("b");
    changed.honor_labels = true;
    changed.scrape_interval = PrometheusDuration(Duration::from_secs(60));
    changed.keep_dropped_targets = 5;
    rig.manager.apply(&[job("a"), changed]);
    let targets = rig.manager.targets();
    assert_eq!(targets.len(), 2);
    for target in targets {
        assert_eq!(target.health, Health::Up, "what was known stays");
        assert_eq!(target.buffer.unwrap().spans_total, 1);
        let seconds = if target.scrape_pool == "b" { 60.0 } else { 0.15 };
        assert_eq!(target.scrape_interval.as_secs_f64(), seconds);
    }
    assert!(rig.manager.config("b").unwrap().honor_labels && rig.manager.config("c").is_none());
    rig.manager.apply(&[job("a"), job("b"), job("c")]);
    eventually(|| rig.up() == 3).await;
    rig.manager.stop().await;
    assert_eq!(rig.store.spans(), 3, "the job that came back went on where it stood");
}

#[tokio::test]
async fn a_job_above_its_target_limit_is_down_as_a_whole() {
    let mut limited = job("a");
    limited.target_limit = 1;
    let rig = Rig::start(&[limited]).await;
    let (one, two) = (one_span(1).await, one_span(2).await);
    rig.discover("a", &[one, two]);
    let down = |target: &TargetStatus| target.health == Health::Down;
    eventually(|| rig.manager.targets().iter().filter(|target| down(target)).count() == 2).await;
    assert_eq!(
        rig.manager.targets()[1].last_error,
        "target_limit exceeded (number of targets: 2, limit: 1)"
    );
    rig.discover("a", &[one]);
    eventually(|| rig.up() == 1 && rig.manager.targets().len() == 1).await;
    assert_eq!(rig.store.spans(), 1);
    rig.manager.stop().await;
}

#[tokio::test]
async fn a_stop_gives_up_what_waits_and_ends_soon() {
    let mut slow = job("a");
    slow.scrape_interval = PrometheusDuration(Duration::from_secs(30));
    slow.scrape_timeout = slow.scrape_interval;
    let rig = Rig::start(&[slow]).await;
    let asked = Arc::new(AtomicBool::new(false));
    let mark = Arc::clone(&asked);
    let address = serve(move |_| {
        mark.store(true, Ordering::SeqCst);
        std::future::pending()
    })
    .await;
    rig.discover_as("a", &[address], true);
    eventually(|| asked.load(Ordering::SeqCst)).await;
    tokio::time::timeout(Duration::from_secs(1), rig.manager.stop()).await.expect("at once");
}

#[tokio::test]
async fn a_job_that_comes_back_at_once_gets_its_loops_back() {
    let mut slow = job("a");
    slow.scrape_interval = PrometheusDuration(Duration::from_millis(150));
    slow.scrape_timeout = slow.scrape_interval;
    let rig = Rig::start(&[slow.clone()]).await;
    let began = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&began);
    let address = serve(move |_| {
        let id = counter.fetch_add(1, Ordering::SeqCst) as u8 + 1;
        async move {
            // Long enough for the job to go and come back meanwhile.
            tokio::time::sleep(Duration::from_millis(20)).await;
            Response::builder()
                .header("content-type", "application/x-protobuf")
                .header("sigyn-cursor", format!("c{id}"))
                .body(Body::from(body([id])))
                .unwrap()
        }
    })
    .await;
    rig.discover("a", &[address]);
    for reads in 1..4 {
        eventually(|| began.load(Ordering::SeqCst) >= reads).await;
        rig.manager.apply(&[]);
        tokio::task::yield_now().await;
        rig.manager.apply(std::slice::from_ref(&slow));
    }
    eventually(|| rig.store.spans() >= 3).await;
    rig.manager.stop().await;
    let shown = rig.manager.targets().remove(0).buffer.unwrap();
    assert_eq!(shown.spans_total as usize, rig.store.spans(), "one loop has read them all");
}
