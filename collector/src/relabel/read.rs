//! Reads `relabel_configs` and refuses rules that cannot mean what they say.

use super::{
    fields::{Grammar, read_list},
    rule::is_legacy_name,
    template::{has_variable, without_variables},
};
use crate::{
    config::{Field, Reading},
    relabel::{Action, Rule, Subject},
};

/// Reads `relabel_configs`.
pub(crate) fn read_rules(
    reading: &mut Reading<'_>,
    field: &Field<'_>,
    legacy_names: bool,
) -> Vec<Rule> {
    let subject = Subject::Targets;
    read_list(reading, field, &Grammar { subject, legacy_names, source_fault, check })
}

fn source_fault(rule: &Rule, name: &str) -> Option<String> {
    (!rule.is_valid_name(name)).then(|| format!("the source label {name:?} is not a valid name"))
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
