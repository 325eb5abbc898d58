//! `traces_target_info`: what each instance says of itself, to be joined with its metrics.

use crate::{
    config::Config,
    dimension::{Dimension, label_name},
    series::{Family, Kind, Labels, Point, Selection, Value},
    spans::{Spans, attribute},
};
use sigyn_store::{AttributeScope, Error, Source};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

/// Resource attributes that are `job` and `instance` already.
const IDENTIFYING: [&str; 3] = ["service.name", "service.namespace", "service.instance.id"];
const BUILT_IN: [&str; 2] = ["job", "instance"];

/// Label sets by when they were last seen.
pub(crate) struct TargetInfo {
    pub(crate) seen: HashMap<Labels, Duration, rapidhash::fast::RandomState>,
    series_max: usize,
    /// Those that went stale, when somebody wants to know.
    ended: Option<Vec<Labels>>,
    /// Resources that found no room, since the start.
    pub(crate) dropped: u64,
}

impl TargetInfo {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            seen: HashMap::default(),
            series_max: config.active_series_max,
            ended: config.keep_ended.then(Vec::new),
            dropped: 0,
        }
    }

    /// Notes the resources of some rows.
    pub(crate) fn observe(
        &mut self,
        source: &dyn Source,
        spans: &Spans,
        rows: &[u32],
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
        for row in rows.iter().map(|&row| row as usize) {
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
            let mut labels: Vec<(Arc<str>, Arc<str>)> =
                vec![("job".into(), job), ("instance".into(), Arc::clone(instances.value(row)))];
            let has = others.iter().filter(|(_, column)| !column.value(row).is_empty());
            labels.extend(
                has.map(|(name, column)| (Arc::clone(name), Arc::clone(column.value(row)))),
            );
            // Two attributes may have become one label; the first one stays.
            let mut names = HashSet::new();
            labels.retain(|(name, _)| names.insert(Arc::clone(name)));
            if self.seen.len() < self.series_max || self.seen.contains_key(&*labels) {
                self.seen.insert(labels.into(), now);
            } else {
                self.dropped += 1;
            }
        }
        Ok(())
    }

    pub(crate) fn expire(&mut self, before: Duration) {
        let Self { seen, ended, .. } = self;
        seen.retain(|labels, seen| {
            let stays = *seen >= before;
            if let Some(ended) = ended
                && !stays
            {
                ended.push(Arc::clone(labels));
            }
            stays
        });
    }

    /// Whoever asked for the series that ended has them.
    pub(crate) fn forget_ended(&mut self) {
        self.ended.iter_mut().for_each(Vec::clear);
    }

    pub(crate) fn family(&self, selection: Selection) -> Family {
        let live = (selection == Selection::Live).then_some(self.seen.keys());
        let ended = self.ended.as_ref().filter(|_| selection == Selection::Ended);
        let points = live.into_iter().flatten().chain(ended.into_iter().flatten());
        Family {
            name: "traces_target_info",
            help: "Resource attributes of each instance",
            kind: Kind::Gauge,
            points: points
                .map(|labels| Point {
                    labels: Arc::clone(labels),
                    created: Duration::ZERO,
                    value: Value::Number(1.0),
                })
                .collect(),
        }
    }
}
