//! Runs rules over labels.

use crate::{
    Labels,
    relabel::{Action, Rule},
};
use md5::{Digest, Md5};

/// Targets that `split` rules may make of one target; further parts are left out.
pub const TARGETS_PER_TARGET_MAX: usize = 1000;

/// What became of one target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Usually one; none when it was dropped, several after `split`.
    pub kept: Vec<Labels>,
    /// What was dropped, and by which rule.
    pub dropped: Vec<Dropped>,
}

/// A target that a rule dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropped {
    /// Index of the rule.
    pub rule: usize,
    /// What the rule saw.
    pub labels_before: Labels,
}

/// Applies all rules in their order.
pub fn apply(rules: &[Rule], labels: Labels) -> Outcome {
    let mut outcome = Outcome { kept: vec![labels], dropped: Vec::new() };
    for (index, rule) in rules.iter().enumerate() {
        let mut kept = Vec::with_capacity(outcome.kept.len());
        for labels in outcome.kept {
            match step(rule, &labels) {
                Effect::Same => kept.push(labels),
                Effect::Changed(labels) => kept.push(labels),
                Effect::Split(parts) => kept.extend(parts),
                Effect::Drop => {
                    outcome.dropped.push(Dropped { rule: index, labels_before: labels });
                }
            }
        }
        kept.truncate(TARGETS_PER_TARGET_MAX);
        outcome.kept = kept;
    }
    outcome
}

/// What one rule does to one set of labels.
pub(super) enum Effect {
    Same,
    Changed(Labels),
    Split(Vec<Labels>),
    Drop,
}

pub(super) fn step(rule: &Rule, labels: &Labels) -> Effect {
    let drop_if = |dropped: bool| if dropped { Effect::Drop } else { Effect::Same };
    let set = |name: &str, value: String| {
        let mut changed = labels.clone();
        changed.set(name, value);
        Effect::Changed(changed)
    };
    match rule.action {
        Action::Keep => drop_if(!rule.regex.is_match(&joined(rule, labels))),
        Action::Drop => drop_if(rule.regex.is_match(&joined(rule, labels))),
        Action::KeepEqual => drop_if(labels.get(&rule.target_label) != joined(rule, labels)),
        Action::DropEqual => drop_if(labels.get(&rule.target_label) == joined(rule, labels)),
        Action::Replace => match replaced(rule, &joined(rule, labels)) {
            Some((name, value)) => set(&name, value),
            None => Effect::Same,
        },
        Action::HashMod => {
            let digest: [u8; 16] = Md5::digest(joined(rule, labels)).into();
            let last: [u8; 8] = digest[8..].try_into().expect("MD5 has 16 bytes");
            set(&rule.target_label, (u64::from_be_bytes(last) % rule.modulus.max(1)).to_string())
        }
        Action::Lowercase => set(
            &rule.target_label,
            // Letter by letter, as Go does: no letter becomes several.
            joined(rule, labels).chars().filter_map(|it| it.to_lowercase().next()).collect(),
        ),
        Action::Uppercase => {
            let upper = |letter: char| match letter.to_uppercase() {
                mut one if one.len() == 1 => one.next().unwrap_or(letter),
                _ => letter,
            };
            set(&rule.target_label, joined(rule, labels).chars().map(upper).collect())
        }
        Action::LabelMap => {
            let mut changed = labels.clone();
            for (name, value) in labels.iter() {
                if let Some(captures) = rule.regex.captures(name) {
                    let name = rule.regex.expand(&rule.replacement, &captures);
                    if rule.is_valid_name(&name) {
                        changed.set(name, value);
                    }
                }
            }
            Effect::Changed(changed)
        }
        Action::LabelDrop | Action::LabelKeep => {
            let mut changed = labels.clone();
            let keeps_matching = rule.action == Action::LabelKeep;
            changed.retain(|name| rule.regex.is_match(name) == keeps_matching);
            Effect::Changed(changed)
        }
        Action::Split => split(rule, labels),
        // No rule for targets is read with it.
        Action::Redact => Effect::Same,
    }
}

/// The values of the source labels with the separator between them.
fn joined(rule: &Rule, labels: &Labels) -> String {
    let mut out = String::new();
    for (index, name) in rule.source_labels.iter().enumerate() {
        if index > 0 {
            out.push_str(&rule.separator);
        }
        out.push_str(labels.get(name));
    }
    out
}

/// The name and the value that a match sets.
fn replaced(rule: &Rule, value: &str) -> Option<(String, String)> {
    let captures = rule.regex.captures(value)?;
    let name = rule.regex.expand(&rule.target_label, &captures);
    rule.is_valid_name(&name).then(|| (name, rule.regex.expand(&rule.replacement, &captures)))
}

/// One target for each part. Parts are trimmed; an empty value, or one of whose parts none matches,
/// leaves the target as it is.
fn split(rule: &Rule, labels: &Labels) -> Effect {
    let value = joined(rule, labels);
    let parts: Vec<Labels> = value
        .split(rule.separator.as_str())
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .filter_map(|part| replaced(rule, part))
        .take(TARGETS_PER_TARGET_MAX)
        .map(|(name, value)| {
            let mut target = labels.clone();
            target.set(name, value);
            target
        })
        .collect();
    if parts.is_empty() { Effect::Same } else { Effect::Split(parts) }
}
