//! Empties a queue into its receiver.

use super::{
    answer::{self, Outcome},
    metrics::{Dropped, Metrics, To},
    queue::{Entry, Lost, Queue},
    request::{Request, Requests},
};
use crate::{
    Labels,
    config::{RemoteWrite, WriteMessage},
    http_client::Client,
};
use axum::http::{HeaderMap, HeaderValue, header};
use futures::{StreamExt, stream};
use parking_lot::Mutex;
use sigyn_store::Clock;
use std::{io, path::Path, sync::Arc, time::Duration};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

/// As much of an answer is read: it is for people.
const ANSWER_BYTES_MAX: usize = 4096;
/// Connections wait longer for their next use than collections are apart.
const IDLE_TIME_MAX: Duration = Duration::from_secs(90);

/// A receiver, what waits for it, and the task that sends.
pub struct Remote {
    shared: Arc<Shared>,
    external_labels: Labels,
    stopping: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    config: RemoteWrite,
    url: reqwest::Url,
    name: String,
    client: Client,
    queue: Queue,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
}

impl Remote {
    /// Opens the queue below `folder` and starts to send; must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the queue's folder cannot be used.
    pub fn start(
        config: &RemoteWrite,
        external_labels: &Labels,
        folder: &Path,
        clock: Arc<dyn Clock>,
        metrics: Metrics,
    ) -> io::Result<Self> {
        let url: reqwest::Url = config.url.parse().map_err(io::Error::other)?;
        // Credentials within a URL are nobody's business.
        let mut public = url.clone();
        let _ = (public.set_username(""), public.set_password(None));
        let name = config.name.clone().unwrap_or_else(|| public.to_string());
        let folder = folder.join(format!("{:016x}", xxh3_64(name.as_bytes())));
        let queue =
            Queue::open(&folder, config.queue.max_bytes.0, config.queue.sample_age_limit.0)?;
        let client = Client::new(config.http.clone(), IDLE_TIME_MAX);
        let shared = Shared { config: config.clone(), url, name, client, queue, clock, metrics };
        let (shared, stopping) = (Arc::new(shared), CancellationToken::new());
        shared.tell_size();
        let task = tokio::spawn(Arc::clone(&shared).run(stopping.clone()));
        let task = Mutex::new(Some(task));
        Ok(Self { shared, external_labels: external_labels.clone(), stopping, task })
    }

