//! One relabeling rule.

use crate::relabel::{Action, Pattern};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// One item of `relabel_configs` or `span_relabel_configs`, checked: what an action needs is there, and
/// nothing else. What is a label in the one is in the other a name such as `span.http.route`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Labels whose values are joined; for `redact` what is redacted, everything when empty.
    pub source_labels: Vec<String>,
    /// Stands between the joined values.
    pub separator: String,
    /// What the joined value, or a label name, must match from end to end; for `redact` what is searched
    /// for inside.
    pub regex: Pattern,
    /// Divisor of `hashmod`; above 0 there.
    pub modulus: u64,
    /// The label to set, a template for `replace`.
    pub target_label: String,
    /// Template of the new value, or of the new name for `labelmap`.
    pub replacement: String,
    /// What is done.
    pub action: Action,
    /// Label names must be `[a-zA-Z_][a-zA-Z0-9_]*` (`metric_name_validation_scheme: legacy`).
    pub legacy_names: bool,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            source_labels: Vec::new(),
            separator: ";".into(),
            regex: Pattern::default(),
            modulus: 0,
            target_label: String::new(),
            replacement: "$1".into(),
            action: Action::Replace,
            legacy_names: false,
        }
    }
}

impl Rule {
    /// Whether a label may be called so.
    pub(crate) fn is_valid_name(&self, name: &str) -> bool {
        !name.is_empty() && (!self.legacy_names || is_legacy_name(name))
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`
pub(crate) fn is_legacy_name(name: &str) -> bool {
    !name.is_empty()
        && !name.as_bytes()[0].is_ascii_digit()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Serialize for Rule {
    /// As Prometheus shows it: an empty separator or replacement is shown, other empty fields not.
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
