//! The objects, their versions, and what has happened to them.

use crate::{
    event::{Event, EventKind},
    selector::Selector,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The kinds that the server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// `pods`
    Pods,
    /// `nodes`
    Nodes,
    /// `namespaces`
    Namespaces,
    /// `services`
    Services,
    /// `endpoints`
    Endpoints,
    /// `endpointslices`
    EndpointSlices,
    /// `ingresses`
    Ingresses,
    /// `replicasets`
    ReplicaSets,
    /// `jobs`
    Jobs,
}

impl Resource {
    /// Each with its group and version, its name in paths and its kind.
    const ALL: [(Self, &'static str, &'static str, &'static str); 9] = [
        (Self::Pods, "v1", "pods", "Pod"),
        (Self::Nodes, "v1", "nodes", "Node"),
        (Self::Namespaces, "v1", "namespaces", "Namespace"),
        (Self::Services, "v1", "services", "Service"),
        (Self::Endpoints, "v1", "endpoints", "Endpoints"),
        (Self::EndpointSlices, "discovery.k8s.io/v1", "endpointslices", "EndpointSlice"),
        (Self::Ingresses, "networking.k8s.io/v1", "ingresses", "Ingress"),
        (Self::ReplicaSets, "apps/v1", "replicasets", "ReplicaSet"),
        (Self::Jobs, "batch/v1", "jobs", "Job"),
    ];

    pub(crate) fn from_path(api_version: &str, name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|it| it.1 == api_version && it.2 == name).map(|it| it.0)
    }

    /// The kind of an object, by its own words.
    pub fn of(object: &Value) -> Option<Self> {
        Self::ALL.iter().find(|it| object["kind"] == it.3).map(|it| it.0)
    }

    pub(crate) fn api_version(self) -> &'static str {
        self.entry().1
    }

    pub(crate) fn plural(self) -> &'static str {
        self.entry().2
    }

    pub(crate) fn kind(self) -> &'static str {
        self.entry().3
    }

    fn entry(self) -> &'static (Self, &'static str, &'static str, &'static str) {
        Self::ALL.iter().find(|it| it.0 == self).expect("every resource stands in the table")
    }
}

type Key = (Resource, String, String);

/// The state of the whole cluster.
#[derive(Debug)]
pub(crate) struct Cluster {
    version: u64,
    objects: BTreeMap<Key, Value>,
    events: Vec<(Resource, Event)>,
    /// Watches cannot start before this version any more.
    oldest: u64,
}

impl Cluster {
    pub(crate) fn new() -> Self {
        // Not 0 and not 1: both have a meaning of their own in requests.
        Self { version: 1000, objects: BTreeMap::new(), events: Vec::new(), oldest: 1000 }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The oldest version from which a watch may still start.
    pub(crate) fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Adds an object, or puts it in the place of the one of the same name.
    pub(crate) fn put(&mut self, resource: Resource, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        object["kind"] = json!(resource.kind());
        object["apiVersion"] = json!(resource.api_version());
        let key = key(resource, &object);
        let kind = match self.objects.insert(key, object.clone()) {
            Some(_) => EventKind::Modified,
            None => EventKind::Added,
        };
        self.events.push((resource, Event { version: self.version, kind, object }));
    }

    pub(crate) fn get(&self, resource: Resource, namespace: &str, name: &str) -> Option<Value> {
        self.objects.get(&(resource, namespace.into(), name.into())).cloned()
    }

    pub(crate) fn delete(&mut self, resource: Resource, namespace: &str, name: &str) -> bool {
        let Some(mut object) = self.objects.remove(&(resource, namespace.into(), name.into()))
        else {
            return false;
        };
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let event = Event { version: self.version, kind: EventKind::Deleted, object };
        self.events.push((resource, event));
        true
    }

    /// Forgets all events: a watch that starts in the past gets 410.
    pub(crate) fn forget_events(&mut self) {
        self.version += 1;
        self.oldest = self.version;
        self.events.clear();
    }

    /// One page of the objects that match, and the token of the next page.
    pub(crate) fn list(
        &self,
        resource: Resource,
        selector: &Selector,
        limit: usize,
        from: usize,
    ) -> (Vec<Value>, Option<usize>) {
        let all = self.objects.iter().filter(|((kind, ..), _)| *kind == resource);
        let mut matching =
            all.map(|(_, object)| object).filter(|it| selector.matches(it)).skip(from);
        let page: Vec<Value> = matching.by_ref().take(limit).cloned().collect();
        let next = matching.next().map(|_| from + page.len());
        (page, next)
    }

    /// The events after a version; `None` when they are forgotten.
    pub(crate) fn since(
        &self,
        resource: Resource,
        selector: &Selector,
        version: u64,
    ) -> Option<Vec<Event>> {
        if version < self.oldest {
            return None;
        }
        let later = self.events.iter().filter(|(kind, event)| {
            *kind == resource && event.version > version && selector.matches(&event.object)
        });
        Some(later.map(|(_, event)| event.clone()).collect())
    }
}

fn key(resource: Resource, object: &Value) -> Key {
    let text = |name: &str| object["metadata"][name].as_str().unwrap_or_default().to_owned();
    (resource, text("namespace"), text("name"))
}
