//! Asks Prometheus servers for the exemplars that they hold.

use super::{
    intake::Intake,
    metrics::{Metrics, Source},
    query_answer,
};
use crate::{
    config::ExemplarSource,
    http_client::Client,
    inflate::{self, Inflater},
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use parking_lot::Mutex;
use sigyn_store::Clock;
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Bytes of one answer at most.
const BODY_BYTES_MAX: usize = 64 << 20;
const TIMEOUT: Duration = Duration::from_secs(30);
/// How far back the first question goes. What is older has left most Prometheus servers.
const FIRST_RANGE: Duration = Duration::from_secs(3600);
/// Exemplars come to Prometheus up to a scrape interval after they were observed, and more when its
/// scrapes fail; questions overlap by this.
const OVERLAP: Duration = Duration::from_secs(120);
/// Every exemplar belongs to a series that has a name.
const EVERY_SERIES: &str = r#"{__name__=~".+"}"#;

/// One loop a server. Dropping it ends them.
pub struct Pollers {
    running: Mutex<Vec<Running>>,
    exemplars: Intake,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

struct Running {
    source: ExemplarSource,
    task: JoinHandle<()>,
}

struct Poller {
    source: ExemplarSource,
    client: Client,
    exemplars: Intake,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    /// Until when all is known; `None` before the first answer.
    reached_unix_nano: Option<u64>,
}

impl Pollers {
    /// Starts to ask; must be called within a tokio runtime.
    pub fn start(
        sources: &[ExemplarSource],
        exemplars: Intake,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> Self {
        let pollers = Self { running: Mutex::default(), exemplars, clock, metrics };
        pollers.apply(sources);
        pollers
    }

    /// Goes over to another configuration; servers that are in both are asked on as before.
    pub fn apply(&self, sources: &[ExemplarSource]) {
        let mut running = self.running.lock();
        running.retain(|it| {
            let stays = sources.contains(&it.source);
            if !stays {
                it.task.abort();
            }
            stays
        });
        for source in sources {
            if running.iter().any(|it| it.source == *source) {
                continue;
            }
            let poller = Poller {
                source: source.clone(),
                client: Client::new(source.http.clone(), source.interval.0 * 2),
                exemplars: self.exemplars.clone(),
                clock: Arc::clone(&self.clock),
                metrics: self.metrics.clone(),
                reached_unix_nano: None,
            };
            let task = tokio::spawn(poller.run());
            running.push(Running { source: source.clone(), task });
        }
    }
}

impl Drop for Pollers {
    fn drop(&mut self) {
        self.running.lock().iter().for_each(|it| it.task.abort());
    }
}

impl Poller {
    async fn run(mut self) {
        let label = Source { url: self.source.url.clone() };
        let mut was_up = true;
        loop {
            let polled = tokio::time::timeout(TIMEOUT, self.poll()).await;
            let polled =
                polled.unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs())));
            self.metrics.up.get_or_create(&label).set(i64::from(polled.is_ok()));
            match &polled {
                Ok(new) => {
                    self.metrics.polled.get_or_create(&label).inc_by(*new as u64);
                }
                Err(error) => {
                    self.metrics.poll_failures.get_or_create(&label).inc();
                    if was_up {
                        tracing::warn!(url = label.url, error, "exemplars could not be polled");
                    }
                }
            }
            was_up = polled.is_ok();
            tokio::time::sleep(self.source.interval.0).await;
        }
    }

    /// Returns how many exemplars were new.
    async fn poll(&mut self) -> Result<usize, String> {
        let now = self.clock.now_unix_nano();
        let first = now.saturating_sub(nanoseconds(FIRST_RANGE));
        let from = self.reached_unix_nano.unwrap_or(first);
        let body = self.ask(from, now).await?;
        let exemplars = query_answer::read(&body)?;
        let new = self.exemplars.add(exemplars).await.map_err(|error| error.to_string())?;
        self.reached_unix_nano = Some(now.saturating_sub(nanoseconds(OVERLAP)));
        Ok(new)
    }

    async fn ask(&self, from_unix_nano: u64, to_unix_nano: u64) -> Result<Vec<u8>, String> {
        let base = self.source.url.trim_end_matches('/');
        let url = format!("{base}/api/v1/query_exemplars");
        let mut url: reqwest::Url = url.parse().map_err(|error| format!("{url}: {error}"))?;
        let seconds =
            |nano: u64| format!("{}.{:03}", nano / 1_000_000_000, nano / 1_000_000 % 1000);
        url.query_pairs_mut()
            .append_pair("query", EVERY_SERIES)
            .append_pair("start", &seconds(from_unix_nano))
            .append_pair("end", &seconds(to_unix_nano));
        let headers = HeaderMap::from_iter([
            (header::ACCEPT, HeaderValue::from_static("application/json")),
            (header::ACCEPT_ENCODING, HeaderValue::from_static("gzip")),
        ]);
        let response = self.client.get(url, None, &headers).await;
        let mut response = response.map_err(|error| error.to_string())?;
        let status = response.status();
        // Prometheus says in the body what is wrong with a question.
        if !matches!(status, StatusCode::OK | StatusCode::BAD_REQUEST) {
            return Err(format!("the server answers {status}"));
        }
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        let encoding = encoding.map_or("", |value| value.to_str().unwrap_or("?"));
        let mut inflater = Inflater::new(inflate::encoding_of(encoding)?, BODY_BYTES_MAX);
        while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
            inflater.push(&chunk).map_err(|error| error.to_string())?;
        }
        inflater.finish().map_err(|error| error.to_string())
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
