//! Relabeling: rules that make targets out of what discovery found.

/// One relabeling rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {}
