//! Field expressions: what stands in `{ }`, in `by()` and in aggregates.

use super::{Parser, Symbol, Tall, TokenKind, Wanted, constant};
use crate::traceql::{
    ArithmeticOperator, ComparisonOperator, FieldExpression, Intrinsic, Literal, ParseError, Span,
    fold,
};

/// How strongly operators bind, from weak to strong. `&&` and `||` are level with each other.
mod power {
    pub(super) const LOGIC: u8 = 1;
    pub(super) const COMPARISON: u8 = 2;
    pub(super) const SUM: u8 = 3;
    pub(super) const NOT: u8 = 4;
    pub(super) const PRODUCT: u8 = 5;
    pub(super) const POWER: u8 = 6;
}

#[derive(Clone, Copy)]
enum Operator {
    And,
    Or,
    Comparison(ComparisonOperator),
    Arithmetic(ArithmeticOperator),
}

impl Operator {
    fn of(symbol: Symbol) -> Option<(Self, u8)> {
        use ArithmeticOperator as A;
        use ComparisonOperator as C;
        let operator = match symbol {
            Symbol::And => (Self::And, power::LOGIC),
            Symbol::Or => (Self::Or, power::LOGIC),
            Symbol::Equal => (Self::Comparison(C::Equal), power::COMPARISON),
            Symbol::NotEqual => (Self::Comparison(C::NotEqual), power::COMPARISON),
            Symbol::Less => (Self::Comparison(C::Less), power::COMPARISON),
            Symbol::LessOrEqual => (Self::Comparison(C::LessOrEqual), power::COMPARISON),
            Symbol::Greater => (Self::Comparison(C::Greater), power::COMPARISON),
            Symbol::GreaterOrEqual => (Self::Comparison(C::GreaterOrEqual), power::COMPARISON),
            Symbol::Matches => (Self::Comparison(C::Matches), power::COMPARISON),
            Symbol::NotMatches => (Self::Comparison(C::NotMatches), power::COMPARISON),
            Symbol::Plus => (Self::Arithmetic(A::Add), power::SUM),
            Symbol::Minus => (Self::Arithmetic(A::Subtract), power::SUM),
            Symbol::Times => (Self::Arithmetic(A::Multiply), power::PRODUCT),
            Symbol::Slash => (Self::Arithmetic(A::Divide), power::PRODUCT),
            Symbol::Percent => (Self::Arithmetic(A::Remainder), power::PRODUCT),
            Symbol::Caret => (Self::Arithmetic(A::Power), power::POWER),
            _ => return None,
        };
        Some(operator)
    }
}

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Result<Tall<FieldExpression>, ParseError> {
        self.expression_above(power::LOGIC)
    }

    /// An expression of operators that bind at least this strongly.
    fn expression_above(&mut self, least: u8) -> Result<Tall<FieldExpression>, ParseError> {
        let mut left = self.prefix()?;
        // `&&` and `||` are flat, so what was joined last must know whether it stood in parentheses:
        // it need not, for both are associative.
        loop {
            self.want_operators(least, &left.value);
            let TokenKind::Symbol(symbol) = *self.peek() else { break };
            let Some((operator, binding)) = Operator::of(symbol) else { break };
            if binding < least {
                break;
            }
            let span = self.span();
            self.advance();
            let compared = match (operator, &left.value) {
                (Operator::Comparison(_), FieldExpression::Field(field, _)) => Some(field.clone()),
                _ => None,
            };
            let is_equality = matches!(symbol, Symbol::Equal | Symbol::NotEqual);
            if self.is_nil() && !is_equality && binding != power::LOGIC {
                return Err(self.found("a field or a value; nil stands beside `=` and `!=` only"));
            }
            let outer = std::mem::replace(&mut self.compared, compared);
            let right = if is_equality && self.is_nil() {
                self.nil()
            } else if binding == power::POWER {
                // Right to left.
                self.nested(|parser| parser.expression_above(power::POWER))?
            } else {
                self.expression_above(binding + 1)?
            };
            self.compared = outer;
            left = self.join(operator, left, right, span)?;
        }
        Ok(left)
    }

    /// What is sensible behind `left`; more is possible.
    fn want_operators(&mut self, least: u8, left: &FieldExpression) {
        let is_number = matches!(
            left,
            FieldExpression::Field(..)
                | FieldExpression::Arithmetic { .. }
                | FieldExpression::Negate(..)
        );
        if is_number && least <= power::COMPARISON {
            self.want_words(&["=", "!=", ">", ">=", "<", "<=", "=~", "!~"]);
        }
        if is_number && least <= power::SUM {
            self.want_words(&["+", "-", "*", "/", "%", "^"]);
        }
        if least <= power::LOGIC {
            self.want_words(&["&&", "||"]);
        }
    }

    fn join(
        &self,
        operator: Operator,
        left: Tall<FieldExpression>,
        right: Tall<FieldExpression>,
        span: Span,
    ) -> Result<Tall<FieldExpression>, ParseError> {
        match operator {
            Operator::And => self.flat(left, right, FieldExpression::All, |part| match part {
                FieldExpression::All(parts) => Ok(parts),
                other => Err(other),
            }),
            Operator::Or => self.flat(left, right, FieldExpression::Any, |part| match part {
                FieldExpression::Any(parts) => Ok(parts),
                other => Err(other),
            }),
            Operator::Comparison(operator) => {
                self.above(left, right, |left, right| FieldExpression::Comparison {
                    operator,
                    left: Box::new(left),
                    right: Box::new(right),
                    span,
                })
            }
            Operator::Arithmetic(operator) => {
                if let (FieldExpression::Literal(a, first), FieldExpression::Literal(b, last)) =
                    (&left.value, &right.value)
                    && let Some(value) = fold::fold(operator, a, b)
                {
                    return Ok(Tall::leaf(FieldExpression::Literal(value, first.to(*last))));
                }
                self.above(left, right, |left, right| FieldExpression::Arithmetic {
                    operator,
                    left: Box::new(left),
                    right: Box::new(right),
                    span,
                })
            }
        }
    }

    fn flat(
        &self,
        left: Tall<FieldExpression>,
        right: Tall<FieldExpression>,
        make: fn(Vec<FieldExpression>) -> FieldExpression,
        parts_of: fn(FieldExpression) -> Result<Vec<FieldExpression>, FieldExpression>,
    ) -> Result<Tall<FieldExpression>, ParseError> {
        // A list that grows by one more part grows no taller.
        let joined_height =
            |is_flat: bool, height: usize| if is_flat { height } else { height + 1 };
        let (left_height, right_height) = (left.height, right.height);
        let (mut parts, left_flat) = match parts_of(left.value) {
            Ok(parts) => (parts, true),
            Err(other) => (vec![other], false),
        };
        let right_flat = match parts_of(right.value) {
            Ok(more) => {
                parts.extend(more);
                true
            }
            Err(other) => {
                parts.push(other);
                false
            }
        };
        let height =
            joined_height(left_flat, left_height).max(joined_height(right_flat, right_height));
        self.check_height(height)?;
        Ok(Tall { value: make(parts), height })
    }

    fn prefix(&mut self) -> Result<Tall<FieldExpression>, ParseError> {
        let span = self.span();
        if self.take(Symbol::Not) {
            // Binds more weakly than a product: `!a * b` is `!(a * b)`.
            let inner = self.nested(|parser| parser.expression_above(power::NOT))?;
            let height = inner.height + 1;
            self.check_height(height)?;
            let value = FieldExpression::Not(Box::new(inner.value), span);
            return Ok(Tall { value, height });
        }
        if self.take(Symbol::Minus) {
            let inner = self.nested(|parser| parser.expression_above(power::NOT))?;
            if let FieldExpression::Literal(literal, place) = &inner.value
                && let Some(value) = fold::negate(literal)
            {
                return Ok(Tall::leaf(FieldExpression::Literal(value, span.to(*place))));
            }
            let height = inner.height + 1;
            self.check_height(height)?;
            let value = FieldExpression::Negate(Box::new(inner.value), span);
            return Ok(Tall { value, height });
        }
        if self.take(Symbol::OpenParenthesis) {
            let inner = self.nested(Self::expression)?;
            self.want_words(&[")"]);
            if !self.is(Symbol::CloseParenthesis) {
                return Err(self.found("an operator or `)`"));
            }
            self.advance();
            return Ok(inner);
        }
        if self.is_nil() {
            return self.absence();
        }
        self.operand().map(Tall::leaf)
    }

    fn is_nil(&self) -> bool {
        *self.peek() == TokenKind::Word("nil".to_owned())
    }

    fn nil(&mut self) -> Tall<FieldExpression> {
        let span = self.span();
        self.advance();
        Tall::leaf(FieldExpression::Literal(Literal::Nil, span))
    }

    /// `nil = expression`, `nil != expression`: the only ways in which `nil` may come first.
    fn absence(&mut self) -> Result<Tall<FieldExpression>, ParseError> {
        let left = self.nil();
        let span = self.span();
        self.want_words(&["=", "!="]);
        let operator = match self.peek() {
            TokenKind::Symbol(Symbol::Equal) => ComparisonOperator::Equal,
            TokenKind::Symbol(Symbol::NotEqual) => ComparisonOperator::NotEqual,
            _ => return Err(self.found("`=` or `!=`, beside which alone nil may stand")),
        };
        self.advance();
        let right = if self.is_nil() {
            self.nil()
        } else {
            self.nested(|parser| parser.expression_above(power::COMPARISON + 1))?
        };
        self.join(Operator::Comparison(operator), left, right, span)
    }

    fn operand(&mut self) -> Result<FieldExpression, ParseError> {
        const EXPECTED: &str = "a field or a value";
        let compared = self.compared.clone();
        self.want([Wanted::Value(compared), Wanted::Field]);
        let span = self.span();
        let word = match self.peek() {
            TokenKind::Word(word) => word.as_str(),
            TokenKind::Field(_) | TokenKind::Parent => {
                let (field, span) = self.field()?;
                return Ok(FieldExpression::Field(field, span));
            }
            _ => {
                return match self.literal() {
                    Some((literal, span)) => Ok(FieldExpression::Literal(literal, span)),
                    None => Err(self.found(EXPECTED)),
                };
            }
        };
        let expression = if let Some(literal) = constant(word) {
            FieldExpression::Literal(literal, span)
        } else if let Some(intrinsic) = Intrinsic::from_spelling(word) {
            FieldExpression::Field(intrinsic.into(), span)
        } else {
            return Err(self.found(
                "a field or a value (attributes begin with a scope or a dot, text stands in quotes)",
            ));
        };
        self.advance();
        Ok(expression)
    }
}
