//! A target: where a span buffer is, and the labels that its spans get. Built from what discovery
//! found and a job's relabeling rules, with no side effect.

use crate::{
    Labels,
    config::{PrometheusDuration, ScrapeConfig},
    discovery::{DiscoveredTarget, TargetGroup},
    relabel,
};
use reqwest::Url;
use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use xxhash_rust::xxh3::Xxh3;

/// What will be scraped.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The labels that everyone sees: without those that begin with `__`.
    pub labels: Labels,
    /// After relabeling, `__*` included, `__meta_*` not.
    pub all_labels: Labels,
    /// What discovery said of it.
    pub discovered: Discovered,
    /// The full URL to read spans from, params included.
    pub url: String,
    /// The full URL to read OpenMetrics exemplars from, when the job has `exemplars_path`.
    pub exemplars_url: Option<String>,
    /// From `__unix_socket__`: dialled instead of the URL's host.
    pub socket: Option<PathBuf>,
    /// From `__scrape_interval__`.
    pub scrape_interval: Duration,
    /// From `__scrape_timeout__`; at most the interval.
    pub scrape_timeout: Duration,
    /// The scrape pool: the `job_name`, whatever relabeling made of the label `job`.
    pub job: String,
    /// The platform is ending it: read at once, and until it is drained.
    pub ending: bool,
    /// Hash of `all_labels` and `url`: equal identities in one job are one target, and it is the
    /// same after a restart. `ending` and `discovered` are not part of it.
    pub identity: u64,
}

/// The labels that discovery gave a target, shared with its group. They are put together when
/// somebody looks at them: of all that is kept of a target they would be the largest part, and most
/// of it several times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovered {
    group: Labels,
    own: Labels,
}

/// What a rule dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct DroppedTarget {
    /// What discovery said of it.
    pub discovered: Discovered,
    /// Index of the rule in `relabel_configs`.
    pub rule: usize,
}

/// A target that cannot be scraped: neither active nor dropped, but logged and counted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct TargetError {
    /// Before relabeling.
    pub discovered_labels: Labels,
    /// One sentence.
    pub reason: String,
}

/// What one group becomes by a job's rules. It depends on nothing else, so that a change of one group
/// costs no work for the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupTargets {
    /// In the order of discovery; equal identities are still apart.
    pub active: Vec<Arc<Target>>,
    /// Dropped by a rule.
    pub dropped: Vec<DroppedTarget>,
    /// Not scrapable.
    pub failed: Vec<TargetError>,
}

impl Discovered {
    /// Of a target with these labels in a group with those; its own win.
    pub fn new(group: &Labels, own: &Labels) -> Self {
        Self { group: group.clone(), own: own.clone() }
    }

    /// A label that no default of the job fills; `""` when absent.
    pub fn get(&self, name: &str) -> &str {
        match self.own.get(name) {
            "" => self.group.get(name),
            value => value,
        }
    }

    /// All labels before relabeling, with the defaults of the job where discovery is silent.
    pub fn labels(&self, config: &ScrapeConfig) -> Labels {
        let mut labels = self.group.clone();
        labels.merge(&self.own);
        let mut default = |name: &str, value: &str| {
            if labels.get(name).is_empty() {
                labels.set(name, value);
            }
        };
        default("job", &config.job_name);
        default("__scrape_interval__", &config.scrape_interval.to_string());
        default("__scrape_timeout__", &config.scrape_timeout.to_string());
        default("__metrics_path__", &config.metrics_path);
        default("__scheme__", config.scheme.as_str());
        for (name, values) in &config.params {
            default(&format!("__param_{name}"), values.first().map_or("", String::as_str));
        }
        labels
    }
}

/// Builds the targets of one group.
pub fn build(config: &ScrapeConfig, group: &TargetGroup) -> GroupTargets {
    let mut targets = GroupTargets::default();
    for DiscoveredTarget { labels: own, ending } in &group.targets {
        let discovered = Discovered::new(&group.labels, own);
        let labels = discovered.labels(config);
        let outcome = relabel::apply(&config.relabel_configs, labels.clone());
        targets.dropped.extend(
            outcome.dropped.iter().map(|dropped| DroppedTarget {
                discovered: discovered.clone(),
                rule: dropped.rule,
            }),
        );
        for kept in outcome.kept {
            match finish(config, kept, &discovered, *ending) {
                Ok(target) => targets.active.push(Arc::new(target)),
                Err(reason) => {
                    let discovered_labels = labels.clone();
                    targets.failed.push(TargetError { discovered_labels, reason });
                }
            }
        }
    }
    targets.dropped.shrink_to_fit();
    targets.active.shrink_to_fit();
    targets
}

