//! An exemplar as bytes. Of 100,000 series each has one, so what the key says already (time and trace) is not said again, IDs
//! are no hex digits, and names that are everywhere are numbers.

use crate::{Exemplar, Labels, SpanId, TraceId};
use serde::{Deserialize, Serialize};

/// The first byte. Entries of before begin with the brace of a JSON object.
const VERSION: u8 = 2;
const JSON: u8 = b'{';

/// Names of labels by number. Part of the disk format: new ones come last.
const KNOWN_NAMES: [&str; 24] = [
    "__name__",
    "instance",
    "job",
    "le",
    "trace_id",
    "span_id",
    "traceID",
    "spanID",
    "namespace",
    "pod",
    "container",
    "service",
    "method",
    "route",
    "path",
    "status",
    "code",
    "status_code",
    "handler",
    "span_name",
    "span_kind",
    "client",
    "server",
    "connection_type",
];

/// How a text is written; stands in the two lowest bits before its length or number.
const TEXT: u64 = 0;
const KNOWN: u64 = 1;
/// The trace ID in 32 digits.
const TRACE: u64 = 2;
/// The span ID in 16 digits.
const SPAN: u64 = 3;

/// What was written until version 2.
#[derive(Serialize, Deserialize)]
struct Json {
    series: Labels,
    labels: Labels,
    trace: [u8; 16],
    span: Option<[u8; 8]>,
    /// Bits of the value: JSON has no NaN.
    value: u64,
    time: i64,
}

/// All of an exemplar but its time and trace.
pub(super) fn write(exemplar: &Exemplar) -> Vec<u8> {
    let mut out = vec![VERSION, u8::from(exemplar.span_id.is_some())];
    out.extend_from_slice(&exemplar.span_id.unwrap_or_default().0);
    out.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
    let trace = exemplar.trace_id.to_string();
    let span = exemplar.span_id.map(|span| span.to_string());
    for labels in [&exemplar.series, &exemplar.labels] {
        number(&mut out, labels.len() as u64);
        for (name, value) in labels {
            match KNOWN_NAMES.iter().position(|known| known == name) {
                Some(place) => number(&mut out, (place as u64) << 2 | KNOWN),
                None => text(&mut out, name),
            }
            match value {
                value if *value == trace => number(&mut out, TRACE),
                value if Some(value) == span.as_ref() => number(&mut out, SPAN),
                value => text(&mut out, value),
            }
        }
    }
    out
}

/// Reads what was written, beside the time and the trace of its key; `None` when it is damaged.
pub(super) fn read(bytes: &[u8], trace_id: TraceId, timestamp_unix_milli: i64) -> Option<Exemplar> {
    if bytes.first() == Some(&JSON) {
        let json: Json = serde_json::from_slice(bytes).ok()?;
        return Some(Exemplar {
            series: json.series,
            labels: json.labels,
            trace_id: TraceId(json.trace),
            span_id: json.span.map(SpanId),
            value: f64::from_bits(json.value),
            timestamp_unix_milli: json.time,
        });
    }
    let (head, mut rest) = bytes.split_first_chunk::<2>()?;
    if head[0] != VERSION {
        return None;
    }
    let span_id = take::<8>(&mut rest)?;
    let span_id = (head[1] == 1).then_some(SpanId(span_id));
    let value = f64::from_bits(u64::from_le_bytes(take(&mut rest)?));
    let mut labels = || -> Option<Labels> {
        let count = take_number(&mut rest)?;
        let mut labels = Labels::new();
        for _ in 0..count {
            let name = take_text(&mut rest, trace_id, span_id)?;
            labels.push((name, take_text(&mut rest, trace_id, span_id)?));
        }
        Some(labels)
    };
    let (series, labels) = (labels()?, labels()?);
    Some(Exemplar { series, labels, trace_id, span_id, value, timestamp_unix_milli })
}

