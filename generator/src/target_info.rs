//! `traces_target_info`: what each instance says of itself, to be joined with its metrics.

use crate::{
    config::Config,
    dimension::{Dimension, label_name},
    series::{Family, Kind, Labels, Point, Value},
    spans::{Spans, attribute},
};
use sigyn_store::{AttributeScope, Error, Source};
use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
    time::Duration,
};

/// Resource attributes that are `job` and `instance` already.
const IDENTIFYING: [&str; 3] = ["service.name", "service.namespace", "service.instance.id"];
const BUILT_IN: [&str; 2] = ["job", "instance"];

/// Label sets by when they were last seen.
pub(crate) struct TargetInfo {
    seen: HashMap<Labels, Duration, rapidhash::fast::RandomState>,
    series_max: usize,
}

impl TargetInfo {
    pub(crate) fn new(config: &Config) -> Self {
        Self { seen: HashMap::default(), series_max: config.active_series_max }
    }

    /// Notes the resources of some rows.
    pub(crate) fn observe(
        &mut self,
        source: &dyn Source,
        spans: &Spans,
        rows: Range<usize>,
        now: Duration,
    ) -> Result<(), Error> {
        let namespaces = attribute(source, "service.namespace")?;
        let instances = attribute(source, "service.instance.id")?;
        let mut others: Vec<(Arc<str>, Dimension)> = Vec::new();
        for name in source.attribute_names(AttributeScope::Resource)? {
            if !IDENTIFYING.contains(&&*name) {
                others.push((label_name(&name, &BUILT_IN), attribute(source, &name)?));
            }
        }
        let mut known = HashSet::<Box<[u32]>, rapidhash::fast::RandomState>::default();
        for row in rows {
            let columns = [&spans.services, &namespaces, &instances].into_iter();
            let columns = columns.chain(others.iter().map(|(_, column)| column));
            let codes: Box<[u32]> = columns.map(|column| column.codes[row]).collect();
            if !known.insert(codes) || instances.value(row).is_empty() {
                continue;
            }
            let (service, namespace) = (spans.services.value(row), namespaces.value(row));
            let job: Arc<str> = match namespace.is_empty() {
                true => Arc::clone(service),
                false => format!("{namespace}/{service}").into(),
            };
            let mut labels: Labels =
                vec![("job".into(), job), ("instance".into(), Arc::clone(instances.value(row)))];
            let has = others.iter().filter(|(_, column)| !column.value(row).is_empty());
            labels.extend(
                has.map(|(name, column)| (Arc::clone(name), Arc::clone(column.value(row)))),
            );
            // Two attributes may have become one label; the first one stays.
            let mut names = HashSet::new();
            labels.retain(|(name, _)| names.insert(Arc::clone(name)));
            if self.seen.len() < self.series_max || self.seen.contains_key(&labels) {
                self.seen.insert(labels, now);
            }
        }
        Ok(())
    }

    pub(crate) fn expire(&mut self, before: Duration) {
        self.seen.retain(|_, seen| *seen >= before);
    }

    pub(crate) fn family(&self) -> Family {
        let points = self.seen.keys();
        Family {
            name: "traces_target_info",
            help: "Resource attributes of each instance",
            kind: Kind::Gauge,
            points: points
                .map(|labels| Point { labels: labels.clone(), value: Value::Number(1.0) })
                .collect(),
        }
    }
}
