//! `sigyn demo`: a shop with traffic and faults, read by a real server, with nothing lost and no
//! exemplar that leads nowhere.

use crate::SIGYN;
use sigyn_rig::{Api, eventually, spans_of_trace};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Ends the demo even when the test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Seconds that the shop runs: short here, ten minutes in `make soak`.
fn duration_seconds() -> u64 {
    if std::env::var_os("SIGYN_SOAK").is_some() { 600 } else { 8 }
}

#[test]
fn the_demo_loses_nothing_and_every_exemplar_resolves() {
    let folder = tempfile::tempdir().unwrap();
    let child = Command::new(SIGYN)
        .args(["demo", "--web.listen-address=127.0.0.1:0", "--rate=50", "--duration=1h"])
        .arg(format!("--storage.path={}", folder.path().display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let stdout = BufReader::new(running.0.stdout.take().unwrap());
    let url = stdout
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        })
        .expect("the demo prints its URL");
    let api = Api::new(url.trim_end_matches('/'));

    eventually(Duration::from_secs(30), || {
        let found = api.search("{ }");
        match found["traces"].as_array() {
            Some(traces) if traces.len() > 50 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    let services = api.json("/api/sigyn/v1/services");
    let names: BTreeSet<_> = services["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["name"].to_string())
        .collect();
    assert!(names.len() >= 8, "{names:?}");
    for query in [
        "{ status = error }",
        "{ duration > 20ms && kind = server }",
        "{ resource.job = \"shop\" }",
        "{ span.http.response.status_code >= 500 }",
    ] {
        eventually(Duration::from_secs(20), || {
            let found = api.search(query);
            let some = found["traces"].as_array().is_some_and(|traces| !traces.is_empty());
            if some { Ok(()) } else { Err(format!("nothing matches {query}")) }
        });
    }
    pause(Duration::from_secs(duration_seconds()));

    let all = "/api/v1/query_exemplars?query=%7B__name__%3D~%22.%2B%22%7D";
    let exemplars = api.json(all);
    let mut checked = 0;
    for series in exemplars["data"].as_array().unwrap() {
        for exemplar in series["exemplars"].as_array().unwrap() {
            let trace_id = exemplar["labels"]["trace_id"].as_str().unwrap();
            let span_id = exemplar["labels"]["span_id"].as_str().unwrap();
            eventually(Duration::from_secs(15), || {
                let spans = spans_of_trace(&api, trace_id);
                let held = spans.iter().any(|span| hex(&span.span_id) == span_id);
                if held {
                    Ok(())
                } else {
                    Err(format!("{trace_id} lacks span {span_id} of {series}"))
                }
            });
            checked += 1;
        }
    }
    assert!(checked > 20, "the shop exposes exemplars: {checked}");
    assert_eq!(api.metric_sum("sigyn_lost_spans_total"), 0.0);
    let targets = api.json("/api/v1/targets?state=active");
    for target in targets["data"]["activeTargets"].as_array().unwrap() {
        assert_eq!(target["health"], "up", "{target}");
        assert_eq!(target["buffer"]["exemplarsLastError"], "", "{target}");
    }

    // Ctrl-C ends it cleanly.
    let process = running.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &process]).status().unwrap().success());
    let status = eventually(Duration::from_secs(10), || {
        running.0.try_wait().unwrap().ok_or_else(|| "it still runs".to_owned())
    });
    assert_eq!(status.code(), Some(0));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[expect(clippy::disallowed_methods, reason = "the shop must run for a while in real time")]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
