//! A span that has ended, whoever made it.

use crate::{context::SpanContext, value::Value};
use std::{borrow::Cow, time::SystemTime};

/// How a span refers to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// The other waits for it.
    ChildOf,
    /// The other caused it, and does not wait.
    FollowsFrom,
}

pub(crate) type References = Vec<(ReferenceKind, SpanContext)>;

/// For [`Tracer::record`](crate::Tracer::record): a span that another OpenTracing library started and ended.
#[derive(Clone, Debug)]
pub struct FinishedSpan {
    /// Its IDs.
    pub context: SpanContext,
    /// What it did.
    pub operation_name: Cow<'static, str>,
    /// The first `ChildOf` is the parent, else the first; the others become links.
    pub references: Vec<(ReferenceKind, SpanContext)>,
    /// When it began.
    pub start_time: SystemTime,
    /// When it ended.
    pub finish_time: SystemTime,
    /// Each key once.
    pub tags: Vec<(Cow<'static, str>, Value)>,
    /// In the order in which they came.
    pub logs: Vec<LogRecord>,
}

/// Fields of one moment.
#[derive(Clone, Debug)]
pub struct LogRecord {
    /// The moment.
    pub timestamp: SystemTime,
    /// The one called `event` is its name.
    pub fields: Vec<(Cow<'static, str>, Value)>,
}
