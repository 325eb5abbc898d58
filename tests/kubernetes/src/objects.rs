//! The objects, their versions, and the history that watchers replay.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the server holds. Every change gets the next resource version.
#[derive(Default)]
pub(crate) struct Objects {
    version: u64,
    /// By resource (`pods`), then namespace and name.
    held: BTreeMap<String, BTreeMap<(String, String), Value>>,
    history: Vec<Event>,
    /// Watches from before this version are answered with 410.
    expired_before: u64,
}

/// One change.
#[derive(Clone)]
pub(crate) struct Event {
    pub(crate) version: u64,
    pub(crate) resource: String,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub(crate) kind: &'static str,
    pub(crate) object: Value,
}

impl Objects {
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn apply(&mut self, resource: &str, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let before =
            self.held.entry(resource.to_owned()).or_default().insert(key(&object), object.clone());
        let kind = if before.is_some() { "MODIFIED" } else { "ADDED" };
        self.remember(resource, kind, object);
    }

    /// Marks an object as being ended, as the API server does at the start of the grace period.
    pub(crate) fn terminate(&mut self, resource: &str, namespace: &str, name: &str) {
        let mut object = self.get(resource, namespace, name);
        object["metadata"]["deletionTimestamp"] = "2026-01-01T00:01:00Z".into();
        object["metadata"]["deletionGracePeriodSeconds"] = json!(30);
        self.apply(resource, object);
    }

    pub(crate) fn delete(&mut self, resource: &str, namespace: &str, name: &str) {
        let mut object = self.get(resource, namespace, name);
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.held.entry(resource.to_owned()).or_default().remove(&key(&object));
        self.remember(resource, "DELETED", object);
    }

    /// Forgets the history, so that every watch must list anew.
    pub(crate) fn expire(&mut self) {
        self.version += 1;
        self.expired_before = self.version;
        self.history.clear();
    }

    pub(crate) fn is_expired(&self, version: u64) -> bool {
        version < self.expired_before
    }

    /// All objects of a resource, those of one namespace where it is given, in order of their names.
    pub(crate) fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Value> {
        let held = self.held.get(resource).into_iter().flatten();
        held.filter(|((of, _), _)| namespace.is_none_or(|wanted| wanted == of))
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// What changed after a version.
    pub(crate) fn since(&self, version: u64, resource: &str) -> Vec<Event> {
        let later = self.history.iter().filter(|event| event.version > version);
        later.filter(|event| event.resource == resource).cloned().collect()
    }

    fn get(&self, resource: &str, namespace: &str, name: &str) -> Value {
        let key = (namespace.to_owned(), name.to_owned());
        let object = self.held.get(resource).and_then(|held| held.get(&key));
        object.unwrap_or_else(|| panic!("no {resource} {namespace}/{name}")).clone()
    }

    fn remember(&mut self, resource: &str, kind: &'static str, object: Value) {
        let resource = resource.to_owned();
        self.history.push(Event { version: self.version, resource, kind, object });
    }
}

fn key(object: &Value) -> (String, String) {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    (text("namespace"), text("name"))
}
