//! Spans that exemplars point at are not lost, however fast the ring goes round.

use opentelemetry::trace::TraceId;
use proptest::prelude::*;
use sigyn_buffer::{Lost, SpanBuffer};

use crate::support::{Reader, concat, numbers, span};

/// A page with an exemplar for each of these spans.
fn page(numbers: impl IntoIterator<Item = u64>) -> String {
    let mut text = "# TYPE a counter\n".to_owned();
    for number in numbers {
        let id = TraceId::from(u128::from(number) << 64 | 7);
        // Leading zeros go missing on the way, and labels have several spellings.
        let id = id.to_string().trim_start_matches('0').to_owned();
        let label = ["trace_id", "traceID", "TraceID"][number as usize % 3];
        text += &format!("a_total{{n=\"{number}\"}} 1 # {{{label}=\"{id}\"}} 1\n");
    }
    text + "# EOF\n"
}

fn record(buffer: &SpanBuffer, numbers: std::ops::Range<u64>) {
    numbers.for_each(|number| buffer.record(&span(number, 200)));
}

#[test]
fn what_an_exemplar_points_at_waits_for_a_reader() {
    let buffer = SpanBuffer::new(64 << 10);
    let cursor = buffer.read(None, 1 << 20).unwrap().cursor;
    record(&buffer, 0..10);
    let response = buffer.exposition(page([3, 7]));
    assert_eq!(
        response.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert_eq!(*response.body(), page([3, 7]));
    record(&buffer, 10..5_000);
    let stats = buffer.stats();
    assert!(stats.overwritten > 10, "the ring went round");
    assert_eq!((stats.kept, stats.kept_given_up), (2, 0));
    assert!(stats.to_string().ends_with(", kept=2, kept_given_up=0"), "{stats}");

    let read = buffer.read(Some(&cursor), 1 << 20).unwrap();
    let got = numbers(&concat(&read.chunks));
    assert!(got.contains(&3) && got.contains(&7) && !got.contains(&4));
    assert_eq!(read.lost, Lost::Spans(stats.overwritten - 2), "those two are not lost");
    let first = buffer.read(None, 1 << 20).unwrap();
    assert_eq!((first.spans, first.lost), (read.spans, Lost::Spans(0)), "so for a first reader");

    // Who comes back with the cursor has them; then they go.
    let again = buffer.read(Some(&read.cursor), 1 << 20).unwrap();
    assert_eq!((again.spans, again.lost), (0, Lost::Spans(0)));
    buffer.keep_exemplars(&page([3, 7]));
    assert_eq!(buffer.stats().kept, 0);
    let late = buffer.read(Some(&cursor), 1 << 20).unwrap();
    assert_eq!(late.lost, Lost::Spans(stats.overwritten), "another reader came too late");
}

#[test]
fn spans_that_end_while_the_exemplar_is_shown_are_kept_too() {
    let buffer = SpanBuffer::new(64 << 10);
    buffer.keep_exemplars(&page([5]));
    record(&buffer, 0..10);
    buffer.keep_exemplars(&page([5]));
    assert_eq!(buffer.stats().kept, 1);
    buffer.keep_exemplars(&page([]));
    record(&buffer, 10..5_000);
    assert!(numbers(&concat(&buffer.read(None, 1 << 20).unwrap().chunks)).contains(&5));
}

#[test]
fn what_is_kept_has_a_bound_and_the_oldest_goes_first() {
    let buffer = SpanBuffer::new(64 << 10);
    record(&buffer, 0..100);
    buffer.keep_exemplars(&page(0..100));
    let stats = buffer.stats();
    assert!((10..40).contains(&stats.kept), "an eighth of 64 KiB: {stats}");
    assert_eq!(stats.kept + stats.kept_given_up, 100);
}

#[test]
fn spans_are_found_by_their_trace() {
    let buffer = SpanBuffer::new(64 << 10);
    let trace = |number: u64| (u128::from(number) << 64 | 7).to_be_bytes();
    record(&buffer, 0..10);
    buffer.keep_exemplars(&page([3]));
    record(&buffer, 10..5_000);
    let found = buffer.find(&[trace(3), trace(4), trace(4_999), [1; 16]], 1 << 20);
    let mut got = numbers(&concat(&found.chunks));
    got.sort_unstable();
    assert_eq!((got, found.spans, found.more), (vec![3, 4_999], 2, false));
    let newest: Vec<_> = (4_900..5_000).map(trace).collect();
    let found = buffer.find(&newest, 4_000);
    assert!(found.more && found.spans > 0 && found.spans < 100, "{}", found.spans);
    let read = concat(&found.chunks);
    assert_eq!(numbers(&read).len(), found.spans);
}

#[derive(Clone, Debug)]
enum Step {
    Record { spans: u64, filler_bytes: usize },
    Expose { back: Vec<u64> },
    Read { reader: usize, bytes_max: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let filler = prop_oneof![6 => 0..300usize, 2 => 300..3_000usize, 1 => 3_000..12_000usize];
    let record =
        (1..60u64, filler).prop_map(|(spans, filler_bytes)| Step::Record { spans, filler_bytes });
    let limit = prop_oneof![0..2_000usize, 2_000..50_000usize, Just(1 << 22)];
    let read = (0..3usize, limit).prop_map(|(reader, bytes_max)| Step::Read { reader, bytes_max });
    let expose = prop::collection::vec(0..200u64, 0..8).prop_map(|back| Step::Expose { back });
    prop::collection::vec(prop_oneof![3 => record, 2 => expose, 1 => read], 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn kept_or_not_every_span_comes_once_or_is_counted(steps in steps()) {
        let buffer = SpanBuffer::new(64 << 10);
        let mut readers: [Reader; 3] = Default::default();
        for reader in &mut readers {
            reader.read(&buffer, 1 << 20);
        }
        let mut recorded = 0;
        for step in steps {
            match step {
                Step::Record { spans, filler_bytes } => {
                    for _ in 0..spans {
                        buffer.record(&span(recorded, filler_bytes));
                        recorded += 1;
                    }
                }
                Step::Expose { back } => {
                    let shown = back.into_iter().filter_map(|back| recorded.checked_sub(back + 1));
                    buffer.keep_exemplars(&page(shown));
                }
                Step::Read { reader, bytes_max } => {
                    readers[reader].read(&buffer, bytes_max);
                }
            }
        }
        for reader in &mut readers {
            reader.read_all(&buffer, 4_000);
            reader.check(recorded);
        }
    }
}
