//! What a discovery mechanism emits.

use crate::Labels;

/// Targets of one source (a pod, a file entry …). An update replaces the group with the same
/// source; a group without targets removes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetGroup {
    /// Unique inside the provider, such as `pod/shop/cart-0`.
    pub source: String,
    /// Labels that all targets share; a target's own label wins.
    pub labels: Labels,
    /// The targets, each with `__address__`.
    pub targets: Vec<DiscoveredTarget>,
}

/// One target as discovered, before relabeling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DiscoveredTarget {
    /// Its own labels, `__address__` included.
    pub labels: Labels,
    /// The platform is ending it (deletion timestamp, terminating condition): read it at once and
    /// until it is drained.
    pub ending: bool,
}
