//! Durations as TraceQL writes them, and back.

const NANOSECOND: i64 = 1;
const MICROSECOND: i64 = 1_000;
const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
const YEAR: i64 = 365 * DAY;

/// Prometheus' units, in the only order in which a duration may use them.
const PROMETHEUS_UNITS: [(&str, i64); 7] = [
    ("y", YEAR),
    ("w", WEEK),
    ("d", DAY),
    ("h", HOUR),
    ("m", MINUTE),
    ("s", SECOND),
    ("ms", MILLISECOND),
];

const GO_UNITS: [(&str, i64); 8] = [
    ("ns", NANOSECOND),
    ("us", MICROSECOND),
    ("µs", MICROSECOND),
    ("μs", MICROSECOND),
    ("ms", MILLISECOND),
    ("s", SECOND),
    ("m", MINUTE),
    ("h", HOUR),
];

/// Reads `1h30m`, `7d`, `1.5s`, `250us` as nanoseconds: Prometheus style first, else Go style.
/// `None`: neither, or more than 64 bits hold.
pub(crate) fn parse_duration(text: &str) -> Option<i64> {
    parse_prometheus(text).or_else(|| parse_go(text))
}

fn parse_prometheus(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0i64;
    let mut units = PROMETHEUS_UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit())?;
        let count: i64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let unit_end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (_, unit) = units.find(|(name, _)| *name == &after[..unit_end])?;
        total = total.checked_add(count.checked_mul(*unit)?)?;
        rest = &after[unit_end..];
    }
    Some(total)
}

fn parse_go(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0i64;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (_, unit) = GO_UNITS.iter().find(|(name, _)| *name == &after[..unit_end])?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        total = total.checked_add(whole.checked_mul(*unit)?)?;
        // Digits of the fraction, one by one: exact, and what is below a nanosecond is cut.
        let mut digit_unit = *unit;
        for digit in fraction.chars() {
            let digit = i64::from(digit.to_digit(10)?);
            digit_unit /= 10;
            total = total.checked_add(digit * digit_unit)?;
        }
        rest = &after[unit_end..];
    }
    Some(total)
}

/// Writes a duration the way Go does, in the largest unit that keeps it exact: `1h30m`, `1.5s`, `250µs`.
/// What is written reads as the same duration.
pub fn format_duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let magnitude = nanoseconds.unsigned_abs();
    let text = match magnitude {
        0 => "0s".to_owned(),
        1..1_000 => format!("{magnitude}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(magnitude, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(magnitude, 1_000_000)),
        _ => {
            let (minutes, rest) = (magnitude / MINUTE as u64, magnitude % MINUTE as u64);
            let seconds = decimal(rest, SECOND as u64);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

fn decimal(value: u64, unit: u64) -> String {
    let (whole, fraction) = (value / unit, value % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let digits = unit.ilog10() as usize;
    let fraction = format!("{fraction:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(parse_duration(text), expected, "{text}");
    }

    #[test]
    fn both_styles_are_read() {
        check("10ms", Some(10_000_000));
        check("1h30m", Some(5_400_000_000_000));
        check("7d", Some(7 * DAY));
        check("1y2w", Some(YEAR + 2 * WEEK));
        check("1.5s", Some(1_500_000_000));
        check("250us", Some(250_000));
        check("3µs", Some(3_000));
        check(".5s", Some(500_000_000));
        check("0.3ns", Some(0));
        // Ascending units are Go's to take.
        check("3s2m", Some(123_000_000_000));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["5", "5x", "s", "1.5d", "1h2", "99999999999999h", "300y", ".s"] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(nanoseconds in 0i64..) {
            prop_assert_eq!(parse_duration(&format_duration(nanoseconds)), Some(nanoseconds));
        }
    }
}
