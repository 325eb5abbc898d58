//! The syntax tree. Constants are folded, parentheses are gone, `&&` and `||` are flat.

use super::FieldRef;

/// A parsed and validated query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// What it asks for.
    pub body: QueryBody,
    /// `with (…)`, in the order written.
    pub hints: Vec<Hint>,
}

/// Traces or numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum QueryBody {
    /// A search: traces whose spans the pipeline keeps.
    Search(Pipeline),
    /// Time series.
    Metrics(MetricsExpression),
}

/// `name = value` in `with (…)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Hint {
    /// Any word; unknown ones are ignored.
    pub name: String,
    /// Its value.
    pub value: Literal,
}

/// Stages joined by `|`; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// The first one sees all spans of a trace as one set.
    pub stages: Vec<Stage>,
}

/// What stands between two `|`.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Keeps spans.
    Spanset(SpansetExpression),
    /// `count() > 3`: keeps sets.
    ScalarFilter(ScalarFilter),
    /// `by(expression)`: one set per value.
    By(FieldExpression),
    /// `coalesce()`: merges the sets again.
    Coalesce,
    /// `select(field, …)`: adds fields to the answer.
    Select(Vec<FieldRef>),
}

/// `aggregate comparison literal`.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalarFilter {
    /// On the left.
    pub aggregate: Aggregate,
    /// Between.
    pub operator: ComparisonOperator,
    /// On the right.
    pub value: Literal,
    /// Where it stands.
    pub span: Span,
}

/// A number made of the spans of a set.
#[derive(Clone, Debug, PartialEq)]
pub enum Aggregate {
    /// `count()`
    Count,
    /// `avg(expression)`
    Avg(FieldExpression),
    /// `min(expression)`
    Min(FieldExpression),
    /// `max(expression)`
    Max(FieldExpression),
    /// `sum(expression)`
    Sum(FieldExpression),
}

/// Spans of one trace.
#[derive(Clone, Debug, PartialEq)]
pub enum SpansetExpression {
    /// `{ expression }`; `None` for `{ }`.
    Filter(Option<FieldExpression>),
    /// `left operator right`
    Binary {
        /// How the sides relate.
        operator: SpansetOperator,
        /// Left side.
        left: Box<SpansetExpression>,
        /// Right side.
        right: Box<SpansetExpression>,
    },
    /// `( pipeline )` as a side of an operator; has more than a lone spanset in it.
    Pipeline(Pipeline),
}

/// Operators between spansets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpansetOperator {
    /// `&&`: both sets, if neither is empty.
    And,
    /// `||`: both sets.
    Or,
    /// `>` and its kin: keeps the right side.
    Structural(Structure),
    /// `!>` and its kin: keeps right-side spans that have no such relative on the left.
    NotStructural(Structure),
    /// `&>` and its kin: keeps both sides.
    UnionStructural(Structure),
}

/// How a left span and a right span must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Structure {
    /// `>`: right is a child of left.
    Child,
    /// `<`: right is the parent of left.
    Parent,
    /// `>>`: right is below left.
    Descendant,
    /// `<<`: right is above left.
    Ancestor,
    /// `~`: both have the same parent.
    Sibling,
}

/// A value made of one span's fields.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldExpression {
    /// A constant.
    Literal(Literal, Span),
    /// A field.
    Field(FieldRef, Span),
    /// `a && b && …`, two or more, none of which is itself an `All`.
    All(Vec<FieldExpression>),
    /// `a || b || …`, two or more, none of which is itself an `Any`.
    Any(Vec<FieldExpression>),
    /// `!a`
    Not(Box<FieldExpression>, Span),
    /// `-a`
    Negate(Box<FieldExpression>, Span),
    /// `a = b`, `a =~ "b"` …
    Comparison {
        /// Which.
        operator: ComparisonOperator,
        /// Left side.
        left: Box<FieldExpression>,
        /// Right side.
        right: Box<FieldExpression>,
        /// The operator's place.
        span: Span,
    },
    /// `a + b` …
    Arithmetic {
        /// Which.
        operator: ArithmeticOperator,
        /// Left side.
        left: Box<FieldExpression>,
        /// Right side.
        right: Box<FieldExpression>,
        /// The operator's place.
        span: Span,
    },
}

