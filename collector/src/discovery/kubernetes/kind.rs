//! The roles, and the kinds of objects that each must know.

use super::Attach;
use std::{fmt, str::FromStr};

/// What becomes a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Each node's kubelet.
    Node,
    /// Each port of each container.
    Pod,
    /// Each port of each service.
    Service,
    /// Each address of each service, by the older API.
    Endpoints,
    /// Each address of each service.
    EndpointSlice,
    /// Each path of each ingress.
    Ingress,
}

/// A kind of object that is listed and watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    Node,
    Pod,
    Service,
    Endpoints,
    EndpointSlice,
    Ingress,
    Namespace,
    ReplicaSet,
    Job,
}

impl Role {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Node, "node"),
        (Self::Pod, "pod"),
        (Self::Service, "service"),
        (Self::Endpoints, "endpoints"),
        (Self::EndpointSlice, "endpointslice"),
        (Self::Ingress, "ingress"),
    ];

    /// As it stands in a configuration.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }

    /// The objects that targets are made of.
    pub(super) fn primary(self) -> Kind {
        match self {
            Self::Node => Kind::Node,
            Self::Pod => Kind::Pod,
            Self::Service => Kind::Service,
            Self::Endpoints => Kind::Endpoints,
            Self::EndpointSlice => Kind::EndpointSlice,
            Self::Ingress => Kind::Ingress,
        }
    }

    /// The roles for which a selector may stand in a block of this role.
    pub(super) fn selectable(self) -> &'static [Self] {
        match self {
            Self::Pod => &[Self::Pod, Self::Node],
            Self::Endpoints => &[Self::Pod, Self::Service, Self::Endpoints],
            Self::EndpointSlice => &[Self::Pod, Self::Service, Self::EndpointSlice],
            Self::Node => &[Self::Node],
            Self::Service => &[Self::Service],
            Self::Ingress => &[Self::Ingress],
        }
    }

    /// All kinds that must be watched.
    pub(super) fn kinds(self, attach: Attach) -> Vec<Kind> {
        let mut kinds = vec![self.primary()];
        let through_pods = matches!(self, Self::Endpoints | Self::EndpointSlice);
        let mut also = |kind: Kind, wanted: bool| {
            if wanted {
                kinds.push(kind);
            }
        };
        also(Kind::Service, through_pods);
        also(Kind::Pod, through_pods);
        let has_pods = through_pods || self == Self::Pod;
        also(Kind::Node, has_pods && attach.node);
        also(Kind::ReplicaSet, has_pods && attach.deployment);
        also(Kind::Job, has_pods && (attach.job || attach.cronjob));
        also(Kind::Namespace, self != Self::Node && attach.namespace);
        kinds
    }

    /// What the source of a group begins with.
    pub(super) fn source_prefix(self) -> &'static str {
        match self {
            Self::Service => "svc",
            other => other.name(),
        }
    }
}

impl Kind {
    /// The role whose selector narrows what is listed.
    pub(super) fn role(self) -> Option<Role> {
        Role::ALL.iter().map(|(role, _)| *role).find(|role| role.primary() == self)
    }

    /// Whether objects of this kind live in namespaces.
    pub(super) fn is_namespaced(self) -> bool {
        !matches!(self, Self::Node | Self::Namespace)
    }

    /// As in the API's paths.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Node => "nodes",
            Self::Pod => "pods",
            Self::Service => "services",
            Self::Endpoints => "endpoints",
            Self::EndpointSlice => "endpointslices",
            Self::Ingress => "ingresses",
            Self::Namespace => "namespaces",
            Self::ReplicaSet => "replicasets",
            Self::Job => "jobs",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(role, _)| *role).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|(_, name)| *name).collect();
            format!("{text:?} is none of the roles {}", names.join(", "))
        })
    }
}
