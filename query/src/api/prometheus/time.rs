//! Times as Prometheus takes them: Unix seconds, with a fraction if wanted, or RFC 3339.

use super::Fault;

/// Milliseconds since the Unix epoch.
pub(super) fn parse_milli(name: &str, text: &str) -> Result<i64, Fault> {
    let fault = || Fault::parameter(name, text, "a time in Unix seconds or RFC 3339");
    if let Ok(seconds) = text.parse::<f64>() {
        let milli = (seconds * 1_000.0).round();
        // A float beyond the range of an i64 would saturate: it means "always" on that side.
        return if milli.is_finite() { Ok(milli as i64) } else { Err(fault()) };
    }
    // An unescaped `+` of an offset arrives as a space.
    let timestamp: jiff::Timestamp = text.replace(' ', "+").parse().map_err(|_| fault())?;
    Ok(timestamp.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::parse_milli;

    #[test]
    fn seconds_and_rfc_3339_are_read() {
        for text in [
            "1766400000.125",
            "1.766400000125e9",
            "2025-12-22T10:40:00.125Z",
            "2025-12-22T12:40:00.125+02:00",
            "2025-12-22T12:40:00.125 02:00",
        ] {
            assert_eq!(parse_milli("start", text), Ok(1_766_400_000_125), "{text}");
        }
        for text in ["now", "NaN", "inf", "12:00"] {
            assert!(parse_milli("start", text).is_err(), "{text}");
        }
    }
}
