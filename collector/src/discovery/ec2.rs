//! `ec2_sd_configs`: instances of Amazon's EC2, and of what speaks its API.

mod api;
mod credentials;
mod instance;
mod read;
mod signature;
mod xml;

use crate::{
    config::{HttpClient, PrometheusDuration, Secret},
    discovery::{poll::every, provider::Emitter},
};
use sigyn_store::Clock;
use std::sync::Arc;

/// One item of `ec2_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ec2Discovery {
    /// None: that of the environment, or of the instance that Sigyn runs on.
    pub region: Option<String>,
    /// Another address than that of the region.
    pub endpoint: Option<String>,
    /// Key ID and secret key; none: AWS' usual chain of places is searched.
    pub keys: Option<(String, Secret)>,
    /// Profile in the shared credentials file.
    pub profile: Option<String>,
    /// A role to take on.
    pub role_arn: Option<String>,
    /// What the role's owner demands to be told.
    pub external_id: Option<String>,
    /// Port of the targets.
    pub port: u16,
    /// Which instances, by the API's own filters.
    pub filters: Vec<(String, Vec<String>)>,
    /// Time between two questions, and how long one may take.
    pub refresh_interval: PrometheusDuration,
    /// TLS and headers.
    pub http: HttpClient,
}

impl Ec2Discovery {
    pub(crate) async fn run(self, emitter: Emitter, clock: Arc<dyn Clock>) {
        let mut ticks = every(self.refresh_interval.0);
        let mut api = api::Api::new(self, clock);
        loop {
            ticks.tick().await;
            emitter.refreshed(api.groups().await);
        }
    }
}
