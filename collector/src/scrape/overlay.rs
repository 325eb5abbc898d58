//! What a target's discovery says about every span that is read from it.

use crate::{Labels, config::ScrapeConfig, target::Target};
use sigyn_store::Overlay;

/// OpenTelemetry's names, and the discovered labels that fill them where the application is silent.
const KUBERNETES_DEFAULTS: [(&str, &str); 5] = [
    ("k8s.container.name", "__meta_kubernetes_pod_container_name"),
    ("k8s.namespace.name", "__meta_kubernetes_namespace"),
    ("k8s.node.name", "__meta_kubernetes_pod_node_name"),
    ("k8s.pod.name", "__meta_kubernetes_pod_name"),
    ("k8s.pod.uid", "__meta_kubernetes_pod_uid"),
];

pub(super) fn overlay(target: &Target, config: &ScrapeConfig) -> Overlay {
    let discovered = &target.discovered;
    let kubernetes = KUBERNETES_DEFAULTS.map(|(name, label)| (name, discovered.get(label)));
    let service = [
        ("service.instance.id", target.labels.get("instance")),
        ("service.name", target.labels.get("job")),
    ];
    Overlay {
        attributes: owned(target.labels.iter()),
        honor: config.honor_labels,
        defaults: owned(kubernetes.into_iter().chain(service)),
    }
}

/// Puts a target's labels on a series of its own exposition, as Prometheus does: the target wins
/// and the exposed value is kept as `exported_<name>`, or the other way round.
pub(super) fn merged(
    exposed: Vec<(String, String)>,
    target: &Labels,
    honor: bool,
) -> Vec<(String, String)> {
    let mut all: Labels = exposed.into_iter().collect();
    if honor {
        for (name, value) in target.iter() {
            if all.get(name).is_empty() {
                all.set(name, value);
            }
        }
        return owned(all.iter());
    }
    let mut displaced: Vec<_> = target
        .iter()
        .map(|(name, _)| (name.to_owned(), all.get(name).to_owned()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    for (name, value) in target.iter() {
        all.set(name, value);
    }
    // Shortest first, so that `exported_a` of the exposition finds its place after `a` found its.
    displaced.sort_by_key(|(name, _)| name.len());
    for (name, value) in displaced {
        let mut exported = format!("exported_{name}");
        while !all.get(&exported).is_empty() {
            exported.insert_str(0, "exported_");
        }
        all.set(exported, value);
    }
    owned(all.iter())
}

fn owned<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    labels
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(exposed: &[(&str, &str)], target: &[(&str, &str)], honor: bool, expected: &str) {
        let target: Labels = target.iter().copied().collect();
        let merged: Labels =
            merged(owned(exposed.iter().copied()), &target, honor).into_iter().collect();
        assert_eq!(merged.to_string(), expected);
    }

    #[test]
    fn the_target_wins_and_the_exposed_value_is_kept() {
        check(
            &[("job", "own"), ("le", "1")],
            &[("job", "pods")],
            false,
            r#"{exported_job="own", job="pods", le="1"}"#,
        );
        check(
            &[("job", "own"), ("exported_job", "x")],
            &[("job", "pods")],
            false,
            r#"{exported_exported_job="own", exported_job="x", job="pods"}"#,
        );
        check(
            &[("a", "1"), ("exported_a", "2")],
            &[("a", "t"), ("exported_a", "u")],
            false,
            r#"{a="t", exported_a="u", exported_exported_a="1", exported_exported_exported_a="2"}"#,
        );
    }

    #[test]
    fn honor_labels_turns_it_round() {
        check(
            &[("job", "own")],
            &[("job", "pods"), ("instance", "i")],
            true,
            r#"{instance="i", job="own"}"#,
        );
    }
}
