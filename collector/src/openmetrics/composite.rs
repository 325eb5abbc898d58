//! Values of several parts, as OpenMetrics 2.0 has them: `{count:2,sum:1.2,bucket:[0.5:1,+Inf:2]}`.

use super::{error::Fault, number, scan::Scan};

/// What of a value says where its exemplars belong.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Composite {
    /// `count` or `gcount`.
    pub(super) count: f64,
    /// `sum` or `gsum`.
    pub(super) sum: f64,
    /// Thresholds of classic buckets, ascending, the last is infinite; empty where there are none.
    pub(super) thresholds: Vec<f64>,
    /// Whether there are native buckets.
    pub(super) is_native: bool,
}

/// Which types have such a value, and what theirs holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Histogram,
    GaugeHistogram,
    Summary,
}

const SCHEMAS: std::ops::RangeInclusive<i64> = -4..=8;

/// Reads a value from its opening brace on. `shape` is that of the family's type; without one, what the value begins with
/// and holds decides.
pub(super) fn read(scan: &mut Scan<'_>, shape: Option<Shape>) -> Result<Composite, Fault> {
    scan.at += 1;
    let is_gauge = scan.rest().starts_with("gcount:");
    match shape {
        Some(Shape::GaugeHistogram) if !is_gauge => return Err(scan.fault("expected `gcount:`")),
        Some(Shape::Histogram | Shape::Summary) if is_gauge => {
            return Err(scan.fault("expected `count:`"));
        }
        _ => {}
    }
    let mut composite = Composite::default();
    token(scan, if is_gauge { "gcount:" } else { "count:" })?;
    composite.count = number(scan)?;
    token(scan, if is_gauge { ",gsum:" } else { ",sum:" })?;
    composite.sum = number(scan)?;
    let is_counted = !is_gauge;
    if is_counted && composite.count < 0.0 {
        return Err(scan.fault("a count is not below zero"));
    }
    let may_be = |wanted| shape.is_none_or(|shape| shape == wanted);
    if !is_gauge && may_be(Shape::Summary) && scan.rest().starts_with(",quantile:") {
        quantiles(scan)?;
    } else if shape == Some(Shape::Summary) {
        return Err(scan.fault("expected `,quantile:`"));
    } else {
        if scan.rest().starts_with(",schema:") {
            native(scan, is_counted)?;
            composite.is_native = true;
        }
        if scan.rest().starts_with(",bucket:") {
            composite.thresholds = buckets(scan, composite.count, is_counted)?;
        } else if !composite.is_native {
            return Err(scan.fault("expected `,schema:` or `,bucket:`"));
        }
    }
    token(scan, "}")?;
    Ok(composite)
}

fn token(scan: &mut Scan<'_>, token: &str) -> Result<(), Fault> {
    if !scan.rest().starts_with(token) {
        return Err(scan.fault(&format!("expected `{token}`")));
    }
    scan.at += token.len();
    Ok(())
}

/// Text up to what may stand behind a number.
fn word<'a>(scan: &mut Scan<'a>) -> &'a str {
    let rest = scan.rest();
    let word = &rest[..rest.find([',', ':', ']', '}', ' ']).unwrap_or(rest.len())];
    scan.at += word.len();
    word
}

fn checked<'a, T>(
    scan: &mut Scan<'a>,
    what: &str,
    read: impl Fn(&'a str) -> Option<T>,
) -> Result<T, Fault> {
    let at = scan.at;
    let text = word(scan);
    let clipped: String = text.chars().take(40).collect();
    read(text).ok_or_else(|| Fault::new(at, format!("{clipped:?} is not {what}")))
}

fn number(scan: &mut Scan<'_>) -> Result<f64, Fault> {
    checked(scan, "a number", number::value)
}

fn real(scan: &mut Scan<'_>) -> Result<f64, Fault> {
    checked(scan, "a real number", number::timestamp)
}

fn integer(scan: &mut Scan<'_>) -> Result<i64, Fault> {
    checked(scan, "a whole number", |text| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_integer.then(|| text.parse().ok()).flatten()
    })
}

fn count(scan: &mut Scan<'_>, is_counted: bool) -> Result<f64, Fault> {
    let at = scan.at;
    let count = number(scan)?;
    if is_counted && count < 0.0 {
        return Err(Fault::new(at, "a bucket's count is not below zero"));
    }
    Ok(count)
}

