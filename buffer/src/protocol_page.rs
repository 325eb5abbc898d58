//! The worked example in `docs/format/pull-protocol.md` is what this code sends, byte by byte.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, Method};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::SpanBuffer;
use crate::http::timer::{ThreadTimer, block_on};
use crate::http::{PATH, answer};
use crate::scratch::Scratch;

const PAGE: &str = include_str!("../../docs/format/pull-protocol.md");

fn span() -> SpanData {
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c),
            SpanId::from(0xb7ad_6b71_6920_3331),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Server,
        name: "GET /cart".into(),
        start_time: UNIX_EPOCH + Duration::from_nanos(1_790_000_000_000_000_000),
        end_time: UNIX_EPOCH + Duration::from_nanos(1_790_000_000_042_000_000),
        attributes: vec![KeyValue::new("http.response.status_code", 200)],
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::builder("shop").build(),
    }
}

fn buffer() -> SpanBuffer {
    let buffer = SpanBuffer::builder()
        .capacity_bytes(64 << 10)
        .clock(|| UNIX_EPOCH + Duration::from_nanos(1_790_000_001_500_000_000))
        .build_with_epoch(0x9c1d_7a06_52e4_4b3f_8a90_1f6b_d2c3_e475);
    buffer.set_resource(&Resource::builder_empty().with_service_name("cart").build());
    // Which shard a thread begins with depends on how many there were before; here it is the first.
    let mut scratch = Scratch::new();
    scratch.stint.shard = usize::MAX;
    buffer.record_with(&mut scratch, &span());
    buffer
}

/// The answer as the page shows it: headers in order, then the body in lines of 16 bytes.
fn ask(buffer: &SpanBuffer, query: &str) -> (Vec<String>, Vec<String>) {
    let uri = format!("{PATH}{query}").parse().unwrap();
    let pull = answer::Pull::parse(&Method::GET, &uri, &HeaderMap::new()).unwrap();
    let timer = ThreadTimer::default();
    let response = block_on(&timer, &AtomicBool::new(false), pull.answer(buffer, &timer)).unwrap();
    let headers = response.headers().iter().filter(|(name, _)| name.as_str().starts_with("sigyn-"));
    let headers = headers.map(|(name, value)| {
        let value = value.to_str().unwrap();
        // How fast it fills depends on the machine.
        let value = value.split("overwrite_seconds=").next().unwrap();
        format!("{name}: {value}")
    });
    let headers = headers.collect();
    let mut body = response.into_body();
    let bytes: Vec<u8> = std::iter::from_fn(|| body.next_piece()).flatten().collect();
    let lines = bytes
        .chunks(16)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "));
    (headers, lines.collect())
}

#[test]
fn the_example_on_the_page_is_what_this_code_sends() {
    let buffer = buffer();
    let (headers, body) = ask(&buffer, "");
    assert!(!body.is_empty());
    let cursor = headers.iter().find_map(|line| line.strip_prefix("sigyn-cursor: ")).unwrap();
    let (again, nothing) = ask(&buffer, &format!("?cursor={cursor}"));
    assert!(nothing.is_empty());
    for line in headers.iter().chain(&body).chain(&again) {
        assert!(PAGE.contains(line.as_str()), "the page lacks this line: {line}");
    }
}
