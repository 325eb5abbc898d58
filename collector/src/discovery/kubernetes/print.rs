//! Writes an item of `kubernetes_sd_configs` as it stands in a configuration.

use super::{Access, Attach, KubernetesDiscovery};
use crate::config::print::{Printed, PrintedMap};

impl KubernetesDiscovery {
    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.add("role", Printed::text(self.role));
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
        let selectors = self.selectors.iter().map(|(role, selector)| {
            let mut map = PrintedMap::default();
            map.add("role", Printed::text(role))
                .maybe("label", selector.label.as_ref().map(Printed::text))
                .maybe("field", selector.field.as_ref().map(Printed::text));
            map.done()
        });
        map.list("selectors", Printed::List(selectors.collect()));
        let mut attach = PrintedMap::default();
        for (key, wanted) in [
            ("node", self.attach.node),
            ("namespace", self.attach.namespace),
            ("deployment", self.attach.deployment),
            ("job", self.attach.job),
            ("cronjob", self.attach.cronjob),
        ] {
            attach.maybe(key, wanted.then_some(Printed::Boolean(true)));
        }
        map.maybe("attach_metadata", (self.attach != Attach::default()).then(|| attach.done()));
        map.add("keep_finished_pods", Printed::Boolean(self.keep_finished_pods));
        map.done()
    }
}
