//! Label and field selectors, as far as the tests use them: `k=v`, `k==v`, `k!=v`, `k`, `!k`.

use serde_json::Value;

/// Whether an object passes both selectors. A selector that this server does not understand is a
/// fault of the test, so it panics.
pub(crate) fn selects(labels: Option<&str>, fields: Option<&str>, object: &Value) -> bool {
    let label = |key: &str| object["metadata"]["labels"][key].as_str().map(str::to_owned);
    let field = |key: &str| {
        let found = key.split('.').fold(object, |value, part| &value[part]);
        found.as_str().map(str::to_owned)
    };
    passes(labels, label) && passes(fields, field)
}

fn passes(selector: Option<&str>, value_of: impl Fn(&str) -> Option<String>) -> bool {
    let terms = selector.unwrap_or_default().split(',').filter(|term| !term.is_empty());
    terms.map(str::trim).all(|term| {
        assert!(!term.contains('('), "the fake API server knows no set selectors: {term}");
        if let Some((key, wanted)) = term.split_once("!=") {
            return value_of(key).as_deref() != Some(wanted);
        }
        if let Some((key, wanted)) = term.split_once('=') {
            return value_of(key).as_deref() == Some(wanted.trim_start_matches('='));
        }
        match term.strip_prefix('!') {
            Some(key) => value_of(key).is_none(),
            None => value_of(term).is_some(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_look_at_labels_and_fields() {
        let object = json!({"metadata": {"labels": {"app": "cart"}}, "spec": {"nodeName": "n1"}});
        let check = |labels, fields, expected| {
            assert_eq!(selects(labels, fields, &object), expected, "{labels:?} {fields:?}");
        };
        check(None, None, true);
        check(Some("app=cart"), Some("spec.nodeName=n1"), true);
        check(Some("app==cart,!tier"), None, true);
        check(Some("app!=cart"), None, false);
        check(Some("tier"), None, false);
        check(None, Some("spec.nodeName=n2"), false);
    }
}
