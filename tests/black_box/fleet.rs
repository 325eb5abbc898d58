//! Several collectors, and one that is told again and again what to do.

use crate::{app::App, sigyn};
use sigyn_rig::{Options, Server, eventually};
use std::{path::Path, time::Duration};

const PATIENCE: Duration = Duration::from_secs(30);

/// The long form of `make soak`.
fn is_soak() -> bool {
    std::env::var_os("SIGYN_SOAK").is_some()
}

fn targets(folder: &Path, apps: &[App]) {
    let addresses: Vec<String> = apps.iter().map(|app| app.address.to_string()).collect();
    let list = serde_json::json!([{ "targets": addresses }]).to_string();
    std::fs::write(folder.join("targets.json"), list).unwrap();
}

fn spans_read(server: &Server) -> f64 {
    server.api.metric_sum("sigyn_ingested_spans_total")
}

#[track_caller]
fn has_read(server: &Server, spans: usize) {
    eventually(PATIENCE, || match spans_read(server) {
        read if read == spans as f64 => Ok(()),
        read => Err(format!("{read} of {spans} spans")),
    });
}

fn resident_kilobytes(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn reload_after_reload_loses_nothing_and_reads_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let apps: Vec<App> = (0..3).map(|_| App::start("busy")).collect();
    targets(folder.path(), &apps);
    // Two configs by turns: the first job stays as it is, the second comes, changes and goes.
    let config = |turn: usize| {
        let mut text = "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\nscrape_configs:\n  - job_name: stays\n    file_sd_configs: [{files: [targets.json]}]\n".to_owned();
        if !turn.is_multiple_of(3) {
            text += &format!(
                "  - job_name: changes\n    scrape_interval: {}s\n    static_configs: [{{targets: ['127.0.0.1:1']}}]\n",
                turn % 3
            );
        }
        text
    };
    let server = sigyn(folder.path()).argument("--web.enable-lifecycle").config(&config(0)).start();
    let reloads = if is_soak() { 1000 } else { 60 };
    let mut spans = 0;
    let mut resident_early = 0;
    for turn in 1..=reloads {
        for app in &apps {
            (0..5).for_each(|_| drop(app.span("work")));
            spans += 5;
        }
        server.options().clone().config(&config(turn)).write_config();
        let answer = server.api.post("/-/reload", "text/plain", &[], Vec::new()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        if turn == reloads / 3 {
            resident_early = resident_kilobytes(&server);
        }
    }
    has_read(&server, spans);
    assert_eq!(server.api.metric_sum("sigyn_lost_spans_total"), 0.0);
    let resident = resident_kilobytes(&server);
    eprintln!("{reloads} reloads, {spans} spans; resident {resident_early} kB, then {resident} kB");
    assert!(resident < resident_early + 40_000, "{resident_early} kB became {resident} kB");
}

#[test]
fn shards_share_the_targets_with_none_missed_or_doubled() {
    const TARGETS: usize = 300;
    const SHARDS: usize = 3;
    let list: Vec<String> = (0..TARGETS).map(|at| format!("127.0.0.{}:1", at % 250 + 1)).collect();
    let list: Vec<String> =
        list.iter().enumerate().map(|(at, host)| format!("{host}{}", at + 1000)).collect();
    let folders: Vec<_> = (0..SHARDS).map(|_| tempfile::tempdir().unwrap()).collect();
    let start = |(shard, folder): (usize, &tempfile::TempDir)| -> Server {
        let config = format!(
            "scrape_configs:\n  - job_name: all\n    scrape_interval: 1h\n    static_configs: [{{targets: {list:?}}}]\n    relabel_configs:\n      - {{source_labels: [__address__], action: hashmod, modulus: {SHARDS}, target_label: __tmp_hash}}\n      - {{source_labels: [__tmp_hash], action: keep, regex: '${{env:SHARD}}'}}\n"
        );
        let options: Options = sigyn(folder.path()).config(&config);
        options.environment("SHARD", &shard.to_string()).start()
    };
    let servers: Vec<Server> = folders.iter().enumerate().map(start).collect();
    let mut found: Vec<String> = Vec::new();
    for server in &servers {
        let targets = server.api.json("/api/v1/targets?state=active");
        let active = targets["data"]["activeTargets"].as_array().unwrap();
        assert!(active.len() > TARGETS / SHARDS / 2, "{} targets", active.len());
        found.extend(active.iter().map(|it| it["labels"]["instance"].as_str().unwrap().to_owned()));
    }
    found.sort();
    let mut expected = list.clone();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_pair_of_which_either_may_die_has_everything() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let apps: Vec<App> = (0..3).map(|_| App::start("busy")).collect();
    let start = |at: usize| {
        let folder = folders[at].path();
        targets(folder, &apps);
        let config = format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms, external_labels: {{replica: '{at}'}}}}\nscrape_configs:\n  - job_name: apps\n    file_sd_configs: [{{files: [targets.json]}}]\n"
        );
        sigyn(folder).config(&config)
    };
    let mut servers = [Some(start(0).start()), Some(start(1).start())];
    // A kill and a start take a good second.
    let rounds = if is_soak() { 120 } else { 4 };
    let mut ids: Vec<String> = Vec::new();
    // No real randomness: a bit of a fixed number says who dies.
    let dice = 0b1011_0010_1110_0101_u32;
    for round in 0..rounds {
        let victim = (dice >> (round % 16) & 1) as usize;
        let options = servers[victim].take().map(Server::kill);
        for app in &apps {
            (0..10).for_each(|_| ids.push(app.span("work").trace_id().to_string()));
        }
        servers[victim] = options.map(Options::start);
    }
    eprintln!("{rounds} kills, {} spans", ids.len());
    for server in servers.iter().flatten() {
        eventually(PATIENCE, || {
            let found = server.api.search("{ name = \"work\" }");
            let traces = found["traces"].as_array().map_or(0, Vec::len);
            match traces == ids.len().min(1000) {
                true => Ok(()),
                false => Err(format!("{traces} of {} traces", ids.len())),
            }
        });
        assert_eq!(server.api.metric_sum("sigyn_lost_spans_total"), 0.0);
        for id in ids.iter().step_by(7) {
            assert_eq!(sigyn_rig::spans_of_trace(&server.api, id).len(), 1, "{id}");
        }
    }
}
