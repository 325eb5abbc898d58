//! Why a pod gives no target at all, in one sentence for each job that could find it.

use super::pod::{Explained, PodName};
use serde_json::Value;

/// One sentence for each block of `kubernetes_sd_configs`; `jobs` is what the server knows.
pub(super) fn explain_sightings(pod: &PodName, jobs: &Value) -> Vec<Explained> {
    let jobs = jobs.as_array().map(Vec::as_slice).unwrap_or_default();
    if jobs.is_empty() {
        return vec![bad(
            format!("pod {pod} cannot be found: no job has kubernetes_sd_configs"),
            "Add a job with kubernetes_sd_configs: [{role: pod}].",
        )];
    }
    jobs.iter().map(|job| explain(pod, job)).collect()
}

fn explain(pod: &PodName, job: &Value) -> Explained {
    let text = |key: &str| job[key].as_str().unwrap_or_default();
    let list = |key: &str| {
        let items = job[key].as_array().into_iter().flatten();
        items.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
    };
    let (name, role, phase) = (text("scrapePool"), text("role"), text("phase"));
    match text("state") {
        "finished" => bad(
            format!("pod {pod} has finished (phase {phase}), so job {name} does not read it"),
            "Nothing listens in a finished pod; keep_finished_pods: true would list it all the same.",
        ),
        "without_address" => bad(
            format!(
                "pod {pod} has no IP address yet (phase {phase}); job {name} reads it once it has"
            ),
            "`kubectl describe pod` says what it waits for.",
        ),
        "node_not_selected" => bad(
            match text("node") {
                "" => format!("pod {pod} is on no node yet, and job {name} selects nodes"),
                node => format!(
                    "job {name} selects nodes, and {node}, the node of pod {pod}, is none of them"
                ),
            },
            "Widen the selector with role: node, or drop it.",
        ),
        "behind_no_service" => bad(
            format!("job {name} has the role {role}, and no such object refers to pod {pod}"),
            "Does the service's selector match the pod's labels? The role pod needs no service.",
        ),
        "unknown" => match list("selectors").as_str() {
            "" => bad(
                format!(
                    "job {name} watches the namespace {}, and the API server has no pod {pod}",
                    pod.namespace
                ),
                "Is the name spelled right? `kubectl get pods` lists them.",
            ),
            selectors => bad(
                format!("job {name} sees no pod {pod} with its selectors ({selectors})"),
                "Is the name spelled right, and do the selectors choose it?",
            ),
        },
        "other_namespace" => bad(
            format!(
                "job {name} does not watch the namespace {}: its namespaces are {}",
                pod.namespace,
                list("namespaces"),
            ),
            "Add it to namespaces.names, or leave namespaces out to watch all.",
        ),
        "role_without_pods" => bad(
            format!("job {name} has the role {role}, whose targets are not pods"),
            "Add a job with the role pod, endpoints or endpointslice.",
        ),
        "not_listed" => match text("reason") {
            "" => bad(
                format!("job {name} waits for the API server's list of pods"),
                "Is the API server reachable? See sigyn_sd_refresh_failures_total and the log.",
            ),
            reason => bad(
                format!(
                    "job {name} cannot list the pods of the namespace {}: {reason}",
                    pod.namespace
                ),
                "Give the account the verbs list and watch on pods (deploy/kubernetes has the role).",
            ),
        },
        _ => bad(
            format!(
                "job {name} discovered pod {pod}, but none of its targets can be shown: no address that \
                 can be scraped is left after relabeling, or more were dropped than keep_dropped_targets"
            ),
            "The log says \"target cannot be scraped\" and why; try the rules on /service-discovery.",
        ),
    }
}

fn bad(sentence: String, mend: &'static str) -> Explained {
    Explained { is_good: false, sentence, mend }
}
