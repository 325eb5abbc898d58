//! What is kept of the objects that the API server sends: the few fields that labels need.
//!
//! A pod as it comes over the wire takes some 30 KB in memory; what is kept of it takes 2 to 4.

use super::{
    KubernetesDiscovery, Role, endpoint_slice::Slice, endpoints::Endpoints, ingress::Ingress,
    interner::Interner, kind::Kind, metadata::LabelWriter, node::Node, pod::Pod, service::Service,
};
use crate::{Labels, discovery::TargetGroup};
use k8s_openapi::{
    api::{
        apps::v1::ReplicaSet,
        batch::v1::Job,
        core::v1::{self as core, ObjectReference},
        discovery::v1::EndpointSlice,
        networking::v1::Ingress as ApiIngress,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Namespace (empty for what is in none) and name.
pub(super) type Key = (Arc<str>, Arc<str>);

/// An object as the API server sent it.
pub(super) enum Sent {
    Node(Box<core::Node>),
    Pod(Box<core::Pod>),
    Service(Box<core::Service>),
    Endpoints(Box<core::Endpoints>),
    EndpointSlice(Box<EndpointSlice>),
    Ingress(Box<ApiIngress>),
    Namespace(Box<core::Namespace>),
    ReplicaSet(Box<ReplicaSet>),
    Job(Box<Job>),
}

/// An object as it is kept.
#[derive(PartialEq)]
pub(super) enum Object {
    Node(Box<Node>),
    Pod(Box<Pod>),
    Service(Box<Service>),
    Endpoints(Box<Endpoints>),
    EndpointSlice(Box<Slice>),
    Ingress(Box<Ingress>),
    /// Labels of the namespace.
    Namespace(Labels),
    /// What controls a ReplicaSet or a Job.
    Owned(Option<Owner>),
}

/// What an object belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Owner {
    pub(super) kind: Arc<str>,
    pub(super) name: Arc<str>,
}

/// A pod or node that an address refers to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reference {
    pub(super) kind: Arc<str>,
    pub(super) namespace: Arc<str>,
    pub(super) name: Arc<str>,
}

/// All objects that are known, by kind.
#[derive(Default)]
pub(super) struct Objects {
    by_kind: BTreeMap<Kind, BTreeMap<Key, Object>>,
    /// Kinds of which all objects were seen at least once.
    listed: BTreeSet<Kind>,
}

impl Sent {
    pub(super) fn key(&self, interner: &mut Interner) -> Key {
        let meta = self.meta();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        (interner.share(&text(&meta.namespace)), interner.share(&text(&meta.name)))
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Node(it) => &it.metadata,
            Self::Pod(it) => &it.metadata,
            Self::Service(it) => &it.metadata,
            Self::Endpoints(it) => &it.metadata,
            Self::EndpointSlice(it) => &it.metadata,
            Self::Ingress(it) => &it.metadata,
            Self::Namespace(it) => &it.metadata,
            Self::ReplicaSet(it) => &it.metadata,
            Self::Job(it) => &it.metadata,
        }
    }

    /// An object of a manifest; none when its kind is of no concern here.
    pub(super) fn of_manifest(
        manifest: serde_json::Value,
    ) -> serde_json::Result<Option<(Kind, Self)>> {
        use serde_json::from_value;
        let kind =
            manifest.get("kind").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned();
        Ok(Some(match kind.as_str() {
            "Node" => (Kind::Node, Self::Node(from_value(manifest)?)),
            "Pod" => (Kind::Pod, Self::Pod(from_value(manifest)?)),
            "Service" => (Kind::Service, Self::Service(from_value(manifest)?)),
            "Endpoints" => (Kind::Endpoints, Self::Endpoints(from_value(manifest)?)),
            "EndpointSlice" => (Kind::EndpointSlice, Self::EndpointSlice(from_value(manifest)?)),
            "Ingress" => (Kind::Ingress, Self::Ingress(from_value(manifest)?)),
            "Namespace" => (Kind::Namespace, Self::Namespace(from_value(manifest)?)),
            "ReplicaSet" => (Kind::ReplicaSet, Self::ReplicaSet(from_value(manifest)?)),
            "Job" => (Kind::Job, Self::Job(from_value(manifest)?)),
            _ => return Ok(None),
        }))
    }

    /// Lets go of all that no label needs.
    pub(super) fn keep(&self, interner: &mut Interner) -> Object {
        match self {
            Self::Node(it) => Object::Node(Box::new(Node::of(it, interner))),
            Self::Pod(it) => Object::Pod(Box::new(Pod::of(it, interner))),
            Self::Service(it) => Object::Service(Box::new(Service::of(it, interner))),
            Self::Endpoints(it) => Object::Endpoints(Box::new(Endpoints::of(it, interner))),
            Self::EndpointSlice(it) => Object::EndpointSlice(Box::new(Slice::of(it, interner))),
            Self::Ingress(it) => Object::Ingress(Box::new(Ingress::of(it, interner))),
            Self::Namespace(it) => {
                let mut labels = LabelWriter::new(interner);
                labels.metadata("namespace", &it.metadata);
                Object::Namespace(labels.done())
            }
            Self::ReplicaSet(it) => Object::Owned(Owner::of(&it.metadata, interner)),
            Self::Job(it) => Object::Owned(Owner::of(&it.metadata, interner)),
        }
    }
}

