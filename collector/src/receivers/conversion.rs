//! Bodies that are not OTLP protobuf: turned into it.

use super::{
    body::Received,
    refusal::{Reason, Refusal},
};

/// A body in structs takes up to about this many times its bytes; the budget is asked for it first.
const STRUCTS_PER_BYTE: usize = 4;

/// Makes OTLP of a body; the error is half a sentence.
pub(super) type Convert = fn(&[u8]) -> Result<Vec<u8>, String>;

/// Decodes the body and encodes it as OTLP protobuf. `format` is what it was said to be.
pub(super) async fn to_otlp(
    received: Received,
    format: &str,
    convert: Convert,
) -> Result<Received, Refusal> {
    let Received { plain, compressed, mut share } = received;
    drop(compressed);
    if !share.grow_to(plain.len() * STRUCTS_PER_BYTE) {
        return Err(Refusal::busy());
    }
    // Structs of a large body take milliseconds to build: not on a thread that serves others.
    let encoded = tokio::task::spawn_blocking(move || convert(&plain)).await.map_err(|error| {
        Refusal::new(Reason::BadInput, format!("the body broke the decoder: {error}"))
    })?;
    match encoded {
        Ok(encoded) => Ok(Received { plain: encoded.into(), compressed: None, share }),
        Err(what) => {
            Err(Refusal::new(Reason::BadInput, format!("the body is not {format}: {what}")))
        }
    }
}
