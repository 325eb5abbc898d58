//! Reading structs out of a YAML tree: each field is taken by name, what is left over is unknown,
//! and every fault is noted while reading goes on.

use crate::config::{
    Finding, PrometheusDuration,
    environment::{self, Environment},
    node::{Entry, Kind, Node, Place},
};
use std::{
    fmt::Display,
    path::{Path, PathBuf},
    str::FromStr,
};

/// Whose rules a file follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Sigyn's: strict, `${env:NAME}` everywhere.
    Sigyn,
    /// A `prometheus.yml` that is read for its targets: what it has and we do not know is none of
    /// our business, so unknown keys are remarks, not faults; variables only in external labels.
    Prometheus,
}

/// One file while it is read: where findings go and what values need to be understood.
pub(crate) struct Reading<'a> {
    pub(crate) file: String,
    /// Relative paths are resolved against it.
    pub(crate) folder: PathBuf,
    pub(crate) dialect: Dialect,
    pub(crate) environment: Environment<'a>,
    pub(crate) errors: Vec<Finding>,
    pub(crate) warnings: Vec<Finding>,
}

/// A value and the path that leads to it.
#[derive(Clone)]
pub(crate) struct Field<'n> {
    pub(crate) node: &'n Node,
    pub(crate) path: String,
}

