//! Reads `relabel_configs` and refuses rules that cannot mean what they say.

use super::{
    rule::is_legacy_name,
    template::{has_variable, without_variables},
};
use crate::{
    config::{Field, Reading},
    relabel::{Action, Pattern, Rule},
};

/// Reads a list of rules.
pub(crate) fn read_rules(
    reading: &mut Reading<'_>,
    field: &Field<'_>,
    legacy_names: bool,
) -> Vec<Rule> {
    let items = reading.list(field);
    items.iter().filter_map(|item| read_rule(reading, item, legacy_names)).collect()
}

fn read_rule(reading: &mut Reading<'_>, field: &Field<'_>, legacy_names: bool) -> Option<Rule> {
    let mut fields = reading.map(field)?;
    let mut rule = Rule { legacy_names, ..Rule::default() };
    let errors_before = reading.errors.len();

    if let Some(field) = fields.take("source_labels") {
        rule.source_labels = reading.texts(&field);
        if rule.source_labels.iter().any(|name| !rule.is_valid_name(name)) {
            reading.error(&field, "a source label's name is not valid");
        }
    }
    if let Some(field) = fields.take("separator") {
        rule.separator = reading.template(&field)?;
    }
    if let Some(field) = fields.take_even_null("regex") {
        match Pattern::new(&reading.template(&field)?) {
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
    if let Some(field) = fields.take("replacement") {
        rule.replacement = reading.template(&field)?;
    }
    if let Some(field) = fields.take_even_null("action") {
        rule.action = reading.parse(&field)?;
    }
    fields.finish(reading);
    if let Err(message) = check(&rule) {
        reading.error(field, message);
    }
    (reading.errors.len() == errors_before).then_some(rule)
}

/// What each action needs, and what it cannot use.
fn check(rule: &Rule) -> Result<(), String> {
    use Action::*;
    let default = Rule::default();
    let action = rule.action;
    let refuse = |is_set: bool, field: &str| match is_set {
        true => Err(format!("the action {action} does not use `{field}`; remove it")),
        false => Ok(()),
    };
    if action == HashMod && rule.modulus == 0 {
        return Err("the action hashmod needs a `modulus` above 0".into());
    }
    if matches!(action, Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual | Split)
        && rule.target_label.is_empty()
    {
        return Err(format!("the action {action} needs a `target_label`"));
    }
    if matches!(action, Replace | Split | LabelMap) {
        let (name, field) = match action {
            LabelMap => (&rule.replacement, "replacement"),
            _ => (&rule.target_label, "target_label"),
        };
        let remains = if has_variable(name) { without_variables(name) } else { name.clone() };
        if name.is_empty() || (rule.legacy_names && !is_legacy_name(&remains)) {
            return Err(format!("{name:?} is not a valid label name for `{field}`"));
        }
    } else if !rule.target_label.is_empty() && !rule.is_valid_name(&rule.target_label) {
        return Err(format!(
            "{:?} is not a valid label name for `target_label`",
            rule.target_label
        ));
    }
    if matches!(action, Lowercase | Uppercase | KeepEqual | DropEqual | LabelDrop | LabelKeep) {
        refuse(rule.replacement != default.replacement, "replacement")?;
    }
    if matches!(action, KeepEqual | DropEqual) {
        refuse(rule.regex != default.regex, "regex")?;
    }
    if matches!(action, KeepEqual | DropEqual | LabelDrop | LabelKeep) {
        refuse(rule.modulus != 0, "modulus")?;
        refuse(rule.separator != default.separator, "separator")?;
    }
    if matches!(action, LabelDrop | LabelKeep) {
        refuse(!rule.source_labels.is_empty(), "source_labels")?;
        refuse(!rule.target_label.is_empty(), "target_label")?;
    }
    if action == Split && rule.separator.is_empty() {
        return Err("the action split needs a `separator` to cut at".into());
    }
    Ok(())
}
