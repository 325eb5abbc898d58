//! The buffer itself: what apps hold.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ::http::HeaderValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use crate::SpanBufferBuilder;
use crate::cursor::{Cursor, CursorError};
use crate::drain::{CONFIRMATION_GRACE, Drain, DrainProgress};
use crate::fill::FillRate;
use crate::harvest::{Harvest, Read};
use crate::http::timer::{ThreadTimer, Timer, TokioTimer, block_on};
use crate::keep::Keep;
use crate::otlp::{encode_resource, encode_span};
use crate::processor::SpanBufferProcessor;
use crate::ring::{Entry, INLINE_SCOPE};
use crate::scope::ScopeTable;
use crate::scratch::Scratch;
use crate::shards::Shards;
use crate::stats::Stats;
use crate::wakeup::Wakeup;

/// The newest finished spans of this process, in a fixed number of bytes.
///
/// A clone is another handle to the same buffer. Use one buffer for one tracer provider: what it
/// serves carries one Resource, the one that was set last.
#[derive(Clone)]
pub struct SpanBuffer {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) type Clock = dyn Fn() -> SystemTime + Send + Sync;

pub(crate) struct Inner {
    /// One life of this buffer.
    pub(crate) epoch: u128,
    pub(crate) shards: Shards,
    pub(crate) scopes: ScopeTable,
    /// What exemplars point at.
    pub(crate) keep: Keep,
    /// Encoded as fields of `ResourceSpans`.
    resource: Mutex<Arc<[u8]>>,
    pub(crate) span_bytes_max: usize,
    /// Spans of an earlier life that could not be read any more.
    pub(crate) damaged: AtomicU64,
    pub(crate) wakeup: Wakeup,
    pub(crate) drain: DrainProgress,
    draining: AtomicBool,
    fill: Mutex<FillRate>,
    pub(crate) uid: Option<HeaderValue>,
    clock: Arc<Clock>,
    /// Requests being answered, and those of them that wait for spans.
    pub(crate) reading: AtomicUsize,
    pub(crate) waiting: AtomicUsize,
}

impl SpanBuffer {
    /// A buffer of `capacity_bytes`, at least 64 KiB. The memory is taken now, in full.
    pub fn new(capacity_bytes: usize) -> Self {
        Self::builder().capacity_bytes(capacity_bytes).build()
    }

    /// For what [`new`](Self::new) leaves at its default.
    pub fn builder() -> SpanBufferBuilder {
        SpanBufferBuilder::new()
    }

    pub(crate) fn assemble(
        epoch: u128,
        shards: Shards,
        span_bytes_max: usize,
        uid: Option<HeaderValue>,
        clock: Arc<Clock>,
    ) -> Self {
        let inner = Inner {
            epoch,
            keep: Keep::new(shards.capacity_bytes()),
            shards,
            scopes: ScopeTable::default(),
            resource: Mutex::new(Arc::default()),
            span_bytes_max,
            damaged: AtomicU64::new(0),
            wakeup: Wakeup::default(),
            drain: DrainProgress::default(),
            draining: AtomicBool::new(false),
            fill: Mutex::new(FillRate::new()),
            uid,
            clock,
            reading: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
        };
        Self { inner: Arc::new(inner) }
    }
}

// Writing.
impl SpanBuffer {
    /// For `SdkTracerProvider::builder().with_span_processor(…)`.
    pub fn processor(&self) -> SpanBufferProcessor {
        SpanBufferProcessor::new(self.clone())
    }

    /// Records one finished span; the processor calls this. Never waits, and allocates nothing once
    /// this thread has recorded a few spans.
    pub fn record(&self, span: &SpanData) {
        Scratch::with(|scratch| self.record_with(scratch, span));
    }

    pub(crate) fn record_with(&self, scratch: &mut Scratch, span: &SpanData) {
        let Inner { epoch, shards, scopes, span_bytes_max, wakeup, .. } = &*self.inner;
        let Scratch { bytes, scopes: cache, stint } = scratch;
        let scope = scopes.number(*epoch, &span.instrumentation_scope, cache, bytes);
        debug_assert!(bytes.is_empty() || scope == INLINE_SCOPE);
        let inline_scope_bytes = bytes.len() as u16;
        encode_span(span, *span_bytes_max, bytes);
        shards.push(Entry { scope, inline_scope_bytes, payload: bytes }, stint, wakeup);
    }

