//! `sigyn doctor`: checks every link from app to Grafana, and says how to mend what is missing.

mod exposed;
mod grafana;
mod pod;
mod prometheus;
mod sighting;

use super::client::Client;
use crate::exit::Exit;
use clap::Args;
use pod::{Explained, PodName, explain_active, explain_dropped};
use serde_json::Value;
use sighting::explain_sightings;
use std::{collections::BTreeSet, time::Duration};

const TIMEOUT: Duration = Duration::from_secs(10);

/// The servers to check.
#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// Sigyn.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7449")]
    server: String,
    /// Prometheus, whose exemplars point at traces.
    #[arg(long, value_name = "URL")]
    prometheus: Option<String>,
    /// Grafana, with credentials in the URL where it wants them.
    #[arg(long, value_name = "URL")]
    grafana: Option<String>,
    /// Only this pod: why it is scraped, or not.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pod: Option<PodName>,
}

/// The spellings of the label that names a trace.
const TRACE_LABELS: [&str; 4] = ["trace_id", "traceID", "TraceID", "traceId"];

/// What is known of exemplars by the time that Grafana is asked.
#[derive(Default)]
struct Known {
    /// Under which labels they name traces.
    labels: BTreeSet<String>,
    /// The newest traces that they name.
    traces: Vec<String>,
    /// One that Sigyn holds.
    found: Option<String>,
}

/// One link and its state.
enum Finding {
    Good(String),
    /// What is wrong, and how to mend it.
    Bad(String, String),
}

use Finding::{Bad, Good};

impl Doctor {
    #[expect(clippy::print_stdout, reason = "the answer of a command belongs there")]
    pub(crate) fn run(self) -> Result<(), Exit> {
        let findings = super::serve::runtime()?.block_on(self.examine())?;
        let mut bad = 0;
        for finding in &findings {
            match finding {
                Good(what) => println!("good  {what}"),
                Bad(what, mend) => {
                    bad += 1;
                    println!("BAD   {what}\n      {mend}");
                }
            }
        }
        if bad == 0 { Ok(()) } else { Err(Exit::bad(format!("{bad} link(s) need attention"))) }
    }

    async fn examine(&self) -> Result<Vec<Finding>, Exit> {
        let client = Client::new(TIMEOUT)?;
        if let Some(pod) = &self.pod {
            return Ok(self.explain(&client, pod).await);
        }
        let mut known = Known::default();
        let mut findings = self.sigyn(&client).await;
        if let Some(prometheus) = &self.prometheus {
            let base = prometheus.as_str();
            findings.extend(prometheus::check(&client, base, &self.server, &mut known).await);
        }
        if let Some(grafana) = &self.grafana {
            findings.extend(grafana::check(&client, grafana, &known).await);
        }
        Ok(findings)
    }

    /// One finding for each target of the pod.
    async fn explain(&self, client: &Client, pod: &PodName) -> Vec<Finding> {
        let targets = match get(client, &self.server, "/api/v1/targets").await {
            Ok(answer) => answer,
            Err(why) => return vec![self.unreachable(&why)],
        };
        let of_pod = |list: &str| -> Vec<Value> {
            let all = targets["data"][list].as_array().into_iter().flatten();
            all.filter(|target| pod.has(target)).cloned().collect()
        };
        let mut explained: Vec<Explained> =
            of_pod("activeTargets").iter().map(explain_active).collect();
        for target in of_pod("droppedTargets") {
            let query = [
                ("scrapePool", &target["scrapePool"].as_str().unwrap_or_default().to_owned()),
                ("labels", &target["discoveredLabels"].to_string()),
            ];
            let path = with_query("/api/v1/targets/relabel_steps", &query);
            let steps = get(client, &self.server, &path).await.unwrap_or_default();
            explained.push(explain_dropped(&target, &steps["data"]["steps"]));
        }
        if explained.is_empty() {
            let query = [("namespace", &pod.namespace), ("name", &pod.name)];
            match get(client, &self.server, &with_query("/api/sigyn/v1/pod", &query)).await {
                Ok(known) => explained = explain_sightings(pod, &known["jobs"]),
                Err(why) => return vec![self.unreachable(&why)],
            }
        }
        // One port that is read is what the others were dropped for.
        let is_read = explained.iter().any(|target| target.is_good);
        let finding = |Explained { is_good, sentence, mend }| match is_good || is_read {
            true => Good(sentence),
            false => Bad(sentence, mend.to_owned()),
        };
        explained.into_iter().map(finding).collect()
    }

    fn unreachable(&self, why: &str) -> Finding {
        Bad(
            format!("sigyn at {}: {why}", self.server),
            "Start it with `sigyn serve`, or name its URL with --server.".to_owned(),
        )
    }

    async fn sigyn(&self, client: &Client) -> Vec<Finding> {
        let targets = match get(client, &self.server, "/api/v1/targets").await {
            Ok(answer) => answer,
            Err(why) => return vec![self.unreachable(&why)],
        };
        let mut findings = vec![Good(format!("sigyn answers at {}", self.server))];
        let active =
            targets["data"]["activeTargets"].as_array().map(Vec::as_slice).unwrap_or_default();
        if active.is_empty() {
            findings.push(Bad(
                "there are no targets".to_owned(),
                "Add scrape_configs, or see which targets relabeling dropped under /service-discovery."
                    .to_owned(),
            ));
        }
        findings.extend(active.iter().map(target_finding));
        match get(client, &self.server, "/api/search?q=%7B%7D&limit=1").await {
            Ok(answer) if answer["traces"].as_array().is_some_and(|all| !all.is_empty()) => {
                findings.push(Good("traces are stored and found".to_owned()));
            }
            Ok(_) => findings.push(Bad(
                "no trace is stored yet".to_owned(),
                "Send the instrumented app a request, and wait one scrape interval.".to_owned(),
            )),
            Err(why) => findings
                .push(Bad(format!("search fails: {why}"), "See the server's log.".to_owned())),
        }
        findings
    }
}

fn target_finding(target: &Value) -> Finding {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name =
        format!("target {} of job {}", text(&target["scrapeUrl"]), text(&target["scrapePool"]));
    let error = text(&target["lastError"]);
    let lost = target["buffer"]["lostTotal"].as_u64().unwrap_or_default();
    match text(&target["health"]).as_str() {
        "up" if lost > 0 => Bad(
            format!("{name} lost {lost} spans"),
            "Give its span buffer more capacity, or read it more often (scrape_interval, live)."
                .to_owned(),
        ),
        "up" => Good(format!("{name} is up")),
        "unknown" => Good(format!("{name} was not read yet")),
        _ => Bad(
            format!("{name} is down: {error}"),
            "Open its URL with curl; a span buffer answers application/x-protobuf.".to_owned(),
        ),
    }
}

fn with_query(path: &str, query: &[(&str, &String)]) -> String {
    let url = reqwest::Url::parse_with_params("http://x", query).expect("the base is a URL");
    format!("{path}?{}", url.query().unwrap_or_default())
}

async fn get(client: &Client, base: &str, path: &str) -> Result<Value, String> {
    let url = format!("{}{path}", base.trim_end_matches('/'));
    let url = reqwest::Url::parse(&url).map_err(|error| format!("this is no URL: {error}"))?;
    let answer = client.get(url).await?;
    if !answer.status().is_success() {
        return Err(format!("it answers {}", answer.status()));
    }
    answer.json().await.map_err(|_| "the answer is not JSON".to_owned())
}
