//! Relabeling: rules that make targets out of what discovery found.
//!
//! The rules are those of Prometheus, down to its regular expressions and templates, plus one
//! action of our own: `split` makes one target of each part of a value.

mod action;
mod apply;
mod fields;
mod pattern;
mod read;
mod rule;
mod template;
#[cfg(test)]
mod tests;
mod trace;

pub(crate) use fields::{Grammar, read_list};
pub(crate) use read::read_rules;

pub use action::{Action, ActionError, Subject};
pub use apply::{Dropped, Outcome, TARGETS_PER_TARGET_MAX, apply};
pub use pattern::{Pattern, PatternError};
pub use rule::Rule;
pub use trace::{Step, trace};
