//! Reads one span buffer from where it stood, and hands what came to the store.

use super::{
    clock_offset::ClockOffset,
    context::Context,
    failure_log,
    fetch::{BODY_BYTES_MAX, Fetched, Request, fetch},
    limits::Limits,
    metrics::LossReason,
    overlay::overlay,
    position::Position,
    read_error::ReadError,
    reply::{Lost, MAX_BYTES, Question, Reply},
    state::{Order, TargetState},
    status::Health,
};
use crate::span_relabel;
use axum::http::StatusCode;
use sigyn_store::{Batch, Gap, Overlay, Reach, Via};
use std::{sync::Arc, time::Duration};

/// A round ends after this many reads though the buffer has more: other work must have its turn.
const READS_PER_ROUND_MAX: usize = 64;

/// A batch that cannot be read is not asked for in smaller parts than this.
const NARROW_BYTES: usize = 1 << 10;

const ACCEPT: &str = "application/x-protobuf, application/json;q=0.5";

/// How a round is done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    /// Long-poll: the buffer may hold the answer back this long.
    pub(super) wait: Option<Duration>,
    /// The target is ending.
    pub(super) drain: bool,
}

/// What a round of reads came to.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) spans: u64,
    pub(super) bytes: u64,
    /// The endpoint speaks the pull protocol.
    pub(super) tracked: bool,
    /// The buffer has more; the round ended for its length.
    pub(super) more: bool,
    /// The buffer began a new life since the last read.
    pub(super) reborn: bool,
    /// A batch could not be read and was stepped past.
    stepped_past: Option<ReadError>,
    pub(super) seconds_to_overwrite: Option<f64>,
    pub(super) error: Option<ReadError>,
}

/// A loop's memory of its target.
pub(super) struct Reader {
    pub(super) context: Arc<Context>,
    state: Arc<TargetState>,
    position: Option<Position>,
    /// The buffer's count of unrecorded spans at the last read.
    dropped_before: Option<u64>,
    /// The position whose cursor the buffer could not read: what came after it may be lost.
    refused: Option<Position>,
    /// How much is asked for: less while a batch that cannot be read is being narrowed down.
    max_bytes: usize,
    /// The log has a line about such a batch; more of them are only counted.
    malformed_logged: bool,
    offset: ClockOffset,
    overlay: Arc<Overlay>,
    overlay_of: Option<Order>,
}

impl Reader {
    pub(super) fn new(context: Arc<Context>, state: Arc<TargetState>) -> Self {
        let position = context.store.cursor(&state.key).and_then(|text| Position::parse(&text));
        Self {
            context,
            state,
            position,
            dropped_before: None,
            refused: None,
            max_bytes: MAX_BYTES,
            malformed_logged: false,
            offset: ClockOffset::default(),
            overlay: Arc::default(),
            overlay_of: None,
        }
    }

    /// Reads until the buffer has no more, and notes how it went.
    pub(super) async fn round(&mut self, order: &Order, manner: Manner) -> Round {
        let began_unix_nano = self.context.clock.now_unix_nano();
        let began = self.context.clock.monotonic();
        let mut round = Round::default();
        let mut manner = manner;
        for _ in 0..READS_PER_ROUND_MAX {
            round.more = false;
            if let Err(error) = self.read(order, manner, &mut round).await {
                round.error = Some(error);
                break;
            }
            if !round.more {
                break;
            }
            manner.wait = None;
        }
        if round.error.is_none() {
            round.error = round.stepped_past.take();
        }
        if matches!(round.error, Some(ReadError::GivenUp)) {
            if round.spans == 0 {
                return round;
            }
            // What came before is stored: the round was a short one, not a bad one.
            round.error = None;
        }
        let took = self.context.clock.monotonic().saturating_sub(began);
        self.note(&round, began_unix_nano, took);
        self.log_failure(order, &round).await;
        round
    }

