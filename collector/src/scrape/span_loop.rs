//! The loop of one target: when it is read, and when that ends.

use super::{
    context::Context,
    phase::until_offset,
    reader::{Manner, Reader, Round},
    state::{Loop, Order, TargetState},
    status::Health,
};
use std::{sync::Arc, time::Duration};

/// However fast a buffer fills, it is not read more often.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// A target that is ending is read this often: it can be gone in a moment.
const DRAIN_PAUSE: Duration = Duration::from_millis(200);
/// A target that discovery lost while it was ending is read this long at most.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a long-poll lets the buffer wait.
const LIVE_WAIT: Duration = Duration::from_secs(10);
/// A buffer that answers a long-poll with nothing sooner than this does not wait.
const LIVE_ANSWER_MIN: Duration = Duration::from_millis(500);
/// Such a buffer is asked to wait again after this.
const LIVE_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Reads a target until discovery has lost it (and it is drained) or the collector stops.
pub(super) async fn run(context: Arc<Context>, state: Arc<TargetState>) {
    let mut orders = state.orders();
    let mut reader = Reader::new(Arc::clone(&context), Arc::clone(&state));
    let mut pace = Pace::default();
    loop {
        let order = orders.borrow_and_update().clone();
        let now = context.clock.monotonic();
        if pace.is_over(&order, now) {
            if state.may_end(Loop::Spans) {
                return;
            }
            continue;
        }
        let pause = pace.pause(&context, &order);
        tokio::select! {
            biased;
            () = context.stopping.cancelled() => return,
            changed = orders.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            () = state.requested() => {}
            () = tokio::time::sleep(pause) => {}
        }
        let requests = state.take_requests();
        if let Some(why) = &order.refused {
            state.update(|status| {
                status.health = Health::Down;
                status.last_error.clone_from(why);
            });
            state.series.read(false, 0.0, 0);
            pace.refused(&context);
            continue;
        }
        let began = context.clock.monotonic();
        let manner = pace.manner(&order, began, !requests.is_empty());
        let began_unix_nano = context.clock.now_unix_nano();
        let round = reader.round(&order, manner).await;
        pace.after(&order, manner, round, began_unix_nano, began, context.clock.monotonic());
        if !requests.is_empty() {
            reader.serve(&order, requests).await;
        }
    }
}

/// When to read next.
#[derive(Default)]
struct Pace {
    /// When the last read began, by the wall clock.
    last_unix_nano: Option<u64>,
    last: Option<Round>,
    /// The target was asked at least once since it began to end.
    drain_began: bool,
    /// Since when discovery has it no more.
    gone_since: Option<Duration>,
    /// The buffer did not wait at the last long-poll; it is tried again at this moment.
    live_again_at: Option<Duration>,
}

impl Pace {
    /// True when there is nothing left to do for a target that is gone.
    fn is_over(&mut self, order: &Order, now: Duration) -> bool {
        if !order.gone {
            self.gone_since = None;
            return false;
        }
        if !order.target.ending || order.refused.is_some() {
            return true;
        }
        let Some(since) = self.gone_since else {
            // Whatever was read before, one read must come after it was gone.
            self.gone_since = Some(now);
            self.last = None;
            return false;
        };
        let drained = self.last.as_ref().is_some_and(|round| match &round.error {
            None => (round.spans == 0 && !round.more) || round.reborn,
            Some(error) => error.is_gone(),
        });
        drained || now.saturating_sub(since) >= DRAIN_TIME_MAX
    }

    fn pause(&self, context: &Context, order: &Order) -> Duration {
        let interval = order.target.scrape_interval;
        if order.target.ending && order.refused.is_none() {
            let failed = self.last.as_ref().is_some_and(|round| round.error.is_some());
            return match (self.drain_began, order.gone && self.last.is_none()) {
                (false, _) | (_, true) => Duration::ZERO,
                _ if failed && !order.gone => interval.min(Duration::from_secs(1)),
                _ => DRAIN_PAUSE.min(interval),
            };
        }
        let scheduled = self.until_phase(context, order);
        let Some(last) = &self.last else { return scheduled };
        if last.more {
            return Duration::ZERO;
        }
        if last.error.is_none() && self.is_live(order, context.clock.monotonic()) && last.tracked {
            return if last.spans > 0 { PAUSE_MIN } else { Duration::ZERO };
        }
        match last.seconds_to_overwrite {
            Some(seconds) if last.error.is_none() && seconds.is_finite() => {
                let third = Duration::try_from_secs_f64(seconds / 3.0).unwrap_or(scheduled);
                scheduled.min(third.max(PAUSE_MIN))
            }
            _ => scheduled,
        }
    }

    /// The moment of the target's phase, but never twice in one interval: a timer may fire a
    /// little before the wall clock says so.
    fn until_phase(&self, context: &Context, order: &Order) -> Duration {
        let interval = order.target.scrape_interval;
        let offset = context.seed.get().offset(order.target.identity, interval);
        let now = context.clock.now_unix_nano();
        let half = u64::try_from(interval.as_nanos() / 2).unwrap_or(u64::MAX);
        let from = self.last_unix_nano.map_or(now, |last| now.max(last.saturating_add(half)));
        Duration::from_nanos(from - now) + until_offset(from, interval, offset)
    }

    fn manner(&mut self, order: &Order, now: Duration, is_requested: bool) -> Manner {
        let drain = order.target.ending;
        self.drain_began |= drain;
        // The first read brings what is there, at once; waiting begins after it.
        let caught_up = self.last.as_ref().is_some_and(|last| last.error.is_none() && last.tracked);
        let waits = self.is_live(order, now) && caught_up && !drain && !is_requested;
        let wait = waits.then_some(LIVE_WAIT);
        Manner { wait, drain }
    }

    fn is_live(&self, order: &Order, now: Duration) -> bool {
        order.config.live && self.live_again_at.is_none_or(|moment| now >= moment)
    }

    fn after(
        &mut self,
        order: &Order,
        manner: Manner,
        round: Round,
        began_unix_nano: u64,
        began: Duration,
        now: Duration,
    ) {
        if matches!(round.error, Some(super::read_error::ReadError::GivenUp)) {
            return;
        }
        if manner.wait.is_some() && round.error.is_none() {
            self.live_again_at = None;
            if round.spans == 0 && now.saturating_sub(began) < LIVE_ANSWER_MIN {
                self.live_again_at = Some(now + LIVE_AGAIN_AFTER);
                tracing::debug!(
                    job = order.target.job,
                    url = order.target.url,
                    "the target does not wait for spans; it is read at its interval for a while"
                );
            }
        }
        self.last_unix_nano = Some(began_unix_nano);
        self.last = Some(round);
    }

    fn refused(&mut self, context: &Context) {
        self.last_unix_nano = Some(context.clock.now_unix_nano());
        self.last = None;
    }
}
