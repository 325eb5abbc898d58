//! From Prometheus' exemplars to traces in Sigyn.

use super::{Client, Finding, Known, exposed, get};
use Finding::{Bad, Good};

/// Exemplars whose traces are looked up.
const TRACES_MAX: usize = 20;
/// Who looks at a graph looks at the last hour at least.
const HORIZON_SECONDS_MIN: f64 = 3600.0;

/// Walks the links from the applications through Prometheus to Sigyn. What it learns of exemplars goes into `known`.
pub(super) async fn check(
    client: &Client,
    base: &str,
    sigyn: &str,
    known: &mut Known,
) -> Vec<Finding> {
    let flags = match get(client, base, "/api/v1/status/flags").await {
        Ok(answer) => answer,
        Err(why) => {
            return vec![Bad(
                format!("prometheus at {base}: {why}"),
                "Name its URL with --prometheus.".to_owned(),
            )];
        }
    };
    let mut findings = Vec::new();
    if let Ok(targets) = get(client, base, "/api/v1/targets?state=active").await {
        findings.extend(exposed::check(client, &targets).await);
    }
    let features = flags["data"]["enable-feature"].as_str().unwrap_or_default();
    if !features.contains("exemplar-storage") {
        findings.push(Bad(
            format!("prometheus at {base} stores no exemplars"),
            "Start it with --enable-feature=exemplar-storage.".to_owned(),
        ));
        return findings;
    }
    findings.push(Good(format!("prometheus at {base} stores exemplars")));
    findings.extend(horizon(client, base).await);
    match exemplars(client, base, known).await {
        Err(why) => findings.push(Bad(
            format!("prometheus cannot be asked for its exemplars: {why}"),
            "Look at its log.".to_owned(),
        )),
        Ok(0) => findings.push(Bad(
            "prometheus holds no exemplar".to_owned(),
            "Does it scrape the applications that expose them, and ask for OpenMetrics (scrape_protocols)? They come with the next request that is measured.".to_owned(),
        )),
        Ok(held) if known.traces.is_empty() => findings.push(Bad(
            format!("none of the {held} exemplars that prometheus holds names a trace"),
            "Give the exemplar the label trace_id (traceID and TraceID will do).".to_owned(),
        )),
        Ok(held) => {
            findings.push(Good(format!("prometheus holds {held} exemplars")));
            findings.extend(traces(client, base, sigyn, known).await);
        }
    }
    findings
}

/// How far back the ring of exemplars reaches: it is one for all series.
async fn horizon(client: &Client, base: &str) -> Option<Finding> {
    let metric = async |name: &str| {
        let path = format!("/api/v1/query?query={name}");
        let answer = get(client, base, &path).await.ok()?;
        let result = &answer["data"]["result"][0]["value"];
        let at = result[0].as_f64()?;
        Some((at, result[1].as_str()?.parse::<f64>().ok()?))
    };
    // Known only where Prometheus scrapes itself.
    let (now, oldest) =
        metric("max(prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds)").await?;
    let (_, held) = metric("max(prometheus_tsdb_exemplar_exemplars_in_storage)").await?;
    let (_, most) = metric("max(prometheus_tsdb_exemplar_max_exemplars)").await?;
    let seconds = now - oldest;
    if held < most || seconds >= HORIZON_SECONDS_MIN {
        return Some(Good(format!("its ring of exemplars reaches back {}", minutes(seconds))));
    }
    let wanted = (most * HORIZON_SECONDS_MIN / seconds.max(1.0) / 1000.0).ceil() * 1000.0;
    Some(Bad(
        format!(
            "its ring of {most} exemplars is full and reaches back only {}: older dots are gone",
            minutes(seconds)
        ),
        format!(
            "Set storage: {{exemplars: {{max_exemplars: {wanted}}}}} in prometheus.yml for an hour; each takes some 100 bytes of memory."
        ),
    ))
}

fn minutes(seconds: f64) -> String {
    format!("{:.0} min", seconds / 60.0)
}

/// Notes the newest exemplars and their labels; says how many there are.
async fn exemplars(client: &Client, base: &str, known: &mut Known) -> Result<usize, String> {
    let path = "/api/v1/query_exemplars?query=%7B__name__%3D~%22.%2B%22%7D&start=0&end=9999999999";
    let answer = get(client, base, path).await?;
    let series = answer["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let all = series.iter().flat_map(|series| series["exemplars"].as_array().into_iter().flatten());
    let (mut held, mut newest) = (0, Vec::new());
    for exemplar in all {
        held += 1;
        let labels = &exemplar["labels"];
        for name in super::TRACE_LABELS {
            if let Some(id) = labels[name].as_str() {
                known.labels.insert(name.to_owned());
                newest.push((exemplar["timestamp"].as_f64().unwrap_or_default(), id.to_owned()));
            }
        }
    }
    newest.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    newest.dedup_by(|(_, a), (_, b)| a == b);
    known.traces = newest.into_iter().take(TRACES_MAX).map(|(_, id)| id).collect();
    Ok(held)
}

async fn traces(client: &Client, base: &str, sigyn: &str, known: &mut Known) -> Vec<Finding> {
    let (mut missing, mut unpinned) = (Vec::new(), Vec::new());
    for id in &known.traces {
        match get(client, sigyn, &format!("/api/sigyn/v1/traces/{id}")).await {
            Err(_) => missing.push(id.clone()),
            Ok(page) => {
                if page["pins"].as_array().is_none_or(Vec::is_empty) {
                    unpinned.push(id.clone());
                }
            }
        }
    }
    let asked = known.traces.len();
    let found = asked - missing.len();
    known.found = known.traces.iter().find(|id| !missing.contains(id)).cloned();
    let mut findings = Vec::new();
    match missing.first() {
        None => findings.push(Good(format!("all {asked} newest exemplars lead to their traces"))),
        Some(id) => findings.push(Bad(
            format!("{} of the {asked} newest exemplars lead to no trace in sigyn, such as {id}", missing.len()),
            "Does Sigyn read the span buffer of that application (see /targets), and does the application's sampler let its spans be recorded? An exemplar of the last seconds may be ahead of its spans.".to_owned(),
        )),
    }
    if found > 0 {
        findings.push(match unpinned.first() {
            None => Good(format!("the {found} found are pinned: retention leaves them alone")),
            Some(id) => Bad(
                format!("{} of the {found} found are not pinned, such as {id}: they go when their time is over", unpinned.len()),
                format!("Add exemplars: {{prometheus: [{{url: {base}}}]}} to Sigyn's configuration, or exemplars_path to the scrape config."),
            ),
        });
    }
    findings
}
