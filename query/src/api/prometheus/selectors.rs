//! The series that a PromQL expression looks at.

use super::Fault;
use promql_parser::{
    label::{Matcher, Matchers},
    parser::{Expr, VectorSelector},
    util::{ExprVisitor, walk_expr},
};
use std::convert::Infallible;

/// All selectors of an expression; a series is looked at when one of them selects it.
#[derive(Debug)]
pub(in crate::api) struct Selectors(Vec<Vec<Vec<Matcher>>>);

impl Selectors {
    /// Reads any PromQL expression and collects its selectors.
    pub(in crate::api) fn parse(query: &str) -> Result<Self, Fault> {
        let expression = promql_parser::parser::parse(query).map_err(|error| {
            Fault::bad_request(format!("invalid parameter \"query\": {}", error.trim()))
        })?;
        let mut collected = Collector(Vec::new());
        match walk_expr(&mut collected, &expression) {
            Ok(_) => Ok(Self(collected.0)),
            Err(never) => match never {},
        }
    }

    /// Whether one of the selectors selects the series; `labels` holds `__name__` too.
    pub(in crate::api) fn select(&self, labels: &[(String, String)]) -> bool {
        self.0.iter().any(|alternatives| {
            alternatives.iter().any(|all| all.iter().all(|matcher| matches(matcher, labels)))
        })
    }
}

/// A label that is not there has the empty value, as in Prometheus.
fn matches(matcher: &Matcher, labels: &[(String, String)]) -> bool {
    let value = labels.iter().find(|(name, _)| *name == matcher.name);
    matcher.is_match(value.map_or("", |(_, value)| value))
}

/// For each selector, the alternatives that `or` separates, and for each of these its matchers.
struct Collector(Vec<Vec<Vec<Matcher>>>);

impl ExprVisitor for Collector {
    type Error = Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Infallible> {
        match expression {
            Expr::VectorSelector(selector) => self.0.push(alternatives(selector)),
            Expr::MatrixSelector(matrix) => self.0.push(alternatives(&matrix.vs)),
            _ => {}
        }
        Ok(true)
    }
}

fn alternatives(selector: &VectorSelector) -> Vec<Vec<Matcher>> {
    let Matchers { matchers, or_matchers } = &selector.matchers;
    let name = selector
        .name
        .as_ref()
        .map(|name| Matcher::new(promql_parser::label::MatchOp::Equal, "__name__", name));
    let with_name = |matchers: &Vec<Matcher>| name.iter().chain(matchers).cloned().collect();
    let mut all: Vec<Vec<Matcher>> = or_matchers.iter().map(with_name).collect();
    if !matchers.is_empty() || all.is_empty() {
        all.push(with_name(matchers));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(text: &str) -> Vec<(String, String)> {
        let pairs = text.split(',').map(|pair| pair.split_once('=').unwrap());
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[track_caller]
    fn check(query: &str, labels: &str, expected: bool) {
        let selectors = Selectors::parse(query).unwrap();
        assert_eq!(selectors.select(&series(labels)), expected, "{query} on {labels}");
    }

    #[test]
    fn matchers_select_series() {
        check("up", "__name__=up,job=a", true);
        check("up", "__name__=upper", false);
        check("up{job='a'}", "__name__=up,job=a", true);
        check("up{job!='a'}", "__name__=up,job=a", false);
        check("up{zone=''}", "__name__=up,job=a", true);
        check("{job='a'}", "__name__=anything,job=a", true);
        check("{__name__=~'up|down'}", "__name__=down", true);
    }

    #[test]
    fn regular_expressions_are_anchored() {
        check("up{job=~'a.*c'}", "__name__=up,job=abc", true);
        check("up{job=~'b'}", "__name__=up,job=abc", false);
        check("up{job=~'b|abc'}", "__name__=up,job=abc", true);
        check("up{job!~'b'}", "__name__=up,job=abc", true);
    }

    #[test]
    fn selectors_are_found_wherever_they_stand() {
        let query = "histogram_quantile(0.95, sum by (le) (rate(h_bucket{job='a'}[5m] offset 1m))) \
                     / ignoring(x) group_left max_over_time((-other)[1h:5m])";
        check(query, "__name__=h_bucket,job=a", true);
        check(query, "__name__=other", true);
        check(query, "__name__=h_bucket,job=b", false);
    }

    #[test]
    fn a_fault_is_a_sentence() {
        let fault = Selectors::parse("rate(").unwrap_err();
        assert!(fault.sentence.starts_with("invalid parameter \"query\": "), "{fault:?}");
    }
}
