//! One HTTP exchange with a target: headers and body within their time and size.

use super::{context::Context, read_error::ReadError};
use crate::{
    http_client::Client,
    inflate::{self, Inflater},
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use bytes::{Bytes, BytesMut};
use sigyn_store::Encoding;
use std::{path::Path, time::Duration};

/// Bytes of a body after decompression where the job sets no limit.
pub(super) const BODY_BYTES_MAX: usize = 64 << 20;

const TIMEOUT_HEADER: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// What to ask and within what bounds.
pub(super) struct Request<'a> {
    pub(super) client: &'a Client,
    pub(super) url: reqwest::Url,
    /// Dialled instead of the URL's host.
    pub(super) socket: Option<&'a Path>,
    pub(super) accept: &'static str,
    pub(super) compression: bool,
    /// A body of this size or more is refused.
    pub(super) body_size_limit_bytes: u64,
    /// For headers and body together.
    pub(super) timeout: Duration,
}

/// An answer with status 200, whole.
pub(super) struct Fetched {
    pub(super) headers: HeaderMap,
    pub(super) plain: Bytes,
    /// As it came, if it came compressed.
    pub(super) compressed: Option<(Encoding, Bytes)>,
    pub(super) asked_unix_nano: u64,
    /// When the headers came.
    pub(super) head_unix_nano: u64,
    /// The memory that the bodies take, given back when dropped.
    pub(super) _share: crate::budget::Share,
}

impl Fetched {
    pub(super) fn content_type(&self) -> &str {
        self.headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"))
    }
}

pub(super) async fn fetch(context: &Context, request: Request<'_>) -> Result<Fetched, ReadError> {
    let timeout = request.timeout;
    tokio::time::timeout(timeout, exchange(context, request))
        .await
        .unwrap_or(Err(ReadError::TimedOut(timeout)))
}

async fn exchange(context: &Context, request: Request<'_>) -> Result<Fetched, ReadError> {
    let asked_unix_nano = context.clock.now_unix_nano();
    let headers = request_headers(&request);
    let mut response = request.client.get(request.url, request.socket, &headers).await?;
    let head_unix_nano = context.clock.now_unix_nano();
    if response.status() != StatusCode::OK {
        return Err(ReadError::Status(response.status()));
    }
    let encoding = response.headers().get(header::CONTENT_ENCODING);
    let encoding = inflate::encoding_of(encoding.map_or("", |value| value.to_str().unwrap_or("?")))
        .map_err(ReadError::Wrong)?;
    let bytes_max = match request.body_size_limit_bytes {
        0 => BODY_BYTES_MAX,
        limit => usize::try_from(limit - 1).unwrap_or(BODY_BYTES_MAX),
    };
    let mut share = context.budget.share();
    let mut inflater = Inflater::new(encoding, bytes_max);
    let mut packed = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        if encoding.is_some() {
            if packed.len() + chunk.len() > bytes_max {
                return Err(inflate::InflateError::TooLarge { bytes_max }.into());
            }
            packed.extend_from_slice(&chunk);
        }
        inflater.push(&chunk)?;
        if !share.grow_to(packed.len() + inflater.len()) {
            return Err(ReadError::Busy);
        }
    }
    // An empty answer is not packed, whatever its headers say.
    let nothing = packed.is_empty() && inflater.len() == 0;
    let plain = if nothing { Bytes::new() } else { inflater.finish()?.into() };
    let compressed = encoding.filter(|_| !nothing).map(|encoding| (encoding, packed.freeze()));
    let headers = std::mem::take(response.headers_mut());
    Ok(Fetched { headers, plain, compressed, asked_unix_nano, head_unix_nano, _share: share })
}

fn request_headers(request: &Request<'_>) -> HeaderMap {
    let encodings = if request.compression { "zstd, gzip" } else { "identity" };
    let timeout = HeaderValue::from_str(&request.timeout.as_secs_f64().to_string())
        .expect("a number can stand in a header");
    HeaderMap::from_iter([
        (header::ACCEPT, HeaderValue::from_static(request.accept)),
        (header::ACCEPT_ENCODING, HeaderValue::from_static(encodings)),
        (TIMEOUT_HEADER, timeout),
    ])
}
