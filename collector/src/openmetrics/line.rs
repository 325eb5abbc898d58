//! One sample line: name, labels, value, timestamp, exemplar.

use super::{error::Fault, number};
use std::hash::BuildHasher;

/// Names and values of an exemplar's labels together may have this many characters.
pub const EXEMPLAR_CHARACTERS_MAX: usize = 128;

/// A sample that carries an exemplar.
#[derive(Clone, Debug, PartialEq)]
pub struct ExemplarSample {
    /// The metric's name, suffix included (`requests_total`, `seconds_bucket`).
    pub name: String,
    /// Its labels, sorted by name.
    pub labels: Vec<(String, String)>,
    /// The sample's own value.
    pub value: f64,
    /// The sample's own time, seconds since the Unix epoch.
    pub timestamp_seconds: Option<f64>,
    /// What it points at.
    pub exemplar: ExemplarPoint,
}

/// The part after ` # `.
#[derive(Clone, Debug, PartialEq)]
pub struct ExemplarPoint {
    /// Labels, sorted by name; `trace_id` is among them where a trace is meant.
    pub labels: Vec<(String, String)>,
    /// The observed value.
    pub value: f64,
    /// When it was observed, seconds since the Unix epoch.
    pub timestamp_seconds: Option<f64>,
}

/// What a sample line holds.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// No exemplar.
    Plain,
    /// An exemplar that was there before.
    Known,
    /// An exemplar within the budget.
    Exemplar(Box<ExemplarSample>),
    /// An exemplar whose labels exceed [`EXEMPLAR_CHARACTERS_MAX`].
    OverBudget,
}

/// Reads a sample line (without its line feed). `names` is room for the names of its labels, used
/// again for each line. What `is_new` says of the hash of series and exemplar decides whether they are kept.
pub(super) fn sample<'a>(
    line: &'a str,
    names: &mut Vec<&'a str>,
    is_new: &mut dyn FnMut(u64) -> bool,
) -> Result<Found, Fault> {
    let mut scan = Scan { line, at: 0 };
    let series = scan.series(names)?;
    let series_text = &line[..scan.at];
    let value = scan.value()?;
    let mut timestamp_seconds = None;
    if scan.rest().starts_with(' ') && !scan.rest().starts_with(" #") {
        timestamp_seconds = Some(scan.timestamp()?);
    }
    if scan.rest().is_empty() {
        return Ok(Found::Plain);
    }
    if !scan.rest().starts_with(" # ") {
        return Err(
            scan.fault("expected the end of the line, a timestamp or ` # ` and an exemplar")
        );
    }
    scan.at += 3;
    if !scan.rest().starts_with('{') {
        return Err(scan.fault("expected `{` and the labels of the exemplar"));
    }
    let labels_at = scan.at;
    let mut characters = 0;
    scan.labels(Braces::Labels, &mut |name, value| {
        characters += name.chars().count() + value.chars().count();
    })?;
    let exemplar_value = scan.value()?;
    let exemplar_timestamp = if scan.rest().is_empty() { None } else { Some(scan.timestamp()?) };
    if !scan.rest().is_empty() {
        return Err(scan.fault("expected the end of the line after the exemplar"));
    }
    if characters > EXEMPLAR_CHARACTERS_MAX {
        return Ok(Found::OverBudget);
    }
    // The sample's own value and time change with every scrape, its exemplar does not.
    if !is_new(hash((series_text, &line[labels_at..]))) {
        return Ok(Found::Known);
    }
    let (name, labels) = series.collect(line)?;
    let exemplar = ExemplarPoint {
        labels: collect_labels(line, labels_at, Braces::Labels)?,
        value: exemplar_value,
        timestamp_seconds: exemplar_timestamp,
    };
    Ok(Found::Exemplar(Box::new(ExemplarSample {
        name,
        labels,
        value,
        timestamp_seconds,
        exemplar,
    })))
}

/// Hashes meet only hashes of the same target; the seed may be fixed.
pub(super) fn hash(what: impl std::hash::Hash) -> u64 {
    rapidhash::fast::SeedableState::fixed().hash_one(what)
}

/// Reads a metric name, quoted or not, at the start of `text`; gives the bytes that it takes.
pub(super) fn metric_name(text: &str) -> Result<usize, Fault> {
    let mut scan = Scan { line: text, at: 0 };
    if text.starts_with('"') {
        scan.quoted()?;
    } else {
        scan.name(true)?;
    }
    Ok(scan.at)
}

/// Where a series stands in its line, so that it is read again only when it is wanted.
struct SeriesAt<'a> {
    name: Option<&'a str>,
    braces_at: Option<usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Braces {
    Labels,
    /// `{"name.of.metric", label="value"}`: the entry without a value is the metric's name.
    NameInside,
}

struct Scan<'a> {
    line: &'a str,
    at: usize,
}

