//! OpenMetrics 2.0 text. What differs from 1.0: a family's samples all have the family's name; histograms and summaries are one
//! sample with a value of several parts (`composite`); a start time stands behind the sample's own; exemplars say their time, and
//! there may be several.
//!
//! Prometheus keeps a histogram's classic buckets as series of their own. So an exemplar of a histogram belongs to the series of the
//! bucket that its value falls into, and to that of the whole where there are native buckets.

use super::{
    composite::{self, Composite, Shape},
    error::{Fault, ParseError},
    exposition::{Exposition, TYPES},
    go_float::go_float,
    line::{EXEMPLAR_CHARACTERS_MAX, ExemplarPoint, ExemplarSample, hash},
    scan::{Braces, Scan, SeriesAt, collect_labels, metric_name},
};
use std::collections::HashSet;

/// Reads an exposition as [`super::parse_news`] does.
pub(super) fn parse(
    text: &str,
    is_new: &mut dyn FnMut(u64) -> bool,
) -> Result<Exposition, ParseError> {
    let mut reading = Reading {
        exposition: Exposition::default(),
        is_new,
        family: Family::default(),
        families: HashSet::new(),
        names: Vec::new(),
    };
    let mut rest = text;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if line == "# EOF" {
            return match after.is_empty() {
                true => Ok(reading.exposition),
                false => Err(ParseError {
                    line: number + 1,
                    column: 1,
                    what: "expected nothing after `# EOF`".to_owned(),
                }),
            };
        }
        reading.read(line).map_err(|fault| fault.at_line(number, line))?;
        rest = after;
    }
    Err(ParseError {
        line: number + 1,
        column: 1,
        what: "expected `# EOF`: the text is cut off".to_owned(),
    })
}

struct Reading<'a, 'n> {
    exposition: Exposition,
    is_new: &'n mut dyn FnMut(u64) -> bool,
    family: Family<'a>,
    /// Names of those before it.
    families: HashSet<&'a str>,
    /// Room for the names of a sample's labels.
    names: Vec<(&'a str, &'a str)>,
}

/// The family whose lines are being read.
#[derive(Default)]
struct Family<'a> {
    /// Escaped, without quotes.
    name: Option<&'a str>,
    kind: Option<&'a str>,
    has_unit: bool,
    has_help: bool,
    /// Hashes of the label sets, to see that none comes back.
    metrics: HashSet<u64>,
    /// The last one, and the time of its sample.
    last: Option<(u64, Option<f64>)>,
}

