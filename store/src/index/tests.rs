//! The index under damage.

use super::*;
use crate::{Exemplar, Gap, Notebook, NotebookChange, SeriesFilter, TraceId};
use std::fs;

fn exemplar(trace: u8, milli: i64) -> Exemplar {
    Exemplar {
        series: vec![("__name__".into(), "latency".into())],
        labels: vec![],
        trace_id: TraceId([trace; 16]),
        span_id: None,
        value: f64::from(trace),
        timestamp_unix_milli: milli,
    }
}

#[tokio::test]
async fn an_index_that_will_not_open_is_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let (index, set_aside) = Index::open(&path, 0).await.unwrap();
    assert!(!set_aside);
    index.add_exemplars(&[exemplar(1, 1)], 100).unwrap();
    index.flush().unwrap();
    drop(index);

    let (index, set_aside) = Index::open(&path, 0).await.unwrap();
    assert!(!set_aside);
    assert_eq!(index.exemplars_of(TraceId([1; 16])).unwrap(), vec![exemplar(1, 1)]);
    drop(index);

    fs::write(path.join("conf"), [b'x'; 64]).unwrap();
    let (index, set_aside) = Index::open(&path, 7_000_000_000).await.unwrap();
    assert!(set_aside, "and the store goes on");
    assert!(index.exemplars_of(TraceId([1; 16])).unwrap().is_empty());
    assert!(folder.path().join("index.damaged-7-0").exists(), "for a person to look at");
}

#[tokio::test]
async fn expiry_takes_exemplars_their_pins_and_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let (index, _) = Index::open(&folder.path().join("index"), 0).await.unwrap();
    assert_eq!(index.add_exemplars(&[exemplar(1, -5), exemplar(2, 50)], 100).unwrap(), (2, 2));
    assert_eq!(index.pinned_traces(), 2);
    assert_eq!(index.pins_of(TraceId([1; 16]), 99).unwrap().len(), 1);
    assert!(index.pins_of(TraceId([1; 16]), 100).unwrap().is_empty(), "over");
    let gap = |to_unix_nano| Gap { lost: None, from_unix_nano: 0, to_unix_nano };
    index.add_gap(1, &gap(10), &[]).unwrap();
    index.add_gap(1, &gap(10), &[]).unwrap();
    index.add_gap(2, &gap(60), &[]).unwrap();
    assert_eq!(index.gaps(0, 100).unwrap().len(), 2, "a replayed gap is the same gap");

    index.expire_exemplars(50).unwrap();
    assert_eq!(index.expire_pins(99).unwrap(), 0);
    assert_eq!(index.pinned_traces(), 2);
    assert_eq!(index.expire_pins(100).unwrap(), 2);
    index.expire_gaps(50).unwrap();
    assert_eq!(index.pinned_traces(), 0);
    assert!(index.exemplars_of(TraceId([1; 16])).unwrap().is_empty());
    assert_eq!(index.exemplars_of(TraceId([2; 16])).unwrap().len(), 1);
    let all: SeriesFilter = Box::new(|_| true);
    let mut shown = Vec::new();
    let mut show = |exemplar: Exemplar| shown.push(exemplar.timestamp_unix_milli);
    index.add_exemplars(&[exemplar(3, 70), exemplar(4, 90)], 100).unwrap();
    assert!(index.show_exemplars(50, 70, 9, &mut show).unwrap());
    assert!(!index.show_exemplars(50, 90, 1, &mut show).unwrap());
    assert_eq!(shown, [70, 50, 90], "newest first");
    index.expire_exemplars(91).unwrap();
    index.add_exemplars(&[exemplar(2, 50)], 100).unwrap();
    let left = index.exemplars(&all, i64::MIN, i64::MAX).unwrap();
    assert_eq!(left[0].exemplars, vec![exemplar(2, 50)]);
    assert_eq!(index.gaps(0, 100).unwrap().len(), 1);
}

#[tokio::test]
async fn a_notebook_changes_only_in_the_hands_of_who_saw_its_newest_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let (index, _) = Index::open(&path, 0).await.unwrap();
    let note = |body: &str| Notebook {
        id: "slow-orders".into(),
        version: 0,
        saved_unix_nano: 7,
        title: "Slow orders".into(),
        body: body.into(),
    };
    let kept = |version, body| Notebook { version, ..note(body) };
    assert_eq!(index.save_notebook(note("a"), 3).unwrap(), NotebookChange::Conflict(None));
    assert_eq!(index.save_notebook(note("a"), 0).unwrap(), NotebookChange::Done(kept(1, "a")));
    assert_eq!(index.save_notebook(note("b"), 0).unwrap(), NotebookChange::Conflict(Some(1)));
    assert_eq!(index.save_notebook(note("b"), 1).unwrap(), NotebookChange::Done(kept(2, "b")));
    drop(index);

    let (index, _) = Index::open(&path, 0).await.unwrap();
    assert_eq!(index.notebooks().unwrap(), vec![kept(2, "b")]);
    assert_eq!(index.remove_notebook("slow-orders", 1).unwrap(), NotebookChange::Conflict(Some(2)));
    let removed = index.remove_notebook("slow-orders", 2).unwrap();
    assert_eq!(removed, NotebookChange::Done(kept(2, "b")));
    assert_eq!(index.notebook("slow-orders").unwrap(), None);

    index.notebooks.insert("torn", &b"no value"[..]).unwrap();
    assert!(index.notebook("torn").is_err(), "damage is said, not taken for absence");
    assert!(index.notebooks().unwrap().is_empty());
    for number in 1..super::notebooks::NOTEBOOKS_MAX {
        index.notebooks.insert(number.to_string(), &b""[..]).unwrap();
    }
    assert_eq!(index.save_notebook(note("a"), 0).unwrap(), NotebookChange::TooMany);
}

#[test]
fn a_value_with_a_flipped_bit_is_not_read() {
    let sealed = value::seal(b"payload");
    assert_eq!(value::open(&sealed), Some(&b"payload"[..]));
    for bit in 0..sealed.len() * 8 {
        let mut damaged = sealed.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(value::open(&damaged), None, "bit {bit}");
    }
    assert_eq!(value::open(b""), None);
}
