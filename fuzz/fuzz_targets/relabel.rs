//! A pattern in Go's dialect is compiled or refused, and a rule made of it can be applied.
//!
//! The input is three lines: pattern, replacement, value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_collector::{
    Labels,
    relabel::{Action, Pattern, Rule, apply},
};

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let pattern = lines.next().unwrap_or_default();
    let replacement = lines.next().unwrap_or_default();
    let value = lines.next().unwrap_or_default();
    let Ok(regex) = Pattern::new(pattern) else { return };
    assert_eq!(regex.source(), pattern);
    for action in [Action::Replace, Action::LabelMap, Action::Keep, Action::LabelDrop] {
        let rule = Rule {
            source_labels: vec!["from".into()],
            target_label: "to".into(),
            replacement: replacement.into(),
            regex: regex.clone(),
            action,
            ..Rule::default()
        };
        let labels = [("from", value), ("__address__", "127.0.0.1:80")];
        let labels =
            Labels::from_iter(labels.map(|(name, value)| (name.to_owned(), value.to_owned())));
        apply(&[rule], labels);
    }
});
