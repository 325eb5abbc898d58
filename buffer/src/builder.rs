//! What can be chosen about a buffer.

use std::sync::Arc;
use std::time::SystemTime;

use crate::SpanBuffer;
use crate::buffer::Clock;
use crate::otlp::SPAN_LIMIT_BYTES_MIN;
use crate::relay::Relay;
use crate::shards::Shards;

/// 16 MiB hold about 40,000 spans of 400 bytes.
const CAPACITY_BYTES_DEFAULT: usize = 16 << 20;
const SPAN_BYTES_MAX_DEFAULT: usize = 64 << 10;

/// Builds a [`SpanBuffer`]; begin with [`SpanBuffer::builder`].
#[must_use]
pub struct SpanBufferBuilder {
    capacity_bytes: usize,
    span_bytes_max: usize,
    uid: Option<String>,
    clock: Arc<Clock>,
}

impl SpanBufferBuilder {
    pub(crate) fn new() -> Self {
        Self {
            capacity_bytes: CAPACITY_BYTES_DEFAULT,
            span_bytes_max: SPAN_BYTES_MAX_DEFAULT,
            uid: None,
            clock: Arc::new(system_time),
        }
    }

    /// How many bytes of spans are kept; at least 64 KiB, 16 MiB by default.
    pub fn capacity_bytes(mut self, capacity_bytes: usize) -> Self {
        self.capacity_bytes = capacity_bytes;
        self
    }

    /// Above how many encoded bytes a span is cut down; 64 KiB by default. It is at least 512, and at
    /// most a quarter of a shard.
    pub fn span_bytes_max(mut self, span_bytes_max: usize) -> Self {
        self.span_bytes_max = span_bytes_max;
        self
    }

    /// The UID of the pod, as the downward API gives it. Readers compare it with what discovery says,
    /// and so notice that an address has a new owner. What cannot stand in a header is not sent.
    pub fn uid(mut self, uid: impl Into<String>) -> Self {
        self.uid = Some(uid.into());
        self
    }

    /// Where the time in the header `sigyn-time` comes from; the system's clock by default.
    pub fn clock(mut self, now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(now);
        self
    }

    /// Allocates the ring and draws an epoch.
    pub fn build(self) -> SpanBuffer {
        self.build_with_epoch(rand::random())
    }

    /// A buffer for spans of other processes, which come encoded and carry their own Resources, and its one writer.
    /// The epoch is one that the caller drew, or that of an earlier life whose places the writer takes again; the
    /// number of shards is a power of two, at most 64.
    pub fn build_relay(self, epoch: u128, shards: usize) -> (SpanBuffer, Relay) {
        let shards = Shards::with_count(self.capacity_bytes, shards);
        let buffer = self.assemble(epoch, shards);
        (buffer.clone(), Relay::new(buffer))
    }

    pub(crate) fn build_with_epoch(self, epoch: u128) -> SpanBuffer {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let shards = Shards::new(self.capacity_bytes, cores);
        self.assemble(epoch, shards)
    }

    fn assemble(self, epoch: u128, shards: Shards) -> SpanBuffer {
        let span_bytes_max =
            self.span_bytes_max.min(shards.span_bytes_max()).max(SPAN_LIMIT_BYTES_MIN);
        let uid = self.uid.and_then(|uid| uid.parse().ok());
        SpanBuffer::assemble(epoch, shards, span_bytes_max, uid, self.clock)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this library lives in apps, which have no Clock to hand in; tests set their own"
)]
fn system_time() -> SystemTime {
    SystemTime::now()
}
