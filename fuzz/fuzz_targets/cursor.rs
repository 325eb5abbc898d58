//! A span buffer answers any cursor with whole spans or a refusal, and its answer can be read on from.

#![no_main]

use libfuzzer_sys::fuzz_target;
use opentelemetry::trace::{Span, Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use sigyn_buffer::{Lost, SpanBuffer};
use std::sync::LazyLock;

const SPANS: usize = 100;

static BUFFER: LazyLock<SpanBuffer> = LazyLock::new(|| {
    let buffer = SpanBuffer::new(1 << 20);
    let provider = SdkTracerProvider::builder().with_span_processor(buffer.processor()).build();
    let tracer = provider.tracer("fuzz");
    (0..SPANS).for_each(|_| tracer.start("work").end());
    buffer
});

/// The first two bytes bound the body; the rest is the cursor. A `@` stands for the epoch of the
/// buffer, which is another in each run.
fn read(data: &[u8]) -> Option<()> {
    let (bound, text) = data.split_first_chunk::<2>()?;
    let bytes_max = usize::from(u16::from_le_bytes(*bound));
    let first = BUFFER.read(None, 0).expect("no cursor is always good").cursor;
    let text = std::str::from_utf8(text).ok()?;
    let text = match text.strip_prefix('@') {
        Some(rest) => {
            let (epoch_end, _) = first.match_indices('.').nth(1).expect("a cursor has positions");
            format!("{}{rest}", &first[..epoch_end])
        }
        None => text.to_owned(),
    };
    let answer = BUFFER.read(Some(&text), bytes_max).ok()?;
    let body = answer.chunks.concat();
    let held = sigyn_store::check_body(&body).expect("a body is whole");
    assert_eq!((held.spans, held.rejected), (answer.spans, 0));
    assert!(answer.spans <= SPANS);
    let on = BUFFER.read(Some(&answer.cursor), 1 << 20).expect("its own cursor is good");
    assert_eq!(on.lost, Lost::Spans(0));
    assert!(answer.spans + on.spans <= SPANS && !on.more);
    Some(())
}

fuzz_target!(|data: &[u8]| {
    read(data);
});
