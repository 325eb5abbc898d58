//! What a rule does.

use std::{fmt, str::FromStr};

/// What a rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Action {
    /// Sets the target label when the regex matches.
    #[default]
    Replace,
    /// Drops the target when the regex does not match.
    Keep,
    /// Drops the target when the regex matches.
    Drop,
    /// Drops the target when the value differs from the target label's.
    KeepEqual,
    /// Drops the target when the value equals the target label's.
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
    /// Sigyn's own: one target for each part of the value, cut at the separator.
    Split,
}

impl Action {
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
        (Self::Split, "split"),
    ];
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(action, _)| action == self);
        f.write_str(named.map_or("", |(_, name)| name))
    }
}

/// Says which actions there are.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a relabel action; the actions are replace, keep, drop, keepequal, dropequal, \
     hashmod, labelmap, labeldrop, labelkeep, lowercase, uppercase and split"
)]
pub struct ActionError(String);

impl FromStr for Action {
    type Err = ActionError;

    /// In any case, as in Prometheus.
    fn from_str(text: &str) -> Result<Self, ActionError> {
        Self::ALL
            .iter()
            .find(|(_, name)| name.eq_ignore_ascii_case(text))
            .map(|(action, _)| *action)
            .ok_or_else(|| ActionError(text.into()))
    }
}
