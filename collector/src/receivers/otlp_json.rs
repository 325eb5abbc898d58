//! OTLP/JSON: turned into the protobuf that the store takes.

use super::{
    body::Received,
    refusal::{Reason, Refusal},
};
use prost::Message;
use sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceRequest;

/// JSON in structs takes up to about this many times its bytes; the budget is asked for it first.
const STRUCTS_PER_BYTE: usize = 4;

/// Decodes the body and encodes it as protobuf. IDs are hex, 64-bit numbers may be strings.
pub(super) async fn to_protobuf(received: Received) -> Result<Received, Refusal> {
    let Received { plain, compressed, mut share } = received;
    drop(compressed);
    if !share.grow_to(plain.len() * STRUCTS_PER_BYTE) {
        return Err(Refusal::busy());
    }
    // Structs of a large body take milliseconds to build: not on a thread that serves others.
    let encoded = tokio::task::spawn_blocking(move || {
        serde_json::from_slice::<ExportTraceServiceRequest>(&plain).map(|all| all.encode_to_vec())
    })
    .await
    .map_err(|error| {
        Refusal::new(Reason::BadInput, format!("the body broke the decoder: {error}"))
    })?;
    match encoded {
        Ok(encoded) => Ok(Received { plain: encoded.into(), compressed: None, share }),
        Err(error) => {
            Err(Refusal::new(Reason::BadInput, format!("the body is not OTLP/JSON: {error}")))
        }
    }
}