impl<'a> Reading<'a, '_> {
    fn read(&mut self, line: &'a str) -> Result<(), Fault> {
        if line.is_empty() {
            return Err(Fault::new(0, "empty lines are not allowed"));
        }
        if line.contains('\r') {
            return Err(Fault::new(0, "lines end in a line feed alone"));
        }
        if line.starts_with('#') { self.descriptor(line) } else { self.sample(line) }
    }

    /// Goes on with a family, or begins one that was not there before.
    fn enter(&mut self, name: &'a str, at: usize) -> Result<(), Fault> {
        if self.family.name == Some(name) {
            return Ok(());
        }
        if !self.families.insert(name) {
            let what = "the lines of a metric family stand together; others are between these";
            return Err(Fault::new(at, what));
        }
        self.family = Family { name: Some(name), ..Family::default() };
        Ok(())
    }

    fn descriptor(&mut self, line: &'a str) -> Result<(), Fault> {
        let keyword =
            line.get(..7).filter(|start| matches!(*start, "# TYPE " | "# HELP " | "# UNIT "));
        let Some(keyword) = keyword else {
            return Err(Fault::new(0, "expected `# TYPE`, `# HELP`, `# UNIT` or `# EOF`"));
        };
        let at = keyword.len();
        let length =
            metric_name(&line[at..]).map_err(|fault| Fault::new(at + fault.offset, fault.what))?;
        let name = unquoted(&line[at..at + length]);
        if name.is_empty() {
            return Err(Fault::new(at, "a name is not empty"));
        }
        let argument_at = at + length + 1;
        let Some(argument) = line[at + length..].strip_prefix(' ') else {
            return Err(Fault::new(at + length, "expected one space after the metric's name"));
        };
        self.enter(name, at)?;
        let family = &mut self.family;
        if !family.metrics.is_empty() {
            return Err(Fault::new(0, "what describes a family stands before its samples"));
        }
        let is_again = match keyword {
            "# TYPE " => {
                let Some(kind) = TYPES.iter().find(|kind| **kind == argument) else {
                    let what = format!("expected a metric type, one of {}", TYPES.join(", "));
                    return Err(Fault::new(argument_at, what));
                };
                if *kind == "info" && !name.ends_with("_info") {
                    return Err(Fault::new(at, "the name of an info ends in `_info`"));
                }
                family.kind.replace(kind).is_some()
            }
            "# UNIT " => {
                if !argument
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte))
                {
                    return Err(Fault::new(argument_at, "a unit has the characters of a name"));
                }
                std::mem::replace(&mut family.has_unit, true)
            }
            _ => std::mem::replace(&mut family.has_help, true),
        };
        if is_again {
            return Err(Fault::new(0, "a family has this line twice"));
        }
        Ok(())
    }

    fn sample(&mut self, line: &'a str) -> Result<(), Fault> {
        self.exposition.sample_count += 1;
        let mut scan = Scan::new(line);
        let series = self.series(&mut scan)?;
        let series_end = scan.at;
        let kind = self.family.kind.unwrap_or("unknown");
        if !scan.rest().starts_with(' ') {
            return Err(scan.fault("expected one space"));
        }
        let (value, composite) = self.value(&mut scan, kind)?;
        let mut timestamp_seconds = None;
        if scan.rest().starts_with(' ')
            && !scan.rest().starts_with(" #")
            && !scan.rest().starts_with(" st@")
        {
            timestamp_seconds = Some(scan.timestamp()?);
        }
        if scan.rest().starts_with(" st@") {
            scan.at += 3;
            // What reads a timestamp begins at a space.
            let at = scan.at + 1;
            let word = &line[at..];
            let word = &word[..word.find(' ').unwrap_or(word.len())];
            super::number::timestamp(word)
                .ok_or_else(|| Fault::new(at, "expected the start's time in seconds"))?;
            scan.at = at + word.len();
        }
        self.in_order(line, &series, series_end, timestamp_seconds)?;
        let series_text = &line[..series_end];
        while scan.rest().starts_with(" # {") {
            scan.at += 3;
            let at = scan.at;
            let exemplar = self.exemplar(&mut scan)?;
            let Some(mut point) = exemplar else {
                self.exposition.over_budget += 1;
                continue;
            };
            if !(self.is_new)(hash((series_text, &line[at..scan.at]))) {
                continue;
            }
            point.labels = collect_labels(line, at, Braces::Labels)?;
            let (name, labels) = series.collect(line)?;
            let sample = ExemplarSample { name, labels, value, timestamp_seconds, exemplar: point };
            self.exposition.samples.extend(of_buckets(sample, composite.as_ref()));
        }
        if !scan.rest().is_empty() {
            return Err(scan.fault(
                "expected the end of the line, a timestamp, `st@` and the start's, or ` # ` and an exemplar",
            ));
        }
        Ok(())
    }

    /// The name of the metric, which decides the family, and its labels.
    fn series(&mut self, scan: &mut Scan<'a>) -> Result<SeriesAt<'a>, Fault> {
        self.names.clear();
        let name_at = scan.at;
        let name = if scan.rest().starts_with('{') { None } else { Some(scan.name(true)?) };
        let mut braces_at = None;
        let mut quoted_name = None;
        if scan.rest().starts_with('{') {
            braces_at = Some(scan.at);
            let braces = if name.is_none() { Braces::NameInside } else { Braces::Labels };
            let names = &mut self.names;
            let mut is_first = true;
            let mut misplaced = false;
            scan.labels(braces, &mut |label, value| {
                if braces == Braces::NameInside && quoted_name.is_none() && label.is_empty() {
                    quoted_name = Some(value);
                    misplaced |= !is_first;
                } else {
                    names.push((label, value));
                }
                is_first = false;
            })?;
            if misplaced {
                return Err(Fault::new(name_at, "the metric's name stands first in the braces"));
            }
            strict(scan)?;
        }
        let family = name.or(quoted_name).unwrap_or_default();
        if family.is_empty() {
            return Err(Fault::new(name_at, "a name is not empty"));
        }
        self.enter(family, name_at)?;
        unique(&mut self.names, braces_at.unwrap_or(name_at))?;
        let reserved = match self.family.kind {
            Some("histogram" | "gaugehistogram") => Some("le"),
            Some("summary") => Some("quantile"),
            _ => None,
        };
        if let Some(reserved) = reserved
            && self.names.iter().any(|(name, _)| *name == reserved)
        {
            let what = format!("the label {reserved:?} is not for this type");
            return Err(Fault::new(braces_at.unwrap_or(name_at), what));
        }
        if self.family.kind == Some("stateset")
            && !self.names.iter().any(|(name, _)| *name == family)
        {
            return Err(Fault::new(name_at, "a state stands in a label with the family's name"));
        }
        Ok(SeriesAt { name, braces_at })
    }

    fn value(&self, scan: &mut Scan<'a>, kind: &str) -> Result<(f64, Option<Composite>), Fault> {
        let shape = match kind {
            "histogram" => Some(Shape::Histogram),
            "gaugehistogram" => Some(Shape::GaugeHistogram),
            "summary" => Some(Shape::Summary),
            _ => None,
        };
        let is_composite = scan.rest().starts_with(" {");
        if is_composite && (shape.is_some() || kind == "unknown") {
            scan.at += 1;
            let composite = composite::read(scan, shape)?;
            return Ok((composite.sum, Some(composite)));
        }
        if shape.is_some() {
            scan.at += 1;
            return Err(scan.fault(&format!("expected `{{` and the parts of a {kind}")));
        }
        let at = scan.at + 1;
        let value = scan.value()?;
        let fault = match kind {
            "counter" if value.is_nan() || value < 0.0 => "a counter counts from zero on",
            "stateset" if value != 0.0 && value != 1.0 => "a state is 0 or 1",
            "info" if value != 1.0 => "an info is 1",
            _ => return Ok((value, None)),
        };
        Err(Fault::new(at, fault))
    }

    /// The samples of a metric stand together, with ascending times.
    fn in_order(
        &mut self,
        line: &str,
        series: &SeriesAt<'_>,
        series_end: usize,
        at: Option<f64>,
    ) -> Result<(), Fault> {
        // Sorted, so that the order in which they stand does not matter.
        let metric = hash(&self.names);
        let family = &mut self.family;
        if let Some((last, time)) = family.last
            && last == metric
        {
            let is_later = matches!((time, at), (Some(time), Some(at)) if at > time);
            family.last = Some((metric, at));
            let what = "the samples of a metric have ascending times";
            return if is_later {
                Ok(())
            } else {
                Err(Fault::new(series_end.min(line.len()), what))
            };
        }
        family.last = Some((metric, at));
        if family.metrics.insert(metric) {
            return Ok(());
        }
        let what = "the samples of a metric stand together; others are between these";
        Err(Fault::new(series.braces_at.unwrap_or_default(), what))
    }

    /// From the braces to the time; `None` for one with too much text, labels are left to the caller.
    fn exemplar(&self, scan: &mut Scan<'a>) -> Result<Option<ExemplarPoint>, Fault> {
        let at = scan.at;
        let mut names = Vec::new();
        let mut characters = 0;
        scan.labels(Braces::Labels, &mut |name, value| {
            characters += name.chars().count() + value.chars().count();
            names.push((name, value));
        })?;
        strict(scan)?;
        unique(&mut names, at)?;
        let value = scan.value()?;
        if scan.rest().is_empty() || scan.rest().starts_with(" #") {
            return Err(scan.fault("expected a space and the time of the exemplar"));
        }
        let timestamp_seconds = Some(scan.timestamp()?);
        let point = ExemplarPoint { labels: Vec::new(), value, timestamp_seconds };
        Ok((characters <= EXEMPLAR_CHARACTERS_MAX).then_some(point))
    }
}

