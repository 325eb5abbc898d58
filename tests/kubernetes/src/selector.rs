//! Label and field selectors, as far as tests use them.

use serde_json::Value;

/// What a list or a watch asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    pub(crate) namespace: Option<String>,
    pub(crate) labels: String,
    pub(crate) fields: String,
}

impl Selector {
    pub(crate) fn matches(&self, object: &Value) -> bool {
        let namespace = &object["metadata"]["namespace"];
        self.namespace.as_deref().is_none_or(|wanted| namespace == wanted)
            && all(&self.labels, |key| object["metadata"]["labels"].get(key))
            && all(&self.fields, |key| {
                key.split('.').try_fold(object, |value, part| value.get(part))
            })
    }
}

/// `a=b,c!=d,e,!f`; every part must hold.
fn all<'v>(selector: &str, value_of: impl Fn(&str) -> Option<&'v Value>) -> bool {
    selector.split(',').map(str::trim).filter(|part| !part.is_empty()).all(|part| {
        let text = |key: &str| value_of(key.trim()).and_then(Value::as_str);
        if let Some((key, value)) = part.split_once("!=") {
            text(key) != Some(value.trim())
        } else if let Some((key, value)) = part.split_once('=') {
            text(key) == Some(value.trim_start_matches('=').trim())
        } else if let Some(key) = part.strip_prefix('!') {
            text(key).is_none()
        } else {
            text(part).is_some()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_match_labels_and_fields() {
        let object = json!({
            "metadata": {"namespace": "shop", "labels": {"app": "cart"}},
            "spec": {"nodeName": "n1"},
        });
        let check = |labels: &str, fields: &str, expected: bool| {
            let selector =
                Selector { namespace: None, labels: labels.into(), fields: fields.into() };
            assert_eq!(selector.matches(&object), expected, "{labels} {fields}");
        };
        check("", "", true);
        check("app=cart", "spec.nodeName=n1", true);
        check("app==cart,!other", "metadata.namespace=shop", true);
        check("app", "", true);
        check("app!=cart", "", false);
        check("other", "", false);
        check("", "spec.nodeName=n2", false);
        let elsewhere = Selector { namespace: Some("x".into()), ..Selector::default() };
        assert!(!elsewhere.matches(&object));
    }
}