    async fn read(
        &mut self,
        order: &Order,
        manner: Manner,
        round: &mut Round,
    ) -> Result<(), ReadError> {
        let fetched = match self.ask(order, manner).await {
            Err(ReadError::Status(StatusCode::BAD_REQUEST)) if self.position.is_some() => {
                // The buffer cannot read our cursor, so it is another one than before.
                self.refused = self.position.take();
                self.ask(order, manner).await?
            }
            Err(ReadError::Status(StatusCode::TOO_MANY_REQUESTS)) if manner.wait.is_some() => {
                // Others wait already; a read that does not wait has its place all the same.
                self.ask(order, Manner { wait: None, ..manner }).await?
            }
            fetched => fetched?,
        };
        let mut reply = Reply::parse(&fetched.headers).map_err(ReadError::Wrong)?;
        check_owner(order, &reply)?;
        let tracked = reply.cursor.is_some();
        let mut body = spans_of(&fetched, tracked)?;
        if self.refused.is_some() {
            reply.lost = Lost::Unknown;
        }
        let gap = self.gap(&reply, fetched.head_unix_nano);
        let reached = reply
            .cursor
            .take()
            .map(|cursor| Position { cursor, reached_unix_nano: fetched.head_unix_nano });
        let overlay = self.overlay(order);
        let dropped = match body.relabel(order, &overlay) {
            Ok(dropped) => dropped,
            Err(why) => {
                return self
                    .step_past(order, reached, reply.more, ReadError::Wrong(why), round)
                    .await;
            }
        };
        let left_out = body.cut_down(order);
        round.tracked = tracked;
        round.reborn |= gap.as_ref().is_some_and(|gap| gap.lost.is_none());
        round.bytes += body.plain.len() as u64;
        // A read that brought nothing is not worth a journal record: continuing from the older
        // cursor after a restart brings the same.
        let appended = if body.plain.is_empty() && gap.is_none() {
            sigyn_store::Appended::default()
        } else {
            let reach = reached.as_ref().map(|position| Reach {
                target: self.state.key.clone(),
                cursor: position.to_string(),
            });
            let batch = Batch {
                via: Via::Scrape,
                body: body.plain,
                compressed: body.compressed,
                overlay,
                reach,
                gap: gap.clone(),
            };
            match self.context.store.append(batch).await.map_err(ReadError::from) {
                Ok(appended) => appended,
                Err(error @ ReadError::NotSpans(_)) => {
                    return self.step_past(order, reached, reply.more, error, round).await;
                }
                Err(error) => return Err(error),
            }
        };
        self.max_bytes = self.max_bytes.saturating_mul(4).min(MAX_BYTES);
        round.spans += appended.spans as u64;
        round.more = reply.more
            && reached.as_ref().map(|position| &position.cursor)
                != self.position.as_ref().map(|position| &position.cursor);
        round.seconds_to_overwrite = reply.fill.overwrite_seconds;
        if reached.is_some() {
            self.position = reached;
            self.refused = None;
        }
        if manner.wait.is_none()
            && let Some(target_unix_nano) = reply.time_unix_nano
        {
            let (asked, head) = (fetched.asked_unix_nano, fetched.head_unix_nano);
            self.offset.observe(asked, head, target_unix_nano);
        }
        let rejected = appended.rejected as u64;
        for (reason, spans) in [(LossReason::TooLarge, left_out), (LossReason::Malformed, rejected)]
        {
            if spans > 0 {
                self.state.series.lost(reason, spans);
                self.state.update(|status| {
                    status.buffer.get_or_insert_default().lost_total += spans;
                });
            }
        }
        self.state.series.dropped(dropped);
        self.note_buffer(&reply, gap.as_ref(), appended.spans as u64, tracked);
        Ok(())
    }

    /// What cannot be read must not block what comes after it. The batch is asked for again with
    /// fewer spans in it; when it can hardly be smaller the cursor moves past it and the loss,
    /// whose size nobody can know, is counted.
    async fn step_past(
        &mut self,
        order: &Order,
        reached: Option<Position>,
        more: bool,
        error: ReadError,
        round: &mut Round,
    ) -> Result<(), ReadError> {
        let moves = |to: &Position| {
            self.position.as_ref().is_none_or(|position| position.cursor != to.cursor)
        };
        let Some(reached) = reached.filter(moves) else { return Err(error) };
        if self.max_bytes > NARROW_BYTES {
            self.max_bytes /= 16;
            round.more = true;
            return Ok(());
        }
        let from = self.refused.as_ref().or(self.position.as_ref());
        let to_unix_nano = reached.reached_unix_nano;
        let from_unix_nano = from.map_or(to_unix_nano, |position| position.reached_unix_nano);
        let batch = Batch {
            via: Via::Scrape,
            body: bytes::Bytes::new(),
            compressed: None,
            overlay: self.overlay(order),
            reach: Some(Reach { target: self.state.key.clone(), cursor: reached.to_string() }),
            gap: Some(Gap { lost: None, from_unix_nano, to_unix_nano }),
        };
        self.context.store.append(batch).await?;
        self.position = Some(reached);
        self.refused = None;
        self.state.series.lost(LossReason::Malformed, 1);
        self.state.update(|status| status.buffer.get_or_insert_default().unknown_losses += 1);
        if !std::mem::replace(&mut self.malformed_logged, true) {
            tracing::warn!(
                job = order.target.job,
                url = order.target.url,
                %error,
                "a batch of spans cannot be read and was stepped past; more of them are counted \
                 in sigyn_lost_spans_total with reason malformed, and not logged"
            );
        }
        round.more = more;
        round.tracked = true;
        round.stepped_past = Some(error);
        Ok(())
    }

