//! `?cursor=…&max_bytes=…&wait=…&drain=1`, or `?trace_id=…`

use std::borrow::Cow;
use std::time::Duration;

use super::refusal::Refusal;
use crate::cursor::Cursor;
use crate::exposition::trace_id;
use crate::keep::TraceId;

const MAX_BYTES_DEFAULT: usize = 4 << 20;
/// A larger `max_bytes` is taken for this.
const MAX_BYTES_MAX: usize = 16 << 20;
/// A longer `wait` is taken for this: proxies cut idle connections soon after.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Traces of one question at most.
const TRACES_MAX: usize = 64;
/// How much of a bad value is quoted in the answer.
const QUOTED_CHARS_MAX: usize = 40;

/// What a reader asks for. Unknown parameters are left alone, so that later readers can say more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) cursor: Option<Cursor>,
    pub(crate) max_bytes: usize,
    pub(crate) wait: Duration,
    pub(crate) drain: bool,
    /// All that is held of these instead of what is new.
    pub(crate) traces: Vec<TraceId>,
}

impl Query {
    pub(crate) fn parse(query: &str) -> Result<Self, Refusal> {
        let mut parsed = Self {
            cursor: None,
            max_bytes: MAX_BYTES_DEFAULT,
            wait: Duration::ZERO,
            drain: false,
            traces: Vec::new(),
        };
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value);
            match name {
                // An empty cursor is what a template without one writes.
                "cursor" if value.is_empty() => {}
                "cursor" => parsed.cursor = Some(Cursor::parse(&value)?),
                "max_bytes" => {
                    let bytes =
                        whole_number(&value).ok_or_else(|| Refusal::MaxBytes(quote(&value)))?;
                    parsed.max_bytes = bytes.min(MAX_BYTES_MAX);
                }
                "wait" => {
                    let wait = duration(&value).ok_or_else(|| Refusal::Wait(quote(&value)))?;
                    parsed.wait = wait.min(WAIT_MAX);
                }
                "drain" => match &*value {
                    "1" | "true" => parsed.drain = true,
                    "0" | "false" | "" => parsed.drain = false,
                    _ => return Err(Refusal::Drain(quote(&value))),
                },
                "trace_id" => {
                    for id in value.split(',') {
                        let id = trace_id(id).ok_or_else(|| Refusal::Trace(quote(id)))?;
                        parsed.traces.push(id);
                    }
                    if parsed.traces.len() > TRACES_MAX {
                        return Err(Refusal::TooManyTraces(parsed.traces.len(), TRACES_MAX));
                    }
                }
                _ => {}
            }
        }
        Ok(parsed)
    }
}

fn quote(value: &str) -> String {
    value.chars().take(QUOTED_CHARS_MAX).collect()
}

/// Any number of digits; what is too large for the type is larger than every limit too.
fn whole_number(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(usize::MAX))
}

/// A duration as Go and Prometheus write it: `10s`, `1m30s`, `1.5s`, `500ms`; `0` needs no unit.
fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 8] = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3_600.0),
        ("d", 86_400.0),
    ];
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() || text.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let (_, unit_seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        seconds += number.parse::<f64>().ok()? * unit_seconds;
        rest = after;
    }
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

/// Percent decoding. What does not decode stays as it is, and is then refused by its reader.
fn decode(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return value.into();
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded =
            hex.filter(|_| *byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(*byte));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Query, duration};

    #[test]
    fn durations_are_read_as_go_and_prometheus_write_them() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("500ms", 500),
            ("10s", 10_000),
            ("1.5s", 1_500),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for bad in ["", "10", "s", "-1s", "1x", "1s2", "1..5s", "ms10", "1 s"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn limits_are_kept_and_defaults_apply() {
        let query = Query::parse("").unwrap();
        assert_eq!((query.max_bytes, query.wait, query.drain), (4_194_304, Duration::ZERO, false));
        let query =
            Query::parse("max_bytes=99999999999999999999999&wait=5m&drain=1&new=x").unwrap();
        assert_eq!(query.max_bytes, 16 << 20);
        assert_eq!((query.wait, query.drain), (Duration::from_secs(30), true));
        let query = Query::parse("trace_id=a%2Cb&trace_id=0c").unwrap();
        assert_eq!(query.traces, [10u128, 11, 12].map(u128::to_be_bytes));
        let many = format!("trace_id={}", ["a"; 65].join(","));
        assert!(Query::parse(&many).is_err());
        let query = Query::parse("wait=500%6ds").unwrap();
        assert_eq!(query.wait, Duration::from_millis(500));
    }

    #[test]
    fn a_bad_value_is_refused_with_a_sentence_that_names_it() {
        for (query, says) in [
            ("max_bytes=4MB", "max_bytes is a number of bytes such as 4194304, not \"4MB\""),
            ("max_bytes=", "max_bytes is a number"),
            ("wait=10", "wait is a duration such as 10s or 500ms, not \"10\""),
            ("drain=yes", "drain is 1 or 0, not \"yes\""),
            (
                "trace_id=",
                "trace_id is 1 to 32 hexadecimal digits, or several of these with commas between them, not \"\"",
            ),
            (
                "trace_id=a,0",
                "trace_id is 1 to 32 hexadecimal digits, or several of these with commas between them, not \"0\"",
            ),
            ("cursor=banana", "the cursor is not one that a span buffer gives out"),
        ] {
            let refusal = Query::parse(query).unwrap_err().to_string();
            assert!(refusal.starts_with(says), "{refusal}");
        }
    }

    proptest! {
        #[test]
        fn no_query_is_a_panic(query in ".{0,120}", value in "[%0-9a-zµ.]{0,30}") {
            let _ = Query::parse(&query);
            let _ = Query::parse(&format!("wait={value}&cursor={value}"));
        }
    }
}
