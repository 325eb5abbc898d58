//! One read of the buffer, taken apart.

use super::report::Trouble;
use crate::{cli::client, exit::Exit};
use flate2::read::GzDecoder;
use prost::Message;
use reqwest::{
    Method, Response, StatusCode, Url,
    header::{ACCEPT, ACCEPT_ENCODING, HeaderMap},
};
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    time::Duration,
};

/// Nothing asked here makes a buffer wait as long.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Of a body, so much is read; the protocol allows 16 MiB.
const BODY_BYTES_MAX: usize = 20 << 20;
/// A walk through the buffer ends after this many reads.
const READS_MAX: usize = 2_000;
const CURSOR_BYTES_MAX: usize = 2 << 10;

/// Where to ask, and as whom.
pub(super) struct Buffer {
    client: reqwest::Client,
    url: Url,
    credentials: HeaderMap,
    provoke: Option<Url>,
}

/// A request; [`Ask::get`] is the usual one.
#[derive(Clone)]
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) query: &'a str,
    pub(super) accept_encoding: Option<&'a str>,
    pub(super) accept: Option<&'a str>,
    pub(super) with_credentials: bool,
}

/// What came, the body without its coding.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) asked: String,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) took: Duration,
}

/// An answer with spans that follows the protocol.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) answer: Answer,
    sentence: String,
    pub(super) spans: Vec<SpanSeen>,
    pub(super) resources: usize,
    pub(super) resource_bytes: usize,
    pub(super) service_name: Option<String>,
    /// Empty for an answer to `trace_id`.
    pub(super) cursor: String,
    /// `None`: unknown.
    pub(super) lost: Option<u64>,
    pub(super) more: bool,
    pub(super) stats: Stats,
}

/// Trace ID, span ID and kind.
pub(super) type Key = (Vec<u8>, Vec<u8>, i32);

#[derive(Debug)]
pub(super) struct SpanSeen {
    pub(super) key: Key,
    pub(super) bytes: usize,
    pub(super) is_marked: bool,
    pub(super) ends_before_start: bool,
}

/// The header `sigyn-buffer`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stats {
    pub(super) recorded: u64,
    pub(super) overwritten: u64,
    pub(super) bytes: u64,
    pub(super) capacity: u64,
    pub(super) kept: u64,
    pub(super) damaged: u64,
    pub(super) draining: bool,
}

impl<'a> Ask<'a> {
    pub(super) fn get(query: &'a str) -> Self {
        Self {
            method: Method::GET,
            query,
            accept_encoding: None,
            accept: None,
            with_credentials: true,
        }
    }

    fn name(&self) -> String {
        let mut name = format!("{} ?{}", self.method, shorten(self.query));
        for (header, value) in [("accept-encoding", self.accept_encoding), ("accept", self.accept)]
        {
            if let Some(value) = value {
                name.push_str(&format!(" with {header}: {value}"));
            }
        }
        if !self.with_credentials {
            name.push_str(" without credentials");
        }
        name
    }
}

impl Buffer {
    pub(super) fn new(
        url: Url,
        credentials: HeaderMap,
        provoke: Option<Url>,
    ) -> Result<Self, Exit> {
        // Encodings are looked at here, so the client leaves them alone; a redirect is not followed, as no reader does.
        let client = client::build(|builder| {
            builder.timeout(TIMEOUT).no_gzip().no_zstd().redirect(reqwest::redirect::Policy::none())
        })?;
        Ok(Self { client, url, credentials, provoke })
    }

    pub(super) fn provokes(&self) -> bool {
        self.provoke.is_some()
    }

    pub(super) fn has_credentials(&self) -> bool {
        !self.credentials.is_empty()
    }

    /// Makes the app record a span.
    pub(super) async fn provoke(&self) -> Result<String, Trouble> {
        let Some(url) = &self.provoke else {
            return Err(Trouble::not_tried("no --provoke=URL was given"));
        };
        match self.client.get(url.clone()).send().await {
            Ok(response) => Ok(format!("GET {url} answered {}", response.status().as_u16())),
            Err(error) => Err(Trouble::bad(
                format!("GET {url}: {}", client::root(&error)),
                "Name a URL of the app that answers.",
            )),
        }
    }

