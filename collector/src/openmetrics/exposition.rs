//! A whole exposition: descriptors, samples, `# EOF`.

use super::{
    error::{Fault, ParseError},
    line::{self, ExemplarSample, Found},
    scan,
};

/// What an exposition says about traces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exposition {
    /// The samples that carry an exemplar, in order; those that are known are left out.
    pub samples: Vec<ExemplarSample>,
    /// All sample lines.
    pub sample_count: usize,
    /// Exemplars left out because their labels exceed the budget of 128 characters.
    pub over_budget: usize,
}

/// Reads an exposition whole. The first fault ends it: a text that breaks the grammar cannot be
/// trusted further down.
pub fn parse(body: &[u8]) -> Result<Exposition, ParseError> {
    parse_news(body, &mut |_| true)
}

/// The same, but keeps only the samples of which `is_new` says so, by a hash of series and exemplar: an exemplar is exposed again
/// and again, and what is known need not be copied.
pub fn parse_news(
    body: &[u8],
    is_new: &mut dyn FnMut(u64) -> bool,
) -> Result<Exposition, ParseError> {
    let text = std::str::from_utf8(body).map_err(|error| not_utf8(body, error.valid_up_to()))?;
    let mut exposition = Exposition::default();
    let mut names = Vec::new();
    let mut number = 0;
    let mut rest = text;
    while !rest.is_empty() {
        number += 1;
        let (line, after, ended) = match rest.split_once('\n') {
            Some((line, after)) => (line, after, true),
            None => (rest, "", false),
        };
        if line == "# EOF" {
            return match after.is_empty() {
                true => Ok(exposition),
                false => Err(ParseError {
                    line: number + 1,
                    column: 1,
                    what: "expected nothing after `# EOF`".to_owned(),
                }),
            };
        }
        read_line(line, &mut names, is_new, &mut exposition)
            .map_err(|fault| fault.at_line(number, line))?;
        if !ended {
            return Err(Fault::new(
                line.len(),
                "the last line has no line feed: the text is cut off",
            )
            .at_line(number, line));
        }
        rest = after;
    }
    Err(ParseError {
        line: number + 1,
        column: 1,
        what: "expected `# EOF`: the text is cut off, or is not OpenMetrics".to_owned(),
    })
}

pub(super) const TYPES: [&str; 8] =
    ["counter", "gauge", "histogram", "gaugehistogram", "stateset", "info", "summary", "unknown"];

fn read_line<'a>(
    line: &'a str,
    names: &mut Vec<&'a str>,
    is_new: &mut dyn FnMut(u64) -> bool,
    exposition: &mut Exposition,
) -> Result<(), Fault> {
    if line.is_empty() {
        return Err(Fault::new(0, "empty lines are not allowed"));
    }
    if line.starts_with('#') {
        return descriptor(line);
    }
    exposition.sample_count += 1;
    match line::sample(line, names, is_new)? {
        Found::Plain | Found::Known => {}
        Found::Exemplar(sample) => exposition.samples.push(*sample),
        Found::OverBudget => exposition.over_budget += 1,
    }
    Ok(())
}

/// Descriptors are checked one by one; as in Prometheus, that one says the same twice is no fault.
fn descriptor(line: &str) -> Result<(), Fault> {
    let keyword = line.get(..7).filter(|start| matches!(*start, "# TYPE " | "# HELP " | "# UNIT "));
    let Some(keyword) = keyword else {
        return Err(Fault::new(0, "expected `# TYPE`, `# HELP`, `# UNIT` or `# EOF`"));
    };
    let name_at = keyword.len();
    let length = scan::metric_name(&line[name_at..])
        .map_err(|fault| Fault::new(name_at + fault.offset, fault.what))?;
    let name = &line[name_at..name_at + length];
    let Some(argument) = line[name_at + length..].strip_prefix(' ') else {
        return Err(Fault::new(name_at + length, "expected one space after the metric's name"));
    };
    let argument_at = name_at + length + 1;
    if keyword == "# TYPE " && !TYPES.contains(&argument) {
        let what = format!("expected a metric type, one of {}", TYPES.join(", "));
        return Err(Fault::new(argument_at, what));
    }
    if keyword == "# UNIT " {
        let bare = name.trim_matches('"');
        let suffixed = bare.strip_suffix(argument).is_some_and(|stem| stem.ends_with('_'));
        if !argument.is_empty() && !suffixed {
            return Err(Fault::new(argument_at, "the unit is not the last part of the name"));
        }
    }
    Ok(())
}

pub(super) fn not_utf8(body: &[u8], valid_up_to: usize) -> ParseError {
    let valid = String::from_utf8_lossy(&body[..valid_up_to]);
    let line = valid.matches('\n').count() + 1;
    let column = valid.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    ParseError { line, column, what: "this byte is not UTF-8".to_owned() }
}
