//! Some dozens of exemplars as one value. sled keeps sixteen entries a page and holds something of each page in memory, so that
//! four entries an exemplar took ten times as much as the exemplar itself; and exemplars that come together are much alike,
//! so each is written as what it does not share with the one before.

use super::exemplar_text::{self, number, take_array, take_bytes, take_number};
use crate::{Exemplar, SpanId, TraceId};

const VERSION: u8 = 1;
/// A leaf of sled's tree holds sixteen batches and is written anew after ten changes.
const COUNT_MAX: usize = 32;
const BYTES_MAX: usize = 4 << 10;

/// An exemplar, and until when it pins its trace and is kept itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    pub(super) exemplar: Exemplar,
    pub(super) until_unix_nano: u64,
}

/// All of a record but labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Head {
    pub(super) timestamp_unix_milli: i64,
    pub(super) until_unix_nano: u64,
    pub(super) trace_id: TraceId,
    pub(super) span_id: Option<SpanId>,
    pub(super) value: f64,
}

impl Head {
    pub(super) fn new(exemplar: &Exemplar, until_unix_nano: u64) -> Self {
        let Exemplar { trace_id, span_id, value, timestamp_unix_milli, .. } = *exemplar;
        Self { timestamp_unix_milli, until_unix_nano, trace_id, span_id, value }
    }
}

/// Takes one record after another.
pub(super) struct Batch {
    bytes: Vec<u8>,
    count: usize,
    before: Before,
}

/// What of a record the next one is told by.
#[derive(Default)]
struct Before {
    timestamp_unix_milli: i64,
    until_unix_nano: u64,
    text: Vec<u8>,
}

impl Batch {
    /// An empty one.
    pub(super) fn new() -> Self {
        Self { bytes: vec![VERSION], count: 0, before: Before::default() }
    }

    /// All of these, however many.
    pub(super) fn of(records: &[Record]) -> Self {
        let mut batch = Self::new();
        records.iter().for_each(|record| batch.push(&record.exemplar, record.until_unix_nano));
        batch
    }

    pub(super) fn push(&mut self, exemplar: &Exemplar, until_unix_nano: u64) {
        let out = &mut self.bytes;
        let time = exemplar.timestamp_unix_milli;
        number(out, signed(time.wrapping_sub(self.before.timestamp_unix_milli)));
        number(out, signed(until_unix_nano.wrapping_sub(self.before.until_unix_nano) as i64));
        out.extend_from_slice(&exemplar.trace_id.0);
        out.push(u8::from(exemplar.span_id.is_some()));
        if let Some(span_id) = exemplar.span_id {
            out.extend_from_slice(&span_id.0);
        }
        out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
        let text = exemplar_text::write(exemplar);
        let (start, end) = shared(&self.before.text, &text);
        let middle = &text[start..text.len() - end];
        for length in [start, end, middle.len()] {
            number(out, length as u64);
        }
        out.extend_from_slice(middle);
        self.before = Before { timestamp_unix_milli: time, until_unix_nano, text };
        self.count += 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.count >= COUNT_MAX || self.bytes.len() >= BYTES_MAX
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a batch; `None` when it is damaged.
pub(super) fn read(bytes: &[u8]) -> Option<Vec<Record>> {
    let (mut records, mut text) = (Vec::new(), Vec::new());
    for_each(bytes, |head, told| {
        text = told.of(&text)?;
        let mut labels = &text[..];
        let (series, own) = exemplar_text::take(&mut labels, head.trace_id, head.span_id)?;
        if !labels.is_empty() {
            return None;
        }
        let Head { timestamp_unix_milli, until_unix_nano, trace_id, span_id, value } = head;
        let exemplar =
            Exemplar { series, labels: own, trace_id, span_id, value, timestamp_unix_milli };
        records.push(Record { exemplar, until_unix_nano });
        Some(())
    })?;
    Some(records)
}

/// Reads all of a batch but texts, which take most of the time; `None` when it is damaged.
pub(super) fn read_heads(bytes: &[u8]) -> Option<Vec<Head>> {
    let mut heads = Vec::new();
    for_each(bytes, |head, _| {
        heads.push(head);
        Some(())
    })?;
    Some(heads)
}

/// A text by the one before.
struct Told<'a> {
    /// Bytes in common at the beginning, and at the end.
    start: u64,
    end: u64,
    middle: &'a [u8],
}

impl Told<'_> {
    fn of(&self, before: &[u8]) -> Option<Vec<u8>> {
        let start = before.get(..usize::try_from(self.start).ok()?)?;
        let end_at = before.len().checked_sub(usize::try_from(self.end).ok()?)?;
        Some([start, self.middle, &before[end_at..]].concat())
    }
}

