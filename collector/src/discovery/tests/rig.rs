//! What the tests of single mechanisms share.

use super::{addresses, until};
use crate::{
    discovery::{Discovery, JobGroups, Metrics},
    fixture::TestClock,
};
use axum::Router;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// A process has one TLS provider, and must choose it before the first client.
pub(in crate::discovery) fn choose_tls() {
    static CHOSEN: OnceLock<()> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

/// A server on loopback that ends with this.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Served {
    pub(super) async fn start(router: Router) -> Self {
        choose_tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = async move { axum::serve(listener, router).await.unwrap() };
        Self { address, task: tokio::spawn(serving) }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Two jobs, `a` and `b`, with the same block.
pub(super) struct Rig {
    pub(super) groups: watch::Receiver<Arc<JobGroups>>,
    pub(super) metrics: Metrics,
    pub(super) discovery: Discovery,
}

impl Rig {
    pub(super) fn start(block: &str) -> Self {
        let yaml = format!("scrape_configs: [{{job_name: a, {block}}}, {{job_name: b, {block}}}]");
        let metrics = Metrics::default();
        let discovery = Discovery::start(&super::jobs(&yaml), metrics.clone(), TestClock::start());
        Self { groups: discovery.groups(), metrics, discovery }
    }

    /// Waits until both jobs have the targets of these addresses, and no others.
    pub(super) async fn until(&mut self, wanted: &[&str]) {
        until(&mut self.groups, &format!("{wanted:?}"), |groups| {
            addresses(groups, "a") == wanted && addresses(groups, "b") == wanted
        })
        .await;
    }

    pub(super) fn addresses(&self) -> Vec<String> {
        addresses(&self.groups.borrow(), "a")
    }

    pub(super) async fn until_failed(&self, mechanism: &str, more_than: u64) {
        let waiting = async {
            while self.metrics.failures(mechanism) <= more_than {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let result = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        result.expect("a failure must be counted");
    }

    /// The labels of the target at an address that begin with `prefix`, those of its group included.
    pub(super) fn labels(&self, address: &str, prefix: &str) -> BTreeMap<String, String> {
        let groups = self.groups.borrow();
        let groups = groups["a"].iter();
        let targets = groups.flat_map(|group| group.targets.iter().map(move |it| (group, it)));
        let mut found = targets.filter(|(_, it)| it.labels.get("__address__") == address);
        let (group, target) = found.next().expect("the target is there");
        let mut labels = group.labels.clone();
        labels.merge(&target.labels);
        let named = labels.iter();
        named
            .filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.into(), value.into())))
            .collect()
    }
}

pub(super) fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}
