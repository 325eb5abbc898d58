//! Attributes while rules look at them: what nobody changes keeps its own bytes.

use super::wire::{Malformed, Value, fields, put_bytes};
use crate::relabel::Pattern;
use std::borrow::Cow;

/// Values inside values.
const DEPTH_MAX: usize = 32;

/// The attributes of a span, a resource, an event or a link.
#[derive(Debug, Default)]
pub(super) struct Attributes<'a> {
    all: Vec<Attribute<'a>>,
    pub(super) changed: bool,
}

#[derive(Debug)]
struct Attribute<'a> {
    key: Cow<'a, str>,
    value: AttributeValue<'a>,
}

#[derive(Debug)]
enum AttributeValue<'a> {
    /// A whole `KeyValue` as it came, and the `AnyValue` in it.
    AsItCame { pair: &'a [u8], value: &'a [u8] },
    /// An `AnyValue` under another key or with another content.
    Other(Cow<'a, [u8]>),
    /// A text that a rule set.
    Set(String),
}

impl<'a> Attributes<'a> {
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.changed = false;
    }

    /// Takes in one `KeyValue`.
    pub(super) fn add(&mut self, pair: &'a [u8]) -> Result<(), Malformed> {
        let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
        for field in fields(pair) {
            let field = field?;
            match field.number {
                1 => key = field.bytes()?,
                2 => value = field.bytes()?,
                _ => {}
            }
        }
        let key = Cow::Borrowed(std::str::from_utf8(key).map_err(|_| Malformed)?);
        self.all.push(Attribute { key, value: AttributeValue::AsItCame { pair, value } });
        Ok(())
    }

    /// A value as text; a list or a map has none.
    pub(super) fn text(&self, key: &str) -> Option<Cow<'_, str>> {
        let found = self.all.iter().find(|attribute| attribute.key == key)?;
        match &found.value {
            AttributeValue::Set(text) => Some(Cow::Borrowed(text)),
            AttributeValue::AsItCame { value, .. } => text_of(value),
            AttributeValue::Other(value) => text_of(value),
        }
    }

    /// Sets a text; an empty one removes the attribute.
    pub(super) fn set(&mut self, key: &str, text: String) {
        let at = self.all.iter().position(|attribute| attribute.key == key);
        match (at, text.is_empty()) {
            (Some(at), true) => {
                self.all.remove(at);
            }
            (Some(at), false) => self.all[at].value = AttributeValue::Set(text),
            (None, true) => return,
            (None, false) => self.all.push(Attribute {
                key: Cow::Owned(key.to_owned()),
                value: AttributeValue::Set(text),
            }),
        }
        self.changed = true;
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        let before = self.all.len();
        self.all.retain(|attribute| keep(&attribute.key));
        self.changed |= self.all.len() != before;
    }

    /// Copies values, with their types, to other keys.
    pub(super) fn copy(&mut self, mut rename: impl FnMut(&str) -> Option<String>) {
        for at in 0..self.all.len() {
            let Some(key) = rename(&self.all[at].key) else { continue };
            if self.all[at].key == key {
                continue;
            }
            let value = match &self.all[at].value {
                AttributeValue::AsItCame { value, .. } => {
                    AttributeValue::Other(Cow::Borrowed(*value))
                }
                AttributeValue::Other(value) => AttributeValue::Other(value.clone()),
                AttributeValue::Set(text) => AttributeValue::Set(text.clone()),
            };
            match self.all.iter().position(|attribute| attribute.key == key) {
                Some(have) => self.all[have].value = value,
                None => self.all.push(Attribute { key: Cow::Owned(key), value }),
            }
            self.changed = true;
        }
    }

    /// Replaces matches inside the texts, also those in lists and maps, of the keys that pass.
    pub(super) fn redact(
        &mut self,
        pattern: &Pattern,
        replacement: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), Malformed> {
        for attribute in self.all.iter_mut().filter(|attribute| wanted(&attribute.key)) {
            let redacted = match &attribute.value {
                AttributeValue::Set(text) => {
                    pattern.replace_all(text, replacement).map(AttributeValue::Set)
                }
                AttributeValue::AsItCame { value, .. } => {
                    redact(value, pattern, replacement, 0)?.map(other)
                }
                AttributeValue::Other(value) => redact(value, pattern, replacement, 0)?.map(other),
            };
            if let Some(value) = redacted {
                attribute.value = value;
                self.changed = true;
            }
        }
        Ok(())
    }

    /// Writes all as fields of this number; what a rule set under a name that begins with `__` was
    /// for other rules only.
    pub(super) fn write(&self, out: &mut Vec<u8>, number: u64, scratch: &mut Vec<u8>) {
        for Attribute { key, value } in &self.all {
            let value: Cow<'_, [u8]> = match value {
                AttributeValue::AsItCame { pair, .. } => {
                    put_bytes(out, number, pair);
                    continue;
                }
                AttributeValue::Set(_) if key.starts_with("__") => continue,
                AttributeValue::Set(text) => {
                    let mut value = Vec::with_capacity(text.len() + 4);
                    put_bytes(&mut value, 1, text.as_bytes());
                    Cow::Owned(value)
                }
                AttributeValue::Other(value) => Cow::Borrowed(value),
            };
            scratch.clear();
            put_bytes(scratch, 1, key.as_bytes());
            put_bytes(scratch, 2, &value);
            put_bytes(out, number, scratch);
        }
    }
}