fn for_each(bytes: &[u8], mut show: impl FnMut(Head, Told<'_>) -> Option<()>) -> Option<()> {
    let mut rest = bytes;
    if take_array(&mut rest)? != [VERSION] {
        return None;
    }
    let rest = &mut rest;
    let (mut timestamp_unix_milli, mut until_unix_nano) = (0i64, 0u64);
    while !rest.is_empty() {
        timestamp_unix_milli = timestamp_unix_milli.wrapping_add(unsigned(take_number(rest)?));
        until_unix_nano = until_unix_nano.wrapping_add(unsigned(take_number(rest)?) as u64);
        let trace_id = TraceId(take_array(rest)?);
        let span_id = match take_array(rest)? {
            [0] => None,
            [1] => Some(SpanId(take_array(rest)?)),
            _ => return None,
        };
        let value = f64::from_bits(u64::from_le_bytes(take_array(rest)?));
        let head = Head { timestamp_unix_milli, until_unix_nano, trace_id, span_id, value };
        let (start, end, length) = (take_number(rest)?, take_number(rest)?, take_number(rest)?);
        show(head, Told { start, end, middle: take_bytes(rest, length)? })?;
    }
    Some(())
}

/// How many bytes two texts share at their beginnings, and at the ends of what is left.
fn shared(before: &[u8], text: &[u8]) -> (usize, usize) {
    let start = before.iter().zip(text).take_while(|(one, other)| one == other).count();
    let rests = before[start..].iter().rev().zip(text[start..].iter().rev());
    (start, rests.take_while(|(one, other)| one == other).count())
}

/// Small numbers of either sign are short.
fn signed(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

fn unsigned(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::{super::exemplar_text::KNOWN_NAMES, *};
    use proptest::prelude::*;

    fn label() -> impl Strategy<Value = (String, String)> {
        let name = prop_oneof![
            prop::sample::select(KNOWN_NAMES.to_vec()).prop_map(str::to_owned),
            "\\PC{0,12}",
        ];
        (name, "\\PC{0,40}")
    }

    fn record() -> impl Strategy<Value = Record> {
        let labels = || prop::collection::vec(label(), 0..6);
        let ids = (any::<[u8; 16]>(), any::<Option<[u8; 8]>>());
        (labels(), labels(), ids, any::<f64>(), any::<i64>(), any::<u64>())
            .prop_filter("NaN is not equal to itself", |it| !it.3.is_nan())
            .prop_map(|(series, mut labels, (trace, span), value, time, until_unix_nano)| {
                let (trace_id, span_id) = (TraceId(trace), span.map(SpanId));
                labels.push(("trace_id".to_owned(), trace_id.to_string()));
                let span = span_id.map(|span| span.to_string());
                labels.push(("span_id".to_owned(), span.unwrap_or_default()));
                let timestamp_unix_milli = time;
                let exemplar =
                    Exemplar { series, labels, trace_id, span_id, value, timestamp_unix_milli };
                Record { exemplar, until_unix_nano }
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(records in prop::collection::vec(record(), 0..5)) {
            let batch = Batch::of(&records);
            prop_assert_eq!(read(batch.bytes()), Some(records.clone()));
            let heads = records.iter().map(|it| Head::new(&it.exemplar, it.until_unix_nano));
            prop_assert_eq!(read_heads(batch.bytes()), Some(heads.collect()));
            for cut in 0..batch.bytes().len() {
                // Records that are whole are read; the seal round the batch knows that some are missing.
                let found = read(&batch.bytes()[..cut]);
                prop_assert!(found.is_none_or(|found| records.starts_with(&found)));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(
            records in prop::collection::vec(record(), 1..4),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            bytes in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let _ = read(&[&[VERSION][..], &bytes].concat());
            let mut changed = Batch::of(&records).bytes().to_vec();
            *at.get_mut(&mut changed) = byte;
            let _ = read(&changed);
        }
    }

    #[test]
    fn exemplars_of_one_page_take_little_more_than_their_ids_and_value() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let record = |number: u64| {
            let trace_id =
                TraceId((number as u128 * 0x9e37_79b9_7f4a_7c15_0123_4567).to_be_bytes());
            let span_id = SpanId((number * 0x9e37_79b9).to_be_bytes());
            let series = vec![
                pair("__name__", "http_request_duration_seconds_bucket"),
                pair("instance", "127.0.0.1:43211"),
                pair("job", "many"),
                pair("le", "0.5"),
                pair("method", "GET"),
                pair("route", &format!("/api/v1/thing/{number}")),
                pair("status", "200"),
            ];
            let labels = vec![
                pair("span_id", &span_id.to_string()),
                pair("trace_id", &trace_id.to_string()),
            ];
            let span_id = Some(span_id);
            let timestamp_unix_milli = 1_766_400_000_125 + number as i64 * 7;
            let exemplar =
                Exemplar { series, labels, trace_id, span_id, value: 0.4, timestamp_unix_milli };
            Record { exemplar, until_unix_nano: 1_769_000_000_000_000_000 }
        };
        let mut batch = Batch::new();
        for number in 1000.. {
            batch.push(&record(number).exemplar, record(number).until_unix_nano);
            if batch.is_full() {
                break;
            }
        }
        assert_eq!(batch.count, COUNT_MAX);
        let each = batch.bytes().len() / COUNT_MAX;
        assert!(each < 50, "{each} bytes an exemplar");
    }
}
