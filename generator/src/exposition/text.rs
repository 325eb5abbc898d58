//! OpenMetrics 1.0 text.

use super::exemplar_labels;
use crate::{
    histogram::{ExemplarPoint, HistogramValue},
    series::{Family, Kind, Labels, Value},
};
use std::fmt::Write;

pub(super) fn write(families: &[Family]) -> String {
    let mut out = String::new();
    for family in families {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        line(&mut out, format_args!("# TYPE {} {kind}", family.name));
        line(&mut out, format_args!("# HELP {} {}", family.name, family.help));
        for point in &family.points {
            match &point.value {
                Value::Number(number) => {
                    let suffix = if family.kind == Kind::Counter { "_total" } else { "" };
                    sample(&mut out, family.name, suffix, &point.labels, None);
                    line(&mut out, format_args!(" {number}"));
                }
                Value::Histogram(histogram) => {
                    write_histogram(&mut out, family.name, &point.labels, histogram);
                }
            }
        }
    }
    out.push_str("# EOF\n");
    out
}

fn write_histogram(out: &mut String, name: &str, labels: &Labels, histogram: &HistogramValue) {
    let mut cumulative = 0;
    for (at, count) in histogram.counts.iter().enumerate() {
        cumulative += count;
        let bound = histogram.bounds.get(at).map_or("+Inf".to_owned(), f64::to_string);
        sample(out, name, "_bucket", labels, Some(&bound));
        push(out, format_args!(" {cumulative}"));
        if let Some(point) = histogram.exemplar(at) {
            exemplar(out, point);
        }
        out.push('\n');
    }
    sample(out, name, "_count", labels, None);
    line(out, format_args!(" {}", histogram.count));
    sample(out, name, "_sum", labels, None);
    line(out, format_args!(" {}", histogram.sum));
}

fn sample(out: &mut String, name: &str, suffix: &str, labels: &Labels, bound: Option<&str>) {
    push(out, format_args!("{name}{suffix}"));
    let pairs = labels.iter().map(|(name, value)| (&**name, &**value));
    let mut opening = '{';
    for (name, value) in pairs.chain(bound.map(|bound| ("le", bound))) {
        push(out, format_args!("{opening}{name}=\""));
        escape(out, value);
        out.push('"');
        opening = ',';
    }
    if opening == ',' {
        out.push('}');
    }
}

fn exemplar(out: &mut String, point: &ExemplarPoint) {
    let [(trace, trace_id), (span, span_id)] = exemplar_labels(point);
    let (seconds, milliseconds) =
        (point.timestamp_unix_nano / 1_000_000_000, point.timestamp_unix_nano / 1_000_000 % 1000);
    push(
        out,
        format_args!(
            " # {{{trace}=\"{trace_id}\",{span}=\"{span_id}\"}} {} {seconds}.{milliseconds:03}",
            point.value
        ),
    );
}

fn escape(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            _ => out.push(character),
        }
    }
}

fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("a string takes all that is written to it");
}

fn line(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    push(out, arguments);
    out.push('\n');
}