/// `,quantile:[0.5:1,0.9:2]`
fn quantiles(scan: &mut Scan<'_>) -> Result<(), Fault> {
    token(scan, ",quantile:[")?;
    let mut last = f64::NEG_INFINITY;
    while !scan.rest().starts_with(']') {
        if last > f64::NEG_INFINITY {
            token(scan, ",")?;
        }
        let at = scan.at;
        let quantile = real(scan)?;
        if !(0.0..=1.0).contains(&quantile) {
            return Err(Fault::new(at, "a quantile is between 0 and 1"));
        }
        if quantile <= last {
            return Err(Fault::new(at, "quantiles stand in ascending order"));
        }
        last = quantile;
        token(scan, ":")?;
        let at = scan.at;
        if number(scan)? < 0.0 {
            return Err(Fault::new(at, "the value of a quantile is not below zero"));
        }
    }
    token(scan, "]")
}

/// `,bucket:[0.5:1,+Inf:2]`: cumulative, and all are in the last one.
fn buckets(scan: &mut Scan<'_>, total: f64, is_counted: bool) -> Result<Vec<f64>, Fault> {
    token(scan, ",bucket:[")?;
    let mut thresholds: Vec<f64> = Vec::new();
    loop {
        let at = scan.at;
        let is_infinite = scan.rest().starts_with("+Inf:");
        let threshold = if is_infinite {
            scan.at += 4;
            f64::INFINITY
        } else if thresholds.is_empty() && scan.rest().starts_with("-Inf:") {
            scan.at += 4;
            f64::NEG_INFINITY
        } else {
            real(scan)?
        };
        if thresholds.last().is_some_and(|last| threshold <= *last) {
            return Err(Fault::new(at, "thresholds stand in ascending order"));
        }
        thresholds.push(threshold);
        token(scan, ":")?;
        let at = scan.at;
        let count = count(scan, is_counted)?;
        if is_infinite {
            let is_same = count == total || (count.is_nan() && total.is_nan());
            if !is_same {
                return Err(Fault::new(at, "the bucket +Inf does not hold the whole count"));
            }
            token(scan, "]")?;
            return Ok(thresholds);
        }
        if scan.rest().starts_with(']') {
            return Err(scan.fault("expected `,` and at the end the bucket +Inf"));
        }
        token(scan, ",")?;
    }
}

/// `,schema:0,zero_threshold:1e-4,zero_count:0,positive_spans:[1:2],positive_buckets:[1,1]`
fn native(scan: &mut Scan<'_>, is_counted: bool) -> Result<(), Fault> {
    token(scan, ",schema:")?;
    let at = scan.at;
    if !SCHEMAS.contains(&integer(scan)?) {
        return Err(Fault::new(at, "a schema is between -4 and 8"));
    }
    token(scan, ",zero_threshold:")?;
    let at = scan.at;
    if real(scan)? < 0.0 {
        return Err(Fault::new(at, "the zero threshold is not below zero"));
    }
    token(scan, ",zero_count:")?;
    count(scan, is_counted)?;
    for side in ["negative", "positive"] {
        let name = format!(",{side}_spans:[");
        if scan.rest().starts_with(&name) {
            scan.at += name.len();
            let length = spans(scan)?;
            token(scan, &format!(",{side}_buckets:["))?;
            let at = scan.at;
            let mut found = 0;
            while !scan.rest().starts_with(']') {
                if found > 0 {
                    token(scan, ",")?;
                }
                count(scan, is_counted)?;
                found += 1;
            }
            token(scan, "]")?;
            if found != length {
                let what = format!("the spans speak of {length} buckets, and here are {found}");
                return Err(Fault::new(at, what));
            }
        }
    }
    Ok(())
}

/// Offset and length of each, `]` behind the last; how many buckets they speak of.
fn spans(scan: &mut Scan<'_>) -> Result<i64, Fault> {
    let mut total: i64 = 0;
    let mut is_first = true;
    while !scan.rest().starts_with(']') {
        if !is_first {
            token(scan, ",")?;
        }
        let at = scan.at;
        if integer(scan)? < 0 && !is_first {
            return Err(Fault::new(at, "only the first span may begin below zero"));
        }
        is_first = false;
        token(scan, ":")?;
        let at = scan.at;
        let length = integer(scan)?;
        if length <= 0 {
            return Err(Fault::new(at, "a span is at least one bucket long"));
        }
        total = total.saturating_add(length);
    }
    token(scan, "]")?;
    Ok(total)
}
