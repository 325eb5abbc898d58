//! Moments, ranges and steps, as Tempo's metrics and our own API write them.

use super::{Fault, parameters::Parameters};
use crate::traceql::parse_duration;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SINCE_DEFAULT_NANO: u64 = 3_600 * NANOS_PER_SECOND;

/// Nanoseconds since the Unix epoch of `1790000000` (up to ten digits are seconds, more are nanoseconds),
/// `1790000000.25` or an RFC 3339 time.
pub(crate) fn moment(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let number: u64 = text.parse().ok()?;
        return if text.len() <= 10 { number.checked_mul(NANOS_PER_SECOND) } else { Some(number) };
    }
    if let Some((whole, fraction)) = text.split_once('.')
        && !whole.is_empty()
        && !fraction.is_empty()
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
    {
        let nanos: u64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        return whole.parse::<u64>().ok()?.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos);
    }
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(timestamp.as_nanosecond()).ok()
}

/// `start` and `end`, which may be one moment; now where `end` is absent, and where `start` is, `since` (an hour by default) before `end`, or before now if
/// `end` is later.
pub(crate) fn range(parameters: &Parameters, now_unix_nano: u64) -> Result<(u64, u64), Fault> {
    let read = |name| match parameters.get(name) {
        None | Some("0") => Ok(None),
        Some(text) => moment(text).map(Some).ok_or_else(|| {
            Fault::parameter(name, text, "a time: Unix seconds, Unix nanoseconds or RFC 3339")
        }),
    };
    let since = match parameters.get("since") {
        None => SINCE_DEFAULT_NANO,
        Some(text) => parse_duration(text)
            .and_then(|nanos| u64::try_from(nanos).ok())
            .ok_or_else(|| Fault::parameter("since", text, "a duration such as 30m or 7d"))?,
    };
    let end = read("end")?.unwrap_or(now_unix_nano);
    let start = read("start")?.unwrap_or(end.min(now_unix_nano).saturating_sub(since));
    if end < start {
        return Err(Fault::bad_request("the end of the range must be after its start"));
    }
    Ok((start, end))
}

/// `start` and `end` where they are given; no range at all is all time.
pub(crate) fn open_range(parameters: &Parameters) -> Result<(Option<u64>, Option<u64>), Fault> {
    if ["start", "end", "since"].iter().all(|name| parameters.get(name).is_none()) {
        return Ok((None, None));
    }
    let (start, end) = range(parameters, u64::MAX)?;
    let start = parameters.get("start").is_some().then_some(start);
    let end = parameters.get("end").is_some().then_some(end);
    Ok((start, end))
}

/// `step` in nanoseconds: a Go duration or a number of seconds; `None` where it is absent.
pub(crate) fn step(parameters: &Parameters) -> Result<Option<u64>, Fault> {
    let Some(text) = parameters.get("step") else { return Ok(None) };
    let fault = || Fault::parameter("step", text, "a duration such as 30s, or seconds above zero");
    let nanos: u64 = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && (0.0..1e9).contains(&seconds) => {
            (seconds * NANOS_PER_SECOND as f64) as u64
        }
        Ok(_) => return Err(fault()),
        Err(_) => {
            parse_duration(text).and_then(|nanos| u64::try_from(nanos).ok()).ok_or_else(fault)?
        }
    };
    if nanos == 0 {
        return Err(fault());
    }
    Ok(Some(nanos))
}

/// A step that suits a chart of a range: about 240 points, at round times.
pub(crate) fn default_step(start_unix_nano: u64, end_unix_nano: u64) -> u64 {
    const MILLI: u64 = 1_000_000;
    let range = end_unix_nano.saturating_sub(start_unix_nano);
    let exact = range / 240;
    if range < 60 * NANOS_PER_SECOND {
        return (exact - exact % (50 * MILLI)).max(50 * MILLI);
    }
    let units = [3_600, 300, 60, 15, 5, 1].map(|seconds| seconds * NANOS_PER_SECOND);
    let unit = units.into_iter().find(|unit| exact > *unit).unwrap_or(NANOS_PER_SECOND);
    (exact - exact % unit).max(NANOS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_four_spellings() {
        let expected = Some(1_790_000_000_000_000_000);
        for text in ["1790000000", "1790000000000000000", "1790000000.0", "2026-09-21T14:13:20Z"] {
            assert_eq!(moment(text), expected, "{text}");
        }
        assert_eq!(moment("1790000000.25"), Some(1_790_000_000_250_000_000));
        assert_eq!(moment("2026-09-21T16:13:20.5+02:00"), Some(1_790_000_000_500_000_000));
        for text in ["", "x", "-5", "1.", ".5", "now", "1969-01-01T00:00:00Z"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }

    #[test]
    fn a_range_ends_now_and_lasts_an_hour() {
        let now = 1_790_000_000_000_000_000;
        let of = |text| range(&Parameters::parse(text), now).map_err(|fault| fault.sentence);
        assert_eq!(of(""), Ok((now - SINCE_DEFAULT_NANO, now)));
        assert_eq!(of("since=30m"), Ok((now - SINCE_DEFAULT_NANO / 2, now)));
        assert_eq!(
            of("since=30m&end=1790000001"),
            Ok((now - SINCE_DEFAULT_NANO / 2, now + NANOS_PER_SECOND))
        );
        assert_eq!(of("start=1&end=2"), Ok((NANOS_PER_SECOND, 2 * NANOS_PER_SECOND)));
        assert_eq!(of("start=2&end=2"), Ok((2 * NANOS_PER_SECOND, 2 * NANOS_PER_SECOND)));
        assert!(of("start=2&end=1").unwrap_err().contains("after its start"));
        assert!(of("start=x").unwrap_err().contains("start=\"x\""));
        assert!(of("since=x").unwrap_err().contains("since=\"x\""));
    }

    #[test]
    fn steps_are_durations_or_seconds() {
        let of = |text: &str| step(&Parameters::parse(text)).map_err(|fault| fault.sentence);
        assert_eq!(of(""), Ok(None));
        assert_eq!(of("step=30s"), Ok(Some(30 * NANOS_PER_SECOND)));
        assert_eq!(of("step=0.5"), Ok(Some(NANOS_PER_SECOND / 2)));
        assert_eq!(of("step=60"), Ok(Some(60 * NANOS_PER_SECOND)));
        for text in ["step=0", "step=0s", "step=-1", "step=-5s", "step=x", "step=inf"] {
            assert!(of(text).is_err(), "{text}");
        }
    }

    #[test]
    fn default_steps_are_round() {
        let of = |seconds: u64| default_step(0, seconds * NANOS_PER_SECOND) as f64 / 1e9;
        assert_eq!(of(1), 0.05);
        assert_eq!(of(30), 0.1);
        assert_eq!(of(60), 1.0);
        assert_eq!(of(3_600), 15.0);
        assert_eq!(of(6 * 3_600), 60.0);
        assert_eq!(of(24 * 3_600), 300.0);
        assert_eq!(of(7 * 24 * 3_600), 2_400.0);
    }
}
