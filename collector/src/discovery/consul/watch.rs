//! Follows the catalog, and each service of it.

use super::{
    ConsulDiscovery,
    api::{self, Agent, Catalog},
};
use crate::discovery::{TargetGroup, provider::Emitter};
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// Between a failure and the next question.
const RETRY: Duration = Duration::from_secs(if cfg!(test) { 0 } else { 15 });

/// Everything that the watches of one agent share.
struct Shared<'d> {
    discovery: &'d ConsulDiscovery,
    agent: Agent<'d>,
    emitter: Emitter,
    datacenter: String,
}

/// Runs until its task is aborted.
pub(super) async fn run(discovery: ConsulDiscovery, emitter: Emitter) {
    let agent = Agent::new(&discovery);
    let datacenter = loop {
        match agent.datacenter().await {
            Ok(datacenter) => break datacenter,
            Err(reason) => {
                emitter.failed(&reason);
                pause(RETRY).await;
            }
        }
    };
    let shared = Shared { discovery: &discovery, agent, emitter, datacenter };
    let mut following = Following { watches: BTreeMap::new(), running: FuturesUnordered::new() };
    if !discovery.watches_catalog() {
        for service in &discovery.services {
            following.begin(&shared, service);
        }
        while following.running.next().await.is_some() {}
        return;
    }
    let (changed, mut changes) = tokio::sync::mpsc::channel(1);
    let catalog = shared.follow_catalog(changed);
    tokio::pin!(catalog);
    loop {
        tokio::select! {
            () = &mut catalog => return,
            Some(services) = changes.recv() => following.take(&shared, &services),
            Some(()) = following.running.next(), if !following.running.is_empty() => {}
        }
    }
}

/// The services that are followed. All of it runs in one task, and ends with it.
struct Following<'s> {
    watches: BTreeMap<String, CancellationToken>,
    running: FuturesUnordered<BoxFuture<'s, ()>>,
}

impl<'s> Following<'s> {
    fn take(&mut self, shared: &'s Shared<'s>, services: &Catalog) {
        let wanted = |service: &str, tags: &[String]| {
            let discovery = shared.discovery;
            (discovery.services.is_empty() || discovery.services.iter().any(|it| it == service))
                && discovery.tags.iter().all(|tag| tags.contains(tag))
        };
        let services: Vec<&str> = services
            .iter()
            .filter(|(service, tags)| wanted(service, tags))
            .map(|(service, _)| service.as_str())
            .collect();
        self.watches.retain(|service, watch| {
            let stays = services.contains(&service.as_str());
            if !stays {
                watch.cancel();
                let source = service.clone();
                shared.emitter.update([TargetGroup { source, ..TargetGroup::default() }]);
            }
            stays
        });
        for service in services {
            if !self.watches.contains_key(service) {
                self.begin(shared, service);
            }
        }
    }

    fn begin(&mut self, shared: &'s Shared<'s>, service: &str) {
        let cancelled = CancellationToken::new();
        self.watches.insert(service.to_owned(), cancelled.clone());
        let service: Arc<str> = service.into();
        self.running.push(Box::pin(async move {
            tokio::select! {
                // In this order: an answer that has come already must not bring the service back.
                biased;
                () = cancelled.cancelled() => {}
                () = shared.follow_service(&service) => {}
            }
        }));
    }
}

impl Shared<'_> {
    async fn follow_catalog(&self, changed: tokio::sync::mpsc::Sender<Catalog>) {
        let mut index = 0;
        loop {
            match self.agent.catalog(index).await {
                Ok((catalog, now)) => {
                    if is_news(&mut index, now) && changed.send(catalog).await.is_err() {
                        return;
                    }
                    pause(self.discovery.refresh_interval.0).await;
                }
                Err(reason) => {
                    self.failed("the catalog", &reason);
                    index = 0;
                    pause(RETRY).await;
                }
            }
        }
    }

    async fn follow_service(&self, service: &str) {
        let mut index = 0;
        loop {
            match self.agent.instances(service, index).await {
                Ok((instances, now)) => {
                    if is_news(&mut index, now) {
                        let (discovery, datacenter) = (self.discovery, &self.datacenter);
                        let group = api::group(discovery, datacenter, service, &instances);
                        self.emitter.update([group]);
                    }
                    pause(self.discovery.refresh_interval.0).await;
                }
                Err(reason) => {
                    self.failed(service, &reason);
                    index = 0;
                    pause(RETRY).await;
                }
            }
        }
    }

    fn failed(&self, what: &str, reason: &str) {
        self.emitter
            .failed(&format!("cannot watch {what}: {reason}; the targets found before stay"));
    }
}

/// An answer with the same index says that nothing changed. An index that went back, or is none,
/// cannot be waited for: the next question does not block.
fn is_news(index: &mut u64, now: u64) -> bool {
    let is_news = now == 0 || now != *index;
    *index = if now < *index { 0 } else { now };
    is_news
}

/// Never without letting others run.
async fn pause(time: Duration) {
    tokio::time::sleep(time.max(Duration::from_millis(1))).await;
}
