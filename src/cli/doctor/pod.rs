//! Why a pod is scraped, or not, in one sentence for each of its targets.

use serde_json::Value;

/// A pod by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PodName {
    pub(super) namespace: String,
    pub(super) name: String,
}

/// What is known of one target of the pod.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Explained {
    pub(super) is_good: bool,
    pub(super) sentence: String,
    /// Where to go on; empty when nothing is wrong.
    pub(super) mend: &'static str,
}

impl std::str::FromStr for PodName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
            }
            _ => Err(format!("{text:?} is not NAMESPACE/NAME")),
        }
    }
}

impl std::fmt::Display for PodName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl PodName {
    /// Whether discovery found this target in the pod.
    pub(super) fn has(&self, target: &Value) -> bool {
        let labels = &target["discoveredLabels"];
        labels["__meta_kubernetes_namespace"] == self.namespace.as_str()
            && labels["__meta_kubernetes_pod_name"] == self.name.as_str()
    }
}

/// An active target.
pub(super) fn explain_active(target: &Value) -> Explained {
    let (job, url) = (text(&target["scrapePool"]), text(&target["scrapeUrl"]));
    let error = text(&target["lastError"]);
    let labels = &target["discoveredLabels"];
    let container = text(&labels["__meta_kubernetes_pod_container_name"]);
    let has_port = !labels["__meta_kubernetes_pod_container_port_number"].is_null();
    let whole = match text(&target["health"]) {
        "up" => {
            let last = text(&target["lastScrape"]);
            return good(format!("job {job} reads {url}; the last read was at {last}"));
        }
        "unknown" => {
            let interval = text(&target["scrapeInterval"]);
            return good(format!("job {job} reads {url} within {interval} for the first time"));
        }
        _ => format!("job {job} cannot read {url}"),
    };
    let is = |part: &str| error.contains(part);
    let why = if !has_port && !container.is_empty() && is("cannot reach the target") {
        format!(
            "container {container} declares no port, so the URL's default was asked; declare a \
             containerPort, or set __address__ by a rule"
        )
    } else if is("status 401") {
        "it answers 401 Unauthorized; give the job basic_auth, authorization or oauth2".to_owned()
    } else if is("status 403") {
        "it answers 403 Forbidden; the job's credentials are not good for this path".to_owned()
    } else if is("status 404") || is("is traces_path right?") {
        format!(
            "this is the wrong path ({error}); set traces_path to where the span buffer answers"
        )
    } else if is("not valid for name") || is("NotValidForName") {
        format!(
            "its certificate is for another name ({error}); set tls_config.server_name to a name in \
             the certificate"
        )
    } else if is("UnknownIssuer") || is("certificate") {
        format!("its certificate is not trusted ({error}); set tls_config.ca_file")
    } else if is("cannot reach the target") {
        format!(
            "nobody answers there ({error}); is the port right, and does a NetworkPolicy let Sigyn in?"
        )
    } else if is("longer than its timeout") {
        "it answers too slowly; raise scrape_timeout, or look at the app's load".to_owned()
    } else if is("new owner") {
        "the address belongs to another pod by now; discovery will notice in a moment".to_owned()
    } else {
        error.to_owned()
    };
    bad(format!("{whole}: {why}"))
}

/// A target that relabeling dropped; `steps` is the answer of `relabel_steps` for its labels.
pub(super) fn explain_dropped(target: &Value, steps: &Value) -> Explained {
    let job = text(&target["scrapePool"]);
    let labels = &target["discoveredLabels"];
    let port = match text(&labels["__meta_kubernetes_pod_container_port_number"]) {
        "" => "which declares no port".to_owned(),
        port => format!("port {port}"),
    };
    let container = text(&labels["__meta_kubernetes_pod_container_name"]);
    let steps = steps.as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(at) = steps.iter().position(|step| step["keep"] == false) else {
        return bad(format!("job {job} dropped container {container}, {port}"));
    };
    let rule = &steps[at]["rule"];
    let before = match at {
        0 => labels,
        _ => &steps[at - 1]["output"],
    };
    let sources: Vec<&str> =
        rule["source_labels"].as_array().into_iter().flatten().map(text).collect();
    let values: Vec<&str> = sources.iter().map(|name| text(&before[*name])).collect();
    let separator = text(&rule["separator"]);
    bad(format!(
        "rule {} of job {job} (action {}, source_labels [{}], regex {:?}) dropped container {container}, \
         {port}: the value was {:?}",
        at + 1,
        text(&rule["action"]),
        sources.join(", "),
        text(&rule["regex"]),
        values.join(separator),
    ))
}

