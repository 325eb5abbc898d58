//! Discovery: mechanisms that emit target groups, and the manager that gathers them by job.

mod group;

pub use group::{DiscoveredTarget, TargetGroup};
