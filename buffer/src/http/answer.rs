//! From a request to its answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, Uri, header};

use super::accept::Coding;
use super::body::PullBody;
use super::query::Query;
use super::refusal::Refusal;
use super::timer::{Timer, first_of, yield_now};
use crate::SpanBuffer;
use crate::buffer::Inner;
use crate::cursor::Cursor;
use crate::harvest::Harvest;
use crate::lookup::Lookup;

/// A reader that waits holds a connection, and another place here.
const WAITING_MAX: usize = 4;
/// Each holds up to 16 MiB of spans until it has sent them.
const READING_MAX: usize = 8;
/// After the first span of a long poll, so that a busy app does not answer for each span alone.
const GATHER: Duration = Duration::from_millis(25);

/// A request, read but not yet answered.
pub(crate) struct Pull {
    query: Query,
    coding: Coding,
    head: bool,
}

impl Pull {
    pub(crate) fn parse(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Self, Refusal> {
        if method != Method::GET && method != Method::HEAD {
            return Err(Refusal::Method(method.clone()));
        }
        let query = Query::parse(uri.query().unwrap_or_default())?;
        let accept = headers.get_all(header::ACCEPT_ENCODING).iter();
        let accept: Vec<_> = accept.filter_map(|value| value.to_str().ok()).collect();
        Ok(Self { query, coding: Coding::choose(&accept.join(",")), head: method == Method::HEAD })
    }

    /// Waits, if that was asked for, and reads.
    pub(crate) async fn answer(
        self,
        buffer: &SpanBuffer,
        timer: &impl Timer,
    ) -> Response<PullBody> {
        self.try_answer(buffer, timer).await.unwrap_or_else(Refusal::into_response)
    }

    async fn try_answer(
        self,
        buffer: &SpanBuffer,
        timer: &impl Timer,
    ) -> Result<Response<PullBody>, Refusal> {
        let inner = &*buffer.inner;
        let permit = ReadPermit::take(&buffer.inner)?;
        let Query { cursor, max_bytes, wait, drain, traces } = &self.query;
        if !traces.is_empty() {
            let mut lookup = Lookup::new(inner, traces, *max_bytes);
            while lookup.step(inner) {
                yield_now().await;
            }
            let found = lookup.finish();
            let position = [("sigyn-filter", "trace_id".to_owned())];
            return Ok(self.response(buffer, found.chunks, found.more, position, permit));
        }
        let cursor = cursor.as_ref();
        // Refuses a cursor that cannot be right before anything is believed of it.
        Harvest::plan(inner, cursor, *max_bytes)?;
        inner.reached(cursor);
        let own = cursor.filter(|cursor| cursor.epoch == inner.epoch);
        // Where discovery does not tell of endings nobody says `drain`: then who follows a cursor counts.
        let counts = *drain || (own.is_some() && inner.is_draining());
        if let (true, Some(cursor)) = (counts, own) {
            inner.drain.confirm(cursor);
        }
        // To a reader that knows of the end, nothing is worth waiting for.
        let is_final = *drain && inner.is_draining();
        if !wait.is_zero() && !is_final {
            wait_for_news(inner, cursor, *wait, timer).await?;
        }
        let mut harvest = Harvest::plan(inner, cursor, *max_bytes)?;
        while harvest.step(inner) {
            yield_now().await;
        }
        let mut read = harvest.finish(inner);
        if counts {
            inner.drain.deliver(&read.reached);
        }
        let chunks = std::mem::take(&mut read.chunks);
        let position = [("sigyn-cursor", read.cursor), ("sigyn-lost", read.lost.to_string())];
        Ok(self.response(buffer, chunks, read.more, position, permit))
    }

    fn response<const N: usize>(
        &self,
        buffer: &SpanBuffer,
        chunks: Vec<Bytes>,
        more: bool,
        position: [(&'static str, String); N],
        permit: ReadPermit,
    ) -> Response<PullBody> {
        let body = PullBody::new(chunks, self.coding, Some(permit));
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        let mut put = |name: &'static str, value: String| {
            headers.insert(name, HeaderValue::try_from(value).expect("tokens, numbers and commas"));
        };
        put("content-type", "application/x-protobuf".into());
        put("cache-control", "no-store".into());
        put("vary", "accept-encoding".into());
        for (name, value) in position {
            put(name, value);
        }
        put("sigyn-more", u8::from(more).to_string());
        put("sigyn-time", buffer.inner.unix_nano().to_string());
        put("sigyn-buffer", buffer.stats().to_string());
        if let Some(uid) = &buffer.inner.uid {
            headers.insert("sigyn-uid", uid.clone());
        }
        if let Some(coding) = response.body().coding().name() {
            response.headers_mut().insert("content-encoding", HeaderValue::from_static(coding));
        }
        if self.head {
            let length = response.body().content_length();
            *response.body_mut() = PullBody::empty();
            if let Some(length) = length {
                response.headers_mut().insert("content-length", length.into());
            }
        }
        response
    }
}

/// Returns at once when there is something to read, else when there is or time is up.
async fn wait_for_news(
    inner: &Inner,
    cursor: Option<&Cursor>,
    wait: Duration,
    timer: &impl Timer,
) -> Result<(), Refusal> {
    let positions = match cursor {
        Some(cursor) if cursor.epoch == inner.epoch => cursor.positions.clone(),
        // There is something new in any case: the other epoch.
        Some(_) => return Ok(()),
        None => vec![0; inner.shards.count()],
    };
    let has_news = || inner.shards.has_news(&positions);
    if has_news() {
        return Ok(());
    }
    let _waiting = Place::take(&inner.waiting, WAITING_MAX).ok_or(Refusal::TooManyWaiting)?;
    if first_of(inner.wakeup.wait(has_news), timer.sleep(wait)).await && !inner.is_draining() {
        timer.sleep(GATHER.min(wait)).await;
    }
    Ok(())
}

/// One of a limited number of places; given back on drop.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(taken: &'a AtomicUsize, max: usize) -> Option<Self> {
        let more = |taken| (taken < max).then_some(taken + 1);
        taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).ok().map(|_| Self(taken))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The place of a reader from its request to the last byte of its answer.
pub(super) struct ReadPermit(Arc<Inner>);

impl ReadPermit {
    fn take(inner: &Arc<Inner>) -> Result<Self, Refusal> {
        let place = Place::take(&inner.reading, READING_MAX).ok_or(Refusal::TooManyReading)?;
        // From here on the permit gives the place back.
        std::mem::forget(place);
        Ok(Self(inner.clone()))
    }
}

impl Drop for ReadPermit {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Ordering::AcqRel);
    }
}
