//! The pieces that lines are made of: names, labels, strings, numbers.

use super::{error::Fault, number};

/// Reads a metric name, quoted or not, at the start of `text`; gives the bytes that it takes.
pub(super) fn metric_name(text: &str) -> Result<usize, Fault> {
    let mut scan = Scan::new(text);
    if text.starts_with('"') {
        scan.quoted()?;
    } else {
        scan.name(true)?;
    }
    Ok(scan.at)
}

/// Where a series stands in its line, so that it is read again only when it is wanted.
pub(super) struct SeriesAt<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) braces_at: Option<usize>,
}

/// What braces hold.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Braces {
    Labels,
    /// `{"name.of.metric", label="value"}`: the entry without a value is the metric's name.
    NameInside,
}

/// A place in a line, and what is read from there on.
pub(super) struct Scan<'a> {
    pub(super) line: &'a str,
    pub(super) at: usize,
}

impl SeriesAt<'_> {
    pub(super) fn collect(&self, line: &str) -> Result<(String, Vec<(String, String)>), Fault> {
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
    pub(super) fn new(line: &'a str) -> Self {
        Self { line, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.line[self.at..]
    }

    pub(super) fn fault(&self, what: &str) -> Fault {
        let found = match self.rest().chars().next() {
            Some(character) => format!("{what}, found {character:?}"),
            None => format!("{what}, found the end of the line"),
        };
        Fault::new(self.at, found)
    }

    pub(super) fn series(&mut self, names: &mut Vec<&'a str>) -> Result<SeriesAt<'a>, Fault> {
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
    pub(super) fn labels(
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

    pub(super) fn name(&mut self, colons: bool) -> Result<&'a str, Fault> {
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
    pub(super) fn quoted(&mut self) -> Result<&'a str, Fault> {
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

    pub(super) fn word(&mut self) -> Result<&'a str, Fault> {
        if !self.rest().starts_with(' ') {
            return Err(self.fault("expected one space"));
        }
        self.at += 1;
        let rest = self.rest();
        Ok(&rest[..rest.find(' ').unwrap_or(rest.len())])
    }

    pub(super) fn value(&mut self) -> Result<f64, Fault> {
        let word = self.word()?;
        let value = number::value(word)
            .ok_or_else(|| Fault::new(self.at, format!("{:?} is not a number", clipped(word))))?;
        self.at += word.len();
        Ok(value)
    }

    pub(super) fn timestamp(&mut self) -> Result<f64, Fault> {
        let word = self.word()?;
        let seconds = number::timestamp(word).ok_or_else(|| {
            Fault::new(self.at, format!("{:?} is not a timestamp in seconds", clipped(word)))
        })?;
        self.at += word.len();
        Ok(seconds)
    }
}

/// Labels in braces, unescaped and sorted by name.
pub(super) fn collect_labels(
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
pub(super) fn clipped(word: &str) -> &str {
    match word.char_indices().nth(40) {
        Some((end, _)) => &word[..end],
        None => word,
    }
}