fn unquoted(name: &str) -> &str {
    name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name)
}

/// No comma stands before the brace that was just read.
fn strict(scan: &Scan<'_>) -> Result<(), Fault> {
    if scan.line[..scan.at].ends_with(",}") {
        return Err(Fault::new(scan.at - 2, "a comma stands between labels only"));
    }
    Ok(())
}

/// Each name once, none empty; sorts them.
fn unique(names: &mut [(&str, &str)], at: usize) -> Result<(), Fault> {
    names.sort_unstable();
    if names.iter().any(|(name, _)| name.is_empty()) {
        return Err(Fault::new(at, "the name of a label is not empty"));
    }
    match names.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Fault::new(at, format!("the label {:?} stands twice", pair[0].0))),
        None => Ok(()),
    }
}

/// An exemplar under the series that Prometheus has of a sample.
fn of_buckets(sample: ExemplarSample, composite: Option<&Composite>) -> Vec<ExemplarSample> {
    let Some(composite) = composite else { return vec![sample] };
    let observed = sample.exemplar.value;
    let bucket = composite.thresholds.iter().find(|threshold| observed <= **threshold);
    let mut all = Vec::new();
    if let Some(threshold) = bucket.or(composite.thresholds.last()) {
        let mut labels = sample.labels.clone();
        labels.push(("le".to_owned(), go_float(*threshold)));
        labels.sort();
        let name = format!("{}_bucket", sample.name);
        all.push(ExemplarSample { name, labels, ..sample.clone() });
    }
    if composite.is_native || composite.thresholds.is_empty() {
        all.push(sample);
    }
    all
}

#[cfg(test)]
mod tests;
