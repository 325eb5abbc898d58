//! Durations as Go writes them: `1h30m`, `1.5s`, `250ms`, `10us`.

/// Nanoseconds of a Go duration; `None` when it is none, is negative, or is longer than 292 years: the same
/// bound as in Go and in TraceQL.
pub(crate) fn parse_nanos(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let unit_len = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        total = total.checked_add(nanos_of(number, unit_nanos(unit)?)?)?;
        rest = after;
    }
    (!text.is_empty() && i64::try_from(total).is_ok()).then_some(total)
}

fn unit_nanos(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

/// A decimal number of units, without going through floats, so that `0.1s` is exact.
fn nanos_of(number: &str, unit_nanos: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // More than 15 places are below a nanosecond for every unit.
    let places = fraction.len().min(15);
    let part: u128 = if places == 0 { 0 } else { fraction.get(..places)?.parse().ok()? };
    let part = part * u128::from(unit_nanos) / 10u128.pow(places as u32);
    whole.checked_mul(unit_nanos)?.checked_add(u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::parse_nanos;

    #[track_caller]
    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(parse_nanos(text), expected, "{text:?}");
    }

    #[test]
    fn units_add_up() {
        check("0", Some(0));
        check("250ms", Some(250_000_000));
        check("1h30m", Some(5_400_000_000_000));
        check("1.5s", Some(1_500_000_000));
        check("0.1s", Some(100_000_000));
        check(".5ms", Some(500_000));
        check("3µs", Some(3_000));
        check("1.2us3ns", Some(1_203));
    }

    #[test]
    fn faults_are_none() {
        for text in [
            "",
            "5",
            "ms",
            "-1s",
            "1 s",
            "1d",
            "1.2.3s",
            ".s",
            "999999999999h",
            "9223372036854775808ns",
        ] {
            check(text, None);
        }
    }
}
