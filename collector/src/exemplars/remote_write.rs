//! Remote write, versions 1 and 2: takes exemplars, lets samples go.
//!
//! For a Prometheus that cannot be asked, because it sends all on: `remote_write: [{url:
//! http://sigyn:7449/api/v1/write, send_exemplars: true}]`, best with `write_relabel_configs` that
//! keep only series with exemplars.

use super::{identity::exemplar, intake::Intake, metrics::Metrics};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use prost::Message;
use sigyn_proto::prometheus::{write_v1, write_v2};
use sigyn_store::{ErrorKind, Exemplar};

const BODY_BYTES_MAX: usize = 16 << 20;
const PLAIN_BYTES_MAX: usize = 64 << 20;
const V2: &str = "io.prometheus.write.v2.Request";
const WRITTEN: [HeaderName; 3] = [
    HeaderName::from_static("x-prometheus-remote-write-samples-written"),
    HeaderName::from_static("x-prometheus-remote-write-histograms-written"),
    HeaderName::from_static("x-prometheus-remote-write-exemplars-written"),
];

#[derive(Clone)]
struct Receiver {
    exemplars: Intake,
    metrics: Metrics,
}

/// What a request holds.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Written {
    pub(super) exemplars: Vec<Exemplar>,
    /// Samples, histograms and exemplars that were sent.
    pub(super) counts: [usize; 3],
}

/// Serves `POST /api/v1/write`.
pub fn router(exemplars: Intake, metrics: Metrics) -> Router {
    Router::new()
        .route("/api/v1/write", post(write))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Receiver { exemplars, metrics })
}

async fn write(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let encoding = text(header::CONTENT_ENCODING);
    if !matches!(encoding, "snappy" | "") {
        let why = format!("the encoding {encoding:?} is not remote write's; use snappy\n");
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response();
    }
    let content_type = text(header::CONTENT_TYPE);
    if !content_type.starts_with("application/x-protobuf") {
        let why = format!("the media type {content_type:?} is not application/x-protobuf\n");
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response();
    }
    let written = match read(&body, content_type.contains(V2)) {
        Ok(written) => written,
        Err(why) => return (StatusCode::BAD_REQUEST, why + "\n").into_response(),
    };
    match receiver.exemplars.add(written.exemplars).await {
        Ok(new) => {
            receiver.metrics.written.inc_by(new as u64);
            // A sender of version 2 takes what is not named here for lost. Samples are not: nobody
            // wants them here.
            let counts = written.counts.map(|count| count.to_string());
            let headers: HeaderMap =
                WRITTEN.into_iter().zip(counts.iter().filter_map(|it| it.parse().ok())).collect();
            (StatusCode::NO_CONTENT, headers).into_response()
        }
        Err(error) => {
            let status = match error.kind() {
                ErrorKind::TryLater => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (status, format!("{error}\n")).into_response()
        }
    }
}

/// Unpacks and reads a body.
///
/// # Errors
/// One sentence that says why this is not a request.
pub(super) fn read(body: &[u8], is_v2: bool) -> Result<Written, String> {
    let broken = |error: snap::Error| format!("the body is not snappy's block format: {error}");
    let length = snap::raw::decompress_len(body).map_err(broken)?;
    if length > PLAIN_BYTES_MAX {
        return Err(format!("the body is {length} bytes unpacked, more than {PLAIN_BYTES_MAX}"));
    }
    let plain = snap::raw::Decoder::new().decompress_vec(body).map_err(broken)?;
    if is_v2 { read_v2(&plain) } else { read_v1(&plain) }
}

fn read_v1(plain: &[u8]) -> Result<Written, String> {
    let request = write_v1::WriteRequest::decode(plain)
        .map_err(|error| format!("the body is not a prometheus.WriteRequest: {error}"))?;
    let pairs = |labels: Vec<write_v1::Label>| -> Vec<(String, String)> {
        labels.into_iter().map(|label| (label.name, label.value)).collect()
    };
    let mut written = Written::default();
    for series in request.timeseries {
        written.count(series.samples.len(), series.histograms.len(), series.exemplars.len());
        if series.exemplars.is_empty() {
            continue;
        }
        let labels = pairs(series.labels);
        for point in series.exemplars {
            let own = pairs(point.labels);
            written.exemplars.extend(exemplar(labels.clone(), own, point.value, point.timestamp));
        }
    }
    Ok(written)
}

fn read_v2(plain: &[u8]) -> Result<Written, String> {
    let request = write_v2::Request::decode(plain)
        .map_err(|error| format!("the body is not an {V2}: {error}"))?;
    let symbol = |number: &u32| {
        let symbol = request.symbols.get(*number as usize).cloned();
        symbol.ok_or_else(|| format!("the symbol {number} is named, but not sent"))
    };
    let pairs = |references: &[u32]| -> Result<Vec<(String, String)>, String> {
        if !references.len().is_multiple_of(2) {
            return Err("labels are pairs of symbols, but one is without its value".to_owned());
        }
        references.chunks_exact(2).map(|it| Ok((symbol(&it[0])?, symbol(&it[1])?))).collect()
    };
    let mut written = Written::default();
    for series in &request.timeseries {
        written.count(series.samples.len(), series.histograms.len(), series.exemplars.len());
        if series.exemplars.is_empty() {
            continue;
        }
        let labels = pairs(&series.labels_refs)?;
        for point in &series.exemplars {
            let own = pairs(&point.labels_refs)?;
            written.exemplars.extend(exemplar(labels.clone(), own, point.value, point.timestamp));
        }
    }
    Ok(written)
}

impl Written {
    fn count(&mut self, samples: usize, histograms: usize, exemplars: usize) {
        for (sum, count) in self.counts.iter_mut().zip([samples, histograms, exemplars]) {
            *sum += count;
        }
    }
}
