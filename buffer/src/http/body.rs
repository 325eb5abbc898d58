//! The body of an answer, compressed piece by piece while it is sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use flate2::write::GzEncoder;
use http_body::{Body, Frame, SizeHint};

use super::accept::Coding;
use super::answer::ReadPermit;

/// One poll compresses at most this much, some hundred microseconds of work, so that a large read does
/// not hold up the app's runtime.
const PIECE_BYTES: usize = 64 << 10;
/// The fastest level: bytes on the wire are cheap beside a pod's share of a core.
const ZSTD_LEVEL: i32 = 1;

/// The body of every answer of a span buffer.
pub struct PullBody {
    chunks: VecDeque<Bytes>,
    encoder: Encoder,
    /// This reader's place among those that may read at a time, until all is sent.
    _permit: Option<ReadPermit>,
}

enum Encoder {
    Identity,
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
}

impl PullBody {
    pub(super) fn empty() -> Self {
        Self::new(Vec::new(), Coding::Identity, None)
    }

    pub(super) fn text(text: String) -> Self {
        Self::new(vec![text.into()], Coding::Identity, None)
    }

    pub(super) fn new(chunks: Vec<Bytes>, coding: Coding, permit: Option<ReadPermit>) -> Self {
        let encoder = match coding {
            // Of nothing, nothing is left, whatever the coding.
            _ if chunks.is_empty() => Encoder::Identity,
            Coding::Identity => Encoder::Identity,
            Coding::Gzip => Encoder::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::fast())),
            Coding::Zstd => zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)
                .map_or(Encoder::Identity, |encoder| Encoder::Zstd(Box::new(encoder))),
        };
        Self { chunks: chunks.into(), encoder, _permit: permit }
    }

    /// What `content-encoding` must say.
    pub(super) fn coding(&self) -> Coding {
        match self.encoder {
            Encoder::Identity => Coding::Identity,
            Encoder::Gzip(_) => Coding::Gzip,
            Encoder::Zstd(_) => Coding::Zstd,
        }
    }

    /// The bytes that will come, where that is known before compressing.
    pub(super) fn content_length(&self) -> Option<u64> {
        matches!(self.encoder, Encoder::Identity)
            .then(|| self.chunks.iter().map(|chunk| chunk.len() as u64).sum())
    }

    /// Does one piece of work; `Some` of an empty piece says that there is more to come.
    pub(crate) fn next_piece(&mut self) -> Option<Bytes> {
        if matches!(self.encoder, Encoder::Identity) {
            return self.chunks.pop_front();
        }
        let Some(chunk) = self.chunks.front_mut() else {
            return self.finish();
        };
        let piece = chunk.split_to(chunk.len().min(PIECE_BYTES));
        if !chunk.has_remaining() {
            self.chunks.pop_front();
        }
        let written = match &mut self.encoder {
            Encoder::Identity => Ok(()),
            Encoder::Gzip(encoder) => encoder.write_all(&piece),
            Encoder::Zstd(encoder) => encoder.write_all(&piece),
        };
        written.expect("a Vec takes everything");
        Some(match &mut self.encoder {
            Encoder::Identity => Bytes::new(),
            Encoder::Gzip(encoder) => std::mem::take(encoder.get_mut()).into(),
            Encoder::Zstd(encoder) => std::mem::take(encoder.get_mut()).into(),
        })
    }

    fn finish(&mut self) -> Option<Bytes> {
        let rest = match std::mem::replace(&mut self.encoder, Encoder::Identity) {
            Encoder::Identity => return None,
            Encoder::Gzip(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        };
        Some(rest.expect("a Vec takes everything").into())
    }
}

impl Body for PullBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.next_piece() {
            Some(piece) if piece.is_empty() => {
                // The compressor holds it back; others may run before the next piece.
                context.waker().wake_by_ref();
                Poll::Pending
            }
            piece => Poll::Ready(piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.encoder, Encoder::Identity) && self.chunks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.content_length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl std::fmt::Debug for PullBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PullBody").field("coding", &self.coding()).finish_non_exhaustive()
    }
}