/// Seven bits a byte, lowest first; the highest bit says that more follow.
fn number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn text(out: &mut Vec<u8>, text: &str) {
    number(out, (text.len() as u64) << 2 | TEXT);
    out.extend_from_slice(text.as_bytes());
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*taken)
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_text(rest: &mut &[u8], trace_id: TraceId, span_id: Option<SpanId>) -> Option<String> {
    let number = take_number(rest)?;
    let length = usize::try_from(number >> 2).ok()?;
    match number & 3 {
        KNOWN => KNOWN_NAMES.get(length).map(|name| (*name).to_owned()),
        TRACE => Some(trace_id.to_string()),
        SPAN => span_id.map(|span| span.to_string()),
        _ => {
            let (text, after) = rest.split_at_checked(length)?;
            *rest = after;
            String::from_utf8(text.to_vec()).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn label() -> impl Strategy<Value = (String, String)> {
        let name = prop_oneof![
            prop::sample::select(KNOWN_NAMES.to_vec()).prop_map(str::to_owned),
            "\\PC{0,12}",
        ];
        (name, "\\PC{0,40}")
    }

    fn exemplar() -> impl Strategy<Value = Exemplar> {
        let labels = || prop::collection::vec(label(), 0..6);
        (
            labels(),
            labels(),
            any::<[u8; 16]>(),
            any::<Option<[u8; 8]>>(),
            any::<f64>(),
            any::<i64>(),
        )
            .prop_filter("NaN is not equal to itself", |it| !it.4.is_nan())
            .prop_map(|(series, mut labels, trace, span, value, timestamp_unix_milli)| {
                let (trace_id, span_id) = (TraceId(trace), span.map(SpanId));
                labels.push(("trace_id".to_owned(), trace_id.to_string()));
                let span = span_id.map(|span| span.to_string());
                labels.push(("span_id".to_owned(), span.unwrap_or_default()));
                Exemplar { series, labels, trace_id, span_id, value, timestamp_unix_milli }
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(exemplar in exemplar()) {
            let bytes = write(&exemplar);
            let (trace, time) = (exemplar.trace_id, exemplar.timestamp_unix_milli);
            prop_assert_eq!(read(&bytes, trace, time), Some(exemplar));
            for cut in 0..bytes.len() {
                prop_assert_eq!(read(&bytes[..cut], trace, time), None);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&[&[VERSION][..], &bytes].concat(), TraceId([1; 16]), 0);
        }
    }

    #[test]
    fn it_takes_little_more_than_its_text() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let (trace_id, span_id) = (TraceId([7; 16]), SpanId([9; 8]));
        let exemplar = Exemplar {
            series: vec![
                pair("__name__", "http_request_duration_seconds_bucket"),
                pair("instance", "127.0.0.1:43211"),
                pair("job", "many"),
                pair("le", "0.5"),
                pair("method", "GET"),
                pair("route", "/api/v1/thing/1234"),
                pair("status", "200"),
            ],
            labels: vec![
                pair("span_id", &span_id.to_string()),
                pair("trace_id", &trace_id.to_string()),
            ],
            trace_id,
            span_id: Some(span_id),
            value: 0.4,
            timestamp_unix_milli: 1,
        };
        let bytes = write(&exemplar).len();
        assert!(bytes < 130, "{bytes}");
    }

    #[test]
    fn what_was_written_before_is_read() {
        let json = r#"{"series":[["__name__","hits_total"]],"labels":[["trace_id","1"]],"trace":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"span":null,"value":4607182418800017408,"time":5}"#;
        let exemplar = read(json.as_bytes(), TraceId([0; 16]), 0).unwrap();
        assert_eq!((exemplar.trace_id, exemplar.timestamp_unix_milli), (TraceId([1; 16]), 5));
        assert_eq!(exemplar.value, 1.0);
        assert_eq!(exemplar.series[0].1, "hits_total");
    }
}