    /// Only the exchange itself is given up when the collector stops or, in a long-poll, when the
    /// order changes: what came is always stored.
    async fn ask(&self, order: &Order, manner: Manner) -> Result<Fetched, ReadError> {
        let base = order.target.url.parse().map_err(|error| {
            ReadError::Wrong(format!("{:?} is not a URL: {error}", order.target.url))
        })?;
        let limit = order.config.body_size_limit_bytes;
        let body_bytes_max = if limit == 0 { BODY_BYTES_MAX as u64 } else { limit.max(2) - 1 };
        let question = Question {
            cursor: self.position.as_ref().map(|position| position.cursor.as_str()),
            max_bytes: self.max_bytes.min(usize::try_from(body_bytes_max).unwrap_or(MAX_BYTES)),
            wait: manner.wait,
            drain: manner.drain,
        };
        let request = Request {
            client: &order.client,
            socket: order.target.socket.as_deref(),
            url: question.url(&base),
            accept: ACCEPT,
            compression: order.config.enable_compression,
            body_size_limit_bytes: limit,
            timeout: order.target.scrape_timeout + manner.wait.unwrap_or_default(),
        };
        let mut orders = self.state.orders();
        let order_changed = async {
            match manner.wait {
                Some(_) => tokio::select! {
                    changed = orders.changed() => drop(changed),
                    () = self.state.requested() => {}
                },
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.context.stopping.cancelled() => Err(ReadError::GivenUp),
            fetched = fetch(&self.context, request) => fetched,
            () = order_changed => Err(ReadError::GivenUp),
        }
    }

    /// Who asked without a cursor has missed nothing that it could know of.
    fn gap(&self, reply: &Reply, now_unix_nano: u64) -> Option<Gap> {
        let since = self.refused.as_ref().or(self.position.as_ref())?;
        let lost = match reply.lost {
            Lost::None => return None,
            Lost::Exactly(spans) => Some(spans),
            Lost::Unknown => None,
        };
        let from_unix_nano = since.reached_unix_nano;
        Some(Gap { lost, from_unix_nano, to_unix_nano: now_unix_nano })
    }

    pub(super) fn overlay(&mut self, order: &Order) -> Arc<Overlay> {
        let same = self.overlay_of.as_ref().is_some_and(|of| {
            Arc::ptr_eq(&of.target, &order.target) && Arc::ptr_eq(&of.config, &order.config)
        });
        if !same {
            self.overlay = Arc::new(overlay(&order.target, &order.config));
            self.overlay_of = Some(order.clone());
        }
        Arc::clone(&self.overlay)
    }

    fn note_buffer(&mut self, reply: &Reply, gap: Option<&Gap>, spans: u64, tracked: bool) {
        let series = &self.state.series;
        let mut lost = 0;
        let mut unknown_losses = 0;
        match gap.map(|gap| gap.lost) {
            Some(Some(overwritten)) => {
                series.lost(LossReason::Overwritten, overwritten);
                lost += overwritten;
            }
            Some(None) => {
                series.lost(LossReason::UnknownEpoch, 1);
                unknown_losses += 1;
                self.dropped_before = Some(0);
            }
            None => {}
        }
        if let Some(dropped) = reply.fill.dropped {
            let before = self.dropped_before.replace(dropped).unwrap_or(dropped);
            let unrecorded = dropped.saturating_sub(before);
            if unrecorded > 0 {
                series.lost(LossReason::BufferFull, unrecorded);
                lost += unrecorded;
            }
        }
        let offset_seconds = self.offset.seconds();
        series.fill_ratio(reply.fill.ratio());
        series.seconds_to_overwrite(reply.fill.overwrite_seconds);
        series.clock_offset_seconds(offset_seconds);
        self.state.update(|status| {
            let buffer = status.buffer.get_or_insert_default();
            buffer.tracked = tracked;
            buffer.spans_total += spans;
            buffer.lost_total += lost;
            buffer.unknown_losses += unknown_losses;
            buffer.fill_ratio = reply.fill.ratio();
            buffer.seconds_to_overwrite = reply.fill.overwrite_seconds;
            buffer.clock_offset_seconds = offset_seconds;
        });
    }

    fn note(&self, round: &Round, began_unix_nano: u64, took: Duration) {
        let good = round.error.is_none();
        self.state.series.read(good, took.as_secs_f64(), round.spans);
        self.state.update(|status| {
            status.health = if good { Health::Up } else { Health::Down };
            status.last_error = round.error.as_ref().map(ToString::to_string).unwrap_or_default();
            status.last_scrape_unix_nano = Some(began_unix_nano);
            status.last_scrape_duration = took;
            if let Some(buffer) = &mut status.buffer
                && good
            {
                buffer.last_spans = round.spans;
                buffer.last_bytes = round.bytes;
            }
        });
    }

    async fn log_failure(&self, order: &Order, round: &Round) {
        let Some(error) = &round.error else { return };
        tracing::debug!(job = order.target.job, url = order.target.url, %error, "read failed");
        if let Some(path) = &order.config.scrape_failure_log_file {
            let now_unix_nano = self.context.clock.now_unix_nano();
            failure_log::write(path, &order.target, &error.to_string(), now_unix_nano).await;
        }
    }
}

/// The bodies that go to the store.
pub(super) struct Spans {
    pub(super) plain: bytes::Bytes,
    pub(super) compressed: Option<(sigyn_store::Encoding, bytes::Bytes)>,
}

impl Spans {
    /// Applies the job's rules for spans; gives the number of spans that they dropped.
    pub(super) fn relabel(&mut self, order: &Order, overlay: &Overlay) -> Result<u64, String> {
        let rules = &order.config.span_relabel_configs;
        if rules.is_empty() {
            return Ok(0);
        }
        let Some(relabeled) = span_relabel::apply(rules, overlay, &self.plain)? else {
            return Ok(0);
        };
        *self = Self { plain: relabeled.body.into(), compressed: None };
        Ok(relabeled.dropped)
    }

