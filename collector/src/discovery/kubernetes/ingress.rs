//! Role `ingress`: each path of each rule, by the rule's host.

use super::{
    interner::Interner,
    metadata::LabelWriter,
    objects::{Key, Objects},
};
use crate::{
    Labels,
    discovery::{DiscoveredTarget, TargetGroup},
};
use k8s_openapi::api::networking::v1 as networking;
use std::sync::Arc;

/// What is kept of an ingress.
#[derive(PartialEq)]
pub(super) struct Ingress {
    labels: Labels,
    /// Hosts that are served with TLS.
    tls_hosts: Box<[Arc<str>]>,
    rules: Box<[Rule]>,
}

#[derive(PartialEq)]
struct Rule {
    host: Arc<str>,
    paths: Box<[Arc<str>]>,
}

impl Ingress {
    pub(super) fn of(sent: &networking::Ingress, interner: &mut Interner) -> Self {
        let spec = sent.spec.clone().unwrap_or_default();
        let mut labels = LabelWriter::new(interner);
        labels
            .maybe("namespace", sent.metadata.namespace.as_deref())
            .maybe("ingress_name", sent.metadata.name.as_deref())
            .maybe("ingress_class_name", spec.ingress_class_name.as_deref())
            .metadata("ingress", &sent.metadata);
        let labels = labels.done();
        let tls_hosts = spec.tls.iter().flatten().flat_map(|tls| tls.hosts.iter().flatten());
        let tls_hosts = tls_hosts.map(|host| interner.share(host)).collect();
        let rules = spec.rules.iter().flatten().map(|rule| {
            let all: Vec<&str> = match &rule.http {
                Some(http) => {
                    let paths = http.paths.iter().map(|it| it.path.as_deref().unwrap_or_default());
                    paths.map(|path| if path.is_empty() { "/" } else { path }).collect()
                }
                None => vec!["/"],
            };
            Rule {
                host: interner.share(rule.host.as_deref().unwrap_or_default()),
                paths: all.into_iter().map(|path| interner.share(path)).collect(),
            }
        });
        let rules = rules.collect();
        Self { labels, tls_hosts, rules }
    }

    pub(super) fn group(
        &self,
        key: &Key,
        objects: &Objects,
        interner: &mut Interner,
    ) -> TargetGroup {
        let mut group = TargetGroup { labels: self.labels.clone(), ..TargetGroup::default() };
        if let Some(namespace) = objects.namespace(&key.0) {
            group.labels.merge(namespace);
        }
        for Rule { host, paths } in &self.rules {
            let has_tls = self.tls_hosts.iter().any(|tls_host| covers(tls_host, host));
            for path in paths {
                let mut labels = LabelWriter::new(interner);
                labels
                    .address(host)
                    .set("ingress_scheme", if has_tls { "https" } else { "http" })
                    .set("ingress_host", host)
                    .set("ingress_path", path);
                group.targets.push(DiscoveredTarget { labels: labels.done(), ending: false });
            }
        }
        group
    }
}

/// A certificate's host is the same, or `*.rest` with one label for the star.
fn covers(tls_host: &str, host: &str) -> bool {
    tls_host == host
        || tls_host.strip_prefix("*.").is_some_and(|rest| {
            host.split_once('.').is_some_and(|(label, tail)| !label.is_empty() && tail == rest)
        })
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_star_stands_for_one_label() {
        assert!(covers("a.example", "a.example"));
        assert!(covers("*.example", "a.example"));
        assert!(!covers("*.example", "a.b.example"));
        assert!(!covers("*.example", "example"));
        assert!(!covers("*.example", ".example"));
        assert!(!covers("b.example", "a.example"));
    }
}
