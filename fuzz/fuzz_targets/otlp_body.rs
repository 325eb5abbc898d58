//! The OTLP reader of the store never panics, takes every body that another decoder takes, and counts the same spans.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message;
use sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceRequest;

fuzz_target!(|body: &[u8]| {
    let read = sigyn_store::check_body(body);
    // The other decoder may refuse what ours takes: ours steps over fields that it does not use, and mends text.
    let Ok(request) = ExportTraceServiceRequest::decode(body) else { return };
    let read = read.expect("what another decoder takes is taken");
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let spans: usize = scopes.map(|scope| scope.spans.len()).sum();
    assert_eq!(read.spans + read.rejected, spans);
});