fn other<'a>(value: Vec<u8>) -> AttributeValue<'a> {
    AttributeValue::Other(Cow::Owned(value))
}

/// An `AnyValue` as people write it.
fn text_of(value: &[u8]) -> Option<Cow<'_, str>> {
    let field = fields(value).last()?.ok()?;
    match (field.number, field.value) {
        (1, Value::Bytes(text)) => std::str::from_utf8(text).ok().map(Cow::Borrowed),
        (2, Value::Number(yes)) => Some(Cow::Borrowed(if yes == 0 { "false" } else { "true" })),
        (3, Value::Number(number)) => Some(Cow::Owned(number.cast_signed().to_string())),
        (4, Value::Number(bits)) => Some(Cow::Owned(f64::from_bits(bits).to_string())),
        _ => None,
    }
}

/// The `AnyValue` with its texts redacted; `None` when nothing matches.
fn redact(
    value: &[u8],
    pattern: &Pattern,
    replacement: &str,
    depth: usize,
) -> Result<Option<Vec<u8>>, Malformed> {
    if depth > DEPTH_MAX {
        return Err(Malformed);
    }
    let (mut out, mut changed) = (Vec::new(), false);
    for field in fields(value) {
        let field = field?;
        let new = match field.number {
            1 => {
                let text = std::str::from_utf8(field.bytes()?).map_err(|_| Malformed)?;
                pattern.replace_all(text, replacement).map(String::into_bytes)
            }
            5 => {
                redact_items(field.bytes()?, |item| redact(item, pattern, replacement, depth + 1))?
            }
            6 => redact_items(field.bytes()?, |pair| {
                let (mut out, mut changed) = (Vec::new(), false);
                for field in fields(pair) {
                    let field = field?;
                    let new = match field.number {
                        2 => redact(field.bytes()?, pattern, replacement, depth + 1)?,
                        _ => None,
                    };
                    changed |= put(&mut out, field.number, field.raw, new);
                }
                Ok(changed.then_some(out))
            })?,
            _ => None,
        };
        changed |= put(&mut out, field.number, field.raw, new);
    }
    Ok(changed.then_some(out))
}

/// A message whose field 1 is repeated.
fn redact_items(
    list: &[u8],
    mut each: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, Malformed>,
) -> Result<Option<Vec<u8>>, Malformed> {
    let (mut out, mut changed) = (Vec::new(), false);
    for field in fields(list) {
        let field = field?;
        let new = if field.number == 1 { each(field.bytes()?)? } else { None };
        changed |= put(&mut out, field.number, field.raw, new);
    }
    Ok(changed.then_some(out))
}

/// Writes the new content, or the field as it came; true when there is a new one.
fn put(out: &mut Vec<u8>, number: u64, raw: &[u8], new: Option<Vec<u8>>) -> bool {
    match new {
        Some(new) => {
            put_bytes(out, number, &new);
            true
        }
        None => {
            out.extend_from_slice(raw);
            false
        }
    }
}
