//! Bodies of real clients with something changed: what a parser of outside bytes must survive.

use proptest::{prelude::*, sample::Index};
use prost::Message;
use sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceRequest;

/// How often a body may grow when it becomes OTLP, beside what few bytes become: the budget of bodies counts on it.
const GROWTH_MAX: usize = 8;
const GROWTH_OF_FEW_MAX: usize = 4096;

/// One change of some bytes.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    /// A piece once more, behind itself: another span, another field, a number of more digits.
    Repeat(Index, Index),
    /// The rest is gone.
    Cut(Index),
}

/// A few changes, mostly small ones.
pub(crate) fn damage() -> impl Strategy<Value = Vec<Change>> {
    let at = any::<Index>;
    // Digits and brackets are bytes too, but would seldom be hit upon.
    let byte = || prop_oneof![any::<u8>(), prop::sample::select(b"0123456789-.,:[]{}\"e".to_vec())];
    let change = prop_oneof![
        6 => (at(), byte()).prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => (at(), byte()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        2 => at().prop_map(Change::Remove),
        2 => (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
        1 => at().prop_map(Change::Cut),
    ];
    prop::collection::vec(change, 1..6)
}

/// The body with these changes.
pub(crate) fn damaged(body: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = body.to_vec();
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let place = |at: &Index| at.index(bytes.len());
        match change {
            Change::Set(at, byte) => {
                let at = place(at);
                bytes[at] = *byte;
            }
            Change::Insert(at, byte) => bytes.insert(place(at), *byte),
            Change::Remove(at) => drop(bytes.remove(place(at))),
            Change::Repeat(one, other) => {
                let (from, to) = (place(one).min(place(other)), place(one).max(place(other)));
                let piece = bytes[from..to].to_vec();
                bytes.splice(to..to, piece);
            }
            Change::Cut(at) => bytes.truncate(place(at)),
        }
    }
    bytes
}

/// What became of a body: OTLP of no extravagant size, or half a sentence that says what is wrong.
pub(crate) fn check_conversion(body: &[u8], converted: Result<Vec<u8>, String>) {
    match converted {
        Ok(otlp) => {
            let bytes_max = GROWTH_MAX * body.len() + GROWTH_OF_FEW_MAX;
            assert!(otlp.len() <= bytes_max, "{} bytes became {}", body.len(), otlp.len());
            ExportTraceServiceRequest::decode(&otlp[..]).expect("what is made is OTLP");
        }
        Err(what) => assert!(!what.trim().is_empty()),
    }
}
