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
    let encoded = tokio::task::spawn_blocking(move || encode(&plain)).await.map_err(|error| {
        Refusal::new(Reason::BadInput, format!("the body broke the decoder: {error}"))
    })?;
    match encoded {
        Ok(encoded) => Ok(Received { plain: encoded.into(), compressed: None, share }),
        Err(what) => {
            Err(Refusal::new(Reason::BadInput, format!("the body is not OTLP/JSON: {what}")))
        }
    }
}

/// OTLP/JSON as protobuf; the error is half a sentence.
pub(crate) fn encode(json: &[u8]) -> Result<Vec<u8>, String> {
    // All fields may be absent, so any object would pass: this one tells spans from other things.
    #[derive(serde::Deserialize)]
    struct Probe {
        #[serde(rename = "resourceSpans")]
        _resource_spans: serde::de::IgnoredAny,
    }
    serde_json::from_slice::<Probe>(json).map_err(|error| error.to_string())?;
    let spans = serde_json::from_slice::<ExportTraceServiceRequest>(json);
    spans.map(|spans| spans.encode_to_vec()).map_err(|error| error.to_string())
}
