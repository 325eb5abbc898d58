//! The canonical text of a query. What is printed parses to the same tree.

use super::{
    Aggregate, ArithmeticOperator, ComparisonOperator, FieldExpression, FieldRef, Hint, Literal,
    MetricsExpression, MetricsFunction, MetricsKind, Pipeline, Query, QueryBody, Scope,
    SecondStage, SpansetExpression, SpansetOperator, Stage, Structure, format_duration,
    lexer::ends_name,
};
use std::fmt::{self, Display, Formatter, Write as _};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.body {
            QueryBody::Search(pipeline) => write!(f, "{pipeline}")?,
            QueryBody::Metrics(metrics) => write!(f, "{metrics}")?,
        }
        if !self.hints.is_empty() {
            write!(f, " with({})", Separated(&self.hints))?;
        }
        Ok(())
    }
}

impl Display for Hint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl Display for Pipeline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, stage) in self.stages.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            write!(f, "{stage}")?;
        }
        Ok(())
    }
}

impl Display for Stage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spanset(spanset) => write!(f, "{spanset}"),
            Self::ScalarFilter(filter) => {
                write!(f, "{} {} {}", filter.aggregate, filter.operator, filter.value)
            }
            Self::By(expression) => write!(f, "by({expression})"),
            Self::Coalesce => f.write_str("coalesce()"),
            Self::Select(fields) => write!(f, "select({})", Separated(fields)),
        }
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count => f.write_str("count()"),
            Self::Avg(inner) => write!(f, "avg({inner})"),
            Self::Min(inner) => write!(f, "min({inner})"),
            Self::Max(inner) => write!(f, "max({inner})"),
            Self::Sum(inner) => write!(f, "sum({inner})"),
        }
    }
}

impl SpansetExpression {
    fn binding(&self) -> u8 {
        match self {
            Self::Binary { operator: SpansetOperator::And | SpansetOperator::Or, .. } => 1,
            Self::Binary { .. } => 2,
            Self::Filter(_) | Self::Pipeline(_) => 3,
        }
    }
}

impl SpansetExpression {
    /// `wrap`: a neighbour is a pipeline, so that every side needs parentheses.
    fn write(&self, f: &mut Formatter<'_>, wrap: bool) -> fmt::Result {
        match self {
            Self::Filter(_) if wrap => write!(f, "({self})"),
            Self::Filter(None) => f.write_str("{ }"),
            Self::Filter(Some(expression)) => write!(f, "{{ {expression} }}"),
            Self::Pipeline(pipeline) => write!(f, "({pipeline})"),
            Self::Binary { operator, left, right } => {
                let (binding, wrap) = (self.binding(), wrap || self.is_piped());
                let side = |f: &mut Formatter<'_>, side: &Self, loose: bool| {
                    if loose { write!(f, "({side})") } else { side.write(f, wrap) }
                };
                side(f, left, left.binding() < binding)?;
                write!(f, " {operator} ")?;
                side(f, right, right.binding() <= binding)
            }
        }
    }
}

impl Display for SpansetExpression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write(f, false)
    }
}

impl Display for SpansetOperator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And => f.write_str("&&"),
            Self::Or => f.write_str("||"),
            Self::Structural(structure) => write!(f, "{structure}"),
            Self::NotStructural(structure) => write!(f, "!{structure}"),
            Self::UnionStructural(structure) => write!(f, "&{structure}"),
        }
    }
}

impl Display for Structure {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Child => ">",
            Self::Parent => "<",
            Self::Descendant => ">>",
            Self::Ancestor => "<<",
            Self::Sibling => "~",
        })
    }
}

impl FieldExpression {
    /// How strongly the outermost operator binds; the parser's powers.
    fn binding(&self) -> u8 {
        match self {
            Self::All(_) | Self::Any(_) => 1,
            Self::Comparison { .. } => 2,
            Self::Arithmetic { operator, .. } => arithmetic_binding(*operator),
            Self::Not(..) | Self::Negate(..) => 4,
            Self::Literal(literal, _) if is_negative(literal) => 4,
            Self::Literal(..) | Self::Field(..) => 7,
        }
    }
}

fn arithmetic_binding(operator: ArithmeticOperator) -> u8 {
    match operator {
        ArithmeticOperator::Add | ArithmeticOperator::Subtract => 3,
        ArithmeticOperator::Multiply
        | ArithmeticOperator::Divide
        | ArithmeticOperator::Remainder => 5,
        ArithmeticOperator::Power => 6,
    }
}

fn is_negative(literal: &Literal) -> bool {
    match literal {
        // The smallest integer prints as a word.
        Literal::Int(value) => *value < 0 && *value != i64::MIN,
        Literal::Float(value) => value.is_sign_negative(),
        Literal::Duration(value) => *value < 0,
        _ => false,
    }
}

