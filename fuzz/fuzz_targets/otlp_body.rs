//! The OTLP reader of the store never panics, and counts the spans that another decoder counts.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message;
use sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceRequest;

fuzz_target!(|body: &[u8]| {
    let Ok(read) = sigyn_store::check_body(body) else { return };
    // The other decoder may refuse what ours takes: ours steps over fields that it does not use.
    let Ok(request) = ExportTraceServiceRequest::decode(body) else { return };
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let spans: usize = scopes.map(|scope| scope.spans.len()).sum();
    assert_eq!(read.spans + read.rejected, spans);
});
