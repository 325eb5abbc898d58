//! Start, reload, stop: what Prometheus users know.

use crate::sigyn;
use sigyn_rig::{Options, eventually};
use std::{os::unix::fs::PermissionsExt, time::Duration};

#[test]
fn health_pages_and_the_ui_answer() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    for path in ["/-/healthy", "/-/ready", "/version", "/metrics", "/", "/search", "/trace/1234"] {
        let answer = server.api.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
    assert!(server.api.get("/-/healthy").text().contains("Sigyn is Healthy."));
    assert!(server.api.get("/trace/1234").content_type.starts_with("text/html"));
    assert!(server.api.get("/metrics").content_type.starts_with("application/openmetrics-text"));
    assert_eq!(server.api.get("/api/echo").text().trim(), "echo");
    assert_eq!(server.api.get("/assets/none.js").status, 404);
    let exit = server.stop();
    assert_eq!(exit.code, Some(0), "{}", exit.log);
}

#[test]
fn reload_needs_the_lifecycle_flag() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let answer = server.api.post("/-/reload", "text/plain", &[], Vec::new()).unwrap();
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("Lifecycle API is not enabled."), "{}", answer.text());
    assert_eq!(server.api.get("/-/reload").status, 405);
}

#[test]
fn reload_takes_a_good_config_and_refuses_a_bad_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).argument("--web.enable-lifecycle").start();
    let pools = |server: &sigyn_rig::Server| {
        server.api.json("/api/v1/scrape_pools")["data"]["scrapePools"].clone()
    };
    assert_eq!(pools(&server), serde_json::json!([]));
    let reload = || server.api.post("/-/reload", "text/plain", &[], Vec::new()).unwrap();

    let job =
        "scrape_configs:\n  - job_name: shop\n    static_configs: [{targets: ['127.0.0.1:1']}]\n";
    server.options().clone().config(job).write_config();
    assert_eq!(reload().status, 200);
    eventually(Duration::from_secs(5), || match pools(&server) {
        pools if pools == serde_json::json!(["shop"]) => Ok(()),
        pools => Err(pools.to_string()),
    });

    server.options().clone().config("scrape_configs:\n  - job_nam: x\n").write_config();
    let answer = reload();
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("failed to reload config"), "{}", answer.text());
    assert!(answer.text().contains("job_nam"), "{}", answer.text());
    assert_eq!(pools(&server), serde_json::json!(["shop"]), "the old config stays whole");
    assert_eq!(server.api.metric("sigyn_config_last_reload_successful"), Some(0.0));

    server.options().clone().config(job).write_config();
    server.signal("HUP");
    eventually(Duration::from_secs(5), || {
        match server.api.metric("sigyn_config_last_reload_successful") {
            Some(1.0) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}

#[test]
fn a_start_that_cannot_be_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let bad = sigyn(folder.path()).config("scrape_configs:\n  - job_nam: x\n").run();
    assert_eq!(bad.code, Some(1), "{}", bad.log);
    assert!(bad.log.contains("sigyn.yml:6:5"), "file, line and column: {}", bad.log);

    let server = sigyn(folder.path()).start();
    let locked = server.options().clone().argument("--web.listen-address=127.0.0.1:0").run();
    assert_eq!(locked.code, Some(3), "{}", locked.log);
    assert!(locked.log.contains("locked"), "{}", locked.log);

    let other = tempfile::tempdir().unwrap();
    let address = server.address("web").unwrap();
    let taken = sigyn(other.path()).argument(&format!("--web.listen-address={address}")).run();
    assert_eq!(taken.code, Some(3), "{}", taken.log);
    assert!(taken.log.contains(&address), "{}", taken.log);
}

#[test]
fn the_limit_of_open_files_is_raised_to_the_hard_one() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("few-files");
    let text = format!("#!/bin/sh\nulimit -Sn 200\nexec {} \"$@\"\n", crate::SIGYN);
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let server = Options::new(script.to_str().unwrap(), folder.path()).start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.process_id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<&str> = line.split_whitespace().skip(3).take(2).collect();
    assert!(numbers[0] == numbers[1] && numbers[0] != "200", "{line}");
    assert!(server.log().contains("open files"), "{}", server.log());
}
