//! Reads `span_relabel_configs` and refuses rules that cannot mean what they say.

use super::{
    name::{Name, Scope},
    rule::{SpanAction, SpanRule},
};
use crate::{
    config::{Field, Reading},
    relabel::Pattern,
};

/// Reads a list of rules.
pub(crate) fn read_span_rules(reading: &mut Reading<'_>, field: &Field<'_>) -> Vec<SpanRule> {
    let items = reading.list(field);
    items.iter().filter_map(|item| read_rule(reading, item)).collect()
}

fn read_rule(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<SpanRule> {
    let mut fields = reading.map(field)?;
    let mut rule = SpanRule::default();
    let errors_before = reading.errors.len();
    if let Some(field) = fields.take_even_null("action") {
        rule.action = reading.parse(&field)?;
    }
    let is_redact = rule.action == SpanAction::Redact;
    if let Some(field) = fields.take("source_labels") {
        rule.source_labels = reading.texts(&field);
        for name in &rule.source_labels {
            if Name::parse(name).is_none() {
                let message = format!(
                    "{name:?} names nothing of a span; write span.KEY, resource.KEY, name, kind, \
                     status, status_message, trace_id, span_id or parent_id"
                );
                reading.error(&field, message);
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
        None if is_redact => rule.replacement = "[redacted]".to_owned(),
        None => {}
    }
    fields.finish(reading);
    if let Err(message) = check(&rule) {
        reading.error(field, message);
    }
    (reading.errors.len() == errors_before).then_some(rule)
}

/// What each action needs, and what it cannot use.
fn check(rule: &SpanRule) -> Result<(), String> {
    use SpanAction::*;
    let action = rule.action;
    let sets = matches!(action, Replace | HashMod | Lowercase | Uppercase);
    let compares = matches!(action, KeepEqual | DropEqual);
    if action == HashMod && rule.modulus == 0 {
        return Err("the action hashmod needs a `modulus` above 0".into());
    }
    if (sets || compares) && rule.target_label.is_empty() {
        return Err(format!("the action {action} needs a `target_label`"));
    }
    if !sets && !compares && !rule.target_label.is_empty() {
        return Err(format!("the action {action} does not use `target_label`; remove it"));
    }
    let settable = |name: &str| Name::parse(name).is_some_and(Name::is_settable);
    if sets && !settable(&rule.target_label) {
        return Err(format!(
            "{:?} cannot be set; a `target_label` is span.KEY, name or status_message (the labels \
             of a target, which become resource attributes, are set by `relabel_configs`)",
            rule.target_label
        ));
    }
    if compares && Name::parse(&rule.target_label).is_none() {
        return Err(format!("{:?} names nothing of a span", rule.target_label));
    }
    if action == LabelMap && !rule.replacement.starts_with(Scope::Span.prefix()) {
        return Err("the action labelmap needs a `replacement` that begins with span.".into());
    }
    if matches!(action, LabelDrop | LabelKeep | LabelMap) && !rule.source_labels.is_empty() {
        return Err(format!("the action {action} does not use `source_labels`; remove it"));
    }
    let looks_at_many = |name: &String| {
        matches!(Name::parse(name), Some(Name::Attribute(Scope::Event | Scope::Link, _)))
    };
    if action != Redact && rule.source_labels.iter().any(looks_at_many) {
        return Err(format!(
            "a span has many events and links, so the action {action} cannot look at them; redact, \
             labeldrop and labelkeep can change them"
        ));
    }
    Ok(())
}
