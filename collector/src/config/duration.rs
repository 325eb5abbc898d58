//! Durations in Prometheus' grammar (`1h30m`).

use std::time::Duration;

/// A duration as Prometheus writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrometheusDuration(pub Duration);
