//! What parses but makes no sense: type clashes, limits, bad regular expressions.

use super::{
    ComparisonOperator, FieldExpression, FieldRef, Intrinsic, Literal, MetricsExpression,
    MetricsFunction, MetricsKind, ParseError, ParseErrorKind, Pipeline, Query, QueryBody,
    ScalarFilter, Scope, SecondStage, Span, SpansetExpression, Stage, field::IntrinsicType,
    pattern,
};

/// Values that `compare` keeps per attribute at most.
const COMPARE_VALUES_MAX: i64 = 1_000;

/// Checks a query that came from `text`.
pub(super) fn validate(text: &str, query: &Query) -> Result<(), ParseError> {
    let validator = Validator { text };
    match &query.body {
        QueryBody::Search(pipeline) => validator.pipeline(pipeline),
        QueryBody::Metrics(metrics) => {
            if validator.metrics(metrics)? {
                Ok(())
            } else {
                validator.fail(
                    Span::default(),
                    "a constant is no query; expected a spanset such as { } or a metrics query",
                )
            }
        }
    }
}

/// The type of an expression as far as it is known without data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    /// An attribute: any type, span by span.
    Unknown,
    String,
    Int,
    /// Also any number made by arithmetic that is not known to be an integer.
    Float,
    Bool,
    Duration,
    Status,
    Kind,
    Nil,
}

impl Type {
    fn of_literal(literal: &Literal) -> Self {
        match literal {
            Literal::String(_) => Self::String,
            Literal::Int(_) => Self::Int,
            Literal::Float(_) => Self::Float,
            Literal::Bool(_) => Self::Bool,
            Literal::Duration(_) => Self::Duration,
            Literal::Status(_) => Self::Status,
            Literal::Kind(_) => Self::Kind,
            Literal::Nil => Self::Nil,
        }
    }

    fn of_field(field: &FieldRef) -> Self {
        let FieldRef::Intrinsic(intrinsic) = field else { return Self::Unknown };
        // Tempo takes these two for attributes, and lets them be compared with anything.
        if matches!(intrinsic, Intrinsic::InstrumentationName | Intrinsic::InstrumentationVersion) {
            return Self::Unknown;
        }
        match intrinsic.value_type() {
            IntrinsicType::String => Self::String,
            IntrinsicType::Int => Self::Int,
            IntrinsicType::Duration => Self::Duration,
            IntrinsicType::Status => Self::Status,
            IntrinsicType::Kind => Self::Kind,
        }
    }

    fn may_be_number(self) -> bool {
        matches!(self, Self::Unknown | Self::Int | Self::Float | Self::Duration)
    }

    fn may_be_bool(self) -> bool {
        matches!(self, Self::Unknown | Self::Bool)
    }

    fn may_equal(self, other: Self) -> bool {
        self == other
            || self == Self::Unknown
            || other == Self::Unknown
            || self == Self::Nil
            || other == Self::Nil
            || (self.may_be_number() && other.may_be_number())
    }

    fn has_order(self) -> bool {
        !matches!(self, Self::Bool | Self::Status | Self::Kind | Self::Nil)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Unknown => "a value",
            Self::String => "a string",
            Self::Int => "an integer",
            Self::Float => "a number",
            Self::Bool => "a boolean",
            Self::Duration => "a duration",
            Self::Status => "a status",
            Self::Kind => "a kind",
            Self::Nil => "nil",
        }
    }
}

struct Validator<'a> {
    text: &'a str,
}

