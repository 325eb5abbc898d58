//! Names of labels, and the labels that every object brings along.

use super::interner::Interner;
use crate::{Labels, discovery::naming::clean};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;

const PREFIX: &str = "__meta_kubernetes_";

/// Puts labels together; their names are given without `__meta_kubernetes_`.
pub(super) struct LabelWriter<'i> {
    pub(super) labels: Labels,
    interner: &'i mut Interner,
    name: String,
}

impl<'i> LabelWriter<'i> {
    pub(super) fn new(interner: &'i mut Interner) -> Self {
        Self { labels: Labels::new(), interner, name: PREFIX.to_owned() }
    }

    /// Goes on with labels that are there already.
    pub(super) fn over(interner: &'i mut Interner, labels: Labels) -> Self {
        Self { labels, ..Self::new(interner) }
    }

    pub(super) fn address(&mut self, address: &str) -> &mut Self {
        self.labels.set("__address__", address);
        self
    }

    /// A label whose name does not begin with `__meta_kubernetes_`.
    pub(super) fn plain(&mut self, name: &str, value: &str) -> &mut Self {
        let (name, value) = (self.interner.share(name), self.interner.share(value));
        self.labels.share(name, value);
        self
    }

    pub(super) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.set_parts(&[name], value)
    }

    pub(super) fn maybe(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        self.set(name, value.unwrap_or_default())
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.set(name, if value { "true" } else { "false" })
    }

    /// A name that is put together from parts.
    pub(super) fn set_parts(&mut self, parts: &[&str], value: &str) -> &mut Self {
        if value.is_empty() {
            return self;
        }
        self.name.truncate(PREFIX.len());
        self.name.extend(parts.iter().copied());
        let name = self.interner.share(&self.name);
        self.labels.share(name, self.interner.share(value));
        self
    }

    /// Each entry of a map and its `present` twin. Of two keys that clean to one name the last wins,
    /// since maps are sorted.
    pub(super) fn map(
        &mut self,
        kind: &str,
        what: &str,
        map: Option<&BTreeMap<String, String>>,
    ) -> &mut Self {
        for (key, value) in map.into_iter().flatten() {
            let key = clean(key);
            // An empty value must take away what another key of the same name has set.
            let name = format!("{PREFIX}{kind}_{what}_{key}");
            self.labels.remove(&name);
            self.set_parts(&[kind, "_", what, "_", &key], value);
            self.set_parts(&[kind, "_", what, "present_", &key], "true");
        }
        self
    }

    /// Labels and annotations of an object.
    pub(super) fn metadata(&mut self, kind: &str, meta: &ObjectMeta) -> &mut Self {
        self.map(kind, "label", meta.labels.as_ref());
        self.map(kind, "annotation", meta.annotations.as_ref())
    }

    pub(super) fn done(mut self) -> Labels {
        self.labels.shrink();
        self.labels
    }
}
