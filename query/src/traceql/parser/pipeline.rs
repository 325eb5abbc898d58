//! Spansets, stages, and what stands in parentheses.

use super::{Parser, Symbol, Tall, TokenKind, Wanted, constant};
use crate::traceql::{
    Aggregate, ComparisonOperator, FieldExpression, MetricsExpression, NESTING_MAX, ParseError,
    Pipeline, ScalarFilter, SpansetExpression, SpansetOperator, Stage, Structure,
};

/// What a query, or a pair of parentheses, can hold.
pub(super) enum Body {
    Spans(Pipeline),
    Metrics(MetricsExpression),
}

/// How strongly spanset operators bind: `&&` and `||` more weakly than the structural ones.
const LOGIC: u8 = 1;
const STRUCTURAL: u8 = 2;

const SPANSET_OPERATORS: [&str; 17] = [
    "&&", "||", ">>", ">", "<<", "<", "~", "!>>", "!>", "!<<", "!<", "!~", "&>>", "&>", "&<<",
    "&<", "&~",
];

fn spanset_operator(symbol: Symbol) -> Option<(SpansetOperator, u8)> {
    use SpansetOperator as O;
    use Structure as S;
    let operator = match symbol {
        Symbol::And => return Some((O::And, LOGIC)),
        Symbol::Or => return Some((O::Or, LOGIC)),
        Symbol::Greater => O::Structural(S::Child),
        Symbol::Less => O::Structural(S::Parent),
        Symbol::Descendant => O::Structural(S::Descendant),
        Symbol::Ancestor => O::Structural(S::Ancestor),
        Symbol::Sibling => O::Structural(S::Sibling),
        Symbol::NotChild => O::NotStructural(S::Child),
        Symbol::NotParent => O::NotStructural(S::Parent),
        Symbol::NotDescendant => O::NotStructural(S::Descendant),
        Symbol::NotAncestor => O::NotStructural(S::Ancestor),
        // `!~` is also "does not match"; between spansets it means "no sibling".
        Symbol::NotMatches => O::NotStructural(S::Sibling),
        Symbol::UnionChild => O::UnionStructural(S::Child),
        Symbol::UnionParent => O::UnionStructural(S::Parent),
        Symbol::UnionDescendant => O::UnionStructural(S::Descendant),
        Symbol::UnionAncestor => O::UnionStructural(S::Ancestor),
        Symbol::UnionSibling => O::UnionStructural(S::Sibling),
        _ => return None,
    };
    Some((operator, STRUCTURAL))
}