/// `= != < <= > >= =~ !~`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ComparisonOperator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `=~`
    Matches,
    /// `!~`
    NotMatches,
}

/// `+ - * / % ^`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithmeticOperator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `^`
    Power,
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// Text.
    String(String),
    /// 64 bit.
    Int(i64),
    /// 64 bit, finite.
    Float(f64),
    /// True or false.
    Bool(bool),
    /// Nanoseconds.
    Duration(i64),
    /// `ok`, `error`, `unset`
    Status(StatusCode),
    /// `server` …
    Kind(SpanKind),
    /// Absence.
    Nil,
}

/// OTLP's codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum StatusCode {
    /// 0
    Unset = 0,
    /// 1
    Ok = 1,
    /// 2
    Error = 2,
}

/// OTLP's kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SpanKind {
    /// 0
    Unspecified = 0,
    /// 1
    Internal = 1,
    /// 2
    Server = 2,
    /// 3
    Client = 3,
    /// 4
    Producer = 4,
    /// 5
    Consumer = 5,
}

/// Time series and arithmetic between them.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricsExpression {
    /// `pipeline | function`
    Series {
        /// Which spans.
        pipeline: Pipeline,
        /// What is made of them.
        function: MetricsFunction,
    },
    /// A constant (int or float) in arithmetic.
    Scalar(Literal),
    /// `left operator right`; the operator is one of `+ - * /`.
    Math {
        /// Which.
        operator: ArithmeticOperator,
        /// Left side.
        left: Box<MetricsExpression>,
        /// Right side.
        right: Box<MetricsExpression>,
    },
    /// `input | topk(3) > 1 …`; at least one stage, and the input is no `Staged` itself.
    Staged {
        /// What the stages work on.
        input: Box<MetricsExpression>,
        /// Left to right.
        stages: Vec<SecondStage>,
    },
}

/// A metrics function with its grouping.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricsFunction {
    /// Which, with its arguments.
    pub kind: MetricsKind,
    /// `by (…)`; empty: one series.
    pub by: Vec<FieldRef>,
    /// Where it stands.
    pub span: Span,
}

/// The metrics functions.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricsKind {
    /// `rate()`: spans per second.
    Rate,
    /// `count_over_time()`
    CountOverTime,
    /// `min_over_time(field)`
    MinOverTime(FieldRef),
    /// `max_over_time(field)`
    MaxOverTime(FieldRef),
    /// `avg_over_time(field)`
    AvgOverTime(FieldRef),
    /// `sum_over_time(field)`
    SumOverTime(FieldRef),
    /// `histogram_over_time(field)`
    HistogramOverTime(FieldRef),
    /// `quantile_over_time(field, q, …)`
    QuantileOverTime(FieldRef, Vec<f64>),
    /// `compare({…}, n, start, end)`
    Compare {
        /// The selection; `None` for `{ }`.
        selection: Option<FieldExpression>,
        /// Values kept per attribute; 10 when not given.
        top: Option<i64>,
        /// Unix nanoseconds; open on the left, closed on the right.
        range: Option<(i64, i64)>,
    },
}

/// What follows a metrics function.
#[derive(Clone, Debug, PartialEq)]
pub enum SecondStage {
    /// `topk(k)`
    TopK(i64, Span),
    /// `bottomk(k)`
    BottomK(i64, Span),
    /// `> 3`: drops points that fail. Int, float or duration (which counts in seconds).
    Filter(ComparisonOperator, Literal, Span),
}

/// Where something stands in the text, in bytes. It is no part of what a query means: two spans
/// always compare equal, so that trees of differently spaced texts are equal.
#[derive(Clone, Copy, Debug, Default, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// After the last byte.
    pub end: usize,
}

impl PartialEq for Span {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Query {
    /// True when it asks for time series.
    pub fn is_metrics(&self) -> bool {
        matches!(self.body, QueryBody::Metrics(_))
    }

    /// The search for the spans that a metrics query counts, of the first one where several are combined; a search itself.
    pub fn into_search(self) -> Self {
        let body = match self.body {
            QueryBody::Metrics(metrics) => match metrics.into_first_pipeline() {
                Some(pipeline) => QueryBody::Search(pipeline),
                None => return Self::from_filter(None),
            },
            search => search,
        };
        Self { body, hints: self.hints }
    }

