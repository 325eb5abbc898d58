//! The commands beside the server.

use crate::{SIGYN, now_unix_nano, sigyn};
use sigyn_rig::SpanMaker;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(SIGYN).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn check_config_names_file_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good.yml");
    let bad = folder.path().join("bad.yml");
    std::fs::write(&good, "global:\n  scrape_interval: 5s\n").unwrap();
    std::fs::write(&bad, "global:\n  scrape_interval: 5 parsecs\n").unwrap();

    let output = run(&["check", "config", good.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));

    let output = run(&["check", "config", good.to_str().unwrap(), bad.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let expected = format!("{}:2:20: ", bad.display());
    assert!(text(&output.stderr).contains(&expected), "{}", text(&output.stderr));

    let output = run(&["check", "config", "does/not/exist.yml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("does/not/exist.yml"), "{}", text(&output.stderr));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in [&["--no-such-flag"][..], &["check"], &["query"]] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn query_and_trace_print_what_the_server_has() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let mut maker = SpanMaker::new("checkout", 20, now_unix_nano());
    let root = maker.root("place order");
    let child = maker.child(&root, "charge card");
    let trace_id: String = root.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let body = maker.request(vec![root, child]);
    server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap();

    let address = format!("--server={}", server.api.base());
    let output = run(&["query", &address, "{ resource.service.name = \"checkout\" }"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(table.contains(&trace_id) && table.contains("place order"), "{table}");

    let output = run(&["trace", &address, &trace_id]);
    let tree = text(&output.stdout);
    assert!(tree.contains("place order") && tree.contains("  charge card"), "{tree}");

    let output = run(&["query", &address, "--output=json", "{ name = \"charge card\" }"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["traces"].as_array().unwrap().len(), 1);

    let output = run(&["query", &address, "{ name = "]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("line 1, col"), "{}", text(&output.stderr));

    let output = run(&["query", "--server=http://127.0.0.1:1", "{ }"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("does not answer"), "{}", text(&output.stderr));
}

#[test]
fn the_polyglot_demo_says_what_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(SIGYN)
        .args(["demo", "--polyglot", "--web.listen-address=127.0.0.1:0"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let why = text(&output.stderr);
    assert!(why.contains("run it in a checkout of the repository"), "{why}");

    // In a checkout, but without what the services are made ready with.
    std::fs::create_dir(folder.path().join("clients")).unwrap();
    std::fs::write(folder.path().join("clients/run.mjs"), "").unwrap();
    let output = Command::new(SIGYN)
        .args(["demo", "--polyglot", "--web.listen-address=127.0.0.1:0"])
        .current_dir(folder.path())
        .env("PATH", folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let why = text(&output.stderr);
    assert!(why.contains("made ready by Node") && why.contains("install Node 20"), "{why}");
}
