//! Templates as Go's `regexp` expands them: `$1`, `$name`, `${name}`, `$$`.

use regex::Captures;

/// Expands a template with the groups of a match. A group that is unknown or did not take part is
/// empty; a `$` that begins nothing stays.
pub(crate) fn expand(template: &str, captures: &Captures<'_>, names: &[Option<String>]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = group_name(rest) {
            out.push_str(group(name, captures, names));
            rest = after;
        } else {
            out.push('$');
        }
    }
    out.push_str(rest);
    out
}

/// True when the template takes anything from the match.
pub(crate) fn has_variable(template: &str) -> bool {
    template.contains('$')
}

/// The template with its variables taken out, to check what remains as a name.
pub(crate) fn without_variables(template: &str) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        match group_name(&rest[at + 1..]) {
            Some((_, after)) => {
                // Something stands here; a letter keeps the rest a name.
                out.push('v');
                rest = after;
            }
            None => {
                out.push('$');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The name that follows a `$`, and what comes after it.
fn group_name(text: &str) -> Option<(&str, &str)> {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let (name, after) = match text.strip_prefix('{') {
        Some(inner) => inner.split_once('}')?,
        None => text.split_at(text.find(|letter| !is_word(letter)).unwrap_or(text.len())),
    };
    (!name.is_empty() && name.chars().all(is_word)).then_some((name, after))
}

fn group<'h>(name: &str, captures: &Captures<'h>, names: &[Option<String>]) -> &'h str {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit())
        && (name.len() == 1 || !name.starts_with('0'));
    let found = match name.parse::<usize>() {
        Ok(index) if is_number => captures.get(index),
        // Go takes the first group of that name that took part in the match.
        _ => names
            .iter()
            .enumerate()
            .filter(|(_, have)| have.as_deref() == Some(name))
            .find_map(|(index, _)| captures.get(index)),
    };
    found.map_or("", |found| found.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, expected: &str) {
        let regex = regex::Regex::new("(?P<host>[^:]+):(?P<port>[0-9]+)(x)?").unwrap();
        let captures = regex.captures("db:5432").unwrap();
        let names: Vec<_> = regex.capture_names().map(|name| name.map(str::to_owned)).collect();
        assert_eq!(expand(template, &captures, &names), expected, "{template}");
    }

    #[test]
    fn templates_expand_as_in_go() {
        check("$1", "db");
        check("${1}x", "dbx");
        check("$1x", "");
        check("$host-$port", "db-5432");
        check("${host}:${2}", "db:5432");
        check("$0", "db:5432");
        check("$01", "");
        check("$$1", "$1");
        check("$$$1", "$db");
        check("$9 $3 ${none}", "  ");
        check("a$", "a$");
        check("$-", "$-");
        check("${a-b}", "${a-b}");
        check("${1", "${1");
        check("${}", "${}");
        check("$1_2", "");
        check("é$1é", "é");
    }
}
