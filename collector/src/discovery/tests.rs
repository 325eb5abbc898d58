mod consul;
mod docker;
mod ec2;
mod http;
pub(super) mod oracle;
pub(super) mod rig;

use super::*;
use crate::{
    config::{Config, ScrapeConfig},
    fixture::TestClock,
};
use std::{fs, path::Path, sync::Arc, time::Duration};
use tokio::sync::watch;

pub(super) fn jobs(yaml: &str) -> Vec<ScrapeConfig> {
    let parsed = Config::parse(yaml, "test.yml", &|_| None);
    parsed.unwrap_or_else(|errors| panic!("{}", errors[0])).0.scrape_configs
}

pub(super) fn addresses(groups: &JobGroups, job: &str) -> Vec<String> {
    let groups = groups.get(job).map(Vec::as_slice).unwrap_or_default();
    let targets = groups.iter().flat_map(|group| &group.targets);
    let mut all: Vec<_> = targets.map(|it| it.labels.get("__address__").to_owned()).collect();
    all.sort();
    all
}

/// Waits until the groups are as wanted.
pub(super) async fn until(
    groups: &mut watch::Receiver<Arc<JobGroups>>,
    what: &str,
    wanted: impl Fn(&JobGroups) -> bool,
) {
    let waiting = groups.wait_for(|groups| wanted(groups));
    let result = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    assert!(result.is_ok_and(|result| result.is_ok()), "{what} must come");
}

async fn until_addresses(groups: &mut watch::Receiver<Arc<JobGroups>>, job: &str, wanted: &[&str]) {
    until(groups, &format!("{wanted:?}"), |groups| addresses(groups, job) == wanted).await;
}

#[tokio::test]
async fn jobs_come_and_go_with_the_configuration() {
    let a = "{job_name: a, static_configs: [{targets: ['x:1']}, {targets: ['x:2']}]}";
    let discovery = Discovery::start(
        &jobs(&format!("scrape_configs: [{a}]")),
        Metrics::default(),
        TestClock::start(),
    );
    let mut groups = discovery.groups();
    until_addresses(&mut groups, "a", &["x:1", "x:2"]).await;

    discovery.apply(&jobs(&format!("scrape_configs: [{a}, {{job_name: empty}}]")));
    // What runs on has its groups at once; a job without targets is there and empty.
    let now = groups.borrow_and_update().clone();
    assert_eq!(addresses(&now, "a"), ["x:1", "x:2"]);
    assert!(now["empty"].is_empty());

    discovery.apply(&jobs("scrape_configs: [{job_name: empty}]"));
    assert!(!groups.borrow().contains_key("a"));
}

fn file_job(folder: &Path) -> Vec<ScrapeConfig> {
    let pattern = folder.join("*.yml");
    jobs(&format!(
        "scrape_configs: [{{job_name: f, file_sd_configs: [{{files: ['{}']}}]}}]",
        pattern.display()
    ))
}

#[tokio::test]
async fn files_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("a.yml", "[{targets: ['a:1'], labels: {l: v}}]");
    let metrics = Metrics::default();
    let discovery = Discovery::start(&file_job(folder.path()), metrics.clone(), TestClock::start());
    let mut groups = discovery.groups();
    until_addresses(&mut groups, "f", &["a:1"]).await;
    let group = groups.borrow()["f"][0].clone();
    assert_eq!(group.labels.get("l"), "v");
    assert!(group.labels.get("__meta_filepath").ends_with("a.yml"));
    assert!(group.source.ends_with("a.yml:0"));

    // Another file, which is JSON, and is renamed into place.
    write("b.tmp", r#"[{"targets": ["b:1"]}, {"targets": ["b:2"]}]"#);
    fs::rename(folder.path().join("b.tmp"), folder.path().join("b.yml")).unwrap();
    until_addresses(&mut groups, "f", &["a:1", "b:1", "b:2"]).await;

    // A broken file keeps its targets, while others change.
    write("b.yml", "[{targets: ['b:1'], surprise: 1}]");
    write("a.yml", "[{targets: ['a:9']}]");
    until_addresses(&mut groups, "f", &["a:9", "b:1", "b:2"]).await;
    assert!(metrics.failures("file") > 0);

    // A shorter list loses its tail; a deleted file all of it.
    write("b.yml", "[{targets: ['b:1']}]");
    until_addresses(&mut groups, "f", &["a:9", "b:1"]).await;
    fs::remove_file(folder.path().join("a.yml")).unwrap();
    until_addresses(&mut groups, "f", &["b:1"]).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_swapped_symlink_is_seen() {
    // As Kubernetes updates a ConfigMap: the file is a link through a link that is replaced.
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (version, address) in [("v1", "old:1"), ("v2", "new:1")] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("t.yml"), format!("[{{targets: ['{address}']}}]")).unwrap();
    }
    std::os::unix::fs::symlink("v1", at("..data")).unwrap();
    std::os::unix::fs::symlink("..data/t.yml", at("t.yml")).unwrap();
    let discovery =
        Discovery::start(&file_job(folder.path()), Metrics::default(), TestClock::start());
    let mut groups = discovery.groups();
    until_addresses(&mut groups, "f", &["old:1"]).await;
    std::os::unix::fs::symlink("v2", at("..tmp")).unwrap();
    fs::rename(at("..tmp"), at("..data")).unwrap();
    until_addresses(&mut groups, "f", &["new:1"]).await;
}
