//! Looks for the traces of exemplars that the store does not hold, in the buffers of the targets.

use super::{
    context::Context,
    metrics::Sought,
    state::TargetState,
    trace_request::{TRACES_PER_REQUEST_MAX, TraceRequest},
};
use crate::exemplars::WantedTrace;
use futures::{StreamExt, stream};
use sigyn_store::TraceId;
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::sync::oneshot;

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Where looking finds nothing (spans are pushed, or sampled away), it is done twice as seldom each time, down to this.
const LOOK_EVERY_MAX: Duration = Duration::from_secs(4);
/// Targets that are asked for traces of which their own have nothing, at most …
const PEERS_MAX: usize = 64;
/// … so often.
const PEERS_EVERY: Duration = Duration::from_secs(1);
/// Traces whose other parts are still to be asked for, at most.
const UNFINISHED_MAX: usize = 10_000;
/// Targets that are asked at the same time.
const TARGETS_AT_ONCE: usize = 8;
/// A target that takes longer is not waited for; what it brings is stored all the same.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

/// Looks for traces that exemplars point at, until the collector stops.
pub(super) async fn run(context: Arc<Context>, targets: impl Fn() -> Vec<Arc<TargetState>>) {
    let mut seeker = Seeker {
        context: Arc::clone(&context),
        unfinished: VecDeque::new(),
        peers_asked_at: None,
        next_peer: 0,
    };
    let mut pause = LOOK_EVERY;
    loop {
        tokio::select! {
            biased;
            () = context.stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let due = context.exemplars.due(TRACES_PER_REQUEST_MAX);
        if due.is_empty() && seeker.unfinished.is_empty() {
            pause = LOOK_EVERY;
            continue;
        }
        tokio::select! {
            biased;
            () = context.stopping.cancelled() => return,
            looked = seeker.look(due, targets()) => match looked {
                Ok(Look::InVain) => pause = (pause * 2).min(LOOK_EVERY_MAX),
                Ok(Look::Good) => pause = LOOK_EVERY,
                Err(error) => {
                    tracing::warn!(%error, "could not look for the traces of exemplars");
                }
            },
        }
    }
}

/// Whether it was worth the reading.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Everything is held, or something was found.
    Good,
    InVain,
}

struct Seeker {
    context: Arc<Context>,
    /// Traces that one buffer gave, or none: the others may hold parts of them.
    unfinished: VecDeque<WantedTrace>,
    peers_asked_at: Option<Duration>,
    /// The peer that is asked first, so that with many of them each has its turn.
    next_peer: usize,
}

impl Seeker {
    async fn look(
        &mut self,
        due: Vec<WantedTrace>,
        targets: Vec<Arc<TargetState>>,
    ) -> Result<Look, sigyn_store::Error> {
        let missing = self.missing(&due).await?;
        let wanted: Vec<WantedTrace> =
            due.into_iter().filter(|trace| missing.contains(&trace.trace_id)).collect();
        if wanted.is_empty() && self.unfinished.is_empty() {
            return Ok(Look::Good);
        }
        // The exemplar's own instance knows its span, if anybody does.
        let mut own: BTreeMap<usize, Vec<TraceId>> = BTreeMap::new();
        for trace in &wanted {
            for (index, target) in targets.iter().enumerate() {
                if is_own(target, trace) {
                    own.entry(index).or_default().push(trace.trace_id);
                }
            }
        }
        let requests = own.into_iter().map(|(index, traces)| (Arc::clone(&targets[index]), traces));
        let by_trace = ask(requests.collect(), false).await;

        // What was read long ago has left the store everywhere: the other instances are asked for their parts. And so
        // they are for traces of which the own instance knows nothing.
        let missing = self.missing(&wanted).await?;
        let has_parts = |trace: &&WantedTrace| {
            missing.contains(&trace.trace_id) || by_trace.contains(&trace.trace_id)
        };
        let room = UNFINISHED_MAX.saturating_sub(self.unfinished.len());
        self.unfinished.extend(wanted.iter().filter(has_parts).take(room).cloned());
        if !self.unfinished.is_empty() && self.may_ask_peers() {
            self.ask_peers(&targets).await;
        }
        let missing = self.missing(&wanted).await?;
        let is_good = missing.len() < wanted.len() || wanted.is_empty();
        let look = if is_good { Look::Good } else { Look::InVain };
        for trace in wanted {
            if !missing.contains(&trace.trace_id) {
                self.context.metrics.sought(Sought::Found);
            } else if !self.context.exemplars.again(trace) {
                self.context.metrics.sought(Sought::GivenUp);
            }
        }
        Ok(look)
    }

    /// Asks some targets for parts of the oldest unfinished traces.
    async fn ask_peers(&mut self, targets: &[Arc<TargetState>]) {
        let count = self.unfinished.len().min(TRACES_PER_REQUEST_MAX);
        let traces: Vec<WantedTrace> = self.unfinished.drain(..count).collect();
        let count = targets.len().min(PEERS_MAX);
        let turn = (0..count).map(|step| &targets[(self.next_peer + step) % targets.len()]);
        let requests = turn.map(|target| {
            let others = traces.iter().filter(|trace| !is_own(target, trace));
            (Arc::clone(target), others.map(|trace| trace.trace_id).collect::<Vec<_>>())
        });
        let requests = requests.filter(|(_, traces)| !traces.is_empty()).collect();
        self.next_peer = self.next_peer.wrapping_add(count);
        ask(requests, true).await;
    }

    fn may_ask_peers(&mut self) -> bool {
        let now = self.context.clock.monotonic();
        let may = self.peers_asked_at.is_none_or(|at| now.saturating_sub(at) >= PEERS_EVERY);
        if may {
            self.peers_asked_at = Some(now);
        }
        may
    }

    async fn missing(
        &self,
        wanted: &[WantedTrace],
    ) -> Result<HashSet<TraceId>, sigyn_store::Error> {
        let ids = wanted.iter().map(|trace| trace.trace_id).collect();
        Ok(self.context.store.missing(ids).await?.into_iter().collect())
    }
}

/// Whether the exemplar is of this target.
fn is_own(target: &TargetState, trace: &WantedTrace) -> bool {
    let labels = &target.order().target.labels;
    labels.get("instance") == trace.instance && labels.get("job") == trace.job
}

/// Asks the loops of targets; returns the traces that a buffer gave by trace.
async fn ask(requests: Vec<(Arc<TargetState>, Vec<TraceId>)>, whole: bool) -> Vec<TraceId> {
    let given = stream::iter(requests).map(|(target, traces)| async move {
        let (done, answer) = oneshot::channel();
        target.request(TraceRequest { traces: traces.into(), whole, done });
        match tokio::time::timeout(ANSWER_TIME_MAX, answer).await {
            Ok(Ok(given)) => given,
            // The target is slow, or went away.
            _ => Vec::new(),
        }
    });
    given.buffer_unordered(TARGETS_AT_ONCE).concat().await
}
