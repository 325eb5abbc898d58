//! Two Sigyns that read the same span buffers: each span is counted once, whoever dies.

use crate::{app::App, sigyn};
use sigyn_rig::{Options, Server, eventually};
use std::{net::TcpListener, time::Duration};

const PATIENCE: Duration = Duration::from_secs(60);

/// What a replica shows of the spans called "work"; `None` when it shows nothing.
fn calls(server: &Server) -> Option<u64> {
    let text = server.api.get("/metrics/spans").text();
    let line = text.lines().find(|line| line.starts_with("traces_spanmetrics_calls_total"))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// All replicas together show exactly this, and one of them alone.
#[track_caller]
fn show(servers: &[&Server], spans: u64) {
    eventually(PATIENCE, || {
        let shown: Vec<u64> = servers.iter().filter_map(|it| calls(it)).collect();
        if shown == [spans] {
            Ok(())
        } else {
            Err(format!("{shown:?}, not one that shows {spans}"))
        }
    });
}

#[test]
fn each_span_is_counted_once_whoever_dies() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let apps: Vec<App> = (0..3).map(|_| App::start("busy")).collect();
    let targets: Vec<String> = apps.iter().map(|app| app.address.to_string()).collect();
    // Taken and given back: the replicas must know each other before they start.
    let addresses: Vec<String> = (0..2)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .map(|it| it.local_addr().unwrap().to_string())
        .collect();
    let options = |at: usize| -> Options {
        let config = format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms, external_labels: {{replica: '{at}'}}}}\n\
             scrape_configs:\n  - job_name: apps\n    static_configs: [{{targets: {targets:?}}}]\n\
             metrics_generator:\n  span_metrics: {{}}\n  peers: ['http://{}']\n",
            addresses[1 - at]
        );
        sigyn(folders[at].path()).config(&config).listen(&addresses[at])
    };
    let mut spans = 0;
    let mut work = || {
        for app in &apps {
            (0..10).for_each(|_| drop(app.span("work")));
            spans += 10;
        }
        spans
    };

    // One alone: the other is not there yet.
    let first = options(0).start();
    show(&[&first], work());
    let second = options(1).start();
    let read = work();
    eventually(PATIENCE, || match second.api.metric_sum("sigyn_ingested_spans_total") {
        all if all == read as f64 => Ok(()),
        other => Err(format!("{other} of {read}")),
    });
    show(&[&first, &second], read);
    assert_eq!(calls(&second), None);

    // The one that shows dies; it had counted what the other had only read, and more came that nobody had counted.
    work();
    first.kill();
    let read = work();
    show(&[&second], read);

    // It comes back and stands by, then the other one dies.
    let first = options(0).start();
    let read = work();
    show(&[&first, &second], read);
    assert_eq!(calls(&first), None);
    eventually(PATIENCE, || match second.api.metric("sigyn_generator_peers_reachable") {
        Some(1.0) => Ok(()),
        other => Err(format!("{other:?}")),
    });
    // It has taken over the state at least once.
    eventually(PATIENCE, || match folders[0].path().join("data/generator/state").metadata() {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    });
    second.kill();
    show(&[&first], work());

    // Both die, and both come back.
    let second = options(1).start();
    show(&[&first, &second], work());
    first.kill();
    second.kill();
    let read = work();
    let (first, second) = (options(0).start(), options(1).start());
    show(&[&first, &second], read);
}
