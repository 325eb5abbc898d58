//! Reads `span_relabel_configs` and refuses rules that cannot mean what they say.

use super::name::{Name, Scope};
use crate::{
    config::{Field, Reading},
    relabel::{Action, Grammar, Rule, Subject, read_list},
};

/// Reads `span_relabel_configs`.
pub(crate) fn read_span_rules(reading: &mut Reading<'_>, field: &Field<'_>) -> Vec<Rule> {
    let (subject, legacy_names) = (Subject::Spans, false);
    read_list(reading, field, &Grammar { subject, legacy_names, source_fault, check })
}

fn source_fault(_: &Rule, name: &str) -> Option<String> {
    Name::parse(name).is_none().then(|| {
        format!(
            "{name:?} names nothing of a span; write span.KEY, resource.KEY, name, kind, status, \
             status_message, trace_id, span_id or parent_id"
        )
    })
}

/// What each action needs, and what it cannot use.
fn check(rule: &Rule) -> Result<(), String> {
    use Action::*;
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
