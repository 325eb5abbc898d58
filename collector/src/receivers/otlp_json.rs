//! OTLP/JSON: turned into the protobuf that the store takes.

use prost::Message;
use sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceRequest;

/// OTLP/JSON as protobuf; the error is half a sentence. IDs are hex, 64-bit numbers may be strings.
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
