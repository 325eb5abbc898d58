//! Writes TraceQL for the forms of search that came before it, so that there is one engine and one meaning.

use std::fmt::Write;

const KINDS: [&str; 5] = ["internal", "server", "client", "producer", "consumer"];
/// Where a tag may stand.
pub(crate) const SCOPES: [&str; 5] = ["span", "resource", "instrumentation", "event", "link"];

/// A string literal.
pub(crate) fn quoted(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => literal.extend(['\\', character]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            _ => literal.push(character),
        }
    }
    literal.push('"');
    literal
}

/// An attribute: scope (`span`, `resource`, … or empty) and name, quoted where the name needs it.
pub(crate) fn attribute(scope: &str, name: &str) -> String {
    let is_plain = !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/'))
        && !name.starts_with('.')
        && !name.ends_with('.');
    // A dot before a digit begins a number.
    let is_number = scope.is_empty() && name.starts_with(|first: char| first.is_ascii_digit());
    if is_plain && !is_number {
        format!("{scope}.{name}")
    } else {
        // Only the quote and the backslash are escapes here, so `quoted` would say too much.
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{scope}.\"{escaped}\"")
    }
}

/// A duration literal, exact to the nanosecond.
pub(crate) fn duration(nanos: u64) -> String {
    match nanos {
        _ if nanos.is_multiple_of(1_000_000_000) => format!("{}s", nanos / 1_000_000_000),
        _ if nanos.is_multiple_of(1_000_000) => format!("{}ms", nanos / 1_000_000),
        _ if nanos.is_multiple_of(1_000) => format!("{}us", nanos / 1_000),
        _ => format!("{nanos}ns"),
    }
}

/// The literals that a text can stand for: itself, and the number or boolean that it spells. A literal of another type
/// than the value never matches, so all of them are asked for.
pub(crate) fn literals(text: &str) -> Vec<String> {
    let mut all = vec![quoted(text)];
    if let Ok(int) = text.parse::<i64>() {
        all.push(int.to_string());
    } else if let Some(float) = plain_float(text) {
        all.push(float);
    } else if matches!(text, "true" | "false") {
        all.push(text.to_owned());
    }
    all
}

pub(crate) fn plain_float(text: &str) -> Option<String> {
    let float: f64 = text.parse().ok().filter(|float: &f64| float.is_finite())?;
    let printed = format!("{float}");
    Some(if printed.contains('.') { printed } else { format!("{printed}.0") })
}

/// A tag of Jaeger or Zipkin. Tags that are made of OTLP's fields find these fields again; all others are looked for wherever attributes stand,
/// in every type that the text spells.
pub(crate) fn tag(key: &str, value: &str) -> String {
    let field = match (key, value) {
        ("error", "true") => Some("status = error".to_owned()),
        ("error", "false") => Some("status != error".to_owned()),
        ("span.kind", kind) if KINDS.contains(&kind) => Some(format!("kind = {kind}")),
        ("otel.status_code", "ERROR") => Some("status = error".to_owned()),
        ("otel.status_code", "OK") => Some("status = ok".to_owned()),
        ("otel.status_description", text) => Some(format!("statusMessage = {}", quoted(text))),
        ("otel.scope.name", text) => Some(format!("instrumentation:name = {}", quoted(text))),
        ("otel.scope.version", text) => Some(format!("instrumentation:version = {}", quoted(text))),
        ("service.name", text) => Some(format!("resource.service.name = {}", quoted(text))),
        _ => None,
    };
    if let Some(field) = field {
        return field;
    }
    let literals = literals(value);
    let alternatives: Vec<String> = SCOPES
        .iter()
        .flat_map(|scope| {
            let attribute = attribute(scope, key);
            literals.iter().map(move |literal| format!("{attribute} = {literal}"))
        })
        .collect();
    any_of(&alternatives)
}

/// `(a || b)`, or the one alternative alone.
pub(crate) fn any_of(alternatives: &[String]) -> String {
    match alternatives {
        [one] => one.clone(),
        all => format!("({})", all.join(" || ")),
    }
}

/// `{ a && b }`.
pub(crate) fn span_set(conditions: &[String]) -> String {
    let mut text = String::from("{ ");
    for (index, condition) in conditions.iter().enumerate() {
        let and = if index == 0 { "" } else { " && " };
        write!(text, "{and}{condition}").expect("a string takes everything");
    }
    text.push_str(if conditions.is_empty() { "}" } else { " }" });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_needed() {
        assert_eq!(attribute("span", "http.route"), "span.http.route");
        assert_eq!(attribute("", "k8s-x/y_z"), ".k8s-x/y_z");
        assert_eq!(attribute("span", "fare class"), "span.\"fare class\"");
        assert_eq!(attribute("", "a\"b\\c\n"), ".\"a\\\"b\\\\c\n\"");
        assert_eq!(attribute("", ""), ".\"\"");
    }

    #[test]
    fn literals_have_every_type_that_the_text_spells() {
        assert_eq!(literals("x\"y"), ["\"x\\\"y\""]);
        assert_eq!(literals("500"), ["\"500\"", "500"]);
        assert_eq!(literals("72.5"), ["\"72.5\"", "72.5"]);
        assert_eq!(literals("1e3"), ["\"1e3\"", "1000.0"]);
        assert_eq!(literals("true"), ["\"true\"", "true"]);
        assert_eq!(literals("NaN"), ["\"NaN\""]);
    }

    #[test]
    fn durations_are_exact() {
        assert_eq!(duration(1_500_000_000), "1500ms");
        assert_eq!(duration(2_000_000_000), "2s");
        assert_eq!(duration(1), "1ns");
    }
}