    pub(super) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, Trouble> {
        let name = ask.name();
        let mut url = self.url.clone();
        let query = match url.query() {
            Some(own) => format!("{own}&{}", ask.query),
            None => ask.query.to_owned(),
        };
        url.set_query(Some(query.as_str()).filter(|query| !query.is_empty()));
        let mut request = self.client.request(ask.method, url);
        if ask.with_credentials {
            request = request.headers(self.credentials.clone());
        }
        for (header, value) in [(ACCEPT_ENCODING, ask.accept_encoding), (ACCEPT, ask.accept)] {
            if let Some(value) = value {
                request = request.header(header, value);
            }
        }
        let began = tokio::time::Instant::now();
        let gone = |why: String| {
            Trouble::bad(
                format!("{name}: {why}"),
                "Every request gets an answer, within its `wait` and a little.",
            )
        };
        let response = request.send().await.map_err(|error| gone(client::root(&error)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let packed = read_body(response).await.map_err(gone)?;
        let took = began.elapsed();
        let body = unpack(&headers, packed).map_err(|why| {
            Trouble::bad(
                format!("{name} answered {}: {why}", status.as_u16()),
                "Name in content-encoding how the body is packed: gzip, zstd, or leave it away.",
            )
        })?;
        Ok(Answer { asked: name, status, headers, body, took })
    }

    /// A read that must succeed.
    pub(super) async fn read(&self, query: &str) -> Result<Batch, Trouble> {
        self.ask(Ask::get(query)).await?.into_batch()
    }

    /// From the oldest span on, with each answer's cursor, until there is no more.
    pub(super) async fn read_all(&self, parameters: &str) -> Result<Vec<Batch>, Trouble> {
        let mut batches = vec![self.read(parameters).await?];
        while let Some(last) = batches.last().filter(|last| last.more) {
            if last.spans.is_empty() {
                return Err(Trouble::bad(
                    format!("{last}, with sigyn-more: 1"),
                    "An answer that says there is more brings at least one span, or no reader ever gets on.",
                ));
            }
            if batches.len() == READS_MAX {
                break;
            }
            let separator = if parameters.is_empty() { "" } else { "&" };
            let query = format!("cursor={}{separator}{parameters}", last.cursor);
            batches.push(self.read(&query).await?);
        }
        Ok(batches)
    }

    /// A cursor behind all that was recorded a moment ago.
    pub(super) async fn end(&self) -> Result<Batch, Trouble> {
        let mut all = self.read_all("").await?;
        Ok(all.pop().expect("one read comes in any case"))
    }
}

async fn read_body(mut response: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| client::root(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > BODY_BYTES_MAX {
            return Err(format!("the body is larger than {BODY_BYTES_MAX} bytes"));
        }
    }
    Ok(body)
}

fn unpack(headers: &HeaderMap, packed: Vec<u8>) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let limit = BODY_BYTES_MAX as u64 + 1;
    let read = match text(headers, "content-encoding") {
        None | Some("identity") => return Ok(packed),
        // Of HEAD there is nothing to unpack.
        Some(_) if packed.is_empty() => return Ok(packed),
        Some("gzip") => GzDecoder::new(&packed[..]).take(limit).read_to_end(&mut plain),
        Some("zstd") => zstd::Decoder::new(&packed[..])
            .and_then(|decoder| decoder.take(limit).read_to_end(&mut plain)),
        Some(other) => return Err(format!("content-encoding {other:?} was not asked for")),
    };
    read.map_err(|error| format!("the body does not unpack: {error}"))?;
    if plain.len() > BODY_BYTES_MAX {
        return Err(format!("the body unpacks to more than {BODY_BYTES_MAX} bytes"));
    }
    Ok(plain)
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("what is no text"))
}

/// Cursors are long, and their ends say most.
fn shorten(query: &str) -> String {
    if query.len() <= 90 || !query.is_ascii() {
        return query.chars().take(90).collect();
    }
    format!("{}…{}", &query[..40], &query[query.len() - 40..])
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        text(&self.headers, name)
    }

    /// A sentence about it, for lines of the report.
    pub(super) fn came(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let says = match body.trim() {
            text if self.status.is_success() || text.is_empty() => String::new(),
            text => format!(" ({})", text.chars().take(80).collect::<String>()),
        };
        format!("{} answered {}{says}", self.asked, self.status.as_u16())
    }

    /// Takes apart what must be an answer with spans, of `trace_id` or of a cursor.
    pub(super) fn into_batch(self) -> Result<Batch, Trouble> {
        if self.status != StatusCode::OK {
            return Err(Trouble::bad(self.came(), mend_status(self.status)));
        }
        let filtered = self.header("sigyn-filter").is_some();
        let fault =
            |what: String, mend: &str| Trouble::bad(format!("{}, {what}", self.came()), mend);
        let cursor = self.header("sigyn-cursor").unwrap_or_default().to_owned();
        let is_token = cursor.len() <= CURSOR_BYTES_MAX
            && cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte));
        if !filtered && cursor.is_empty() {
            return Err(fault(
                "without sigyn-cursor".into(),
                "Send the header sigyn-cursor; an endpoint without it is read, but its losses cannot be known.",
            ));
        }
        if !is_token {
            return Err(fault(
                format!("with sigyn-cursor {:?}", shorten(&cursor)),
                "A cursor is of A–Z a–z 0–9 . _ ~ - and has at most 2 KiB.",
            ));
        }
        let lost = match self.header("sigyn-lost") {
            None if filtered => Some(0),
            Some("unknown") => None,
            Some(number) if number.parse::<u64>().is_ok() => number.parse().ok(),
            other => {
                return Err(fault(
                    format!("with sigyn-lost {other:?}"),
                    "sigyn-lost is a whole number, or `unknown`.",
                ));
            }
        };
        let more = match self.header("sigyn-more") {
            Some("0") => false,
            Some("1") => true,
            other => {
                return Err(fault(
                    format!("with sigyn-more {other:?}"),
                    "sigyn-more is 1 when max_bytes left something for the next read, else 0.",
                ));
            }
        };
        let stats = Stats::parse(self.header("sigyn-buffer").unwrap_or_default()).map_err(|why| {
            fault(
                format!("where sigyn-buffer {why}"),
                "sigyn-buffer is `recorded=1, overwritten=0, dropped=0, bytes=112, capacity=65536, overwrite_seconds=inf`.",
            )
        })?;
        let content_type = self.header("content-type").unwrap_or_default();
        let request = decode(content_type, &self.body).map_err(|why| {
            fault(why, "The body is an OTLP ExportTraceServiceRequest, as application/x-protobuf.")
        })?;
        let content = Content::of(&request);
        let count = content.spans.len();
        let sentence = format!("{}, {count} span(s), {} bytes", self.came(), self.body.len());
        Ok(Batch {
            answer: self,
            sentence,
            spans: content.spans,
            resources: request.resource_spans.len(),
            resource_bytes: content.resource_bytes,
            service_name: content.service_name,
            cursor,
            lost,
            more,
            stats,
        })
    }
}