    /// Sets what the response says about this process; the processor calls this.
    pub fn set_resource(&self, resource: &Resource) {
        let encoded = encode_resource(resource);
        *self.inner.resource.lock().unwrap_or_else(PoisonError::into_inner) = encoded.into();
    }
}

// Reading.
impl SpanBuffer {
    /// What `GET /debug/spans` answers, without HTTP: the spans after `cursor` (from the oldest
    /// held, without one), in a body of about `bytes_max` at most. Changes nothing.
    ///
    /// # Errors
    /// When the cursor is not one that this, or an earlier, buffer gave out.
    pub fn read(&self, cursor: Option<&str>, bytes_max: usize) -> Result<Read, CursorError> {
        let cursor = cursor.map(Cursor::parse).transpose()?;
        let mut harvest = Harvest::plan(&self.inner, cursor.as_ref(), bytes_max)?;
        self.inner.reached(cursor.as_ref());
        while harvest.step(&self.inner) {}
        Ok(harvest.finish(&self.inner))
    }

    /// What has been recorded, lost and held so far.
    pub fn stats(&self) -> Stats {
        let totals = self.inner.shards.totals();
        let capacity_bytes = self.inner.shards.capacity_bytes() as u64;
        let mut fill = self.inner.fill.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes_per_second = fill.look(totals.written_bytes);
        let kept = self.inner.keep.totals();
        Stats {
            recorded: totals.recorded,
            overwritten: totals.overwritten,
            dropped: self.inner.shards.dropped(),
            damaged: self.inner.damaged.load(Ordering::Relaxed),
            held_bytes: totals.held_bytes,
            capacity_bytes,
            kept: kept.spans,
            kept_given_up: kept.given_up,
            overwrite_seconds: capacity_bytes as f64 / bytes_per_second,
        }
    }
}

// Ending.
impl SpanBuffer {
    /// Says that the process is about to end: readers that wait are answered at once. The provider's
    /// shutdown calls this. Spans are still recorded and served.
    pub fn start_draining(&self) {
        self.inner.draining.store(true, Ordering::Release);
        self.inner.wakeup.interrupt();
    }

    /// Waits until a reader that asked with `drain=1` has read everything, at most `timeout`. Call it
    /// after the provider's shutdown and before the server goes away. Needs a tokio runtime with time.
    pub async fn drained(&self, timeout: Duration) -> Drain {
        self.drained_by(&TokioTimer, timeout).await
    }

    /// The same for a thread without a runtime.
    pub fn drained_blocking(&self, timeout: Duration) -> Drain {
        let timer = ThreadTimer::default();
        block_on(&timer, &AtomicBool::new(false), self.drained_by(&timer, timeout))
            .expect("nobody sets this flag")
    }

    async fn drained_by<T: Timer>(&self, timer: &T, timeout: Duration) -> Drain {
        let Inner { shards, drain, .. } = &*self.inner;
        let reached = |wanted: &'static [Drain]| async move {
            loop {
                let mut changed = std::pin::pin!(drain.changed.notified());
                changed.as_mut().enable();
                if wanted.contains(&drain.state(shards)) {
                    return;
                }
                changed.await;
            }
        };
        let confirmed = reached(&[Drain::Confirmed]);
        let delivered = async {
            reached(&[Drain::Delivered, Drain::Confirmed]).await;
            timer.sleep(CONFIRMATION_GRACE).await;
        };
        let mut confirmed = std::pin::pin!(confirmed);
        let mut delivered = std::pin::pin!(delivered);
        let mut late = std::pin::pin!(timer.sleep(timeout));
        std::future::poll_fn(|context| {
            let ready = confirmed.as_mut().poll(context).is_ready()
                || delivered.as_mut().poll(context).is_ready()
                || late.as_mut().poll(context).is_ready();
            if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        drain.state(shards)
    }
}

impl Inner {
    /// A reader that comes back has everything before its cursor, which must be a valid one.
    pub(crate) fn reached(&self, cursor: Option<&Cursor>) {
        if let Some(cursor) = cursor.filter(|cursor| cursor.epoch == self.epoch) {
            self.keep.had(cursor);
        }
    }

    pub(crate) fn resource(&self) -> Arc<[u8]> {
        self.resource.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    pub(crate) fn unix_nano(&self) -> u128 {
        (self.clock)().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
    }
}

impl std::fmt::Debug for SpanBuffer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("SpanBuffer").field(&self.stats()).finish()
    }
}
