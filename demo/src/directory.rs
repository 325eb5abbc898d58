//! Which instances of which service listen where.

use crate::dice::Dice;
use std::{collections::BTreeMap, net::SocketAddr};

/// One listener of the shop, as a scrape configuration needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScrapeTarget {
    /// The service's name, such as `cart`.
    pub service: &'static str,
    /// The replica's name, such as `cart-0`: what a pod would be called.
    pub pod: String,
    /// Where `/debug/spans` and `/metrics` are served.
    pub address: SocketAddr,
}

/// The shop's name service. Fixed once all listeners are bound.
#[derive(Debug)]
pub(crate) struct Directory {
    replicas: BTreeMap<&'static str, Vec<SocketAddr>>,
}

impl Directory {
    pub(crate) fn new<'a>(targets: impl IntoIterator<Item = &'a ScrapeTarget>) -> Self {
        let mut replicas = BTreeMap::<_, Vec<_>>::new();
        for target in targets {
            replicas.entry(target.service).or_default().push(target.address);
        }
        Self { replicas }
    }

    /// The replica that serves this request, or `None` for a service that the shop does not have.
    pub(crate) fn resolve(&self, service: &str, dice: Dice) -> Option<SocketAddr> {
        let replicas = self.replicas.get(service)?;
        Some(*dice.pick("replica", replicas))
    }
}