    /// To be filled with the series of one moment, and handed to [`Self::enqueue`].
    pub fn requests(&self) -> Requests<'_> {
        Requests::new(&self.shared.config, &self.external_labels)
    }

    /// Makes the requests durable; they are sent soon. Blocks on the disk.
    ///
    /// # Errors
    /// When the disk does not take them; then they are lost and counted as dropped.
    pub fn enqueue(&self, requests: Requests<'_>, unix_milli: i64) -> io::Result<()> {
        let requests = requests.finish();
        if requests.is_empty() {
            return Ok(());
        }
        match self.shared.queue.push(&requests, unix_milli) {
            Ok(lost) => self.shared.tell_lost(lost),
            Err(error) => {
                let samples = requests.iter().map(|it| u64::from(it.counts.total())).sum();
                self.shared.give_up("queue_full", samples);
                return Err(error);
            }
        }
        self.shared.tell_size();
        Ok(())
    }

    /// Sends on until nothing waits or the time is over; what is left stays on disk.
    pub async fn stop(&self, grace: Duration) {
        let drained = async {
            while self.shared.queue.size().0 > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(grace, drained).await;
        self.stopping.cancel();
        let task = self.task.lock().take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

impl Shared {
    async fn run(self: Arc<Self>, stopping: CancellationToken) {
        let sending = async {
            loop {
                let (entry, lost) = self.queue.oldest(self.now_unix_milli());
                self.tell_lost(lost);
                match entry {
                    Some(entry) => self.send(&entry).await,
                    None => self.queue.grown().await,
                }
                self.tell_size();
            }
        };
        tokio::select! {
            () = stopping.cancelled() => {}
            () = sending => {}
        }
    }

    /// Sends all requests of a file, and forgets it.
    async fn send(self: &Arc<Self>, entry: &Entry) {
        let (shared, file) = (Arc::clone(self), *entry);
        let read = tokio::task::spawn_blocking(move || shared.queue.read(&file)).await;
        let requests = match read.map_err(io::Error::other).flatten() {
            Ok(Some(requests)) => requests,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(remote = self.name, %error, "a file of the remote-write queue cannot be read");
                self.give_up("unreadable", entry.samples);
                self.queue.remove(entry);
                return;
            }
        };
        let side_by_side = self.config.queue.max_shards as usize;
        stream::iter(requests)
            .for_each_concurrent(side_by_side, |request| async move {
                self.deliver(entry, &request).await;
            })
            .await;
        if self.queue.holds(entry) {
            let seconds = entry.unix_milli as f64 / 1000.0;
            self.metrics.sent_timestamp.get_or_create(&self.to()).set(seconds);
            self.queue.remove(entry);
        }
    }

    /// Tries until the receiver has taken or refused it, or it had to make room for others.
    async fn deliver(&self, entry: &Entry, request: &Request) {
        let mut backoff = self.config.queue.min_backoff.0;
        loop {
            let outcome = self.post(request).await;
            let is_up = !matches!(outcome, Outcome::Later(..));
            let was_up = self.metrics.up.get_or_create(&self.to()).set(i64::from(is_up)) != 0;
            match outcome {
                Outcome::Written(counts, why) => {
                    let (to, metrics) = (self.to(), &self.metrics);
                    let add = |family: &prometheus_client::metrics::family::Family<To, _>,
                               count| {
                        let counter: &prometheus_client::metrics::counter::Counter =
                            &family.get_or_create(&to);
                        counter.inc_by(u64::from(count));
                    };
                    add(&metrics.sent_samples, counts.samples);
                    add(&metrics.sent_histograms, counts.histograms);
                    add(&metrics.sent_exemplars, counts.exemplars);
                    if let Some(why) = why {
                        tracing::warn!(remote = self.name, "{why}");
                        self.give_up(
                            "unwritten",
                            u64::from(request.counts.total() - counts.total()),
                        );
                    }
                    return;
                }
                Outcome::Refused(why) => {
                    tracing::warn!(remote = self.name, "samples dropped: {why}");
                    self.give_up("refused", u64::from(request.counts.total()));
                    return;
                }
                Outcome::Later(wait, why) => {
                    if was_up {
                        tracing::warn!(remote = self.name, "samples wait on disk: {why}");
                    }
                    self.metrics.retried_requests.get_or_create(&self.to()).inc();
                    tokio::time::sleep(wait.max(backoff)).await;
                    backoff = (backoff * 2).min(self.config.queue.max_backoff.0);
                    // Its file may have been dropped meanwhile, and counted.
                    let (_, lost) = self.queue.oldest(self.now_unix_milli());
                    self.tell_lost(lost);
                    if !self.queue.holds(entry) {
                        return;
                    }
                }
            }
        }
    }

    async fn post(&self, request: &Request) -> Outcome {
        let (content_type, version) = match request.message {
            WriteMessage::V1 => ("application/x-protobuf", "0.1.0"),
            WriteMessage::V2 => {
                ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "2.0.0")
            }
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("snappy"));
        headers.insert("x-prometheus-remote-write-version", HeaderValue::from_static(version));
        let asked = async {
            let sent = self.client.post(self.url.clone(), &headers, request.body.clone()).await;
            let mut answer = sent.map_err(|error| error.to_string())?;
            let mut body = Vec::new();
            while body.len() < ANSWER_BYTES_MAX
                && let Ok(Some(chunk)) = answer.chunk().await
            {
                body.extend_from_slice(&chunk);
            }
            body.truncate(ANSWER_BYTES_MAX);
            let (status, now) = (answer.status(), self.clock.now_unix_nano());
            let body = String::from_utf8_lossy(&body);
            Ok(answer::outcome(request, status, answer.headers(), &body, now))
        };
        let timeout = self.config.remote_timeout.0;
        match tokio::time::timeout(timeout, asked).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(why)) => Outcome::Later(Duration::ZERO, why),
            Err(_) => {
                let why = format!("no answer within {} s", timeout.as_secs_f64());
                Outcome::Later(Duration::ZERO, why)
            }
        }
    }

    fn tell_size(&self) {
        let (samples, bytes) = self.queue.size();
        self.metrics.pending_samples.get_or_create(&self.to()).set(samples as i64);
        self.metrics.queue_bytes.get_or_create(&self.to()).set(bytes as i64);
    }

    fn tell_lost(&self, lost: Lost) {
        self.give_up("queue_full", lost.queue_full);
        self.give_up("too_old", lost.too_old);
    }

    fn give_up(&self, reason: &'static str, samples: u64) {
        if samples > 0 {
            let label = Dropped { remote: self.name.clone(), reason };
            self.metrics.dropped_samples.get_or_create(&label).inc_by(samples);
        }
    }

    fn to(&self) -> To {
        To { remote: self.name.clone() }
    }

    fn now_unix_milli(&self) -> i64 {
        (self.clock.now_unix_nano() / 1_000_000) as i64
    }
}
