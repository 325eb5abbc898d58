//! Lists of `{targets: […], labels: {…}}`: in `static_configs`, in the files of `file_sd_configs` and
//! in the answers of `http_sd_configs`.

use crate::{
    Labels,
    config::{Dialect, Field, Reading, node::Place},
    discovery::{DiscoveredTarget, TargetGroup},
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Reads a list that stands in a tree of YAML.
pub(super) fn read_groups(
    reading: &mut Reading<'_>,
    field: &Field<'_>,
    source: impl Fn(usize) -> String,
) -> Vec<TargetGroup> {
    let mut groups = Vec::new();
    for (index, item) in reading.list(field).iter().enumerate() {
        let Some(mut fields) = reading.map(item) else { continue };
        let targets = fields.take("targets").map(|it| reading.texts(&it)).unwrap_or_default();
        let labels = fields.take("labels").map(|it| reading.text_map(&it)).unwrap_or_default();
        fields.finish(reading);
        if labels.iter().any(|(name, _)| name.is_empty()) {
            reading.error(item, "a label has no name");
        }
        groups.push(group(source(index), labels.into_iter().collect(), targets));
    }
    groups
}

/// Reads a list of `{targets: […], labels: {…}}` in YAML, as a file of `file_sd_configs` holds it; `meta`
/// is added to the labels of each group. The first fault makes all of it unusable; it names `name`,
/// line and column.
pub fn parse_yaml(text: &str, name: &str, meta: &Labels) -> Result<Vec<TargetGroup>, String> {
    let at =
        |place: Place, message: &str| format!("{name}:{}:{}: {message}", place.line, place.column);
    let (node, duplicates) =
        crate::config::node::parse(text).map_err(|error| at(error.place, &error.message))?;
    if let Some(error) = duplicates.first() {
        return Err(at(error.place, &error.message));
    }
    // What stands there is data: nothing in it is replaced by the environment.
    let nothing = |_: &str| None;
    let mut reading = Reading::new(name, "".as_ref(), Dialect::Prometheus, &nothing);
    let field = Field { node: &node, path: String::new() };
    let mut groups = read_groups(&mut reading, &field, |index| format!("{name}:{index}"));
    if let Some(finding) = reading.errors.first().or(reading.warnings.first()) {
        return Err(finding.to_string());
    }
    groups.iter_mut().for_each(|group| group.labels.merge(meta));
    Ok(groups)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    #[serde(default)]
    targets: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

/// As [`parse_yaml`], in JSON, as servers answer it to `http_sd_configs`.
pub fn parse_json(text: &[u8], name: &str, meta: &Labels) -> Result<Vec<TargetGroup>, String> {
    let items: Option<Vec<Option<Item>>> = serde_json::from_slice(text)
        .map_err(|error| format!("{name}:{}:{}: {error}", error.line(), error.column()))?;
    let mut groups = Vec::new();
    for (index, item) in items.into_iter().flatten().enumerate() {
        let item = item.ok_or_else(|| format!("{name}: item {index} of the list is null"))?;
        let labels = item.labels.unwrap_or_default();
        if labels.contains_key("") {
            return Err(format!("{name}: item {index} of the list has a label without a name"));
        }
        let mut labels: Labels = labels.into_iter().collect();
        labels.merge(meta);
        groups.push(group(format!("{name}:{index}"), labels, item.targets.unwrap_or_default()));
    }
    Ok(groups)
}

fn group(source: String, labels: Labels, targets: Vec<String>) -> TargetGroup {
    let target = |address: String| DiscoveredTarget {
        labels: [("__address__", address)].into_iter().collect(),
        ending: false,
    };
    TargetGroup { source, labels, targets: targets.into_iter().map(target).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str) -> (bool, bool) {
        let meta = Labels::new();
        (parse_json(text.as_bytes(), "x", &meta).is_ok(), parse_yaml(text, "x", &meta).is_ok())
    }

    #[test]
    fn the_first_fault_makes_a_list_unusable() {
        assert_eq!(both(r#"[{"targets": ["a:1"], "labels": {"x": "y"}}, {}]"#), (true, true));
        assert_eq!(both("[]"), (true, true));
        assert_eq!(both("null"), (true, true));
        assert_eq!(both("[null]"), (false, false));
        assert_eq!(both(r#"[{"targets": ["a:1"], "surprise": 1}]"#), (false, false));
        assert_eq!(both(r#"[{"labels": {"": "y"}}]"#), (false, false));
        assert_eq!(both(r#"{"targets": []}"#), (false, false));
        assert_eq!(both(r#"[{"targets": [{}]}]"#), (false, false));
        // A number is no text in JSON, and as good as one in YAML.
        assert_eq!(both(r#"[{"labels": {"x": 1}}]"#), (false, true));
    }

    #[test]
    fn json_escapes_are_understood() {
        let text = br#"[{"targets": ["a\/b"], "labels": {"x": "\ud83d\ude00"}}]"#;
        let groups = parse_json(text, "x", &Labels::new()).unwrap();
        assert_eq!(groups[0].labels.get("x"), "\u{1F600}");
        assert_eq!(groups[0].targets[0].labels.get("__address__"), "a/b");
    }
}
