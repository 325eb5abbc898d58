//! What is wrong, or odd, in a configuration, and where.

use std::fmt;

/// One fault or remark, with its place. It prints as `FILE:LINE:COLUMN: what is wrong (in field)`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file as it was named to us.
    pub file: String,
    /// From 1; 0 when the finding is about the file as a whole.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Such as `scrape_configs[0].relabel_configs[2].regex`; empty at the top.
    pub path: String,
    /// One sentence, without a full stop.
    pub message: String,
    /// The line with a caret below the place, secrets hidden; empty when there is no line to show.
    pub excerpt: String,
}

/// A fault that makes the configuration unusable.
pub type ConfigError = Finding;

/// Something that is accepted but does not do what the author may think.
pub type Warning = Finding;

impl Finding {
    /// The finding with the line that it is about.
    pub fn report(&self) -> String {
        match self.excerpt.is_empty() {
            true => self.to_string(),
            false => format!("{self}\n{}", self.excerpt),
        }
    }

    /// Cuts the line out of the file's text.
    pub(crate) fn show_line(&mut self, text: &str) {
        let Some(line) = self.line.checked_sub(1).and_then(|at| text.lines().nth(at)) else {
            return;
        };
        let before: String = line.chars().take(self.column.saturating_sub(1)).collect();
        // Tabs stay tabs, so that the caret stands where the eye looks.
        let blank: String =
            before.chars().map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        let shown = without_secrets(line, &self.path);
        self.excerpt = format!("  {number} | {shown}\n  {margin} | {blank}^");
    }
}

/// Keys whose values are nobody's business.
const SECRET_KEYS: [&str; 9] = [
    "password:",
    "credentials:",
    "bearer_token:",
    "client_secret:",
    "secrets:",
    "secret_key:",
    "token:",
    "key:",
    "proxy_url:",
];

/// The line up to the value of the first secret in it.
fn without_secrets(line: &str, path: &str) -> String {
    let of_path = SECRET_KEYS.iter().any(|key| {
        let key = key.trim_end_matches(':');
        path.split(['.', '[']).any(|part| part == key) || path.contains("proxy_connect_header")
    });
    let in_line = SECRET_KEYS.iter().filter_map(|key| Some(line.find(key)? + key.len())).min();
    match in_line {
        Some(end) if !line[end..].trim().is_empty() => format!("{} <secret>", &line[..end]),
        None if of_path => {
            let indent = line.len() - line.trim_start().len();
            format!("{}<secret>", &line[..indent])
        }
        _ => line.to_owned(),
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.message)?;
        if !self.path.is_empty() {
            write!(f, " (in {})", self.path)?;
        }
        Ok(())
    }
}

impl std::error::Error for Finding {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, line: usize, column: usize, path: &str, expected: &str) {
        let mut finding = Finding {
            file: "x.yml".into(),
            line,
            column,
            path: path.into(),
            message: "no".into(),
            excerpt: String::new(),
        };
        finding.show_line(text);
        assert_eq!(finding.excerpt, expected);
    }

    #[test]
    fn the_caret_stands_below_the_place() {
        check("a:\n  bé: 1\n", 2, 7, "a.bé", "  2 |   bé: 1\n    |       ^");
        check("\tb: 1\n", 1, 2, "", "  1 | \tb: 1\n    | \t^");
        check("a: 1", 9, 1, "", "");
        check("a: 1", 0, 0, "", "");
    }

    #[test]
    fn secrets_are_not_shown() {
        let hidden = "  1 | basic_auth: {username: a, password: <secret>\n    |  ^";
        check("basic_auth: {username: a, password: hunter2}", 1, 2, "", hidden);
        check("  - hunter2", 1, 5, "http_headers.x.secrets[0]", "  1 |   <secret>\n    |     ^");
        check("  password:", 1, 3, "", "  1 |   password:\n    |   ^");
    }
}