impl Owner {
    /// The owner that controls the object.
    pub(super) fn of(meta: &ObjectMeta, interner: &mut Interner) -> Option<Self> {
        let owner =
            meta.owner_references.iter().flatten().find(|it| it.controller == Some(true))?;
        Some(Self { kind: interner.share(&owner.kind), name: interner.share(&owner.name) })
    }
}

impl Reference {
    /// `namespace` is where the referring object lives; it stands in when the reference has none.
    pub(super) fn of(
        sent: Option<&ObjectReference>,
        namespace: &str,
        interner: &mut Interner,
    ) -> Option<Self> {
        let sent = sent?;
        let mut share = |text: Option<&str>| interner.share(text.unwrap_or_default());
        Some(Self {
            kind: share(sent.kind.as_deref()),
            namespace: share(sent.namespace.as_deref().or(Some(namespace))),
            name: share(sent.name.as_deref()),
        })
    }

    /// Where the pod is found, if it is one.
    pub(super) fn pod(&self) -> Option<Key> {
        (&*self.kind == "Pod").then(|| (Arc::clone(&self.namespace), Arc::clone(&self.name)))
    }

    /// The node's name, if it is one.
    pub(super) fn node(&self) -> Option<&str> {
        (&*self.kind == "Node").then_some(&*self.name)
    }
}

impl Objects {
    /// All objects of a kind have been inserted.
    pub(super) fn listed(&mut self, kind: Kind) {
        self.listed.insert(kind);
    }

    /// Whether an object of this kind that is not here does not exist.
    pub(super) fn are_listed(&self, kind: Kind) -> bool {
        self.listed.contains(&kind)
    }

    /// True when something changed.
    pub(super) fn insert(&mut self, kind: Kind, key: Key, object: Object) -> bool {
        let of_kind = self.by_kind.entry(kind).or_default();
        if of_kind.get(&key) == Some(&object) {
            return false;
        }
        of_kind.insert(key, object);
        true
    }

    /// The group of one of the role's own objects; one that is not there has an empty group.
    pub(super) fn group(
        &self,
        key: &Key,
        discovery: &KubernetesDiscovery,
        interner: &mut Interner,
    ) -> TargetGroup {
        let role = discovery.role;
        let mut group = match self.get(role.primary(), key) {
            Some(Object::Node(node)) => node.group(interner),
            Some(Object::Pod(pod)) => pod.group(key, discovery, self, interner),
            Some(Object::Service(service)) => service.group(key, self, interner),
            Some(Object::Endpoints(it)) => it.group(key, discovery, self, interner),
            Some(Object::EndpointSlice(it)) => it.group(key, discovery, self, interner),
            Some(Object::Ingress(ingress)) => ingress.group(key, self, interner),
            _ => TargetGroup::default(),
        };
        let prefix = role.source_prefix();
        group.source = match role {
            Role::Node => format!("{prefix}/{}", key.1),
            _ => format!("{prefix}/{}/{}", key.0, key.1),
        };
        group
    }

    /// True when it was there.
    pub(super) fn remove(&mut self, kind: Kind, key: &Key) -> bool {
        self.by_kind.get_mut(&kind).is_some_and(|of_kind| of_kind.remove(key).is_some())
    }

    pub(super) fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (&Key, &Object)> {
        self.by_kind.get(&kind).into_iter().flatten()
    }

    /// Keys of a kind, of one namespace or of all, that are not in `listed`.
    pub(super) fn missing(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        listed: &BTreeSet<Key>,
    ) -> Vec<Key> {
        self.of_kind(kind)
            .map(|(key, _)| key)
            .filter(|key| namespace.is_none_or(|namespace| *key.0 == *namespace))
            .filter(|key| !listed.contains(*key))
            .cloned()
            .collect()
    }

    pub(super) fn get(&self, kind: Kind, key: &Key) -> Option<&Object> {
        self.by_kind.get(&kind)?.get(key)
    }

    /// Whether any Endpoints or EndpointSlice object has an address of the pod.
    pub(super) fn any_refers_to(&self, kind: Kind, pod: &Key) -> bool {
        self.of_kind(kind).any(|(_, object)| match object {
            Object::Endpoints(endpoints) => endpoints.refers_to(pod),
            Object::EndpointSlice(slice) => slice.refers_to(pod),
            _ => false,
        })
    }

    pub(super) fn pod(&self, key: &Key) -> Option<&Pod> {
        match self.get(Kind::Pod, key)? {
            Object::Pod(pod) => Some(pod),
            _ => None,
        }
    }

    pub(super) fn node(&self, name: &str) -> Option<&Node> {
        match self.get(Kind::Node, &("".into(), name.into()))? {
            Object::Node(node) => Some(node),
            _ => None,
        }
    }

    pub(super) fn service(&self, namespace: &Arc<str>, name: &Arc<str>) -> Option<&Service> {
        match self.get(Kind::Service, &(Arc::clone(namespace), Arc::clone(name)))? {
            Object::Service(service) => Some(service),
            _ => None,
        }
    }

    pub(super) fn namespace(&self, name: &Arc<str>) -> Option<&Labels> {
        match self.get(Kind::Namespace, &("".into(), Arc::clone(name)))? {
            Object::Namespace(labels) => Some(labels),
            _ => None,
        }
    }

    /// What controls a ReplicaSet or a Job.
    pub(super) fn owner(
        &self,
        kind: Kind,
        namespace: &Arc<str>,
        name: &Arc<str>,
    ) -> Option<&Owner> {
        match self.get(kind, &(Arc::clone(namespace), Arc::clone(name)))? {
            Object::Owned(owner) => owner.as_ref(),
            _ => None,
        }
    }
}
