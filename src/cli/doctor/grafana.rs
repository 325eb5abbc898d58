//! From a dot on a graph in Grafana to the trace.

use super::{Client, Finding, Known, get};
use Finding::{Bad, Good};
use serde_json::Value;
use std::collections::BTreeSet;

const PROVISIONING: &str = "as deploy/grafana/provisioning does";

/// Looks at Grafana's data sources, and opens a trace through them.
pub(super) async fn check(client: &Client, base: &str, known: &Known) -> Vec<Finding> {
    let sources = match get(client, base, "/api/datasources").await {
        Ok(answer) => answer,
        Err(why) => {
            return vec![Bad(
                format!("grafana at {base}: {why}"),
                "Name its URL with --grafana, with credentials that may read data sources: http://admin:password@host:3000."
                    .to_owned(),
            )];
        }
    };
    let sources = sources.as_array().cloned().unwrap_or_default();
    let of_type =
        |kind: &str| sources.iter().filter(|source| source["type"] == kind).collect::<Vec<_>>();
    let traces = of_type("tempo");
    let mut findings = Vec::new();
    if traces.is_empty() {
        findings.push(Bad(
            "grafana has no Tempo data source".to_owned(),
            format!("Add one whose URL is Sigyn's, {PROVISIONING}."),
        ));
    }
    let mut opened = BTreeSet::new();
    for source in of_type("prometheus") {
        let (finding, uid) = destination(source, &traces, known);
        findings.push(finding);
        opened.extend(uid);
    }
    if of_type("prometheus").is_empty() {
        findings.push(Bad(
            "grafana has no Prometheus data source".to_owned(),
            format!("Add one with exemplarTraceIdDestinations, {PROVISIONING}."),
        ));
    }
    for uid in opened {
        findings.extend(open(client, base, &uid, known).await);
    }
    findings
}

/// Whether exemplars of a Prometheus data source lead to a data source for traces, and to which.
fn destination(source: &Value, traces: &[&Value], known: &Known) -> (Finding, Option<String>) {
    let name = source["name"].as_str().unwrap_or_default();
    let list = source["jsonData"]["exemplarTraceIdDestinations"].as_array();
    let list = list.map(Vec::as_slice).unwrap_or_default();
    if list.is_empty() {
        let bad = Bad(
            format!("exemplars of grafana's data source {name} link nowhere"),
            format!(
                "Set its exemplarTraceIdDestinations to the Tempo data source, {PROVISIONING}."
            ),
        );
        return (bad, None);
    }
    let names: BTreeSet<&str> = list.iter().filter_map(|it| it["name"].as_str()).collect();
    if let Some(label) = known.labels.iter().find(|label| !names.contains(label.as_str())) {
        let names = names.into_iter().collect::<Vec<_>>().join(", ");
        let bad = Bad(
            format!(
                "grafana's data source {name} looks for the trace in the label {names}, but exemplars have it in {label}"
            ),
            format!(
                "Add a destination with `name: {label}` to its exemplarTraceIdDestinations: the name is the label's, letter by letter."
            ),
        );
        return (bad, None);
    }
    let uids = list.iter().filter_map(|it| it["datasourceUid"].as_str());
    let unknown = uids.clone().find(|uid| traces.iter().all(|trace| trace["uid"] != *uid));
    if let Some(uid) = unknown {
        let have: Vec<&str> = traces.iter().filter_map(|trace| trace["uid"].as_str()).collect();
        let bad = Bad(
            format!(
                "exemplars of grafana's data source {name} lead to the data source {uid:?}, and no Tempo data source has that uid"
            ),
            format!("Set datasourceUid to one of: {}.", have.join(", ")),
        );
        return (bad, None);
    }
    let uid = uids.clone().next().map(str::to_owned);
    let good = format!("exemplars of grafana's data source {name} link to traces");
    match uid {
        Some(_) => (Good(good), uid),
        None => (Good(format!("{good} by a URL of their own")), None),
    }
}

/// Opens a trace as Grafana would: through the data source, with Grafana's own network and credentials.
async fn open(client: &Client, base: &str, uid: &str, known: &Known) -> Option<Finding> {
    let id = known.found.as_ref()?;
    let path = format!("/api/datasources/proxy/uid/{uid}/api/v2/traces/{id}");
    Some(match get(client, base, &path).await {
        Ok(answer) if has_spans(&answer) => {
            Good(format!("grafana's data source {uid:?} opens the trace {id}"))
        }
        Ok(_) => Bad(
            format!("grafana's data source {uid:?} finds no trace {id}, which sigyn has"),
            "Its URL leads to another server: set it to Sigyn's.".to_owned(),
        ),
        Err(why) => Bad(
            format!("grafana's data source {uid:?} cannot open a trace: {why}"),
            "Set its URL to Sigyn's, as Grafana's own host reaches it.".to_owned(),
        ),
    })
}

fn has_spans(answer: &Value) -> bool {
    answer["trace"]["resourceSpans"].as_array().is_some_and(|all| !all.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(source: &Value, labels: &[&str]) -> String {
        let traces = [json!({"type": "tempo", "uid": "sigyn"})];
        let traces: Vec<&Value> = traces.iter().collect();
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let known = Known { labels, ..Known::default() };
        match destination(source, &traces, &known).0 {
            Good(what) => format!("good: {what}"),
            Bad(what, mend) => format!("{what} | {mend}"),
        }
    }

    fn source(destinations: &Value) -> Value {
        json!({"name": "P", "type": "prometheus", "jsonData": {"exemplarTraceIdDestinations": destinations}})
    }

    #[test]
    fn each_fault_of_a_destination_is_told_apart() {
        let right = source(&json!([{"name": "trace_id", "datasourceUid": "sigyn"}]));
        assert_eq!(
            said(&right, &["trace_id"]),
            "good: exemplars of grafana's data source P link to traces"
        );
        assert!(said(&source(&Value::Null), &[]).contains("P link nowhere"));
        let label = said(&right, &["traceID"]);
        assert!(
            label.contains("in the label trace_id, but exemplars have it in traceID"),
            "{label}"
        );
        let other = source(&json!([{"name": "trace_id", "datasourceUid": "gone"}]));
        let uid = said(&other, &["trace_id"]);
        assert!(
            uid.contains("no Tempo data source has that uid") && uid.ends_with("one of: sigyn."),
            "{uid}"
        );
        let by_url = source(&json!([{"name": "trace_id", "url": "http://x/${__value.raw}"}]));
        assert!(said(&by_url, &["trace_id"]).ends_with("by a URL of their own"));
    }
}