/// All targets of a job, sorted by URL and labels. Targets of equal identity become one; it is ending
/// when any of them is.
pub fn collapse<'g>(groups: impl IntoIterator<Item = &'g GroupTargets>) -> Vec<Arc<Target>> {
    let mut all: Vec<Arc<Target>> = Vec::new();
    let mut by_identity: HashMap<u64, usize> = HashMap::new();
    for target in groups.into_iter().flat_map(|group| &group.active) {
        match by_identity.entry(target.identity) {
            Entry::Vacant(entry) => {
                entry.insert(all.len());
                all.push(Arc::clone(target));
            }
            Entry::Occupied(entry) => {
                let have = &mut all[*entry.get()];
                if target.ending && !have.ending {
                    Arc::make_mut(have).ending = true;
                }
            }
        }
    }
    all.sort_by(|a, b| (&a.url, &a.all_labels).cmp(&(&b.url, &b.all_labels)));
    all
}

/// Checks what relabeling left, and makes the target of it.
fn finish(
    config: &ScrapeConfig,
    mut labels: Labels,
    discovered: &Discovered,
    ending: bool,
) -> Result<Target, String> {
    let address = labels.get("__address__").to_owned();
    if address.is_empty() {
        return Err("no address".into());
    }
    if address.contains('/') {
        return Err(format!("{address:?} is not a valid hostname"));
    }
    let time = |name: &str| {
        let duration: PrometheusDuration =
            labels.get(name).parse().map_err(|error| format!("{name}: {error}"))?;
        match duration.is_zero() {
            true => Err(format!("{name} is 0")),
            false => Ok(duration.0),
        }
    };
    let scrape_interval = time("__scrape_interval__")?;
    let scrape_timeout = time("__scrape_timeout__")?;
    if scrape_timeout > scrape_interval {
        return Err(format!(
            "the scrape timeout {} is longer than the interval {}",
            labels.get("__scrape_timeout__"),
            labels.get("__scrape_interval__")
        ));
    }
    labels.retain(|name| !name.starts_with("__meta_"));
    if labels.get("instance").is_empty() {
        labels.set("instance", address.as_str());
    }
    let (url, exemplars_url) = urls(config, &labels, &address)?;
    let socket = Some(labels.get("__unix_socket__")).filter(|path| !path.is_empty());
    let socket = socket.map(PathBuf::from);
    let mut public = labels.clone();
    public.retain(|name| !name.starts_with("__"));
    Ok(Target {
        identity: identity(&labels, &url),
        labels: public,
        all_labels: labels,
        discovered: discovered.clone(),
        url,
        exemplars_url,
        socket,
        scrape_interval,
        scrape_timeout,
        job: config.job_name.clone(),
        ending,
    })
}

/// Where spans are, and where exemplars are.
///
/// The label `__metrics_path__` and the params belong to the page that the job is about: the buffer
/// in our own jobs, the metrics in those of a `prometheus_config_file`.
fn urls(
    config: &ScrapeConfig,
    labels: &Labels,
    address: &str,
) -> Result<(String, Option<String>), String> {
    let scheme = labels.get("__scheme__");
    if !matches!(scheme, "http" | "https") {
        return Err(format!("the scheme {scheme:?} is neither http nor https"));
    }
    let base = Url::parse(&format!("{scheme}://{address}"))
        .map_err(|_| format!("{address:?} is not a valid address"))?;
    if base.username() != "" || base.password().is_some() || base.query().is_some() {
        return Err(format!("{address:?} is not a valid address"));
    }
    let at = |path: &str, with_params: bool| {
        let mut url = base.clone();
        // Escapes what would end the path, such as `?`.
        url.set_path(path);
        if with_params {
            let params = params(config, labels);
            if !params.is_empty() {
                url.query_pairs_mut().extend_pairs(params);
            }
        }
        String::from(url)
    };
    let main_path = labels.get("__metrics_path__");
    Ok(match config.from_prometheus {
        true => (at(&config.traces_path, false), Some(at(main_path, true))),
        false => {
            let exemplars = config.exemplars_path.as_deref().map(|path| at(path, false));
            (at(main_path, true), exemplars)
        }
    })
}

/// The job's params, of which a label `__param_x` replaces the first value of `x`; sorted.
fn params(config: &ScrapeConfig, labels: &Labels) -> Vec<(String, String)> {
    let mut params: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, values) in &config.params {
        params.insert(name, values.iter().map(String::as_str).collect());
    }
    for (label, value) in labels.iter() {
        let Some(name) = label.strip_prefix("__param_") else { continue };
        match params.entry(name).or_default().first_mut() {
            Some(first) => *first = value,
            None => params.entry(name).or_default().push(value),
        }
    }
    let pair = |(name, values): (&str, Vec<&str>)| {
        values.into_iter().map(|value| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
    };
    params.into_iter().flat_map(pair).collect()
}

/// The same in every process: phases and cursors depend on it.
fn identity(labels: &Labels, url: &str) -> u64 {
    let mut hash = Xxh3::new();
    for (name, value) in labels.iter() {
        // 0xFF occurs in no UTF-8 text, so that neighbours cannot run together.
        hash.update(name.as_bytes());
        hash.update(&[0xFF]);
        hash.update(value.as_bytes());
        hash.update(&[0xFF]);
    }
    hash.update(url.as_bytes());
    hash.digest()
}

#[cfg(test)]
mod tests;
