//! Trace IDs as people and tools write them: 1 to 32 hex digits, either case, zeros missing.

use crate::{now_unix_nano, sigyn};
use sigyn_rig::{SpanMaker, spans_of_trace};

#[test]
fn an_id_is_found_in_every_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    let mut maker = SpanMaker::new("ids", 5, now_unix_nano());
    let mut span = maker.root("zeros");
    span.trace_id = vec![0, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0xbc, 0xde, 0xf0, 0x12, 0x34, 0x56, 0x78];
    let body = maker.request(vec![span]);
    let answer = server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    for spelling in [
        "00000000000000000abcdef012345678",
        "0abcdef012345678",
        "abcdef012345678",
        "ABCDEF012345678",
        "0000ABCDEF012345678",
    ] {
        assert_eq!(spans_of_trace(&server.api, spelling).len(), 1, "{spelling}");
        for path in ["/api/v2/traces/", "/api/sigyn/v1/traces/", "/jaeger/api/traces/"] {
            let answer = server.api.get(&format!("{path}{spelling}"));
            assert_eq!(answer.status, 200, "{path}{spelling}: {}", answer.text());
            assert!(answer.text().contains("zeros"), "{path}{spelling}");
        }
    }
}

#[test]
fn what_is_no_id_gets_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let server = sigyn(folder.path()).start();
    for (id, says) in [
        ("xyz", "'x' at position 1"),
        ("12g4", "'g' at position 3"),
        ("123456789012345678901234567890123", "33 digits"),
        ("1%202", "position 2"),
    ] {
        for path in ["/api/traces/", "/api/v2/traces/", "/api/sigyn/v1/traces/"] {
            let answer = server.api.get(&format!("{path}{id}"));
            assert_eq!(answer.status, 400, "{path}{id}: {}", answer.text());
            assert!(answer.text().contains(says), "{path}{id}: {}", answer.text());
        }
    }
    assert_eq!(server.api.get("/api/traces/1234").status, 404);
    assert_eq!(server.api.get("/jaeger/api/traces/1234").status, 404);
    assert_eq!(server.api.get("/api/v2/traces/1234").status, 200);
}
