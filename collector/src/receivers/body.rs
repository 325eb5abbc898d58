//! Reads a pushed body: within its size, within the budget, within time.

use super::refusal::{Reason, Refusal};
use crate::{budget::Share, inflate::Inflater};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use sigyn_store::Encoding;
use std::time::Duration;

/// A client that needs longer for one body has lost its connection.
const BODY_TIME_MAX: Duration = Duration::from_secs(30);

/// Of a refused body, so much is read to no end, and for so long.
const DISCARDED_BYTES_MAX: usize = 64 << 20;
const DISCARD_TIME_MAX: Duration = Duration::from_secs(5);

/// A body in memory, with the share of the budget that it takes.
pub(super) struct Received {
    pub(super) plain: Bytes,
    /// As it came, if it came compressed: the journal need not compress it again.
    pub(super) compressed: Option<(Encoding, Bytes)>,
    pub(super) share: Share,
}

/// Reads a body that is one message, compressed as a whole or not at all.
pub(super) async fn read(
    body: Body,
    encoding: Option<Encoding>,
    bytes_max: usize,
    share: Share,
) -> Result<Received, Refusal> {
    let mut chunks = Chunks { body: body.into_data_stream(), share, bytes_max };
    match in_time(read_message(&mut chunks, encoding)).await {
        Ok((plain, compressed)) => Ok(Received { plain, compressed, share: chunks.share }),
        Err(refusal) => {
            chunks.discard_rest().await;
            Err(refusal)
        }
    }
}

async fn read_message(
    chunks: &mut Chunks,
    encoding: Option<Encoding>,
) -> Result<(Bytes, Option<(Encoding, Bytes)>), Refusal> {
    let mut inflater = Inflater::new(encoding, chunks.bytes_max);
    let mut packed = BytesMut::new();
    while let Some(chunk) = chunks.next(packed.len() + inflater.len()).await? {
        if encoding.is_some() {
            chunks.check(packed.len() + chunk.len())?;
            packed.extend_from_slice(&chunk);
        }
        inflater.push(&chunk)?;
        chunks.hold(packed.len() + inflater.len())?;
    }
    let plain = Bytes::from(inflater.finish()?);
    Ok((plain, encoding.map(|encoding| (encoding, packed.freeze()))))
}

/// Reads a gRPC body: exactly one message with its five bytes in front (flag, length).
pub(super) async fn read_grpc(
    body: Body,
    encoding: Option<Encoding>,
    bytes_max: usize,
    share: Share,
) -> Result<Received, Refusal> {
    in_time(async move {
        let mut chunks = Chunks { body: body.into_data_stream(), share, bytes_max };
        let mut framed = BytesMut::new();
        while let Some(chunk) = chunks.next(framed.len()).await? {
            chunks.check((framed.len() + chunk.len()).saturating_sub(FRAME_HEADER_BYTES))?;
            framed.extend_from_slice(&chunk);
        }
        let mut share = chunks.share;
        let (flagged, message) = unframe(framed.freeze())?;
        if !flagged {
            return Ok(Received { plain: message, compressed: None, share });
        }
        let Some(encoding) = encoding else {
            let what = "the message is flagged as compressed, but grpc-encoding is not given";
            return Err(Refusal::new(Reason::BadInput, what));
        };
        let mut inflater = Inflater::new(Some(encoding), bytes_max);
        for chunk in message.chunks(INFLATE_STEP_BYTES) {
            inflater.push(chunk)?;
            if !share.grow_to(message.len() + inflater.len()) {
                return Err(Refusal::busy());
            }
        }
        let plain = Bytes::from(inflater.finish()?);
        Ok(Received { plain, compressed: Some((encoding, message)), share })
    })
    .await
}

const FRAME_HEADER_BYTES: usize = 5;
/// The budget is asked after each step of this many compressed bytes.
const INFLATE_STEP_BYTES: usize = 16 << 10;

struct Chunks {
    body: axum::body::BodyDataStream,
    share: Share,
    bytes_max: usize,
}

impl Chunks {
    async fn next(&mut self, bytes_held: usize) -> Result<Option<Bytes>, Refusal> {
        let Some(chunk) = self.body.next().await else { return Ok(None) };
        let chunk = chunk.map_err(|error| {
            Refusal::new(Reason::BadInput, format!("the body could not be read: {error}"))
        })?;
        self.hold(bytes_held + chunk.len())?;
        Ok(Some(chunk))
    }

    /// Lets the client send the rest of what is refused, within bounds. Over HTTP/1 a client reads no answer
    /// while it writes: a connection closed under it would show a reset instead of the reason.
    async fn discard_rest(self) {
        drop(self.share);
        let mut body = self.body;
        let discard = async {
            let mut bytes = 0;
            while let Some(Ok(chunk)) = body.next().await {
                bytes += chunk.len();
                if bytes > DISCARDED_BYTES_MAX {
                    return;
                }
            }
        };
        // A client that is slower than this is cut off; it was refused anyway.
        let _ = tokio::time::timeout(DISCARD_TIME_MAX, discard).await;
    }

    fn hold(&mut self, bytes: usize) -> Result<(), Refusal> {
        if self.share.grow_to(bytes) { Ok(()) } else { Err(Refusal::busy()) }
    }

    fn check(&self, bytes: usize) -> Result<(), Refusal> {
        if bytes <= self.bytes_max {
            return Ok(());
        }
        let what = format!("the body is larger than {} bytes", self.bytes_max);
        Err(Refusal::new(Reason::TooLarge, what))
    }
}

fn unframe(framed: Bytes) -> Result<(bool, Bytes), Refusal> {
    let bad = |what: &str| Err(Refusal::new(Reason::BadInput, what));
    let Some((header, message)) = framed.split_first_chunk::<FRAME_HEADER_BYTES>() else {
        return bad("the gRPC message is cut off inside its frame header");
    };
    let [flag, length @ ..] = *header;
    let length = u32::from_be_bytes(length) as usize;
    match (flag, message.len().cmp(&length)) {
        (2.., _) => bad("the gRPC frame has a compression flag that is neither 0 nor 1"),
        (_, std::cmp::Ordering::Less) => bad("the gRPC message is cut off"),
        (_, std::cmp::Ordering::Greater) => bad("more than one message came in a unary call"),
        (flag, std::cmp::Ordering::Equal) => Ok((flag == 1, framed.slice(FRAME_HEADER_BYTES..))),
    }
}

async fn in_time<T>(reading: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    tokio::time::timeout(BODY_TIME_MAX, reading).await.unwrap_or_else(|_| {
        let seconds = BODY_TIME_MAX.as_secs();
        Err(Refusal::new(Reason::Slow, format!("the body did not arrive within {seconds} s")))
    })
}
