//! Do the applications show exemplars to who asks for OpenMetrics?

use super::{Client, Finding};
use Finding::{Bad, Good};
use reqwest::{Url, header};
use serde_json::Value;
use sigyn_collector::openmetrics;

/// Applications that are asked themselves.
const PAGES_MAX: usize = 20;
const ACCEPT: &str =
    "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.1";

/// What an application's page was like.
enum Page {
    WithTraces,
    /// Exemplars, but none with a label that names a trace; the labels that they have.
    OtherLabels(String),
    Without,
    NotOpenMetrics(String),
    Broken(String),
    Unreachable,
}

/// Asks the pages that Prometheus scrapes, as far as they can be reached from here.
pub(super) async fn check(client: &Client, targets: &Value) -> Vec<Finding> {
    let active = targets["data"]["activeTargets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut pages = Vec::new();
    for target in active.iter().take(PAGES_MAX) {
        let url = target["scrapeUrl"].as_str().unwrap_or_default();
        pages.push((url, page(client, url).await));
    }
    let reached = pages.iter().filter(|(_, page)| !matches!(page, Page::Unreachable)).count();
    let with_traces = pages.iter().filter(|(_, page)| matches!(page, Page::WithTraces)).count();
    let mut findings = Vec::new();
    for (url, page) in &pages {
        findings.extend(match page {
            Page::OtherLabels(labels) => Some(Bad(
                format!("the exemplars of {url} name no trace: their labels are {labels}"),
                "Give the exemplar the label trace_id (traceID and TraceID will do), and span_id beside it.".to_owned(),
            )),
            Page::NotOpenMetrics(kind) if with_traces == 0 => Some(Bad(
                format!("{url} answers {kind:?} to who asks for OpenMetrics, and that carries no exemplars"),
                "Turn OpenMetrics on in its metrics library (in Go: promhttp.HandlerOpts{EnableOpenMetrics: true}).".to_owned(),
            )),
            Page::Broken(why) => Some(Bad(
                format!("{url} is no OpenMetrics: {why}"),
                "Prometheus cannot read it either; see its page of targets.".to_owned(),
            )),
            _ => None,
        });
    }
    if reached == 0 {
        let what =
            "no application can be asked from here, so what they expose was not seen".to_owned();
        findings.push(Good(what));
    } else if with_traces == 0 {
        findings.push(Bad(
            format!("none of {reached} applications exposes an exemplar that names a trace"),
            "Observe with an exemplar where a request is measured, inside its span; an application that had no request yet shows none.".to_owned(),
        ));
    } else {
        let what =
            format!("{with_traces} of {reached} applications expose exemplars that name traces");
        findings.push(Good(what));
    }
    findings
}

async fn page(client: &Client, url: &str) -> Page {
    let Ok(url) = Url::parse(url) else { return Page::Unreachable };
    let Ok(answer) = client.get_as(url, ACCEPT).await else { return Page::Unreachable };
    if !answer.status().is_success() {
        return Page::Unreachable;
    }
    let kind = answer.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    let Ok(body) = answer.bytes().await else { return Page::Unreachable };
    let samples = match openmetrics::parse_as(&kind, &body, &mut |_| true) {
        None => return Page::NotOpenMetrics(kind),
        Some(Err(error)) => return Page::Broken(error.to_string()),
        Some(Ok(exposition)) => exposition.samples,
    };
    let labels = || samples.iter().flat_map(|sample| &sample.exemplar.labels);
    if labels().any(|(name, _)| super::TRACE_LABELS.contains(&name.as_str())) {
        return Page::WithTraces;
    }
    let mut others: Vec<&str> = labels().map(|(name, _)| name.as_str()).collect();
    others.sort_unstable();
    others.dedup();
    if samples.is_empty() { Page::Without } else { Page::OtherLabels(others.join(", ")) }
}