fn mend_status(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 | 403 => "Pass the credentials with --bearer-token or --header.",
        404 => "Name the path where the app serves its buffer, such as /debug/spans.",
        429 => "Others read too many at a time now; come again, or raise the limit on readers.",
        300..=399 => "Name the URL itself; readers follow no redirects.",
        _ => "A read that is well-formed is answered 200.",
    }
}

fn decode(content_type: &str, body: &[u8]) -> Result<ExportTraceServiceRequest, String> {
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/x-protobuf" | "application/protobuf" => {
            ExportTraceServiceRequest::decode(body)
                .map_err(|error| format!("whose body is not OTLP: {error}"))
        }
        "application/json" => serde_json::from_slice(body)
            .map_err(|error| format!("whose body is not OTLP/JSON: {error}")),
        other => Err(format!("with content-type {other:?}")),
    }
}

struct Content {
    spans: Vec<SpanSeen>,
    resource_bytes: usize,
    service_name: Option<String>,
}

impl Content {
    fn of(request: &ExportTraceServiceRequest) -> Self {
        let resource = request.resource_spans.first().and_then(|first| first.resource.as_ref());
        let service_name = resource.and_then(|resource| {
            let found = resource.attributes.iter().find(|pair| pair.key == "service.name")?;
            match found.value.as_ref()?.value.as_ref()? {
                Value::StringValue(name) => Some(name.clone()),
                _ => None,
            }
        });
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        let spans = scopes.flat_map(|scope| &scope.spans).map(|span| SpanSeen {
            key: (span.trace_id.clone(), span.span_id.clone(), span.kind),
            bytes: span.encoded_len(),
            is_marked: span.attributes.iter().any(|pair| {
                let value = pair.value.as_ref().and_then(|value| value.value.as_ref());
                pair.key == "sigyn.truncated" && value == Some(&Value::BoolValue(true))
            }),
            ends_before_start: span.end_time_unix_nano < span.start_time_unix_nano,
        });
        Self {
            spans: spans.collect(),
            resource_bytes: resource.map_or(0, Message::encoded_len),
            service_name,
        }
    }
}

impl Stats {
    fn parse(header: &str) -> Result<Self, String> {
        let pairs: BTreeMap<&str, &str> = header
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim()))
            .collect();
        let number = |name: &str| -> Result<u64, String> {
            let value = pairs.get(name).ok_or_else(|| format!("has no {name}"))?;
            value.parse().map_err(|_| format!("says {name}={value}, which is no whole number"))
        };
        number("dropped")?;
        let seconds = pairs.get("overwrite_seconds").ok_or("has no overwrite_seconds")?;
        if *seconds != "inf" && !seconds.parse::<f64>().is_ok_and(|seconds| seconds >= 0.0) {
            return Err(format!("says overwrite_seconds={seconds}, which is no time"));
        }
        Ok(Self {
            recorded: number("recorded")?,
            overwritten: number("overwritten")?,
            bytes: number("bytes")?,
            capacity: number("capacity")?,
            kept: number("kept").unwrap_or_default(),
            damaged: number("damaged").unwrap_or_default(),
            draining: pairs.get("draining") == Some(&"1"),
        })
    }

    /// Spans in the ring.
    pub(super) fn held(&self) -> u64 {
        self.recorded.saturating_sub(self.overwritten)
    }
}

impl Batch {
    pub(super) fn keys(&self) -> BTreeSet<Key> {
        self.spans.iter().map(|span| span.key.clone()).collect()
    }

    /// A fault of this answer.
    pub(super) fn bad(&self, what: &str, mend: &str) -> Trouble {
        Trouble::bad(format!("{self}{what}"), mend)
    }
}

impl AsRef<str> for Batch {
    fn as_ref(&self) -> &str {
        &self.sentence
    }
}

impl std::fmt::Display for Batch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.sentence)
    }
}