impl Validator<'_> {
    fn fail<T>(&self, span: Span, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError::new(self.text, ParseErrorKind::Validation, span, message.into()))
    }

    fn pipeline(&self, pipeline: &Pipeline) -> Result<(), ParseError> {
        for stage in &pipeline.stages {
            match stage {
                Stage::Spanset(spanset) => self.spanset(spanset)?,
                Stage::ScalarFilter(filter) => self.scalar_filter(filter)?,
                Stage::By(expression) => {
                    self.expression(expression)?;
                    self.reads_the_span(expression, "by()")?;
                }
                Stage::Coalesce | Stage::Select(_) => {}
            }
        }
        Ok(())
    }

    fn spanset(&self, spanset: &SpansetExpression) -> Result<(), ParseError> {
        match spanset {
            SpansetExpression::Filter(None) => Ok(()),
            SpansetExpression::Filter(Some(expression)) => self.filter(expression),
            SpansetExpression::Binary { left, right, .. } => {
                self.spanset(left)?;
                self.spanset(right)
            }
            SpansetExpression::Pipeline(pipeline) => self.pipeline(pipeline),
        }
    }

    fn filter(&self, expression: &FieldExpression) -> Result<(), ParseError> {
        let found = self.expression(expression)?;
        if found.may_be_bool() {
            return Ok(());
        }
        let message = format!(
            "a filter must be true or false, this one is {}; compare it with something",
            found.word()
        );
        self.fail(expression.span(), message)
    }

    fn scalar_filter(&self, filter: &ScalarFilter) -> Result<(), ParseError> {
        if let Some(expression) = filter.aggregate.expression() {
            let found = self.expression(expression)?;
            if !found.may_be_number() {
                let message =
                    format!("an aggregate needs numbers or durations, this is {}", found.word());
                return self.fail(expression.span(), message);
            }
            self.reads_the_span(expression, "an aggregate")?;
        }
        Ok(())
    }

    fn reads_the_span(&self, expression: &FieldExpression, what: &str) -> Result<(), ParseError> {
        let mut reads = false;
        expression.visit_fields(&mut |_| reads = true);
        if reads {
            return Ok(());
        }
        self.fail(expression.span(), format!("{what} must read a field of the span"))
    }

    fn expression(&self, expression: &FieldExpression) -> Result<Type, ParseError> {
        match expression {
            FieldExpression::Literal(literal, _) => Ok(Type::of_literal(literal)),
            FieldExpression::Field(field, _) => Ok(Type::of_field(field)),
            FieldExpression::All(parts) => self.conditions(parts, "&&"),
            FieldExpression::Any(parts) => self.conditions(parts, "||"),
            FieldExpression::Not(inner, _) => {
                // Once only: what asked twice at each `!` would ask without end.
                let found = self.expression(inner)?;
                self.is_condition(found, inner, "!")?;
                // Tempo lets `!.a` stand wherever `.a` may.
                Ok(found)
            }
            FieldExpression::Negate(inner, _) => {
                let found = self.expression(inner)?;
                if found.may_be_number() {
                    return Ok(found);
                }
                let message = format!("`-` needs a number, this is {}", found.word());
                self.fail(inner.span(), message)
            }
            FieldExpression::Comparison { operator, left, right, span } => {
                self.comparison(*operator, left, right, *span)?;
                Ok(Type::Bool)
            }
            FieldExpression::Arithmetic { operator, left, right, .. } => {
                let mut types = [Type::Unknown; 2];
                for (found, side) in types.iter_mut().zip([left, right]) {
                    *found = self.expression(side)?;
                    if !found.may_be_number() {
                        let message =
                            format!("`{operator}` needs numbers, this is {}", found.word());
                        return self.fail(side.span(), message);
                    }
                }
                // What nothing is known of may be anything, a sum of it as well: Tempo takes `{ .a + .b }`.
                Ok(match types {
                    [Type::Unknown, right] => right,
                    [left, Type::Unknown] => left,
                    [Type::Int, Type::Int] => Type::Int,
                    _ => Type::Float,
                })
            }
        }
    }

    fn conditions(&self, parts: &[FieldExpression], operator: &str) -> Result<Type, ParseError> {
        for part in parts {
            let found = self.expression(part)?;
            self.is_condition(found, part, operator)?;
        }
        Ok(Type::Bool)
    }

    fn is_condition(
        &self,
        found: Type,
        part: &FieldExpression,
        operator: &str,
    ) -> Result<(), ParseError> {
        if found.may_be_bool() {
            return Ok(());
        }
        let message = format!("`{operator}` needs conditions, this is {}", found.word());
        self.fail(part.span(), message)
    }

    fn comparison(
        &self,
        operator: ComparisonOperator,
        left: &FieldExpression,
        right: &FieldExpression,
        span: Span,
    ) -> Result<(), ParseError> {
        let (left_type, right_type) = (self.expression(left)?, self.expression(right)?);
        if matches!(operator, ComparisonOperator::Matches | ComparisonOperator::NotMatches) {
            let FieldExpression::Literal(Literal::String(text), place) = right else {
                let message =
                    format!("`{operator}` needs a string literal on the right, in quotes");
                return self.fail(right.span(), message);
            };
            if !matches!(left_type, Type::Unknown | Type::String) {
                let message =
                    format!("`{operator}` works on strings, the left side is {}", left_type.word());
                return self.fail(left.span(), message);
            }
            return match pattern::anchored(text) {
                Ok(_) => Ok(()),
                Err(message) => self.fail(*place, message),
            };
        }
        for (side, other) in [(left, right_type), (right, left_type)] {
            if other == Type::Nil && operator == ComparisonOperator::Equal {
                self.may_be_absent(side)?;
            }
        }
        if !left_type.may_equal(right_type) {
            let message =
                format!("{} is never comparable with {}", left_type.word(), right_type.word());
            return self.fail(left.span().to(right.span()), message);
        }
        let equality = matches!(operator, ComparisonOperator::Equal | ComparisonOperator::NotEqual);
        if let Some(without) = [left_type, right_type].into_iter().find(|side| !side.has_order())
            && !equality
        {
            let message =
                format!("`{operator}` does not work on {}, only = and != do", without.word());
            return self.fail(span, message);
        }
        Ok(())
    }

    /// `= nil` asks for what cannot be where every span has the field.
    fn may_be_absent(&self, side: &FieldExpression) -> Result<(), ParseError> {
        let FieldExpression::Field(field, span) = side else { return Ok(()) };
        let always = match field {
            FieldRef::Intrinsic(_) => true,
            FieldRef::Attribute { scope, name } => {
                *scope == Scope::Resource && name == "service.name"
            }
        };
        if always {
            return self.fail(*span, format!("`{field} = nil` is not possible: every span has it"));
        }
        Ok(())
    }

    /// True when there is a series in it.
    fn metrics(&self, metrics: &MetricsExpression) -> Result<bool, ParseError> {
        match metrics {
            MetricsExpression::Scalar(_) => Ok(false),
            MetricsExpression::Series { pipeline, function } => {
                self.pipeline(pipeline)?;
                self.function(function)?;
                Ok(true)
            }
            MetricsExpression::Math { left, right, .. } => {
                for side in [left, right] {
                    self.not_compare(side, "arithmetic")?;
                }
                Ok(self.metrics(left)? | self.metrics(right)?)
            }
            MetricsExpression::Staged { input, stages } => {
                self.not_compare(input, "a second stage")?;
                for stage in stages {
                    if let SecondStage::TopK(count, span) | SecondStage::BottomK(count, span) =
                        stage
                        && *count < 1
                    {
                        return self.fail(*span, "the number of series to keep must be at least 1");
                    }
                }
                self.metrics(input)
            }
        }
    }

    fn not_compare(&self, metrics: &MetricsExpression, what: &str) -> Result<(), ParseError> {
        let MetricsExpression::Series { function, .. } = metrics else { return Ok(()) };
        if matches!(function.kind, MetricsKind::Compare { .. }) {
            return self.fail(function.span, format!("compare() takes no part in {what}"));
        }
        Ok(())
    }

    fn function(&self, function: &MetricsFunction) -> Result<(), ParseError> {
        let mut groups_max = 5;
        match &function.kind {
            // A field that is no number gives no points; Tempo does not refuse it.
            MetricsKind::Rate
            | MetricsKind::CountOverTime
            | MetricsKind::MinOverTime(_)
            | MetricsKind::MaxOverTime(_)
            | MetricsKind::SumOverTime(_) => {}
            MetricsKind::AvgOverTime(_) | MetricsKind::HistogramOverTime(_) => groups_max = 4,
            MetricsKind::QuantileOverTime(_, quantiles) => {
                groups_max = 4;
                if let Some(quantile) = quantiles.iter().find(|q| !(0.0..=1.0).contains(*q)) {
                    let message = format!("the quantile {quantile} is not between 0 and 1");
                    return self.fail(function.span, message);
                }
            }
            MetricsKind::Compare { selection, top, range } => {
                if let Some(selection) = selection {
                    self.filter(selection)?;
                }
                if top.is_some_and(|top| !(1..=COMPARE_VALUES_MAX).contains(&top)) {
                    let message =
                        format!("compare() keeps 1 to {COMPARE_VALUES_MAX} values per attribute");
                    return self.fail(function.span, message);
                }
                // Zero twice stands for "not given".
                let given = range.filter(|range| *range != (0, 0));
                if given.is_some_and(|(start, end)| start <= 0 || end <= start) {
                    return self.fail(
                        function.span,
                        "compare() needs a start after 1970 and an end after its start, \
                         both in Unix nanoseconds",
                    );
                }
            }
        }
        if function.by.len() > groups_max {
            let message = format!(
                "{} fields to group by, at most {groups_max} are possible here",
                function.by.len()
            );
            return self.fail(function.span, message);
        }
        Ok(())
    }
}