    /// Applies the job's limits; gives the number of spans that were left out.
    pub(super) fn cut_down(&mut self, order: &Order) -> u64 {
        let Some(limits) = Limits::of(&order.config) else { return 0 };
        let Some(cut) = limits.apply(&self.plain) else { return 0 };
        *self = Self { plain: cut.body.into(), compressed: None };
        cut.spans_left_out
    }
}

/// An address may have passed on to another pod since discovery looked.
pub(super) fn check_owner(order: &Order, reply: &Reply) -> Result<(), ReadError> {
    let discovered = order.target.discovered.get("__meta_kubernetes_pod_uid");
    match &reply.uid {
        Some(uid) if !discovered.is_empty() && uid != discovered => Err(ReadError::NewOwner(
            format!("discovery says pod UID {discovered}, the buffer says {uid}"),
        )),
        // Discovery has lost the pod already: who answers now with another life is another one.
        _ if order.gone && reply.lost == Lost::Unknown => Err(ReadError::NewOwner(
            "the pod is gone, and another buffer answers in its place".to_owned(),
        )),
        _ => Ok(()),
    }
}

/// Takes the protobuf out of an answer, or says what else came.
pub(super) fn spans_of(fetched: &Fetched, tracked: bool) -> Result<Spans, ReadError> {
    let content_type = fetched.content_type();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    match media_type.to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" | "application/vnd.google.protobuf" => {
            Ok(Spans { plain: fetched.plain.clone(), compressed: fetched.compressed.clone() })
        }
        "application/json" if !tracked => {
            let encoded = crate::receivers::otlp_json::encode(&fetched.plain).map_err(|what| {
                ReadError::Wrong(format!("the answer is JSON, but not spans: {what}"))
            })?;
            Ok(Spans { plain: encoded.into(), compressed: None })
        }
        "" => Err(ReadError::Wrong(
            "the answer has no content type, a span buffer answers application/x-protobuf: is \
             traces_path right?"
                .to_owned(),
        )),
        other => Err(ReadError::Wrong(format!(
            "the answer is {other}, a span buffer answers application/x-protobuf: is traces_path \
             right?"
        ))),
    }
}
