//! `static_configs`: targets that stand in the configuration itself.

use crate::{
    config::{
        Field, Reading,
        print::{Printed, PrintedMap},
    },
    discovery::{TargetGroup, provider::Emitter, target_list::read_groups},
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
