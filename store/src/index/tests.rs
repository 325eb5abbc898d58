//! The index under damage.

use super::*;
use crate::{Exemplar, Gap, Notebook, NotebookChange, Pin, PinReason, SeriesFilter, TraceId};
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
    assert_eq!(index.add_exemplars(&[exemplar(1, -5)], 100).unwrap(), (1, 1));
    assert_eq!(index.add_exemplars(&[exemplar(1, 7), exemplar(2, 50)], 200).unwrap(), (1, 1));
    assert_eq!(index.pinned_traces(), 2);
    assert_eq!(index.pins_of(TraceId([1; 16]), 99).unwrap().len(), 1);
    assert!(index.pins_of(TraceId([1; 16]), 100).unwrap().is_empty(), "over");
    let lookup =
        Pin { trace_id: TraceId([2; 16]), reason: PinReason::Lookup, until_unix_nano: 300 };
    assert!(!index.add_pin(&lookup).unwrap(), "it is pinned already");
    assert_eq!(index.pins_of(TraceId([2; 16]), 0).unwrap().len(), 2, "for two reasons");
    let gap = |to_unix_nano| Gap { lost: None, from_unix_nano: 0, to_unix_nano };
    index.add_gap(1, &gap(10), &[]).unwrap();
    index.add_gap(1, &gap(10), &[]).unwrap();
    index.add_gap(2, &gap(60), &[]).unwrap();
    assert_eq!(index.gaps(0, 100).unwrap().len(), 2, "a replayed gap is the same gap");

    assert_eq!(index.expire_exemplars(99).unwrap(), 0);
    assert_eq!(index.expire_pins(99).unwrap(), 0);
    assert_eq!(index.pinned_traces(), 2);
    assert_eq!(index.expire_exemplars(100).unwrap(), 1, "the exemplar and its pin");
    index.expire_gaps(50).unwrap();
    assert_eq!(index.gaps(0, 100).unwrap().len(), 1);
    assert!(index.exemplars_of(TraceId([1; 16])).unwrap().is_empty());
    assert_eq!(index.exemplars_of(TraceId([2; 16])).unwrap(), [exemplar(2, 50)]);
    assert_eq!(index.add_exemplars(&[exemplar(1, -5)], 400).unwrap(), (1, 1), "news again");
    assert_eq!(index.expire_exemplars(200).unwrap(), 0, "somebody looked for it");
    assert_eq!(index.expire_pins(300).unwrap(), 1);
    assert_eq!(index.expire_exemplars(400).unwrap(), 1);
    assert_eq!(index.pinned_traces(), 0);
    assert!(index.exemplars.is_empty(), "nothing stays behind");
    assert_eq!(index.add_exemplars(&[exemplar(1, -5)], 500).unwrap(), (1, 1));
}

#[tokio::test]
async fn exemplars_in_many_batches_are_found_by_trace_time_and_series() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let (index, _) = Index::open(&path, 0).await.unwrap();
    // Each trace has two, which come far apart; the times are not in the order in which they come.
    let all: Vec<Exemplar> = (0..500u32)
        .map(|number| {
            let mut exemplar = exemplar(0, i64::from(number * 7919 % 1000));
            exemplar.trace_id.0[12..].copy_from_slice(&(number % 250).to_be_bytes());
            exemplar.value = f64::from(number);
            exemplar.series[0].1 = format!("latency_{}", number % 3);
            exemplar
        })
        .collect();
    let added: usize = all.chunks(7).map(|some| index.add_exemplars(some, 100).unwrap().0).sum();
    assert_eq!(added, all.len());
    index.flush().unwrap();
    drop(index);

    let (index, _) = Index::open(&path, 0).await.unwrap();
    assert_eq!(index.add_exemplars(&all, 100).unwrap(), (0, 0), "known, and still pinned");
    assert_eq!(index.pinned_traces(), 250);
    for exemplar in &all[..250] {
        let mut of_trace: Vec<_> =
            all.iter().filter(|it| it.trace_id == exemplar.trace_id).cloned().collect();
        of_trace.sort_by_key(|it| it.timestamp_unix_milli);
        assert_eq!(index.exemplars_of(exemplar.trace_id).unwrap(), of_trace);
    }
    let wanted: SeriesFilter = Box::new(|series| series[0].1 != "latency_1");
    let found = index.exemplars(&wanted, 100, 299).unwrap();
    let names: Vec<&str> = found.iter().map(|it| it.series[0].1.as_str()).collect();
    assert_eq!(names, ["latency_0", "latency_2"]);
    let is_wanted = |it: &&Exemplar| {
        it.series[0].1 != "latency_1" && (100..=299).contains(&it.timestamp_unix_milli)
    };
    let count: usize = found.iter().map(|it| it.exemplars.len()).sum();
    assert_eq!(count, all.iter().filter(is_wanted).count());

    let mut times: Vec<i64> = all.iter().map(|it| it.timestamp_unix_milli).collect();
    times.sort_unstable_by(|one, other| other.cmp(one));
    for (from, to, count_max) in [(0, 999, 500), (0, 999, 40), (300, 600, 500), (300, 600, 1)] {
        let mut shown = Vec::new();
        let mut show = |exemplar: Exemplar| shown.push(exemplar.timestamp_unix_milli);
        let were_all = index.show_exemplars(from, to, count_max, &mut show).unwrap();
        let within = times.iter().copied().filter(|time| (from..=to).contains(time));
        let within: Vec<i64> = within.collect();
        assert_eq!(were_all, within.len() <= count_max);
        assert_eq!(shown, within[..count_max.min(within.len())], "{from} to {to}");
    }
    let newest = all.iter().max_by_key(|it| it.timestamp_unix_milli).unwrap();
    assert_eq!(index.exemplar_traces(0, 2000, 1).unwrap(), [newest.trace_id]);
}

#[tokio::test]
async fn a_damaged_batch_takes_no_other_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let (index, _) = Index::open(&path, 0).await.unwrap();
    let all: Vec<Exemplar> = (0..200).map(|trace| exemplar(trace, 5)).collect();
    index.add_exemplars(&all, 100).unwrap();
    let (key, bytes) = index.exemplars.iter().nth(1).unwrap().unwrap();
    index.exemplars.insert(key, &bytes[..bytes.len() - 1]).unwrap();
    index.flush().unwrap();
    drop(index);

    let (index, set_aside) = Index::open(&path, 0).await.unwrap();
    assert!(!set_aside);
    let held = index.pinned_traces();
    assert!((100..200).contains(&held), "{held}");
    assert_eq!(index.add_exemplars(&all, 100).unwrap().0, 200 - held, "the lost ones are news");
    assert_eq!(index.pinned_traces(), 200);
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