    /// The value of a hint; the last one of a name counts.
    pub fn hint(&self, name: &str) -> Option<&Literal> {
        self.hints.iter().rev().find(|hint| hint.name == name).map(|hint| &hint.value)
    }

    /// The query that is one filter, `{ expression }`.
    pub fn from_filter(filter: Option<FieldExpression>) -> Self {
        let stages = vec![Stage::Spanset(SpansetExpression::Filter(filter))];
        Self { body: QueryBody::Search(Pipeline { stages }), hints: Vec::new() }
    }

    /// The expression of a query that is one filter: `Some(None)` for `{ }`, `None` for anything else.
    pub fn as_filter(&self) -> Option<Option<&FieldExpression>> {
        match &self.body {
            QueryBody::Search(Pipeline { stages }) => match stages.as_slice() {
                [Stage::Spanset(SpansetExpression::Filter(filter))] => Some(filter.as_ref()),
                _ => None,
            },
            QueryBody::Metrics(_) => None,
        }
    }
}

impl MetricsExpression {
    /// The spans of the first series, from the left; `None` where there are only constants.
    fn into_first_pipeline(self) -> Option<Pipeline> {
        match self {
            Self::Series { pipeline, .. } => Some(pipeline),
            Self::Scalar(_) => None,
            Self::Math { left, right, .. } => {
                left.into_first_pipeline().or_else(|| right.into_first_pipeline())
            }
            Self::Staged { input, .. } => input.into_first_pipeline(),
        }
    }
}

impl SpansetExpression {
    /// True when a side, however deep, is a pipeline of more than one stage.
    pub(super) fn is_piped(&self) -> bool {
        match self {
            Self::Filter(_) => false,
            Self::Pipeline(_) => true,
            Self::Binary { left, right, .. } => left.is_piped() || right.is_piped(),
        }
    }
}

impl FieldExpression {
    /// Calls `visit` for every field in the expression, left to right.
    pub fn visit_fields<'a>(&'a self, visit: &mut dyn FnMut(&'a FieldRef)) {
        match self {
            Self::Literal(..) => {}
            Self::Field(field, _) => visit(field),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.visit_fields(visit));
            }
            Self::Not(inner, _) | Self::Negate(inner, _) => inner.visit_fields(visit),
            Self::Comparison { left, right, .. } | Self::Arithmetic { left, right, .. } => {
                left.visit_fields(visit);
                right.visit_fields(visit);
            }
        }
    }

    /// Where it begins and ends.
    pub fn span(&self) -> Span {
        match self {
            Self::Literal(_, span) | Self::Field(_, span) => *span,
            Self::Not(inner, span) | Self::Negate(inner, span) => span.to(inner.span()),
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().map(Self::span).reduce(Span::to).unwrap_or_default()
            }
            Self::Comparison { left, right, .. } | Self::Arithmetic { left, right, .. } => {
                left.span().to(right.span())
            }
        }
    }
}

impl Aggregate {
    /// What it aggregates; `None` for `count()`.
    pub fn expression(&self) -> Option<&FieldExpression> {
        match self {
            Self::Count => None,
            Self::Avg(inner) | Self::Min(inner) | Self::Max(inner) | Self::Sum(inner) => {
                Some(inner)
            }
        }
    }
}

impl StatusCode {
    /// All, in OTLP's order.
    pub const ALL: [Self; 3] = [Self::Unset, Self::Ok, Self::Error];

    /// As TraceQL writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

impl SpanKind {
    /// All, in OTLP's order.
    pub const ALL: [Self; 6] = [
        Self::Unspecified,
        Self::Internal,
        Self::Server,
        Self::Client,
        Self::Producer,
        Self::Consumer,
    ];

    /// As TraceQL writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Internal => "internal",
            Self::Server => "server",
            Self::Client => "client",
            Self::Producer => "producer",
            Self::Consumer => "consumer",
        }
    }
}

impl Span {
    /// From the beginning of this to the end of that.
    pub(super) fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}