/// The fields of a map that are not taken yet.
pub(crate) struct Fields<'n> {
    pub(crate) place: Place,
    pub(crate) path: String,
    entries: Vec<&'n Entry>,
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Takes a field; a null value counts as absent.
    pub(crate) fn take(&mut self, key: &'static str) -> Option<Field<'n>> {
        self.take_even_null(key).filter(|field| !matches!(field.node.kind, Kind::Null))
    }

    /// Takes a field, even `key:` without a value.
    pub(crate) fn take_even_null(&mut self, key: &'static str) -> Option<Field<'n>> {
        self.known.push(key);
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        let entry = self.entries.remove(index);
        Some(Field { node: &entry.value, path: join(&self.path, key) })
    }

    /// True when the field stands in the file and was not taken.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Takes all fields whose name passes, with the place of the key.
    pub(crate) fn take_all(
        &mut self,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> Vec<(String, Place, Field<'n>)> {
        let (taken, left) = self.entries.drain(..).partition(|entry| wanted(&entry.key));
        self.entries = left;
        let taken: Vec<&'n Entry> = taken;
        taken
            .into_iter()
            .map(|entry| {
                let field = Field { node: &entry.value, path: join(&self.path, &entry.key) };
                (entry.key.clone(), entry.place, field)
            })
            .collect()
    }

    /// All that was not taken is unknown.
    pub(crate) fn finish(self, reading: &mut Reading<'_>) {
        for entry in self.entries {
            let mut message = format!("the key `{}` is unknown", entry.key);
            if let Some(near) = nearest(&entry.key, &self.known) {
                message += &format!("; did you mean `{near}`?");
            }
            match reading.dialect {
                Dialect::Sigyn => reading.error_at(entry.place, &self.path, message),
                Dialect::Prometheus => reading.warn_at(entry.place, &self.path, message),
            }
        }
    }
}

impl<'a> Reading<'a> {
    pub(crate) fn new(
        file: &str,
        folder: &Path,
        dialect: Dialect,
        environment: Environment<'a>,
    ) -> Self {
        Self {
            file: file.into(),
            folder: folder.into(),
            dialect,
            environment,
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    pub(crate) fn error_at(&mut self, place: Place, path: &str, message: impl Into<String>) {
        let finding = self.finding(place, path, message.into());
        self.errors.push(finding);
    }

    pub(crate) fn error(&mut self, field: &Field<'_>, message: impl Into<String>) {
        self.error_at(field.node.place, &field.path, message);
    }

    pub(crate) fn warn_at(&mut self, place: Place, path: &str, message: impl Into<String>) {
        let finding = self.finding(place, path, message.into());
        self.warnings.push(finding);
    }

    pub(crate) fn warn(&mut self, field: &Field<'_>, message: impl Into<String>) {
        self.warn_at(field.node.place, &field.path, message);
    }

    fn finding(&self, place: Place, path: &str, message: String) -> Finding {
        let Place { line, column } = place;
        let excerpt = String::new();
        Finding { file: self.file.clone(), line, column, path: path.into(), message, excerpt }
    }

    /// The fields of a map; null is a map without fields.
    pub(crate) fn map<'n>(&mut self, field: &Field<'n>) -> Option<Fields<'n>> {
        let entries = match &field.node.kind {
            Kind::Null => Vec::new(),
            Kind::Map(entries) => entries.iter().collect(),
            _ => {
                self.error(field, format!("expected a map here, found {}", field.node.noun()));
                return None;
            }
        };
        let (place, path) = (field.node.place, field.path.clone());
        Some(Fields { place, path, entries, known: Vec::new() })
    }

    /// The items of a list; null is empty, null items are faults.
    pub(crate) fn list<'n>(&mut self, field: &Field<'n>) -> Vec<Field<'n>> {
        let items = match &field.node.kind {
            Kind::Null => return Vec::new(),
            Kind::List(items) => items,
            _ => {
                self.error(field, format!("expected a list here, found {}", field.node.noun()));
                return Vec::new();
            }
        };
        let mut out = Vec::with_capacity(items.len());
        for (index, node) in items.iter().enumerate() {
            let item = Field { node, path: format!("{}[{index}]", field.path) };
            match node.kind {
                Kind::Null => self.error(&item, "an item of this list is empty"),
                _ => out.push(item),
            }
        }
        out
    }

    /// The text exactly as written.
    pub(crate) fn raw_text(&mut self, field: &Field<'_>) -> Option<String> {
        match &field.node.kind {
            Kind::Scalar(text) => Some(text.clone()),
            Kind::Null => Some(String::new()),
            _ => {
                self.error(field, format!("expected a text here, found {}", field.node.noun()));
                None
            }
        }
    }

    /// A text, with variables replaced.
    pub(crate) fn text(&mut self, field: &Field<'_>) -> Option<String> {
        self.expanded(field, false)
    }

    /// A text in which `$$` has a meaning of its own.
    pub(crate) fn template(&mut self, field: &Field<'_>) -> Option<String> {
        self.expanded(field, true)
    }

    fn expanded(&mut self, field: &Field<'_>, is_template: bool) -> Option<String> {
        let text = self.raw_text(field)?;
        if self.dialect == Dialect::Prometheus {
            return Some(text);
        }
        match environment::expand(&text, self.environment, is_template) {
            Ok(text) => Some(text),
            Err(message) => {
                self.error(field, message);
                None
            }
        }
    }

    /// Anything that is written as text.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&mut self, field: &Field<'_>) -> Option<T> {
        let text = self.text(field)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(field, error.to_string());
                None
            }
        }
    }

    /// A duration above zero.
    pub(crate) fn positive_duration(&mut self, field: &Field<'_>) -> Option<PrometheusDuration> {
        let duration: PrometheusDuration = self.parse(field)?;
        if duration.is_zero() {
            self.error(field, "the duration must be above zero");
            return None;
        }
        Some(duration)
    }

    /// A whole number, 0 or above.
    pub(crate) fn number(&mut self, field: &Field<'_>) -> Option<u64> {
        let text = self.text(field)?;
        let number = text.parse().ok();
        if number.is_none() {
            self.error(field, format!("{text:?} is not a whole number of 0 or above"));
        }
        number
    }

    /// A boolean, in YAML 1.1's spellings too.
    pub(crate) fn boolean(&mut self, field: &Field<'_>) -> Option<bool> {
        let text = self.text(field)?;
        match &*text {
            "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
            "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
            _ => {
                self.error(field, format!("{text:?} is neither true nor false"));
                None
            }
        }
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, field: &Field<'_>) -> Vec<String> {
        let items = self.list(field);
        items.iter().filter_map(|item| self.text(item)).collect()
    }

    /// A map from texts to texts, in the order of the file.
    pub(crate) fn text_map(&mut self, field: &Field<'_>) -> Vec<(String, String)> {
        let Some(mut fields) = self.map(field) else { return Vec::new() };
        let all = fields.take_all(|_| true);
        all.into_iter().filter_map(|(key, _, value)| Some((key, self.text(&value)?))).collect()
    }

    /// A path, resolved against the file's folder.
    pub(crate) fn path(&mut self, field: &Field<'_>) -> Option<PathBuf> {
        let text = self.text(field)?;
        if text.is_empty() {
            self.error(field, "the path is empty");
            return None;
        }
        Some(self.folder.join(text))
    }
}

pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The known key that is at most two edits away.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let scored = known.iter().map(|name| (edits(key, name), *name));
    let limit = 2.min(key.len() / 2);
    scored.min().filter(|(count, _)| *count <= limit).map(|(_, name)| name)
}

/// Levenshtein's distance of two short names.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
