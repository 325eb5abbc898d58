//! A set of labels, sorted by name, as Prometheus has them.

use serde::{Serialize, Serializer};
use std::{cmp::Ordering, fmt, sync::Arc};

/// Labels of a target. Sorted by name, names unique; a label with an empty value is absent.
///
/// A clone shares everything until one of the two changes, and even then the texts: ten thousand
/// pods have the same label names, and each of their targets the labels of its pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<Vec<(Arc<str>, Arc<str>)>>);

impl Labels {
    /// No labels.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value, `""` when absent.
    pub fn get(&self, name: &str) -> &str {
        match self.position(name) {
            Ok(index) => &self.0[index].1,
            Err(_) => "",
        }
    }

    /// Sets a label; an empty value removes it.
    pub fn set(&mut self, name: impl AsRef<str>, value: impl AsRef<str>) {
        let (name, value) = (name.as_ref(), value.as_ref());
        match (self.position(name), value.is_empty()) {
            (Ok(index), true) => {
                Arc::make_mut(&mut self.0).remove(index);
            }
            (Ok(index), false) => Arc::make_mut(&mut self.0)[index].1 = value.into(),
            (Err(_), true) => {}
            (Err(index), false) => {
                Arc::make_mut(&mut self.0).insert(index, (name.into(), value.into()));
            }
        }
    }

    /// As [`Self::set`], without copying the texts.
    pub(crate) fn share(&mut self, name: Arc<str>, value: Arc<str>) {
        match (self.position(&name), value.is_empty()) {
            (_, true) => self.remove(&name),
            (Ok(index), false) => Arc::make_mut(&mut self.0)[index].1 = value,
            (Err(index), false) => Arc::make_mut(&mut self.0).insert(index, (name, value)),
        }
    }

    /// Takes over all labels of another set; where both have one, the other's value wins.
    pub fn merge(&mut self, other: &Self) {
        if self.is_empty() {
            *self = other.clone();
            return;
        }
        let mut merged = Vec::with_capacity(self.len() + other.len());
        let (mut ours, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(our), Some(their)) = (ours.peek(), theirs.peek()) {
            let order = our.0.cmp(&their.0);
            merged.extend(match order {
                Ordering::Less => ours.next().cloned(),
                Ordering::Greater | Ordering::Equal => theirs.next().cloned(),
            });
            if order == Ordering::Equal {
                ours.next();
            }
        }
        merged.extend(ours.chain(theirs).cloned());
        self.0 = Arc::new(merged);
    }

    /// Removes a label.
    pub fn remove(&mut self, name: &str) {
        if let Ok(index) = self.position(name) {
            Arc::make_mut(&mut self.0).remove(index);
        }
    }

    /// Keeps the labels whose name passes.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        Arc::make_mut(&mut self.0).retain(|(name, _)| keep(name));
    }

    /// In order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives back the room that was kept for more labels.
    pub(crate) fn shrink(&mut self) {
        Arc::make_mut(&mut self.0).shrink_to_fit();
    }

    fn position(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(have, _)| (**have).cmp(name))
    }
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Labels {
    /// Of equal names the last wins.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(labels: I) -> Self {
        let mut all = Self::new();
        for (name, value) in labels {
            all.set(name, value);
        }
        all
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

impl Serialize for Labels {
    /// As a map, sorted by name.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    proptest::proptest! {
        /// Labels behave as a sorted map in which nothing is empty.
        #[test]
        fn labels_are_a_map_without_empty_values(
            steps in proptest::collection::vec(("[a-d]{1,2}", "[xy]{0,2}", 0u8..4), 0..40),
        ) {
            let (mut labels, mut model) = (Labels::new(), BTreeMap::<String, String>::new());
            let mut others = Vec::new();
            for (name, value, kind) in steps {
                match kind {
                    0 => labels.set(&name, &value),
                    1 => labels.share(name.as_str().into(), value.as_str().into()),
                    2 => labels.remove(&name),
                    _ => {
                        let other = [(&name, &value), (&value, &name)];
                        let other = other.into_iter().filter(|(name, _)| !name.is_empty());
                        let other: Labels = other.collect();
                        labels.merge(&other);
                        model.extend(other.iter().map(|(n, v)| (n.to_owned(), v.to_owned())));
                        continue;
                    }
                }
                // What was cloned before must not change with it.
                others.push((labels.clone(), labels.to_string()));
                model.insert(name, if kind == 2 { String::new() } else { value });
                model.retain(|_, value| !value.is_empty());
                let have: BTreeMap<String, String> =
                    labels.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
                proptest::prop_assert_eq!(&have, &model);
            }
            for (labels, text) in others {
                proptest::prop_assert_eq!(labels.to_string(), text);
            }
        }
    }
}
