//! What a target's loops, its pool and the status pages share.

use super::{
    metrics::TargetSeries,
    status::{BufferStatus, Health, TargetStatus},
    trace_request::TraceRequest,
};
use crate::{config::ScrapeConfig, http_client::Client, target::Target};
use parking_lot::Mutex;
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, watch};
use xxhash_rust::xxh3::Xxh3;

/// Requests that wait for a target's loop; more are not taken.
const REQUESTS_MAX: usize = 16;

/// What the pool wants of a target's loops. A loop looks at the latest order before each read, so
/// that a reload changes how a target is read without ending its loop.
#[derive(Clone)]
pub(super) struct Order {
    pub(super) target: Arc<Target>,
    pub(super) config: Arc<ScrapeConfig>,
    pub(super) client: Arc<Client>,
    /// Discovery no longer has it. An ending target is drained first, others are left at once.
    pub(super) gone: bool,
    /// Why the target must not be read, such as the job's `target_limit`.
    pub(super) refused: Option<String>,
}

/// One target, from its first sync to the end of its last loop.
pub(super) struct TargetState {
    /// Under which the store keeps its cursor; the same after a restart.
    pub(super) key: String,
    pub(super) series: TargetSeries,
    order: watch::Sender<Order>,
    running: Mutex<Running>,
    requests: Mutex<Vec<TraceRequest>>,
    requested: Notify,
    status: Mutex<Status>,
}

/// The two loops that a target can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loop {
    Spans,
    Exemplars,
}

#[derive(Default)]
struct Running {
    spans: bool,
    exemplars: bool,
}

/// The changing part of what [`TargetStatus`] shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    pub(super) health: Health,
    pub(super) last_error: String,
    pub(super) last_scrape_unix_nano: Option<u64>,
    pub(super) last_scrape_duration: Duration,
    pub(super) buffer: Option<BufferStatus>,
    pub(super) exemplars_last_error: String,
}

/// Which buffer is read, and under which labels its spans are kept: a hash that is the same after
/// a restart. An address that passed on to another pod is another place. Unlike the target's identity it does not change with hidden labels such as the
/// interval: who changes how often a buffer is read does not want it read from the start again.
pub(super) fn place(target: &Target) -> u64 {
    let mut hash = Xxh3::new();
    let socket = target.socket.as_deref().map(|path| path.to_string_lossy()).unwrap_or_default();
    let uid = target.discovered.get("__meta_kubernetes_pod_uid");
    let url = target.url.as_str();
    for (name, value) in target.labels.iter().chain([("", url), ("socket", &socket), ("uid", uid)])
    {
        // 0xFF occurs in no UTF-8 text, so that neighbours cannot run together.
        for part in [name, value] {
            hash.update(part.as_bytes());
            hash.update(&[0xFF]);
        }
    }
    hash.digest()
}

impl TargetState {
    pub(super) fn new(order: Order, series: TargetSeries) -> Self {
        Self {
            key: format!("{}/{:016x}", order.target.job, place(&order.target)),
            series,
            order: watch::Sender::new(order),
            running: Mutex::default(),
            requests: Mutex::default(),
            requested: Notify::new(),
            status: Mutex::default(),
        }
    }

    pub(super) fn order(&self) -> Order {
        self.order.borrow().clone()
    }

    pub(super) fn orders(&self) -> watch::Receiver<Order> {
        self.order.subscribe()
    }

    /// Whether the loops already do just this.
    pub(super) fn has(&self, order: &Order) -> bool {
        let current = self.order.borrow();
        Arc::ptr_eq(&current.target, &order.target)
            && Arc::ptr_eq(&current.config, &order.config)
            && Arc::ptr_eq(&current.client, &order.client)
            && current.gone == order.gone
            && current.refused == order.refused
    }

    /// Gives the loops another order. They are woken only when there is something to do at once.
    pub(super) fn give(&self, order: Order) {
        self.order.send_if_modified(|current| {
            let at_once = current.gone != order.gone
                || current.target.scrape_interval != order.target.scrape_interval
                || current.target.ending != order.target.ending
                || current.refused != order.refused
                || !Arc::ptr_eq(&current.config, &order.config);
            *current = order;
            at_once
        });
    }

    /// Marks discovery's loss of the target.
    pub(super) fn leave(&self) {
        self.order.send_if_modified(|current| !std::mem::replace(&mut current.gone, true));
    }

    /// Wants the target read now. A request that finds too many before it is dropped, which its sender learns at once.
    pub(super) fn request(&self, request: TraceRequest) {
        let mut requests = self.requests.lock();
        if requests.len() < REQUESTS_MAX {
            requests.push(request);
            self.requested.notify_one();
        }
    }

    /// Returns when there is a request that nobody took.
    pub(super) async fn requested(&self) {
        while self.requests.lock().is_empty() {
            self.requested.notified().await;
        }
    }

    pub(super) fn take_requests(&self) -> Vec<TraceRequest> {
        std::mem::take(&mut *self.requests.lock())
    }

    /// True for the caller that must start the loop.
    pub(super) fn claim(&self, which: Loop) -> bool {
        !std::mem::replace(self.running.lock().of(which), true)
    }

    /// A loop asks whether it may end. It may not when the target came back in the meantime:
    /// whoever brought it back saw the loop running and started no other.
    pub(super) fn may_end(&self, which: Loop) -> bool {
        let mut running = self.running.lock();
        let gone = self.order.borrow().gone;
        if gone {
            *running.of(which) = false;
        }
        gone
    }

    pub(super) fn is_over(&self) -> bool {
        let running = self.running.lock();
        !running.spans && !running.exemplars
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.lock());
    }

    /// What to show; `None` once the target is gone and not being drained.
    pub(super) fn snapshot(&self) -> Option<TargetStatus> {
        let order = self.order();
        let target = &order.target;
        if order.gone && (!target.ending || self.is_over()) {
            return None;
        }
        let mut status = self.status.lock().clone();
        if let Some(buffer) = &mut status.buffer {
            buffer.ending = target.ending;
            buffer.exemplars_last_error = status.exemplars_last_error;
        }
        Some(TargetStatus {
            discovered_labels: target.discovered.labels(&order.config),
            labels: target.labels.clone(),
            scrape_pool: target.job.clone(),
            scrape_url: target.url.clone(),
            last_error: status.last_error,
            last_scrape_unix_nano: status.last_scrape_unix_nano,
            last_scrape_duration: status.last_scrape_duration,
            health: status.health,
            scrape_interval: target.scrape_interval,
            scrape_timeout: target.scrape_timeout,
            buffer: status.buffer,
        })
    }
}

impl Running {
    fn of(&mut self, which: Loop) -> &mut bool {
        match which {
            Loop::Spans => &mut self.spans,
            Loop::Exemplars => &mut self.exemplars,
        }
    }
}
