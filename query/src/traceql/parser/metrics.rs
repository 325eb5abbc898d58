//! Metrics functions, second stages, arithmetic between series.

use super::{Parser, Symbol, Tall, TokenKind, Wanted, pipeline::Body};
use crate::traceql::{
    ArithmeticOperator, FieldRef, Literal, MetricsExpression, MetricsFunction, MetricsKind,
    ParseError, SecondStage, fold,
};

const SUM: u8 = 1;
const PRODUCT: u8 = 2;

pub(super) const METRICS_FUNCTIONS: [&str; 9] = [
    "rate",
    "count_over_time",
    "quantile_over_time",
    "histogram_over_time",
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "compare",
];

fn math_operator(symbol: Symbol) -> Option<(ArithmeticOperator, u8)> {
    Some(match symbol {
        Symbol::Plus => (ArithmeticOperator::Add, SUM),
        Symbol::Minus => (ArithmeticOperator::Subtract, SUM),
        Symbol::Times => (ArithmeticOperator::Multiply, PRODUCT),
        Symbol::Slash => (ArithmeticOperator::Divide, PRODUCT),
        _ => return None,
    })
}

impl Parser<'_> {
    /// The metrics function that stands here; `None` when here is something else.
    pub(super) fn metrics_function(&mut self) -> Result<Option<Tall<MetricsFunction>>, ParseError> {
        self.want_functions(&METRICS_FUNCTIONS);
        let span = self.span();
        let TokenKind::Word(word) = self.peek().clone() else { return Ok(None) };
        let over_field: fn(FieldRef) -> MetricsKind = match word.as_str() {
            "rate" | "count_over_time" => {
                self.advance();
                self.empty_parentheses()?;
                let kind =
                    if word == "rate" { MetricsKind::Rate } else { MetricsKind::CountOverTime };
                let by = self.grouping()?;
                return Ok(Some(Tall::leaf(MetricsFunction { kind, by, span })));
            }
            "quantile_over_time" => {
                self.advance();
                self.expect(Symbol::OpenParenthesis)?;
                let (field, _) = self.field()?;
                self.expect(Symbol::Comma)?;
                let quantiles = self.list(|parser| {
                    parser.want([Wanted::Number]);
                    match parser.number() {
                        Some((Literal::Float(value), _)) => Ok(value),
                        Some((Literal::Int(value), _)) => Ok(value as f64),
                        _ => Err(parser.found("a quantile between 0 and 1")),
                    }
                })?;
                let kind = MetricsKind::QuantileOverTime(field, quantiles);
                let by = self.grouping()?;
                return Ok(Some(Tall::leaf(MetricsFunction { kind, by, span })));
            }
            "compare" => {
                self.advance();
                let kind = self.compare()?;
                return Ok(Some(kind.map(|kind| MetricsFunction { kind, by: Vec::new(), span })));
            }
            "min_over_time" => MetricsKind::MinOverTime,
            "max_over_time" => MetricsKind::MaxOverTime,
            "avg_over_time" => MetricsKind::AvgOverTime,
            "sum_over_time" => MetricsKind::SumOverTime,
            "histogram_over_time" => MetricsKind::HistogramOverTime,
            _ => return Ok(None),
        };
        self.advance();
        self.expect(Symbol::OpenParenthesis)?;
        let (field, _) = self.field()?;
        self.expect(Symbol::CloseParenthesis)?;
        let kind = over_field(field);
        let by = self.grouping()?;
        Ok(Some(Tall::leaf(MetricsFunction { kind, by, span })))
    }

    fn grouping(&mut self) -> Result<Vec<FieldRef>, ParseError> {
        self.want_functions(&["by"]);
        if *self.peek() != TokenKind::Word("by".to_owned()) {
            return Ok(Vec::new());
        }
        self.advance();
        self.expect(Symbol::OpenParenthesis)?;
        self.list(|parser| parser.field().map(|(field, _)| field))
    }

    /// `( { … } [, n [, start, end]] )`
    fn compare(&mut self) -> Result<Tall<MetricsKind>, ParseError> {
        self.expect(Symbol::OpenParenthesis)?;
        let selection = self.filter()?;
        let mut numbers = Vec::new();
        loop {
            self.want_words(&[",", ")"]);
            if !self.take(Symbol::Comma) {
                break;
            }
            self.want([Wanted::Number]);
            match self.number() {
                Some((Literal::Int(value), _)) => numbers.push(value),
                _ => return Err(self.found("an integer")),
            }
        }
        let (top, range) = match *numbers.as_slice() {
            [] => (None, None),
            [top] => (Some(top), None),
            [top, start, end] => (Some(top), Some((start, end))),
            _ => {
                return Err(self.error(
                    self.span(),
                    "compare takes { … }, a number of values, and optionally start and end \
                     in Unix nanoseconds"
                        .to_owned(),
                ));
            }
        };
        if !self.is(Symbol::CloseParenthesis) {
            return Err(self.found("`,` or `)`"));
        }
        self.advance();
        Ok(selection.map(|selection| MetricsKind::Compare { selection, top, range }))
    }

    /// The second stages that follow series.
    pub(super) fn staged(
        &mut self,
        input: Tall<MetricsExpression>,
    ) -> Result<Tall<MetricsExpression>, ParseError> {
        let mut more = Vec::new();
        loop {
            let span = self.span();
            self.want_words(&["|", ">", ">=", "<", "<=", "=", "!="]);
            match self.peek() {
                TokenKind::Symbol(Symbol::Pipe) => {
                    self.advance();
                    self.want_functions(&["topk", "bottomk"]);
                    let stage: fn(i64, _) -> SecondStage = match self.peek() {
                        TokenKind::Word(word) if word == "topk" => SecondStage::TopK,
                        TokenKind::Word(word) if word == "bottomk" => SecondStage::BottomK,
                        _ => return Err(self.found("topk or bottomk")),
                    };
                    let span = self.span();
                    self.advance();
                    self.expect(Symbol::OpenParenthesis)?;
                    self.want([Wanted::Number]);
                    let Some((Literal::Int(count), _)) = self.number() else {
                        return Err(self.found("an integer"));
                    };
                    self.expect(Symbol::CloseParenthesis)?;
                    more.push(stage(count, span));
                }
                TokenKind::Symbol(
                    Symbol::Equal
                    | Symbol::NotEqual
                    | Symbol::Less
                    | Symbol::LessOrEqual
                    | Symbol::Greater
                    | Symbol::GreaterOrEqual,
                ) => {
                    let operator = self.comparison_operator()?;
                    self.want([Wanted::Number]);
                    match self.number() {
                        Some((value, _)) => more.push(SecondStage::Filter(operator, value, span)),
                        None => return Err(self.found("a number or a duration")),
                    }
                }
                _ => break,
            }
        }
        if more.is_empty() {
            return Ok(input);
        }
        let height = input.height + 1;
        self.check_height(height)?;
        let value = match input.value {
            MetricsExpression::Staged { input, mut stages } => {
                stages.extend(more);
                MetricsExpression::Staged { input, stages }
            }
            other => MetricsExpression::Staged { input: Box::new(other), stages: more },
        };
        Ok(Tall { value, height })
    }

    pub(super) fn math(&mut self) -> Result<Tall<MetricsExpression>, ParseError> {
        let first = self.math_operand()?;
        self.math_from(first)
    }

    /// The operators and right sides that follow a left side.
    pub(super) fn math_from(
        &mut self,
        first: Tall<MetricsExpression>,
    ) -> Result<Tall<MetricsExpression>, ParseError> {
        self.math_above(first, SUM)
    }

    fn math_above(
        &mut self,
        first: Tall<MetricsExpression>,
        least: u8,
    ) -> Result<Tall<MetricsExpression>, ParseError> {
        let mut left = first;
        loop {
            self.want_words(&["+", "-", "*", "/"]);
            let TokenKind::Symbol(symbol) = *self.peek() else { break };
            let Some((operator, binding)) = math_operator(symbol) else { break };
            if binding < least {
                break;
            }
            self.advance();
            let right = self.math_operand()?;
            let right = self.math_above(right, binding + 1)?;
            if let (MetricsExpression::Scalar(a), MetricsExpression::Scalar(b)) =
                (&left.value, &right.value)
                && let Some(value) = fold::fold(operator, a, b)
            {
                left = Tall::leaf(MetricsExpression::Scalar(value));
                continue;
            }
            left = self.above(left, right, |left, right| MetricsExpression::Math {
                operator,
                left: Box::new(left),
                right: Box::new(right),
            })?;
        }
        Ok(left)
    }

    fn math_operand(&mut self) -> Result<Tall<MetricsExpression>, ParseError> {
        const EXPECTED: &str = "a number or a metrics query in parentheses";
        self.want([Wanted::Number, Wanted::Word("(")]);
        let span = self.span();
        if self.begins_number() {
            return match self.number() {
                Some((value @ (Literal::Int(_) | Literal::Float(_)), _)) => {
                    Ok(Tall::leaf(MetricsExpression::Scalar(value)))
                }
                Some((Literal::Duration(_), span)) => Err(self.validation_error(
                    span,
                    "found a duration in metrics arithmetic; write a number of seconds",
                )),
                _ => Err(self.error(span, format!("expected {EXPECTED}"))),
            };
        }
        if !self.is(Symbol::OpenParenthesis) {
            return Err(self.found(EXPECTED));
        }
        let inner = self.parenthesised()?;
        match inner.value {
            Body::Metrics(metrics) => Ok(Tall { value: metrics, height: inner.height }),
            Body::Spans(_) => Err(self.error(
                span,
                format!("found a search, expected {EXPECTED}; add a metrics function to it"),
            )),
        }
    }
}