impl Display for FieldExpression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let chain = |f: &mut Formatter<'_>, parts: &[Self], operator: &str| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {operator} ")?;
                }
                parenthesised(f, part, part.binding() <= 1)?;
            }
            Ok(())
        };
        match self {
            Self::Literal(literal, _) => write!(f, "{literal}"),
            Self::Field(field, _) => write!(f, "{field}"),
            Self::All(parts) => chain(f, parts, "&&"),
            Self::Any(parts) => chain(f, parts, "||"),
            Self::Not(inner, _) => {
                f.write_char('!')?;
                parenthesised(f, inner, inner.binding() < 4)
            }
            Self::Negate(inner, _) => {
                // Parentheses count as a level of nesting: with one for each sign, what is deep already could not be read again.
                let is_unary = matches!(**inner, Self::Not(..) | Self::Negate(..));
                f.write_char('-')?;
                parenthesised(f, inner, inner.binding() <= 4 && !is_unary)
            }
            Self::Comparison { operator, left, right, .. } => {
                parenthesised(f, left, left.binding() < 2)?;
                write!(f, " {operator} ")?;
                parenthesised(f, right, right.binding() <= 2)
            }
            Self::Arithmetic { operator, left, right, .. } => {
                let binding = arithmetic_binding(*operator);
                // Powers group to the right, all others to the left.
                let to_the_right = *operator == ArithmeticOperator::Power;
                let loose = |side: &Self, groups: bool| {
                    side.binding() < binding || (side.binding() == binding && !groups)
                };
                parenthesised(f, left, loose(left, !to_the_right))?;
                write!(f, " {operator} ")?;
                parenthesised(f, right, loose(right, to_the_right))
            }
        }
    }
}

fn parenthesised(f: &mut Formatter<'_>, inner: &dyn Display, needed: bool) -> fmt::Result {
    if needed { write!(f, "({inner})") } else { write!(f, "{inner}") }
}

impl Display for ComparisonOperator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
        })
    }
}

impl Display for ArithmeticOperator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Power => "^",
        })
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::String(text) => write_string(f, text),
            // Its digits would not be read: the sign is an operator on a number that does not fit.
            Self::Int(i64::MIN) => f.write_str("minInt"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Duration(value) => f.write_str(&format_duration(*value)),
            Self::Status(status) => f.write_str(status.word()),
            Self::Kind(kind) => f.write_str(kind.word()),
            Self::Nil => f.write_str("nil"),
        }
    }
}

fn write_string(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            _ if character.is_control() => write!(f, "\\u{:04x}", u32::from(character))?,
            _ => f.write_char(character)?,
        }
    }
    f.write_char('"')
}

impl Display for FieldRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (scope, name) = match self {
            Self::Intrinsic(intrinsic) => return f.write_str(intrinsic.name()),
            Self::Attribute { scope, name } => (*scope, name),
        };
        write!(f, "{}.", scope.word())?;
        // A dot before a digit would begin a number.
        let like_a_number = scope == Scope::Any && name.starts_with(|c: char| c.is_ascii_digit());
        if like_a_number || name.is_empty() || name.chars().any(ends_name) {
            write!(f, "\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            f.write_str(name)
        }
    }
}

impl Display for MetricsExpression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Series { pipeline, function } => write!(f, "{pipeline} | {function}"),
            Self::Scalar(value) => write!(f, "{value}"),
            Self::Math { operator, left, right } => {
                let binding = arithmetic_binding(*operator);
                parenthesised(f, left, math_binding(left) < binding)?;
                write!(f, " {operator} ")?;
                parenthesised(f, right, math_binding(right) <= binding)
            }
            Self::Staged { input, stages } => {
                write!(f, "{input}")?;
                stages.iter().try_for_each(|stage| write!(f, " {stage}"))
            }
        }
    }
}

fn math_binding(side: &MetricsExpression) -> u8 {
    match side {
        MetricsExpression::Series { .. } | MetricsExpression::Staged { .. } => 0,
        MetricsExpression::Math { operator, .. } => arithmetic_binding(*operator),
        MetricsExpression::Scalar(_) => 7,
    }
}

impl Display for MetricsFunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if !self.by.is_empty() {
            write!(f, " by({})", Separated(&self.by))?;
        }
        Ok(())
    }
}

impl Display for MetricsKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate => f.write_str("rate()"),
            Self::CountOverTime => f.write_str("count_over_time()"),
            Self::MinOverTime(field) => write!(f, "min_over_time({field})"),
            Self::MaxOverTime(field) => write!(f, "max_over_time({field})"),
            Self::AvgOverTime(field) => write!(f, "avg_over_time({field})"),
            Self::SumOverTime(field) => write!(f, "sum_over_time({field})"),
            Self::HistogramOverTime(field) => write!(f, "histogram_over_time({field})"),
            Self::QuantileOverTime(field, quantiles) => {
                write!(f, "quantile_over_time({field}")?;
                quantiles.iter().try_for_each(|quantile| write!(f, ", {quantile:?}"))?;
                f.write_char(')')
            }
            Self::Compare { selection, top, range } => {
                match selection {
                    Some(selection) => write!(f, "compare({{ {selection} }}")?,
                    None => f.write_str("compare({ }")?,
                }
                if let Some(top) = top {
                    write!(f, ", {top}")?;
                }
                if let Some((start, end)) = range {
                    write!(f, ", {start}, {end}")?;
                }
                f.write_char(')')
            }
        }
    }
}

impl Display for SecondStage {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::TopK(count, _) => write!(f, "| topk({count})"),
            Self::BottomK(count, _) => write!(f, "| bottomk({count})"),
            Self::Filter(operator, value, _) => write!(f, "{operator} {value}"),
        }
    }
}

/// Items with commas between them.
struct Separated<'a, T>(&'a [T]);

impl<T: Display> Display for Separated<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{item}")?;
        }
        Ok(())
    }
}
