//! What an answer to a request means.

use super::request::{Counts, Request};
use crate::config::WriteMessage;
use axum::http::{HeaderMap, StatusCode, header};
use jiff::{Timestamp, Zoned, fmt::rfc2822};
use std::time::Duration;

/// Nobody is made to wait longer, whatever the receiver says.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// What is to be done after an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// The receiver has these; what is missing it will never take.
    Written(Counts, Option<String>),
    /// It will never take this request.
    Refused(String),
    /// It may take it later, and no sooner than this.
    Later(Duration, String),
}

/// Reads an answer. `body` is its beginning.
pub(super) fn outcome(
    request: &Request,
    status: StatusCode,
    headers: &HeaderMap,
    body: &str,
    now_unix_nano: u64,
) -> Outcome {
    let said = format!("the receiver answers {status}: {}", body.trim());
    match status.as_u16() {
        200..=299 => written(request, headers),
        // A time-out and "too early" are not about the request either.
        408 | 425 | 429 | 500..=599 => Outcome::Later(wait(headers, now_unix_nano), said),
        415 if request.message == WriteMessage::V2 => Outcome::Refused(format!(
            "{said} (it may know version 1 only: set `protobuf_message: prometheus.WriteRequest`)"
        )),
        _ => Outcome::Refused(said),
    }
}

fn written(request: &Request, headers: &HeaderMap) -> Outcome {
    let sent = request.counts;
    if request.message == WriteMessage::V1 {
        return Outcome::Written(sent, None);
    }
    let told = |kind: &str| -> Option<u32> {
        let name = format!("x-prometheus-remote-write-{kind}-written");
        headers.get(name)?.to_str().ok()?.trim().parse().ok()
    };
    let [samples, histograms, exemplars] = ["samples", "histograms", "exemplars"].map(told);
    if samples.is_none() && histograms.is_none() && exemplars.is_none() {
        let why = "the receiver says success, but not how much it wrote, as version 2 demands; it has most likely \
                   written nothing (set `protobuf_message: prometheus.WriteRequest`)";
        return Outcome::Written(Counts::default(), Some(why.to_owned()));
    }
    let counts = Counts {
        samples: samples.unwrap_or(0).min(sent.samples),
        histograms: histograms.unwrap_or(0).min(sent.histograms),
        exemplars: exemplars.unwrap_or(0).min(sent.exemplars),
    };
    let why = (counts != sent).then(|| {
        let (less, all) = (counts.total(), sent.total());
        format!("the receiver wrote {less} of {all} samples, histograms and exemplars")
    });
    Outcome::Written(counts, why)
}

/// `Retry-After`, in seconds or as a date.
fn wait(headers: &HeaderMap, now_unix_nano: u64) -> Duration {
    let told = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let Some(told) = told.map(str::trim) else { return Duration::ZERO };
    if let Ok(seconds) = told.parse::<u64>() {
        return Duration::from_secs(seconds).min(WAIT_MAX);
    }
    let date = rfc2822::parse(told).map(|date: Zoned| date.timestamp());
    let now = Timestamp::from_nanosecond(i128::from(now_unix_nano));
    match (date, now) {
        (Ok(date), Ok(now)) => {
            let wait = date.duration_since(now);
            wait.try_into().unwrap_or(Duration::ZERO).min(WAIT_MAX)
        }
        _ => Duration::ZERO,
    }
}
