//! `static_configs`: targets that stand in the configuration itself.

use crate::discovery::TargetGroup;

/// All `static_configs` of one job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StaticDiscovery {
    /// The groups; the source of each is its index in the list.
    pub groups: Vec<TargetGroup>,
}
