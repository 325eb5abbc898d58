//! `static_configs`: targets that stand in the configuration itself. The same list items stand in
//! the files of `file_sd_configs` and in the answers of `http_sd_configs`.

use crate::{
    Labels,
    config::{
        Dialect, Field, Reading,
        node::Place,
        print::{Printed, PrintedMap},
    },
    discovery::{DiscoveredTarget, TargetGroup, provider::Emitter},
};

/// All `static_configs` of one job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StaticDiscovery {
    /// The groups; the source of each is its index in the list.
    pub groups: Vec<TargetGroup>,
}

impl StaticDiscovery {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>, has_rules: bool) -> Self {
        let groups = read_groups(reading, field, |index| index.to_string());
        // Without a rule that could mend it, a URL is certainly not what was meant.
        let urls = groups
            .iter()
            .flat_map(|group| &group.targets)
            .filter(|target| !has_rules && target.labels.get("__address__").contains('/'));
        for target in urls {
            let address = target.labels.get("__address__");
            let message = format!(
                "{address:?} is not a host and port; the path belongs to `traces_path`, http or \
                 https to `scheme`"
            );
            reading.error(field, message);
        }
        Self { groups }
    }

    pub(crate) fn print(&self) -> Vec<Printed> {
        let print_group = |group: &TargetGroup| {
            let mut map = PrintedMap::default();
            let targets = group.targets.iter().map(|target| target.labels.get("__address__"));
            map.add("targets", Printed::texts(targets));
            if !group.labels.is_empty() {
                map.add("labels", Printed::labels(&group.labels));
            }
            map.done()
        };
        self.groups.iter().map(print_group).collect()
    }

    pub(crate) async fn run(self, emitter: Emitter) {
        emitter.replace(self.groups);
    }
}

/// Reads a list of `{targets: […], labels: {…}}`.
pub(crate) fn read_groups(
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
        let target = |address: String| DiscoveredTarget {
            labels: [("__address__", address)].into_iter().collect(),
            ending: false,
        };
        groups.push(TargetGroup {
            source: source(index),
            labels: labels.into_iter().collect(),
            targets: targets.into_iter().map(target).collect(),
        });
    }
    groups
}

/// Reads a whole text that is such a list (YAML, of which JSON is a part). The first fault makes
/// all of it unusable.
pub(crate) fn parse_groups(
    text: &str,
    name: &str,
    meta: &Labels,
) -> Result<Vec<TargetGroup>, String> {
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
    for group in &mut groups {
        for (name, value) in meta.iter() {
            group.labels.set(name, value);
        }
    }
    Ok(groups)
}
