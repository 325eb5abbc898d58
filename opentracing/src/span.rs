//! Spans: started by a builder, ended by `finish` or by being dropped.

use crate::{
    context::{SAMPLED, SpanContext},
    finished::{FinishedSpan, LogRecord, ReferenceKind, References},
    tracer::Tracer,
    value::Value,
};
use std::{
    borrow::Cow,
    time::{Duration, Instant, SystemTime},
};

/// A span that is about to start; made by [`Tracer::span`].
#[derive(Debug)]
#[must_use = "a span starts with `start`"]
pub struct SpanBuilder<'a> {
    tracer: &'a Tracer,
    operation_name: Cow<'static, str>,
    references: References,
    tags: Vec<(Cow<'static, str>, Value)>,
    start_time: Option<SystemTime>,
}

/// A span that has started and not ended.
#[derive(Debug)]
pub struct Span {
    tracer: Tracer,
    /// None once it is finished.
    started: Option<Started>,
    context: SpanContext,
}

#[derive(Debug)]
struct Started {
    context: SpanContext,
    operation_name: Cow<'static, str>,
    references: References,
    start_time: SystemTime,
    /// When it was started, for durations that no change of the clock disturbs.
    started_at: Instant,
    /// From `start_time` to `started_at`.
    already: Duration,
    tags: Vec<(Cow<'static, str>, Value)>,
    logs: Vec<LogRecord>,
}

impl<'a> SpanBuilder<'a> {
    pub(crate) fn new(tracer: &'a Tracer, operation_name: Cow<'static, str>) -> Self {
        Self { tracer, operation_name, references: Vec::new(), tags: Vec::new(), start_time: None }
    }

    /// The other waits for this one.
    pub fn child_of(self, context: SpanContext) -> Self {
        self.reference(ReferenceKind::ChildOf, context)
    }

    /// The other caused this one, and does not wait.
    pub fn follows_from(self, context: SpanContext) -> Self {
        self.reference(ReferenceKind::FollowsFrom, context)
    }

    /// Any number of them: the first `ChildOf` is the parent, else the first; the others become links.
    pub fn reference(mut self, kind: ReferenceKind, context: SpanContext) -> Self {
        self.references.push((kind, context));
        self
    }

    /// For what [`Tracer::extract`] gave: a child of it, or a new trace.
    pub fn child_of_extracted(self, context: Option<SpanContext>) -> Self {
        match context {
            Some(context) => self.child_of(context),
            None => self,
        }
    }

    /// Set before the start.
    pub fn tag(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    /// When it started, if not now.
    pub fn start_time(mut self, start_time: SystemTime) -> Self {
        self.start_time = Some(start_time);
        self
    }

    /// Starts the span.
    #[expect(
        clippy::disallowed_methods,
        reason = "this library lives in apps, which have no Clock to hand in"
    )]
    pub fn start(self) -> Span {
        let Self { tracer, operation_name, references, tags, start_time } = self;
        let (started_at, now) = (Instant::now(), SystemTime::now());
        let start_time = start_time.unwrap_or(now);
        let context = tracer.draw_context(&references);
        let started = Started {
            context: context.clone(),
            operation_name,
            references,
            start_time,
            started_at,
            already: now.duration_since(start_time).unwrap_or_default(),
            tags: Vec::with_capacity(tags.len()),
            logs: Vec::new(),
        };
        let mut span = Span { tracer: tracer.clone(), started: Some(started), context };
        for (key, value) in tags {
            span.set_tag(key, value);
        }
        span
    }
}

// What is set after the end is left out.
impl Span {
    /// What is handed to children, and to [`Tracer::inject`].
    pub fn context(&self) -> SpanContext {
        self.context.clone()
    }

    /// Another name than at the start.
    pub fn set_operation_name(
        &mut self,
        operation_name: impl Into<Cow<'static, str>>,
    ) -> &mut Self {
        if let Some(started) = &mut self.started {
            started.operation_name = operation_name.into();
        }
        self
    }

    /// A tag; one that is set twice has its last value. `span.kind` and `error` become kind and status, `sampling.priority` is passed on.
    pub fn set_tag(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Value>,
    ) -> &mut Self {
        let (key, value) = (key.into(), value.into());
        let Some(started) = &mut self.started else { return self };
        if key == "sampling.priority" {
            let wanted = match &value {
                Value::Int(priority) => Some(*priority > 0),
                Value::Bool(wanted) => Some(*wanted),
                Value::Float(priority) => Some(*priority > 0.0),
                Value::String(text) => text.parse::<f64>().ok().map(|priority| priority > 0.0),
            };
            let flags = started.context.flags;
            started.context.flags = match wanted {
                Some(true) => flags | SAMPLED,
                Some(false) => flags & !SAMPLED,
                None => flags,
            };
            self.context = started.context.clone();
        }
        match started.tags.iter_mut().find(|(known, _)| *known == key) {
            Some((_, known)) => *known = value,
            None => started.tags.push((key, value)),
        }
        self
    }

    /// Fields of a moment, now; the one called `event` is its name.
    pub fn log<K: Into<Cow<'static, str>>, V: Into<Value>>(
        &mut self,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> &mut Self {
        let now = self.started.as_ref().map(Started::now);
        match now {
            Some(now) => self.log_at(now, fields),
            None => self,
        }
    }

    /// The same for another moment.
    pub fn log_at<K: Into<Cow<'static, str>>, V: Into<Value>>(
        &mut self,
        timestamp: SystemTime,
        fields: impl IntoIterator<Item = (K, V)>,
    ) -> &mut Self {
        if let Some(started) = &mut self.started {
            let fields = fields.into_iter().map(|(key, value)| (key.into(), value.into()));
            started.logs.push(LogRecord { timestamp, fields: fields.collect() });
        }
        self
    }

    /// Goes along with the trace, to every process behind this one: what is not meant for them does not belong there.
    pub fn set_baggage_item(
        &mut self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> &mut Self {
        if let Some(started) = &mut self.started {
            started.context = started.context.with_baggage_item(key.into(), value.into());
            self.context = started.context.clone();
        }
        self
    }

    /// From here, or from a process before this one.
    pub fn baggage_item(&self, key: &str) -> Option<&str> {
        self.context.baggage_item(key)
    }

    /// Ends it now: it is in the buffer when this returns.
    pub fn finish(self) {}

    /// Ends it at another time.
    pub fn finish_at(mut self, finish_time: SystemTime) {
        self.end(Some(finish_time));
    }

    fn end(&mut self, finish_time: Option<SystemTime>) {
        if let Some(started) = self.started.take() {
            let finish_time = finish_time.unwrap_or_else(|| started.now());
            self.tracer.record(FinishedSpan {
                context: started.context,
                operation_name: started.operation_name,
                references: started.references,
                start_time: started.start_time,
                finish_time,
                tags: started.tags,
                logs: started.logs,
            });
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.end(None);
    }
}

impl Started {
    /// By the monotonic clock since the start.
    fn now(&self) -> SystemTime {
        self.start_time + self.already + self.started_at.elapsed()
    }
}
