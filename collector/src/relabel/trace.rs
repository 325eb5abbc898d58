//! What each rule did, for people who wonder where their target went.

use super::apply::{Effect, TARGETS_PER_TARGET_MAX, step};
use crate::{Labels, relabel::Rule};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// One rule and what came out of it. Serialises to an item of Prometheus' `relabel_steps`.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The rule.
    pub rule: Rule,
    /// The labels after it; none from the rule on that dropped the last target.
    pub outputs: Vec<Labels>,
    /// Whether any target is left.
    pub keep: bool,
}

/// Applies the rules and notes the labels after each.
pub fn trace(rules: &[Rule], labels: &Labels) -> Vec<Step> {
    let mut current = vec![labels.clone()];
    rules
        .iter()
        .map(|rule| {
            let mut outputs = Vec::new();
            for labels in &current {
                match step(rule, labels) {
                    Effect::Same => outputs.push(labels.clone()),
                    Effect::Changed(labels) => outputs.push(labels),
                    Effect::Split(parts) => outputs.extend(parts),
                    Effect::Drop => {}
                }
            }
            outputs.truncate(TARGETS_PER_TARGET_MAX);
            current.clone_from(&outputs);
            Step { rule: rule.clone(), keep: !outputs.is_empty(), outputs }
        })
        .collect()
}

impl Serialize for Step {
    /// `{"rule": …, "output": {…}, "keep": true}`; when there are several targets (after `split`)
    /// `output` is the first and all of them stand in `outputs`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("rule", &self.rule)?;
        map.serialize_entry("output", self.outputs.first().unwrap_or(&Labels::new()))?;
        map.serialize_entry("keep", &self.keep)?;
        if self.outputs.len() > 1 {
            map.serialize_entry("outputs", &self.outputs)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relabel::Action;

    #[test]
    fn steps_have_prometheus_shape() {
        let rules = [
            Rule { target_label: "a".into(), replacement: "1".into(), ..Rule::default() },
            Rule { source_labels: vec!["a".into()], action: Action::Drop, ..Rule::default() },
            Rule { target_label: "b".into(), ..Rule::default() },
        ];
        let labels: Labels = [("x", "y")].into_iter().collect();
        let steps = serde_json::to_value(trace(&rules, &labels)).unwrap();
        assert_eq!(
            steps,
            serde_json::json!([
                {"rule": {"separator": ";", "regex": "(.*)", "target_label": "a",
                    "replacement": "1", "action": "replace"},
                 "output": {"a": "1", "x": "y"}, "keep": true},
                {"rule": {"source_labels": ["a"], "separator": ";", "regex": "(.*)",
                    "replacement": "$1", "action": "drop"},
                 "output": {}, "keep": false},
                {"rule": {"separator": ";", "regex": "(.*)", "target_label": "b",
                    "replacement": "$1", "action": "replace"},
                 "output": {}, "keep": false},
            ])
        );
    }
}