impl SeriesAt<'_> {
    fn collect(&self, line: &str) -> Result<(String, Vec<(String, String)>), Fault> {
        let Some(braces_at) = self.braces_at else {
            return Ok((self.name.unwrap_or_default().to_owned(), Vec::new()));
        };
        if let Some(name) = self.name {
            return Ok((name.to_owned(), collect_labels(line, braces_at, Braces::Labels)?));
        }
        let mut labels = collect_labels(line, braces_at, Braces::NameInside)?;
        let name_at = labels.iter().position(|(name, _)| name.is_empty());
        let name = name_at.map(|at| labels.remove(at).1).unwrap_or_default();
        Ok((name, labels))
    }
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    fn fault(&self, what: &str) -> Fault {
        let found = match self.rest().chars().next() {
            Some(character) => format!("{what}, found {character:?}"),
            None => format!("{what}, found the end of the line"),
        };
        Fault::new(self.at, found)
    }

    fn series(&mut self, names: &mut Vec<&'a str>) -> Result<SeriesAt<'a>, Fault> {
        let name = if self.rest().starts_with('{') { None } else { Some(self.name(true)?) };
        if !self.rest().starts_with('{') {
            return Ok(SeriesAt { name, braces_at: None });
        }
        let braces_at = self.at;
        let braces = if name.is_none() { Braces::NameInside } else { Braces::Labels };
        names.clear();
        names.push("__name__");
        self.labels(braces, &mut |name, _| names.push(name))?;
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => {
                Err(Fault::new(braces_at, format!("the label {:?} stands twice", pair[0])))
            }
            None => Ok(SeriesAt { name, braces_at: Some(braces_at) }),
        }
    }

    /// Reads `{…}` and shows each label, value still escaped; the metric's name, where it stands inside, is shown as that of no label.
    fn labels(
        &mut self,
        braces: Braces,
        show: &mut dyn FnMut(&'a str, &'a str),
    ) -> Result<(), Fault> {
        self.at += 1;
        let mut is_named = braces == Braces::Labels;
        while !self.rest().starts_with('}') {
            let is_quoted = self.rest().starts_with('"');
            let name = if is_quoted { self.quoted()? } else { self.name(false)? };
            // What stands alone is the metric's name, wherever it stands.
            if is_quoted && !is_named && self.rest().starts_with([',', '}']) {
                is_named = true;
                show("", name);
                self.comma_or_brace()?;
                continue;
            }
            if !self.rest().starts_with('=') {
                return Err(self.fault("expected `=` after the label's name"));
            }
            self.at += 1;
            if !self.rest().starts_with('"') {
                return Err(self.fault("expected a label value in double quotes"));
            }
            let value = self.quoted()?;
            show(name, value);
            self.comma_or_brace()?;
        }
        if !is_named {
            return Err(self.fault("expected the metric's name in double quotes before `}`"));
        }
        self.at += 1;
        Ok(())
    }

    fn comma_or_brace(&mut self) -> Result<(), Fault> {
        match self.rest().as_bytes().first() {
            Some(b',') => self.at += 1,
            Some(b'}') => {}
            _ => return Err(self.fault("expected `,` or `}` after the label")),
        }
        Ok(())
    }

    fn name(&mut self, colons: bool) -> Result<&'a str, Fault> {
        let rest = self.rest();
        let length = rest
            .bytes()
            .enumerate()
            .take_while(|&(index, byte)| {
                byte.is_ascii_alphabetic()
                    || byte == b'_'
                    || (colons && byte == b':')
                    || (index > 0 && byte.is_ascii_digit())
            })
            .count();
        if length == 0 {
            let what =
                if colons { "expected the name of a metric" } else { "expected a label name" };
            return Err(self.fault(what));
        }
        self.at += length;
        Ok(&rest[..length])
    }

    /// Reads a string in double quotes and gives what is between them, still escaped.
    fn quoted(&mut self) -> Result<&'a str, Fault> {
        let inner = &self.rest()[1..];
        let mut escaped = false;
        for (index, byte) in inner.bytes().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => {
                    self.at += index + 2;
                    return Ok(&inner[..index]);
                }
                _ => {}
            }
        }
        Err(Fault::new(self.at, "the string that begins here has no closing double quote"))
    }

    fn word(&mut self) -> Result<&'a str, Fault> {
        if !self.rest().starts_with(' ') {
            return Err(self.fault("expected one space"));
        }
        self.at += 1;
        let rest = self.rest();
        Ok(&rest[..rest.find(' ').unwrap_or(rest.len())])
    }

    fn value(&mut self) -> Result<f64, Fault> {
        let word = self.word()?;
        let value = number::value(word)
            .ok_or_else(|| Fault::new(self.at, format!("{:?} is not a number", clipped(word))))?;
        self.at += word.len();
        Ok(value)
    }

    fn timestamp(&mut self) -> Result<f64, Fault> {
        let word = self.word()?;
        let seconds = number::timestamp(word).ok_or_else(|| {
            Fault::new(self.at, format!("{:?} is not a timestamp in seconds", clipped(word)))
        })?;
        self.at += word.len();
        Ok(seconds)
    }
}

fn collect_labels(
    line: &str,
    braces_at: usize,
    braces: Braces,
) -> Result<Vec<(String, String)>, Fault> {
    let mut labels = Vec::new();
    let mut scan = Scan { line, at: braces_at };
    scan.labels(braces, &mut |name, value| labels.push((unescape(name), unescape(value))))?;
    labels.sort();
    Ok(labels)
}

/// `\n`, `\"` and `\\` as the specification has them; before anything else the backslash stays.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some(quoted @ ('"' | '\\')) => plain.push(quoted),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    plain
}

/// Error sentences quote at most this much of the text.
fn clipped(word: &str) -> &str {
    match word.char_indices().nth(40) {
        Some((end, _)) => &word[..end],
        None => word,
    }
}
