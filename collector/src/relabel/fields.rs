//! Reads the fields of a rule, which rules for targets and rules for spans have in common.

use crate::{
    config::{Field, Reading},
    relabel::{Action, Pattern, Rule, Subject},
};

/// What a redacted text is replaced by where the rule does not say it.
const REDACTED: &str = "[redacted]";

/// What differs between rules for targets and rules for spans.
pub(crate) struct Grammar {
    pub(crate) subject: Subject,
    pub(crate) legacy_names: bool,
    /// What is wrong with the name of a source label, if anything is.
    pub(crate) source_fault: fn(&Rule, &str) -> Option<String>,
    /// What each action needs, and what it cannot use.
    pub(crate) check: fn(&Rule) -> Result<(), String>,
}

/// Reads a list of rules.
pub(crate) fn read_list(
    reading: &mut Reading<'_>,
    field: &Field<'_>,
    grammar: &Grammar,
) -> Vec<Rule> {
    let items = reading.list(field);
    items.iter().filter_map(|item| read_rule(reading, item, grammar)).collect()
}

fn read_rule(reading: &mut Reading<'_>, field: &Field<'_>, grammar: &Grammar) -> Option<Rule> {
    let mut fields = reading.map(field)?;
    let mut rule = Rule { legacy_names: grammar.legacy_names, ..Rule::default() };
    let errors_before = reading.errors.len();
    if let Some(field) = fields.take_even_null("action") {
        match Action::parse(&reading.text(&field)?, grammar.subject) {
            Ok(action) => rule.action = action,
            Err(error) => {
                reading.error(&field, error.to_string());
                return None;
            }
        }
    }
    let is_redact = rule.action == Action::Redact;
    if let Some(field) = fields.take("source_labels") {
        rule.source_labels = reading.texts(&field);
        for name in &rule.source_labels {
            if let Some(fault) = (grammar.source_fault)(&rule, name) {
                reading.error(&field, fault);
            }
        }
    }
    if let Some(field) = fields.take("separator") {
        rule.separator = reading.template(&field)?;
    }
    let regex = fields.take_even_null("regex");
    if is_redact && regex.is_none() {
        reading.error(field, "the action redact needs a `regex` to search for");
    }
    if let Some(field) = regex {
        let source = reading.template(&field)?;
        let pattern = match is_redact {
            true => Pattern::unanchored(&source),
            false => Pattern::new(&source),
        };
        match pattern {
            Ok(pattern) => rule.regex = pattern,
            Err(error) => reading.error(&field, error.to_string()),
        }
    }
    if let Some(field) = fields.take("modulus") {
        rule.modulus = reading.number(&field)?;
    }
    if let Some(field) = fields.take("target_label") {
        rule.target_label = reading.template(&field)?;
    }
    match fields.take("replacement") {
        Some(field) => rule.replacement = reading.template(&field)?,
        None if is_redact => rule.replacement = REDACTED.to_owned(),
        None => {}
    }
    fields.finish(reading);
    if let Err(message) = (grammar.check)(&rule) {
        reading.error(field, message);
    }
    (reading.errors.len() == errors_before).then_some(rule)
}
