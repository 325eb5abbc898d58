//! What a rule does.

use std::fmt;

/// What a rule does. Most actions are there for targets and for spans; what is a label of the one is an
/// attribute of the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Action {
    /// Sets the target label when the regex matches.
    #[default]
    Replace,
    /// Drops the target or span when the regex does not match.
    Keep,
    /// Drops the target or span when the regex matches.
    Drop,
    /// Drops the target or span when the value differs from the target label's.
    KeepEqual,
    /// Drops the target or span when the value equals the target label's.
    DropEqual,
    /// Sets the target label to the value's MD5, modulo `modulus`.
    HashMod,
    /// Copies labels whose names match to new names.
    LabelMap,
    /// Removes labels whose names match.
    LabelDrop,
    /// Removes labels whose names do not match.
    LabelKeep,
    /// Sets the target label to the value in lower case.
    Lowercase,
    /// Sets the target label to the value in upper case.
    Uppercase,
    /// Sigyn's own, for targets: one for each part of the value, cut at the separator.
    Split,
    /// Sigyn's own, for spans: replaces every match inside the texts of the source labels.
    Redact,
}

/// What rules are applied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// `relabel_configs`.
    Targets,
    /// `span_relabel_configs`.
    Spans,
}

impl Action {
    const ALL: [(Self, &'static str); 13] = [
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
        (Self::Split, "split"),
        (Self::Redact, "redact"),
    ];

    /// In any case, as in Prometheus.
    pub fn parse(text: &str, subject: Subject) -> Result<Self, ActionError> {
        Self::of(subject)
            .find(|(_, name)| name.eq_ignore_ascii_case(text))
            .map(|(action, _)| action)
            .ok_or_else(|| ActionError { text: text.to_owned(), subject })
    }

    /// What can be done to targets, or to spans.
    fn of(subject: Subject) -> impl Iterator<Item = (Self, &'static str)> {
        let elsewhere = match subject {
            Subject::Targets => Self::Redact,
            Subject::Spans => Self::Split,
        };
        Self::ALL.into_iter().filter(move |(action, _)| *action != elsewhere)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(action, _)| action == self);
        f.write_str(named.map_or("", |(_, name)| name))
    }
}

/// Says which actions there are.
#[derive(Debug, PartialEq, Eq)]
pub struct ActionError {
    text: String,
    subject: Subject,
}

impl std::error::Error for ActionError {}

impl fmt::Display for ActionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Action::of(self.subject).map(|(_, name)| name).collect();
        let (last, others) = names.split_last().unwrap_or((&"", &[]));
        let what = match self.subject {
            Subject::Targets => "a relabel action",
            Subject::Spans => "an action for spans",
        };
        let text = &self.text;
        write!(f, "{text:?} is not {what}; the actions are {} and {last}", others.join(", "))
    }
}
