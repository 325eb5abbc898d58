//! `kill -9` and `SIGSTOP` at any moment: every acknowledged span is there, once.

use crate::{now_unix_nano, sigyn};
use sigyn_proto::otlp::trace::v1::Span;
use sigyn_rig::{Api, SpanMaker, eventually, spans_of_trace};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

const KILLS: u64 = 20;
const PUSHERS: u64 = 3;

/// Trace ID → span IDs that the server acknowledged, and those whose fate nobody knows.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeMap<String, Vec<Vec<u8>>>,
    pushed: u64,
}

#[test]
fn twenty_kills_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    // A small head, so that blocks are cut and journal segments deleted while the kills come.
    let mut options =
        sigyn(folder.path()).config("storage:\n  head: {max_bytes: 1MB, max_age: 1s}\n");
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    for round in 0..KILLS {
        let server = options.start();
        let stop = Arc::new(AtomicBool::new(false));
        let pushers: Vec<_> = (0..PUSHERS)
            .map(|pusher| {
                let (otlp, ledger, stop) = (server.otlp.clone(), ledger.clone(), stop.clone());
                let seed = 1 + round * PUSHERS + pusher;
                std::thread::spawn(move || push_until(&stop, &otlp, seed, &ledger))
            })
            .collect();
        // Kills at moments that differ, some within a commit, some within a cut.
        wait_for(Duration::from_millis(30 + (round * 137) % 400));
        options = server.kill();
        stop.store(true, Ordering::Relaxed);
        pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    }

    let server = options.start();
    let ledger = ledger.lock().unwrap();
    assert!(ledger.acknowledged.len() > KILLS as usize, "the pushers pushed something");
    ledger.check(&server.api);
}

#[test]
fn a_server_that_stands_still_for_a_second_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        sigyn(folder.path()).config("storage:\n  head: {max_bytes: 1MB, max_age: 1s}\n").start();
    let (ledger, stop) =
        (Arc::new(Mutex::new(Ledger::default())), Arc::new(AtomicBool::new(false)));
    let pushers: Vec<_> = (0..PUSHERS)
        .map(|pusher| {
            let (otlp, ledger, stop) = (server.otlp.clone(), ledger.clone(), stop.clone());
            std::thread::spawn(move || push_until(&stop, &otlp, 1 + pusher, &ledger))
        })
        .collect();
    let acknowledged = || ledger.lock().unwrap().acknowledged.len();
    let more_than = |traces: usize| match acknowledged() {
        now if now > traces => Ok(now),
        now => Err(format!("{now} traces are acknowledged, more than {traces} are to be")),
    };
    eventually(Duration::from_secs(20), || more_than(20));

    server.signal("STOP");
    // What it had answered already may still be on its way.
    wait_for(Duration::from_millis(200));
    let standing = acknowledged();
    wait_for(Duration::from_millis(800));
    assert_eq!(acknowledged(), standing, "nobody answers while the server stands still");
    server.signal("CONT");

    eventually(Duration::from_secs(20), || more_than(standing + 20));
    assert!(pushers.iter().all(|pusher| !pusher.is_finished()), "a push was refused");
    stop.store(true, Ordering::Relaxed);
    pushers.into_iter().for_each(|pusher| pusher.join().unwrap());
    ledger.lock().unwrap().check(&server.api);
}

impl Ledger {
    /// What was acknowledged is there once, and nothing that nobody pushed.
    fn check(&self, api: &Api) {
        for (trace_id, acknowledged) in &self.acknowledged {
            let mut stored: Vec<_> =
                spans_of_trace(api, trace_id).into_iter().map(|span| span.span_id).collect();
            stored.sort();
            let mut once = stored.clone();
            once.dedup();
            assert_eq!(stored, once, "trace {trace_id} has doubled spans");
            for span_id in acknowledged {
                assert!(stored.contains(span_id), "trace {trace_id} lost an acknowledged span");
            }
        }
        // The journal holds batches too that were not acknowledged.
        let head_and_blocks = api.search("{ }");
        assert!(head_and_blocks["traces"].as_array().unwrap().len() as u64 <= self.pushed);
    }
}

fn push_until(stop: &AtomicBool, otlp: &Api, seed: u64, ledger: &Mutex<Ledger>) {
    let mut maker = SpanMaker::new("crash", seed, now_unix_nano());
    while !stop.load(Ordering::Relaxed) {
        // Names that fill the small head, so that it is cut by size too.
        let root = maker.root(&format!("root {:04096}", seed));
        let children: Vec<Span> = (0..7).map(|_| maker.child(&root, "child")).collect();
        let trace_id: String = root.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
        // Two batches a trace, so that one trace may be half acknowledged.
        for spans in [vec![root], children] {
            let span_ids: Vec<_> = spans.iter().map(|span| span.span_id.clone()).collect();
            let body = maker.request(spans);
            ledger.lock().unwrap().pushed += 1;
            match otlp.post("/v1/traces", "application/x-protobuf", &[], body) {
                Ok(answer) if answer.status == 200 => {
                    let mut ledger = ledger.lock().unwrap();
                    ledger.acknowledged.entry(trace_id.clone()).or_default().extend(span_ids);
                }
                _ => return,
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a signal must come at a moment, not at an event")]
fn wait_for(duration: Duration) {
    std::thread::sleep(duration);
}
