//! The second loop of a target: its OpenMetrics page, for the exemplars.

use super::{
    context::Context,
    exemplars::{Seen, exemplars},
    fetch::{Request, fetch},
    phase::until_offset,
    read_error::ReadError,
    state::{Loop, Order, TargetState},
};
use crate::openmetrics::{self, ExemplarSample};
use std::{sync::Arc, time::Duration};

/// Reads a target's exemplars once an interval, at the phase of its spans, until discovery has
/// lost it or the collector stops. A failure never touches the target's health: it shows on its own.
pub(super) async fn run(context: Arc<Context>, state: Arc<TargetState>) {
    let mut orders = state.orders();
    let mut seen = Seen::default();
    let mut last_unix_nano = 0u64;
    loop {
        let order = orders.borrow_and_update().clone();
        if order.gone {
            if state.may_end(Loop::Exemplars) {
                return;
            }
            continue;
        }
        let pause = pause(&context, &order, last_unix_nano);
        tokio::select! {
            biased;
            () = context.stopping.cancelled() => return,
            changed = orders.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            () = tokio::time::sleep(pause) => {}
        }
        last_unix_nano = context.clock.now_unix_nano();
        let Some(url) = order.target.exemplars_url.as_deref().filter(|_| order.refused.is_none())
        else {
            continue;
        };
        let read = tokio::select! {
            biased;
            () = context.stopping.cancelled() => return,
            read = read(&context, &order, url, &mut seen) => read,
        };
        let error = read.err().map(|error| error.to_string()).unwrap_or_default();
        state.update(|status| status.exemplars_last_error = error);
    }
}

fn pause(context: &Context, order: &Order, last_unix_nano: u64) -> Duration {
    let interval = order.target.scrape_interval;
    let now = context.clock.now_unix_nano();
    let half = u64::try_from(interval.as_nanos() / 2).unwrap_or(u64::MAX);
    let from = now.max(last_unix_nano.saturating_add(half));
    let offset = context.seed.get().offset(order.target.identity, interval);
    Duration::from_nanos(from - now) + until_offset(from, interval, offset)
}

async fn read(
    context: &Context,
    order: &Order,
    url: &str,
    seen: &mut Seen,
) -> Result<(), ReadError> {
    let url =
        url.parse().map_err(|error| ReadError::Wrong(format!("{url:?} is not a URL: {error}")))?;
    let request = Request {
        client: &order.client,
        socket: order.target.socket.as_deref(),
        url,
        accept: openmetrics::ACCEPT,
        compression: order.config.enable_compression,
        body_size_limit_bytes: order.config.body_size_limit_bytes,
        timeout: order.target.scrape_timeout,
    };
    let fetched = fetch(context, request).await?;
    let content_type = fetched.content_type();
    // A page that is read for the first time may be nothing but news.
    loop {
        let mut reading = seen.reading();
        let mut takes = |hash| reading.takes(hash);
        let Some(exposition) = openmetrics::parse_as(content_type, &fetched.plain, &mut takes)
        else {
            return Err(ReadError::Wrong(format!(
                "the answer is {content_type:?}, which carries no exemplars; the application must \
                 offer application/openmetrics-text"
            )));
        };
        let exposition = exposition.map_err(|error| ReadError::Wrong(error.to_string()))?;
        let (now, has_more) = reading.end();
        let over_budget = exposition.over_budget;
        store(context, order, exposition.samples).await?;
        // What could not be stored is new the next time as well.
        *seen = now;
        if !has_more {
            context.metrics.exemplars_over_budget.inc_by(over_budget as u64);
            return Ok(());
        }
    }
}

async fn store(
    context: &Context,
    order: &Order,
    samples: Vec<ExemplarSample>,
) -> Result<(), ReadError> {
    let now_unix_milli = (context.clock.now_unix_nano() / 1_000_000) as i64;
    let (labels, honor) = (&order.target.labels, order.config.honor_labels);
    let news = exemplars(samples, labels, honor, now_unix_milli);
    if !news.is_empty() {
        let new = context.exemplars.add(news).await?;
        context.metrics.exemplars_seen.inc_by(new as u64);
    }
    Ok(())
}
