//! What Prometheus' own discovery finds, kept in files. `make golden` asks it anew: with
//! `SIGYN_ORACLE` set to the program of `tests/oracle`, the tests run it and write its answers down.

use crate::{
    Labels,
    discovery::{DiscoveredTarget, JobGroups, TargetGroup},
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

#[derive(Deserialize)]
struct Answer {
    version: String,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    source: String,
    labels: BTreeMap<String, String>,
    targets: Vec<BTreeMap<String, String>>,
}

/// The groups that Prometheus finds by this block of a scrape config, as text.
pub(in crate::discovery) async fn expected(name: &str, block: String) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
        .with_extension("expected");
    if let Some(program) = std::env::var_os("SIGYN_ORACLE") {
        // Its questions are answered by this very runtime.
        let answer = tokio::task::spawn_blocking(move || ask(Path::new(&program), &block));
        let answer = answer.await.unwrap();
        let head = format!("# found by Prometheus {}\n", answer.version);
        let groups: Vec<_> = answer.groups.into_iter().map(Group::into_group).collect();
        fs::write(&path, head + &text(&groups)).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap_or_default();
    known.split_once('\n').map(|(_, text)| text.to_owned()).unwrap_or_default()
}

/// Waits until a job has just these groups.
pub(in crate::discovery) async fn assert_found(
    groups: &mut watch::Receiver<Arc<JobGroups>>,
    job: &str,
    expected: &str,
) {
    assert!(!expected.is_empty(), "`make golden` writes what Prometheus finds");
    let found = groups.wait_for(|groups| text(&groups[job]) == expected);
    if tokio::time::timeout(Duration::from_secs(20), found).await.is_err() {
        let got = text(&groups.borrow()[job]);
        let only = |here: &str, there: &str| {
            let lines = here.lines().filter(|line| !there.lines().any(|other| other == *line));
            lines.collect::<Vec<_>>().join("\n")
        };
        panic!(
            "only Prometheus:\n{}\nonly Sigyn:\n{}\nSigyn:\n{got}",
            only(expected, &got),
            only(&got, expected)
        );
    }
}

impl Group {
    fn into_group(self) -> Arc<TargetGroup> {
        let target =
            |labels: BTreeMap<_, _>| DiscoveredTarget { labels: known(labels), ending: false };
        Arc::new(TargetGroup {
            source: self.source,
            labels: known(self.labels),
            targets: self.targets.into_iter().map(target).collect(),
        })
    }
}

/// A label with an empty value counts as absent.
fn known(labels: BTreeMap<String, String>) -> Labels {
    labels.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Labels>()
}

fn ask(program: &Path, block: &str) -> Answer {
    let mut running = Command::new(program)
        // Lists and watches of the plain kind, which every API server speaks.
        .env("KUBE_FEATURE_WatchListClient", "false")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    running.stdin.take().unwrap().write_all(block.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "the oracle has no answer for {block}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(groups: &[Arc<TargetGroup>]) -> String {
    let mut out = String::new();
    for group in groups {
        writeln!(out, "{}", group.source).unwrap();
        for (name, value) in group.labels.iter() {
            writeln!(out, "    {name}={value:?}").unwrap();
        }
        let mut targets: Vec<_> = group.targets.iter().collect();
        targets.sort();
        for target in targets {
            writeln!(out, "  - {}", target.labels.get("__address__")).unwrap();
            for (name, value) in target.labels.iter().filter(|(name, _)| *name != "__address__") {
                writeln!(out, "    {name}={value:?}").unwrap();
            }
        }
    }
    out
}
