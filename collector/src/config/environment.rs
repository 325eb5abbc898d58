//! `${env:NAME}` in values, and Prometheus' `$NAME` in external labels.

/// Looks a variable up; the binary hands in the process's environment, tests a map.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Replaces `${env:NAME}` and `${env:NAME:-default}`; `$$` becomes `$` unless the field is a
/// template with its own meaning for `$$` (which there gives a dollar sign, too).
pub(crate) fn expand(
    text: &str,
    environment: Environment<'_>,
    is_template: bool,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            out.push_str(if is_template { "$$" } else { "$" });
            rest = after;
        } else if let Some(after) = rest.strip_prefix("${env:") {
            let Some(end) = after.find('}') else {
                return Err("`${env:` has no closing brace".into());
            };
            let (name, default) = match after[..end].split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (&after[..end], None),
            };
            if name.is_empty() {
                return Err("`${env:}` names no variable".into());
            }
            match (environment(name), default) {
                (Some(value), Some(default)) if value.is_empty() => out.push_str(default),
                (Some(value), _) => out.push_str(&value),
                (None, Some(default)) => out.push_str(default),
                (None, None) => {
                    return Err(format!(
                        "the environment variable {name} is not set; set it or write \
                         `${{env:{name}:-default}}`"
                    ));
                }
            }
            rest = &after[end + 1..];
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Replaces `$NAME` and `${NAME}` as Prometheus does in external labels. Gives the names that are
/// not set, too; they count as empty.
pub(crate) fn expand_as_prometheus(
    text: &str,
    environment: Environment<'_>,
) -> (String, Vec<String>) {
    let (mut out, mut missing) = (String::with_capacity(text.len()), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (name, after) = match rest.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, after)) => (name, after),
            None => {
                let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                rest.split_at(rest.bytes().take_while(|byte| is_name(byte)).count())
            }
        };
        if name.is_empty() {
            out.push('$');
            continue;
        }
        match environment(name) {
            Some(value) => out.push_str(&value),
            None => missing.push(name.to_owned()),
        }
        rest = after;
    }
    out.push_str(rest);
    (out, missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("db".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced() {
        let check = |text: &str, expected: &str| {
            assert_eq!(expand(text, &variables, false).as_deref(), Ok(expected), "{text}");
        };
        check("http://${env:HOST}:1/${env:HOST}", "http://db:1/db");
        check("${env:NONE:-a:-b}", "a:-b");
        check("${env:EMPTY:-x}${env:EMPTY}", "x");
        check("$${env:HOST} $1 ${1} cost$$ $", "${env:HOST} $1 ${1} cost$ $");
    }

    #[test]
    fn a_template_keeps_its_double_dollars() {
        let text = expand("$${env:HOST}${env:HOST}$1", &variables, true);
        assert_eq!(text.as_deref(), Ok("$${env:HOST}db$1"));
    }

    #[test]
    fn a_missing_variable_is_named() {
        let message = expand("${env:NONE}", &variables, false).unwrap_err();
        assert!(message.contains("NONE is not set"), "{message}");
    }

    #[test]
    fn external_labels_expand_as_in_prometheus() {
        let (text, missing) = expand_as_prometheus("$HOST-${HOST}_$$x$NONE!$", &variables);
        assert_eq!(text, "db-db_$x!$");
        assert_eq!(missing, ["NONE"]);
    }
}
