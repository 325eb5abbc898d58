//! `kubernetes_sd_configs`: pods as the Kubernetes API lists and watches them.

mod access;
mod pod;
mod read;
mod retry;
#[cfg(test)]
mod tests;
mod watch;

pub use access::Access;

use crate::{
    config::print::{Printed, PrintedMap},
    discovery::provider::Emitter,
};

/// One item of `kubernetes_sd_configs`, role `pod`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KubernetesDiscovery {
    /// Which API server, and how.
    pub access: Access,
    /// Namespaces to watch; empty (and not `own_namespace`): all.
    pub namespaces: Vec<String>,
    /// Also the namespace that Sigyn itself runs in.
    pub own_namespace: bool,
    /// Label selector of pods, such as `app=cart`.
    pub label_selector: Option<String>,
    /// Field selector of pods, such as `spec.nodeName=node-1`.
    pub field_selector: Option<String>,
    /// Attach the labels and annotations of the pod's namespace.
    pub attach_namespace: bool,
    /// Attach the labels and annotations of the pod's node.
    pub attach_node: bool,
    /// Whether pods in phase Succeeded or Failed give targets.
    pub keep_finished_pods: bool,
}

impl KubernetesDiscovery {
    pub(crate) async fn run(self, emitter: Emitter) {
        watch::run(self, emitter).await;
    }

    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.add("role", Printed::text("pod"));
        match &self.access {
            Access::InCluster => {}
            Access::Kubeconfig(path) => {
                map.add("kubeconfig_file", Printed::path(path));
            }
            Access::ApiServer { url, http } => {
                map.add("api_server", Printed::text(url)).http(http);
            }
        }
        if self.own_namespace || !self.namespaces.is_empty() {
            let mut namespaces = PrintedMap::default();
            namespaces
                .add("own_namespace", Printed::Boolean(self.own_namespace))
                .list("names", Printed::texts(&self.namespaces));
            map.add("namespaces", namespaces.done());
        }
        if self.label_selector.is_some() || self.field_selector.is_some() {
            let mut selector = PrintedMap::default();
            selector
                .add("role", Printed::text("pod"))
                .maybe("label", self.label_selector.as_ref().map(Printed::text))
                .maybe("field", self.field_selector.as_ref().map(Printed::text));
            map.add("selectors", Printed::List(vec![selector.done()]));
        }
        if self.attach_namespace || self.attach_node {
            let mut attach = PrintedMap::default();
            attach
                .add("node", Printed::Boolean(self.attach_node))
                .add("namespace", Printed::Boolean(self.attach_namespace));
            map.add("attach_metadata", attach.done());
        }
        map.add("keep_finished_pods", Printed::Boolean(self.keep_finished_pods));
        map.done()
    }
}
