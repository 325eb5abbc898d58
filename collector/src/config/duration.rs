//! Durations in Prometheus' grammar (`1h30m`).

use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr, time::Duration};

/// A duration as Prometheus writes it: units y, w, d, h, m, s, ms, the largest first, each at most
/// once, whole numbers; or `0`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrometheusDuration(pub Duration);

/// Milliseconds of each unit, largest first, and whether it is used in printing only when the
/// duration is a whole number of it.
const UNITS: [(&str, u64, bool); 7] = [
    ("y", 365 * 24 * 3_600_000, true),
    ("w", 7 * 24 * 3_600_000, true),
    ("d", 24 * 3_600_000, false),
    ("h", 3_600_000, false),
    ("m", 60_000, false),
    ("s", 1000, false),
    ("ms", 1, false),
];

impl PrometheusDuration {
    /// Whole seconds.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// True for `0`, which in many places means "the default".
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

/// Says what a duration looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration; write whole numbers with units, such as 30s, 1h30m or 500ms")]
pub struct DurationError(String);

impl FromStr for PrometheusDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let error = || DurationError(text.to_owned());
        if text == "0" {
            return Ok(Self::default());
        }
        let (mut rest, mut units, mut total_ms) = (text, &UNITS[..], 0u64);
        loop {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, after) = after.split_at(letters);
            let index = units.iter().position(|(name, ..)| *name == unit).ok_or_else(error)?;
            let number: u64 = number.parse().map_err(|_| error())?;
            let part = number.checked_mul(units[index].1).ok_or_else(error)?;
            total_ms = total_ms.checked_add(part).ok_or_else(error)?;
            units = &units[index + 1..];
            if after.is_empty() {
                break;
            }
            rest = after;
        }
        // Prometheus counts nanoseconds in a signed 64-bit number.
        match total_ms.checked_mul(1_000_000) {
            Some(nanos) if i64::try_from(nanos).is_ok() => {
                Ok(Self(Duration::from_millis(total_ms)))
            }
            _ => Err(error()),
        }
    }
}

impl fmt::Display for PrometheusDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, unit_ms, only_exact) in UNITS {
            let count = rest / unit_ms;
            if count > 0 && (!only_exact || rest % unit_ms == 0) {
                write!(f, "{count}{unit}")?;
                rest %= unit_ms;
            }
        }
        Ok(())
    }
}

impl Serialize for PrometheusDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_print_normalised() {
        let check = |text: &str, expected: &str| {
            let duration: PrometheusDuration = text.parse().unwrap();
            assert_eq!(duration.to_string(), expected, "{text}");
        };
        check("0", "0s");
        check("60s", "1m");
        check("90m", "1h30m");
        check("1h30m", "1h30m");
        check("500ms", "500ms");
        check("14d", "2w");
        check("15d", "15d");
        check("365d", "1y");
        check("1y1d", "366d");
        check("1m0s", "1m");
    }

    #[test]
    fn what_prometheus_refuses_is_refused() {
        for text in [
            "",
            "1",
            "s",
            "1.5h",
            "-1s",
            "1s1m",
            "1m1m",
            "1 m",
            "1M",
            "1h 30m",
            "300y",
            "1ms1s",
            "99999999999999999999s",
            "1ns",
            " 1s",
        ] {
            assert!(text.parse::<PrometheusDuration>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(ms in 0u64..9_000_000_000_000) {
            let duration = PrometheusDuration(Duration::from_millis(ms));
            prop_assert_eq!(duration.to_string().parse::<PrometheusDuration>().unwrap(), duration);
        }
    }
}
