//! Whatever the interleaving of writes, reads and wrap-around: once, or counted as lost.

use proptest::prelude::*;
use sigyn_buffer::{Lost, SpanBuffer};

use crate::support::{Reader, concat, number_of, span, spans};

#[derive(Clone, Debug)]
enum Step {
    Record { spans: u64, filler_bytes: usize },
    Read { reader: usize, bytes_max: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let filler = prop_oneof![6 => 0..300usize, 2 => 300..3_000usize, 1 => 3_000..12_000usize];
    let record =
        (1..60u64, filler).prop_map(|(spans, filler_bytes)| Step::Record { spans, filler_bytes });
    let limit = prop_oneof![0..2_000usize, 2_000..50_000usize, Just(1 << 22)];
    let read = (0..3usize, limit).prop_map(|(reader, bytes_max)| Step::Read { reader, bytes_max });
    prop::collection::vec(prop_oneof![2 => record, 1 => read], 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_span_comes_once_to_each_reader_or_is_counted(steps in steps()) {
        // Two shards of 32 KiB, so that most runs go round several times.
        let buffer = SpanBuffer::new(64 << 10);
        let mut readers: [Reader; 3] = Default::default();
        // What a reader can have, from its first read on.
        let mut before_first_read = [None; 3];
        let mut recorded = 0;
        for step in steps {
            match step {
                Step::Record { spans, filler_bytes } => {
                    for _ in 0..spans {
                        buffer.record(&span(recorded, filler_bytes));
                        recorded += 1;
                    }
                }
                Step::Read { reader, bytes_max } => {
                    let overwritten = buffer.stats().overwritten;
                    before_first_read[reader].get_or_insert(overwritten);
                    readers[reader].read(&buffer, bytes_max);
                }
            }
        }
        prop_assert_eq!(buffer.stats().recorded, recorded);
        prop_assert_eq!(buffer.stats().dropped, 0);
        for (reader, before) in readers.iter_mut().zip(before_first_read) {
            let before = before.unwrap_or(buffer.stats().overwritten);
            reader.read_all(&buffer, 4_000);
            reader.check(recorded - before);
        }
    }
}

#[test]
fn a_read_changes_nothing() {
    let buffer = SpanBuffer::new(64 << 10);
    (0..500).for_each(|number| buffer.record(&span(number, 100)));
    let (one, other) = (buffer.read(None, 10_000).unwrap(), buffer.read(None, 10_000).unwrap());
    assert_eq!(concat(&one.chunks), concat(&other.chunks));
    assert_eq!(one.cursor, other.cursor);
    let (again, once_more) = (
        buffer.read(Some(&one.cursor), 10_000).unwrap(),
        buffer.read(Some(&one.cursor), 10_000).unwrap(),
    );
    assert_eq!(concat(&again.chunks), concat(&once_more.chunks));
}

#[test]
fn the_gap_is_what_was_overwritten_since_the_cursor() {
    let buffer = SpanBuffer::new(64 << 10);
    buffer.record(&span(0, 100));
    let first = buffer.read(None, 1 << 20).unwrap();
    (1..2_000).for_each(|number| buffer.record(&span(number, 100)));
    let stats = buffer.stats();
    assert!(stats.overwritten > 1_000);
    let read = buffer.read(Some(&first.cursor), 1 << 20).unwrap();
    // Span 0 was overwritten too, but this reader has it.
    assert_eq!(read.lost, Lost::Spans(stats.overwritten - 1));
    assert_eq!(read.spans as u64, stats.held());
    assert!(!read.more);
}

#[test]
fn one_busy_thread_has_the_whole_capacity() {
    let buffer = SpanBuffer::new(4 << 20);
    (0..40_000).for_each(|number| buffer.record(&span(number, 100)));
    let stats = buffer.stats();
    assert!(stats.overwritten > 0);
    assert!(stats.held_bytes > stats.capacity_bytes * 99 / 100, "{stats:?}");
    // What is held is what came last, but for the lap that the shards are apart.
    let read = buffer.read(None, 16 << 20).unwrap();
    let body = crate::support::decode(&concat(&read.chunks));
    let oldest = spans(&body).map(number_of).min().unwrap();
    assert!(oldest > 40_000 - stats.held() * 13 / 10, "{oldest} of {}", stats.held());
}

#[test]
fn a_cursor_of_another_life_says_that_the_loss_is_unknown() {
    let (old, new) = (SpanBuffer::new(64 << 10), SpanBuffer::new(64 << 10));
    old.record(&span(0, 10));
    let cursor = old.read(None, 1 << 20).unwrap().cursor;
    new.record(&span(1, 10));
    let read = new.read(Some(&cursor), 1 << 20).unwrap();
    assert_eq!((read.lost, read.spans), (Lost::Unknown, 1));
    let next = new.read(Some(&read.cursor), 1 << 20).unwrap();
    assert_eq!((next.lost, next.spans), (Lost::Spans(0), 0));
}

#[test]
fn a_cursor_from_the_future_is_refused() {
    let buffer = SpanBuffer::new(64 << 10);
    let cursor = buffer.read(None, 1 << 20).unwrap().cursor;
    let ahead = format!("{}9", cursor);
    assert!(buffer.read(Some(&ahead), 1 << 20).is_err());
    let too_many = format!("{cursor}.0");
    assert!(buffer.read(Some(&too_many), 1 << 20).is_err());
}

#[test]
fn spans_of_more_scopes_than_the_table_holds_keep_their_scope() {
    let buffer = SpanBuffer::new(1 << 20);
    for number in 0..900 {
        let mut span = span(number, 10);
        let scope = opentelemetry::InstrumentationScope::builder(format!("library {number}"))
            .with_version("1.2")
            .with_schema_url("https://example.org/schema")
            .with_attributes([opentelemetry::KeyValue::new("n", number as i64)])
            .build();
        span.instrumentation_scope = scope;
        buffer.record(&span);
        buffer.record(&span);
    }
    let read = buffer.read(None, 16 << 20).unwrap();
    let body = crate::support::decode(&concat(&read.chunks));
    let scopes = &body.resource_spans[0].scope_spans;
    assert_eq!(scopes.len(), 900);
    for scope_spans in scopes {
        assert_eq!(scope_spans.spans.len(), 2);
        let number = number_of(&scope_spans.spans[0]);
        let scope = scope_spans.scope.as_ref().unwrap();
        assert_eq!((&*scope.name, &*scope.version), (&*format!("library {number}"), "1.2"));
        assert_eq!(scope_spans.schema_url, "https://example.org/schema");
        assert_eq!(scope.attributes.len(), 1);
    }
}
