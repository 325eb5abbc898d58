//! What an index of before holds: each exemplar under a key of its own.

use super::{
    Index,
    exemplar_text::{self, take_array},
    open::failed,
    pins, value,
};
use crate::{Error, Exemplar, Labels, PinReason, SpanId, TraceId};
use serde::Deserialize;

/// Time, trace, identity → exemplar.
const EXEMPLARS: &str = "exemplars";
/// The same by trace.
const BY_TRACE: &str = "exemplars_by_trace";
/// Exemplars that are taken over at a time.
const STEP: usize = 1024;
/// The first byte of a value. Older ones begin with the brace of a JSON object.
const VERSION: u8 = 2;
const JSON: u8 = b'{';

/// The oldest form.
#[derive(Deserialize)]
struct Json {
    series: Labels,
    labels: Labels,
    trace: [u8; 16],
    span: Option<[u8; 8]>,
    /// Bits of the value: JSON has no NaN.
    value: u64,
    time: i64,
}

impl Index {
    /// Takes exemplars of before into batches. After a crash it is done again, and what is known by then is not taken twice.
    pub(super) fn upgrade(&self) -> Result<(), Error> {
        if !self.db.tree_names().iter().any(|name| name == EXEMPLARS.as_bytes()) {
            return Ok(());
        }
        let before = self.db.open_tree(EXEMPLARS).map_err(failed)?;
        tracing::info!(exemplars = before.len(), "taking the exemplars of an older index over");
        let (mut step, mut until_unix_nano) = (Vec::new(), 0);
        for entry in &before {
            let (key, bytes) = entry.map_err(failed)?;
            let Some(exemplar) = value::open(&bytes).and_then(|bytes| read(&key, bytes)) else {
                tracing::warn!("skipped a damaged exemplar in the index");
                continue;
            };
            let pin = pins::key_of(exemplar.trace_id, PinReason::Exemplar);
            let pin = self.pins.get(pin).map_err(failed)?;
            // Without a pin its time was over.
            let Some(until) = pin.and_then(|bytes| pins::until(&bytes)) else { continue };
            if until != until_unix_nano || step.len() == STEP {
                self.add_exemplars(&step, until_unix_nano)?;
                step.clear();
                until_unix_nano = until;
            }
            step.push(exemplar);
        }
        self.add_exemplars(&step, until_unix_nano)?;
        self.flush()?;
        for tree in [EXEMPLARS, BY_TRACE] {
            self.db.drop_tree(tree).map_err(failed)?;
        }
        Ok(())
    }
}

fn read(key: &[u8], bytes: &[u8]) -> Option<Exemplar> {
    let mut key = key;
    let time = u64::from_be_bytes(take_array(&mut key)?);
    let timestamp_unix_milli = (time ^ 1 << 63) as i64;
    let trace_id = TraceId(take_array(&mut key)?);
    if bytes.first() == Some(&JSON) {
        let json: Json = serde_json::from_slice(bytes).ok()?;
        return Some(Exemplar {
            series: json.series,
            labels: json.labels,
            trace_id: TraceId(json.trace),
            span_id: json.span.map(SpanId),
            value: f64::from_bits(json.value),
            timestamp_unix_milli: json.time,
        });
    }
    let mut rest = bytes;
    let [version, has_span] = take_array(&mut rest)?;
    if version != VERSION {
        return None;
    }
    let span_id = SpanId(take_array(&mut rest)?);
    let span_id = (has_span == 1).then_some(span_id);
    let value = f64::from_bits(u64::from_le_bytes(take_array(&mut rest)?));
    let (series, labels) = exemplar_text::take(&mut rest, trace_id, span_id)?;
    Some(Exemplar { series, labels, trace_id, span_id, value, timestamp_unix_milli })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pin;

    fn exemplar(trace: u8, span_id: Option<SpanId>, milli: i64) -> Exemplar {
        let trace_id = TraceId([trace; 16]);
        Exemplar {
            series: vec![("__name__".into(), "hits_total".into()), ("zone".into(), "a".into())],
            labels: vec![("trace_id".into(), trace_id.to_string())],
            trace_id,
            span_id,
            value: 0.5,
            timestamp_unix_milli: milli,
        }
    }

    /// As it was written until there were batches.
    fn write(exemplar: &Exemplar) -> (Vec<u8>, Vec<u8>) {
        let time = (exemplar.timestamp_unix_milli as u64 ^ 1 << 63).to_be_bytes();
        let key = [&time[..], &exemplar.trace_id.0, &[7; 8]].concat();
        let mut bytes = vec![VERSION, u8::from(exemplar.span_id.is_some())];
        bytes.extend_from_slice(&exemplar.span_id.unwrap_or_default().0);
        bytes.extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
        bytes.extend_from_slice(&exemplar_text::write(exemplar));
        (key, value::seal(&bytes))
    }

    #[tokio::test]
    async fn exemplars_of_an_older_index_are_taken_over_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let (index, _) = Index::open(&path, 0).await.unwrap();
        let held = [exemplar(1, Some(SpanId([9; 8])), -5), exemplar(2, None, 50)];
        let before = index.db.open_tree(EXEMPLARS).unwrap();
        let by_trace = index.db.open_tree(BY_TRACE).unwrap();
        for (exemplar, until_unix_nano) in held.iter().zip([100, 200]) {
            let (key, bytes) = write(exemplar);
            by_trace.insert(&key[8..], &key[..8]).unwrap();
            before.insert(key, bytes).unwrap();
            let (trace_id, reason) = (exemplar.trace_id, PinReason::Exemplar);
            index.add_pin(&Pin { trace_id, reason, until_unix_nano }).unwrap();
        }
        let (unpinned, bytes) = write(&exemplar(4, None, 9));
        before.insert(unpinned, bytes).unwrap();
        let (mut damaged, bytes) = write(&exemplar(3, None, 60));
        before.insert(&damaged[..], &bytes[1..]).unwrap();
        damaged[8] = 0;
        before.insert(damaged, value::seal(b"{}")).unwrap();
        index.flush().unwrap();
        drop((index, before, by_trace));

        for _ in 0..2 {
            let (index, set_aside) = Index::open(&path, 0).await.unwrap();
            assert!(!set_aside);
            for exemplar in &held {
                let found = index.exemplars_of(exemplar.trace_id).unwrap();
                assert_eq!(found, std::slice::from_ref(exemplar));
            }
            assert!(index.exemplars_of(TraceId([4; 16])).unwrap().is_empty(), "its time was over");
            assert_eq!(index.add_exemplars(&held, 300).unwrap(), (0, 0), "they are known");
            let pins = index.pins_of(TraceId([2; 16]), 0).unwrap();
            assert_eq!(pins.iter().map(|pin| pin.until_unix_nano).collect::<Vec<_>>(), [200]);
            assert_eq!(index.pinned_traces(), 2);
            assert!(!index.db.tree_names().iter().any(|name| name == EXEMPLARS.as_bytes()));
            index.flush().unwrap();
        }
    }

    #[test]
    fn the_oldest_form_is_read() {
        let json = r#"{"series":[["__name__","hits_total"]],"labels":[["trace_id","1"]],"trace":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"span":null,"value":4607182418800017408,"time":5}"#;
        let exemplar = read(&[0; 32], json.as_bytes()).unwrap();
        assert_eq!((exemplar.trace_id, exemplar.timestamp_unix_milli), (TraceId([1; 16]), 5));
        assert_eq!(exemplar.value, 1.0);
        assert_eq!(exemplar.series[0].1, "hits_total");
    }
}
