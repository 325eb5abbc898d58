//! A disk that fails under the running server, as its users see it.

use crate::{SIGYN, now_unix_nano, sigyn};
use sigyn_rig::{Options, Server, SpanMaker, spans_of_trace};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// KiB that a file may have.
const FILE_KIB_MAX: u32 = 2048;
const PUSHES_MAX: u64 = 2000;

/// Starts the binary under a limit on the size of its files: a journal segment that reaches it cannot be written to the end.
fn limited(folder: &Path) -> Options {
    let script = folder.join("limited.sh");
    // Without the trap, the signal that comes before the error would end the process.
    let text =
        format!("#!/bin/bash\ntrap '' XFSZ\nulimit -f {FILE_KIB_MAX}\nexec {SIGYN} \"$@\"\n");
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    Options::new(script.to_str().unwrap(), folder)
}

/// Pushes a trace of one large span. Returns the status, what was said, and the trace's ID.
fn push(server: &Server, maker: &mut SpanMaker) -> (u16, String, String) {
    let name = noise(maker);
    let span = maker.root(&name);
    let id = span.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
    let body = maker.request(vec![span]);
    let answer = server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap();
    (answer.status, answer.text(), id)
}

/// Text that does not compress much.
fn noise(maker: &mut SpanMaker) -> String {
    let ids = (0..500).flat_map(|_| maker.root("").trace_id);
    ids.map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_journal_that_cannot_be_written_says_so_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let server = limited(folder.path()).start();
    let mut maker = SpanMaker::new("disk", 40, now_unix_nano());
    let mut acknowledged = Vec::new();
    let (status, text) = loop {
        let (status, text, id) = push(&server, &mut maker);
        if status != 200 {
            break (status, text);
        }
        acknowledged.push(id);
        assert!((acknowledged.len() as u64) < PUSHES_MAX, "the limit does not hold");
    };
    assert!(acknowledged.len() > 10, "{} pushes were taken", acknowledged.len());
    assert!((500..600).contains(&status), "{status}: {text}");

    let ready = server.api.get("/-/ready");
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert!(ready.text().contains("journal"), "{}", ready.text());
    assert_eq!(server.api.get("/-/healthy").status, 200, "it answers, so it need not be killed");
    assert_eq!(server.api.metric("sigyn_store_journal_poisoned"), Some(1.0));
    let (again, ..) = push(&server, &mut maker);
    assert!((500..600).contains(&again), "{again}: it refuses until it is started again");
    assert_eq!(spans_of_trace(&server.api, &acknowledged[0]).len(), 1, "it can be read");
    assert_eq!(server.stop().code, Some(0));

    let server = sigyn(folder.path()).start();
    for id in &acknowledged {
        assert_eq!(spans_of_trace(&server.api, id).len(), 1, "trace {id} was acknowledged");
    }
    assert_eq!(push(&server, &mut maker).0, 200);
}