impl Parser<'_> {
    /// A pipeline or metrics expression, up to hints, a closing parenthesis or the end.
    pub(super) fn body(&mut self) -> Result<Tall<Body>, ParseError> {
        if self.begins_number() {
            let math = self.math()?;
            return self.staged(math).map(|tall| tall.map(Body::Metrics));
        }
        if self.is(Symbol::OpenParenthesis) && self.wrapped_aggregate() == 0 {
            let inner = self.parenthesised()?;
            return match inner.value {
                Body::Spans(pipeline) => {
                    let side = Tall { value: Side::wrapped(pipeline, false), height: inner.height };
                    let first = self.spanset_from(side, LOGIC)?;
                    if !first.value.is_piped() {
                        return self.pipeline_from(first.map(|side| Stage::Spanset(side.set)));
                    }
                    if self.is(Symbol::Pipe) {
                        return Err(self.found(
                            "an operator or the end; a pipeline in parentheses is the whole query, \
                             stages go inside",
                        ));
                    }
                    let mut stages = Vec::new();
                    push_stage(&mut stages, Stage::Spanset(first.value.set));
                    Ok(Tall { value: Body::Spans(Pipeline { stages }), height: first.height })
                }
                Body::Metrics(metrics) => {
                    let first = Tall { value: metrics, height: inner.height };
                    let math = self.math_from(first)?;
                    self.staged(math).map(|tall| tall.map(Body::Metrics))
                }
            };
        }
        if *self.peek() == TokenKind::Word("coalesce".to_owned()) {
            return Err(self.found(
                "a spanset such as { } first: coalesce() merges what by() has split before it",
            ));
        }
        let first = self.stage()?;
        self.pipeline_from(first)
    }

    /// `( body )`
    pub(super) fn parenthesised(&mut self) -> Result<Tall<Body>, ParseError> {
        self.expect(Symbol::OpenParenthesis)?;
        let body = self.nested(Self::body)?;
        self.want_words(&[")"]);
        if self.is(Symbol::CloseParenthesis) {
            self.advance();
            Ok(body)
        } else {
            Err(self.found("an operator, `|` or `)`"))
        }
    }

    /// The stages that follow a first one, and a metrics function that may end them.
    fn pipeline_from(&mut self, first: Tall<Stage>) -> Result<Tall<Body>, ParseError> {
        let mut height = first.height;
        let mut stages = Vec::new();
        push_stage(&mut stages, first.value);
        loop {
            self.want_words(&["|"]);
            if !self.take(Symbol::Pipe) {
                break;
            }
            self.want_functions(&["coalesce"]);
            if let Some(function) = self.metrics_function()? {
                let pipeline = Pipeline { stages };
                let height = height.max(function.height) + 1;
                self.check_height(height)?;
                let value = MetricsExpression::Series { pipeline, function: function.value };
                return self.staged(Tall { value, height }).map(|tall| tall.map(Body::Metrics));
            }
            let stage = self.stage()?;
            height = height.max(stage.height);
            push_stage(&mut stages, stage.value);
        }
        Ok(Tall { value: Body::Spans(Pipeline { stages }), height })
    }

    fn stage(&mut self) -> Result<Tall<Stage>, ParseError> {
        const EXPECTED: &str = "a spanset such as { }, or one of by, select, coalesce, count, avg, \
                                min, max, sum, or a metrics function";
        self.want_words(&["{", "("]);
        self.want_functions(&["count", "avg", "min", "max", "sum", "by", "select"]);
        let span = self.span();
        let parentheses = self.wrapped_aggregate();
        for _ in 0..parentheses {
            self.advance();
        }
        let word = match self.peek() {
            TokenKind::Symbol(Symbol::OpenBrace | Symbol::OpenParenthesis) => {
                let first = self.spanset_operand(false)?;
                let whole = self.spanset_from(first, LOGIC)?;
                if whole.value.is_piped() {
                    return Err(self.error(
                        span,
                        "found a pipeline in parentheses, expected a spanset such as { }; \
                         leave the parentheses out"
                            .to_owned(),
                    ));
                }
                return Ok(whole.map(|side| Stage::Spanset(side.set)));
            }
            TokenKind::Word(word) => word.clone(),
            _ => return Err(self.found(EXPECTED)),
        };
        let aggregate: fn(FieldExpression) -> Aggregate = match word.as_str() {
            "by" => {
                self.advance();
                let expression = self.argument()?;
                return Ok(expression.map(Stage::By));
            }
            "select" => {
                self.advance();
                self.expect(Symbol::OpenParenthesis)?;
                let fields = self.list(|parser| parser.field().map(|(field, _)| field))?;
                return Ok(Tall::leaf(Stage::Select(fields)));
            }
            "coalesce" => {
                self.advance();
                self.empty_parentheses()?;
                return Ok(Tall::leaf(Stage::Coalesce));
            }
            "count" => {
                self.advance();
                self.empty_parentheses()?;
                return self.scalar_filter(Tall::leaf(Aggregate::Count), parentheses, span);
            }
            "avg" => Aggregate::Avg,
            "min" => Aggregate::Min,
            "max" => Aggregate::Max,
            "sum" => Aggregate::Sum,
            _ => return Err(self.found(EXPECTED)),
        };
        self.advance();
        let argument = self.argument()?;
        self.scalar_filter(argument.map(aggregate), parentheses, span)
    }

    /// How many parentheses stand around the aggregate that begins here, if it is one: `((count())) > 3`. None where
    /// they hold more than an aggregate, as in `(count() > 3)`.
    fn wrapped_aggregate(&mut self) -> usize {
        let mut opened = 0;
        while opened <= NESTING_MAX && self.is_ahead(opened, Symbol::OpenParenthesis) {
            opened += 1;
        }
        let is_aggregate = matches!(
            self.peek_at(opened),
            TokenKind::Word(word) if matches!(word.as_str(), "count" | "avg" | "min" | "max" | "sum")
        );
        if opened == 0 || !is_aggregate || !self.is_ahead(opened + 1, Symbol::OpenParenthesis) {
            return 0;
        }
        // Asked again at every parenthesis before it.
        let place = self.at + opened;
        let closed = match self.aggregate {
            Some((known, closed)) if known == place => closed,
            _ => self.closed_behind(opened),
        };
        self.aggregate = Some((place, closed));
        if closed >= opened { opened } else { 0 }
    }

    /// How many parentheses close right behind the call that stands some tokens ahead.
    fn closed_behind(&self, mut ahead: usize) -> usize {
        let mut depth = 0;
        loop {
            ahead += 1;
            match self.peek_at(ahead) {
                TokenKind::Symbol(Symbol::OpenParenthesis) => depth += 1,
                TokenKind::Symbol(Symbol::CloseParenthesis) => depth -= 1,
                TokenKind::End => return 0,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
        (1..).take_while(|next| self.is_ahead(ahead + next, Symbol::CloseParenthesis)).count()
    }

    fn is_ahead(&self, ahead: usize, symbol: Symbol) -> bool {
        *self.peek_at(ahead) == TokenKind::Symbol(symbol)
    }

    fn scalar_filter(
        &mut self,
        aggregate: Tall<Aggregate>,
        parentheses: usize,
        start: crate::traceql::Span,
    ) -> Result<Tall<Stage>, ParseError> {
        for _ in 0..parentheses {
            self.expect(Symbol::CloseParenthesis)?;
        }
        let operator = self.comparison_operator()?;
        self.want([Wanted::Number]);
        let mut opened = 0;
        while self.take(Symbol::OpenParenthesis) {
            opened += 1;
        }
        let Some((value, end)) = self.number() else {
            return Err(self.unsupported_operand("a number or a duration"));
        };
        for _ in 0..opened {
            self.expect(Symbol::CloseParenthesis)?;
        }
        Ok(aggregate
            .map(|aggregate| ScalarFilter { aggregate, operator, value, span: start.to(end) })
            .map(Stage::ScalarFilter))
    }

    fn unsupported_operand(&self, expected: &str) -> ParseError {
        if let TokenKind::Word(word) = self.peek()
            && matches!(word.as_str(), "count" | "avg" | "min" | "max" | "sum")
        {
            return self.validation_error(
                self.span(),
                "comparing two aggregates is not yet supported; compare with a constant",
            );
        }
        self.found(expected)
    }

    pub(super) fn comparison_operator(&mut self) -> Result<ComparisonOperator, ParseError> {
        self.want_words(&[">", ">=", "<", "<=", "=", "!="]);
        let operator = match self.peek() {
            TokenKind::Symbol(Symbol::Equal) => ComparisonOperator::Equal,
            TokenKind::Symbol(Symbol::NotEqual) => ComparisonOperator::NotEqual,
            TokenKind::Symbol(Symbol::Less) => ComparisonOperator::Less,
            TokenKind::Symbol(Symbol::LessOrEqual) => ComparisonOperator::LessOrEqual,
            TokenKind::Symbol(Symbol::Greater) => ComparisonOperator::Greater,
            TokenKind::Symbol(Symbol::GreaterOrEqual) => ComparisonOperator::GreaterOrEqual,
            TokenKind::Symbol(Symbol::Plus | Symbol::Minus | Symbol::Times | Symbol::Slash) => {
                return Err(self.validation_error(
                    self.span(),
                    "arithmetic between aggregates is not yet supported; \
                     compare one aggregate with a constant",
                ));
            }
            _ => return Err(self.found("one of = != < <= > >=")),
        };
        self.advance();
        Ok(operator)
    }

    /// `( expression )`
    fn argument(&mut self) -> Result<Tall<FieldExpression>, ParseError> {
        self.expect(Symbol::OpenParenthesis)?;
        let expression = self.nested(Self::expression)?;
        self.want_words(&[")"]);
        if self.is(Symbol::CloseParenthesis) {
            self.advance();
            Ok(expression)
        } else {
            Err(self.found("an operator or `)`"))
        }
    }

    pub(super) fn empty_parentheses(&mut self) -> Result<(), ParseError> {
        self.expect(Symbol::OpenParenthesis)?;
        self.expect(Symbol::CloseParenthesis)
    }

    /// The operators and right sides that follow a left side.
    fn spanset_from(&mut self, first: Tall<Side>, least: u8) -> Result<Tall<Side>, ParseError> {
        let mut left = first;
        loop {
            self.want_words(&SPANSET_OPERATORS);
            let TokenKind::Symbol(symbol) = *self.peek() else { break };
            let Some((operator, binding)) = spanset_operator(symbol) else { break };
            if binding < least {
                break;
            }
            let span = self.span();
            self.advance();
            let is_pipeline = left.value.is_pipeline;
            let right = self.spanset_operand(is_pipeline)?;
            let right = self.spanset_from(right, binding + 1)?;
            if right.value.is_pipeline && !is_pipeline {
                return Err(self.error(
                    span,
                    format!(
                        "a pipeline stands to the right of `{0}`, expected one to the left as well, in \
                         parentheses, such as ({{ … }} | {{ }}) {0} ({{ … }} | count() > 2)",
                        symbol.text()
                    ),
                ));
            }
            left = self.above(left, right, |left, right| Side {
                set: SpansetExpression::Binary {
                    operator,
                    left: Box::new(left.set),
                    right: Box::new(right.set),
                },
                is_pipeline,
            })?;
        }
        Ok(left)
    }

    /// One side of an operator; to the right of a pipeline, it must be in parentheses.
    fn spanset_operand(&mut self, beside_pipeline: bool) -> Result<Tall<Side>, ParseError> {
        if self.is(Symbol::OpenParenthesis) {
            let span = self.span();
            let inner = self.parenthesised()?;
            return match inner.value {
                Body::Spans(pipeline) => {
                    let side = Side::wrapped(pipeline, beside_pipeline);
                    let is_node = matches!(side.set, SpansetExpression::Pipeline(_));
                    let height = inner.height + usize::from(is_node);
                    self.check_height(height)?;
                    Ok(Tall { value: side, height })
                }
                Body::Metrics(_) => Err(self.error(
                    span,
                    "found a metrics query, expected a spanset or a pipeline of spansets"
                        .to_owned(),
                )),
            };
        }
        if beside_pipeline {
            return Err(self.found("parentheses around this side too, as the other is a pipeline"));
        }
        Ok(self
            .filter()?
            .map(|filter| Side { set: SpansetExpression::Filter(filter), is_pipeline: false }))
    }

    /// `{ }` or `{ expression }`
    pub(super) fn filter(&mut self) -> Result<Tall<Option<FieldExpression>>, ParseError> {
        self.want_words(&["{"]);
        if !self.take(Symbol::OpenBrace) {
            return Err(self.found("a spanset such as { }"));
        }
        self.want_words(&["}"]);
        if self.take(Symbol::CloseBrace) {
            return Ok(Tall::leaf(None));
        }
        let expression = self.nested(Self::expression)?;
        self.want_words(&["}"]);
        if self.take(Symbol::CloseBrace) {
            Ok(expression.map(Some))
        } else {
            Err(self.found("an operator or `}`"))
        }
    }

    /// True before a constant, where a metrics expression such as `60 * (…)` begins.
    pub(super) fn begins_number(&self) -> bool {
        match self.peek() {
            TokenKind::Int(_)
            | TokenKind::Float(_)
            | TokenKind::Duration(_)
            | TokenKind::String(_)
            | TokenKind::Symbol(Symbol::Minus) => true,
            TokenKind::Word(word) => constant(word).is_some(),
            _ => false,
        }
    }
}

/// A side of a spanset operator.
struct Side {
    set: SpansetExpression,
    /// It is a pipeline in parentheses, or combines such: then every side to its right must be in parentheses. What
    /// begins as a plain spanset, in parentheses or not, is combined with plain spansets only.
    is_pipeline: bool,
}

impl Side {
    /// What stood in parentheses.
    fn wrapped(pipeline: Pipeline, beside_pipeline: bool) -> Self {
        let set = as_spanset(pipeline);
        let is_pipeline = beside_pipeline || set.is_piped();
        Self { set, is_pipeline }
    }

    fn is_piped(&self) -> bool {
        self.set.is_piped()
    }
}

/// A pipeline that is one spanset needs no parentheses of its own.
fn as_spanset(mut pipeline: Pipeline) -> SpansetExpression {
    match pipeline.stages.as_mut_slice() {
        [Stage::Spanset(spanset)] => std::mem::replace(spanset, SpansetExpression::Filter(None)),
        _ => SpansetExpression::Pipeline(pipeline),
    }
}

/// A pipeline in parentheses that is the whole query is just stages.
fn push_stage(stages: &mut Vec<Stage>, stage: Stage) {
    match stage {
        Stage::Spanset(SpansetExpression::Pipeline(inner)) => stages.extend(inner.stages),
        other => stages.push(other),
    }
}
