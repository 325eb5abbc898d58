//! The OTLP reader of the store never panics, takes the bodies that another decoder takes and no others, and counts the same spans.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message;
use sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceRequest;

fuzz_target!(|body: &[u8]| {
    let read = sigyn_store::check_body(body);
    let request = match (ExportTraceServiceRequest::decode(body), &read) {
        (Ok(request), Ok(_)) => request,
        (Err(_), Err(_)) => return,
        (other, ours) => panic!("{ours:?}, another decoder: {:?}", other.err()),
    };
    let read = read.expect("it was just seen");
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let spans: usize = scopes.map(|scope| scope.spans.len()).sum();
    assert_eq!(read.spans + read.rejected, spans);
});