fn good(sentence: String) -> Explained {
    Explained { is_good: true, sentence, mend: "" }
}

fn bad(sentence: String) -> Explained {
    let mend = "Every label at every step: /service-discovery.";
    Explained { is_good: false, sentence, mend }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod() -> PodName {
        "shop/cart-0".parse().unwrap()
    }

    fn target(health: &str, error: &str) -> Value {
        json!({
            "scrapePool": "pods", "scrapeUrl": "http://10.0.0.1:80/debug/spans", "health": health,
            "lastError": error, "lastScrape": "T", "scrapeInterval": "5s",
            "discoveredLabels": {
                "__meta_kubernetes_namespace": "shop", "__meta_kubernetes_pod_name": "cart-0",
                "__meta_kubernetes_pod_container_name": "cart",
                "__meta_kubernetes_pod_container_port_number": "80",
            },
        })
    }

    #[track_caller]
    fn down(error: &str, expected: &str) {
        let explained = explain_active(&target("down", error));
        assert!(!explained.is_good && explained.sentence.contains(expected), "{explained:?}");
    }

    #[test]
    fn a_pod_is_named_with_its_namespace() {
        assert!(pod().has(&target("up", "")));
        assert!(!PodName { name: "cart-1".into(), ..pod() }.has(&target("up", "")));
        assert!("cart-0".parse::<PodName>().is_err());
    }

    #[test]
    fn every_fault_has_its_sentence() {
        assert!(explain_active(&target("up", "")).is_good);
        assert!(explain_active(&target("unknown", "")).sentence.contains("within 5s"));
        down("server returned HTTP status 401 Unauthorized", "basic_auth, authorization or oauth2");
        down("server returned HTTP status 403 Forbidden", "not good for this path");
        down("server returned HTTP status 404 Not Found", "wrong path");
        down("the answer is text/html …: is traces_path right?", "wrong path");
        down("certificate not valid for name \"10.0.0.1\"", "tls_config.server_name");
        down("invalid peer certificate: UnknownIssuer", "tls_config.ca_file");
        down("cannot reach the target: Connection refused", "NetworkPolicy");
        down("the read took longer than its timeout of 5s", "raise scrape_timeout");
        down("the address has a new owner: …", "another pod");
        down("target_limit exceeded (number of targets: 2, limit: 1)", "target_limit exceeded");
        let mut no_port = target("down", "cannot reach the target: Connection refused");
        no_port["discoveredLabels"]
            .as_object_mut()
            .unwrap()
            .remove("__meta_kubernetes_pod_container_port_number");
        let explained = explain_active(&no_port);
        assert!(explained.sentence.contains("declares no port"), "{explained:?}");
    }

    #[test]
    fn a_drop_names_the_rule_and_what_it_saw() {
        let rule = |action: &str| {
            json!({
                "source_labels": ["a", "b"], "separator": ";", "regex": "true;.*",
                "replacement": "$1", "action": action,
            })
        };
        let steps = json!([
            {"rule": rule("replace"), "output": {"a": "false", "b": "x"}, "keep": true},
            {"rule": rule("keep"), "output": {}, "keep": false},
        ]);
        assert_eq!(
            explain_dropped(&target("", ""), &steps).sentence,
            "rule 2 of job pods (action keep, source_labels [a, b], regex \"true;.*\") dropped container \
             cart, port 80: the value was \"false;x\""
        );
    }
}
