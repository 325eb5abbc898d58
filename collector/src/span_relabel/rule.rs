//! One rule for spans.

use crate::relabel::Pattern;
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{fmt, str::FromStr};

/// One item of `span_relabel_configs`, checked: what an action needs is there, and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanRule {
    /// What is joined to the value, such as `span.http.route`; for `redact` what is redacted,
    /// everything when empty.
    pub source_labels: Vec<String>,
    /// Stands between the joined values.
    pub separator: String,
    /// What the value, or a name, must match from end to end; for `redact` what is searched for
    /// inside.
    pub regex: Pattern,
    /// Divisor of `hashmod`; above 0 there.
    pub modulus: u64,
    /// What is set: `span.*`, `name` or `status_message`.
    pub target_label: String,
    /// Template of the new value, or of the new name for `labelmap`.
    pub replacement: String,
    /// What is done.
    pub action: SpanAction,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpanAction {
    /// Sets the target when the regex matches.
    #[default]
    Replace,
    /// Drops the span when the regex does not match.
    Keep,
    /// Drops the span when the regex matches.
    Drop,
    /// Drops the span when the value differs from the target's.
    KeepEqual,
    /// Drops the span when the value equals the target's.
    DropEqual,
    /// Sets the target to the value's MD5, modulo `modulus`.
    HashMod,
    /// Copies span attributes whose names match to new names.
    LabelMap,
    /// Removes attributes whose names match.
    LabelDrop,
    /// Removes attributes whose names do not match.
    LabelKeep,
    /// Sets the target to the value in lower case.
    Lowercase,
    /// Sets the target to the value in upper case.
    Uppercase,
    /// Replaces every match inside the texts of the source labels.
    Redact,
}

impl SpanAction {
    const ALL: [(Self, &'static str); 12] = [
        (Self::Replace, "replace"),
        (Self::Keep, "keep"),
        (Self::Drop, "drop"),
        (Self::KeepEqual, "keepequal"),
        (Self::DropEqual, "dropequal"),
        (Self::HashMod, "hashmod"),
        (Self::LabelMap, "labelmap"),
        (Self::LabelDrop, "labeldrop"),
        (Self::LabelKeep, "labelkeep"),
        (Self::Lowercase, "lowercase"),
        (Self::Uppercase, "uppercase"),
        (Self::Redact, "redact"),
    ];
}

impl Default for SpanRule {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: ";".into(),
            regex: Pattern::default(),
            modulus: 0,
            target_label: String::new(),
            replacement: "$1".into(),
            action: SpanAction::Replace,
        }
    }
}

impl fmt::Display for SpanAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(action, _)| action == self);
        f.write_str(named.map_or("", |(_, name)| name))
    }
}

/// Says which actions there are.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not an action for spans; the actions are replace, keep, drop, keepequal, dropequal, \
     hashmod, labelmap, labeldrop, labelkeep, lowercase, uppercase and redact"
)]
pub struct SpanActionError(String);

impl FromStr for SpanAction {
    type Err = SpanActionError;

    /// In any case, as in Prometheus.
    fn from_str(text: &str) -> Result<Self, SpanActionError> {
        Self::ALL
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(text))
            .map(|(action, _)| *action)
            .ok_or_else(|| SpanActionError(text.into()))
    }
}

impl Serialize for SpanRule {
    /// As the rules for targets are shown.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if !self.source_labels.is_empty() {
            map.serialize_entry("source_labels", &self.source_labels)?;
        }
        map.serialize_entry("separator", &self.separator)?;
        map.serialize_entry("regex", self.regex.source())?;
        if self.modulus != 0 {
            map.serialize_entry("modulus", &self.modulus)?;
        }
        if !self.target_label.is_empty() {
            map.serialize_entry("target_label", &self.target_label)?;
        }
        map.serialize_entry("replacement", &self.replacement)?;
        map.serialize_entry("action", &self.action.to_string())?;
        map.end()
    }
}
