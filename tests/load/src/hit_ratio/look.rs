//! Asks Prometheus what it knows, and Sigyn whether it leads anywhere.

use super::{Ratio, SpanId, SpanIds, TraceId, truth::Truth};
use prost::Message;
use sigyn_proto::otlp::trace::v1::TracesData;
use sigyn_rig::Api;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Mutex,
    time::{Duration, Instant},
};

const LOOK_UPS_AT_ONCE: usize = 4;
const FAILURES_SHOWN_MAX: usize = 5;
const ORDINARY_TRACES: usize = 400;

/// When traces are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Moment {
    /// So long after Prometheus named it first.
    After(Duration),
    /// When ordinary traces have gone.
    End,
}

pub(super) struct Looker {
    prometheus: Api,
    sigyn: Api,
    truth: Truth,
    /// Every span that an exemplar named, and since when.
    named: HashMap<(TraceId, SpanId), Named>,
    exemplars: HashSet<String>,
    ratios: BTreeMap<Moment, Ratio>,
}

struct Named {
    since: Instant,
    looked: Vec<Moment>,
}

impl Looker {
    pub(super) fn new(prometheus: Api, sigyn: Api, truth: Truth) -> Self {
        let named = HashMap::new();
        Self { prometheus, sigyn, truth, named, exemplars: HashSet::new(), ratios: BTreeMap::new() }
    }

    /// All that Prometheus holds: its ring is large enough for the whole run.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    pub(super) fn ask_prometheus(&mut self) {
        let path = "/api/v1/query_exemplars?query=operation_duration_seconds_bucket&start=0&end=9999999999";
        let answer = self.prometheus.json(path);
        let series = answer["data"].as_array().cloned().unwrap_or_default();
        for series in &series {
            for exemplar in series["exemplars"].as_array().into_iter().flatten() {
                let label = |name: &str| exemplar["labels"][name].as_str().unwrap_or_default();
                let id = (bytes(label("trace_id")), bytes(label("span_id")));
                self.exemplars.insert(format!("{}{exemplar}", series["seriesLabels"]));
                self.named
                    .entry(id)
                    .or_insert_with(|| Named { since: Instant::now(), looked: Vec::new() });
            }
        }
    }

    /// Whether everything named so far was looked up at these moments.
    pub(super) fn has_looked(&self, moments: &[Moment]) -> bool {
        self.named.values().all(|named| moments.iter().all(|moment| named.looked.contains(moment)))
    }

    pub(super) fn exemplars(&self) -> usize {
        self.exemplars.len()
    }

    /// Looks up whatever is due.
    pub(super) fn look(&mut self, moment: Moment) {
        let due = self.named.iter_mut().filter(|(_, named)| {
            let is_due = match moment {
                Moment::After(age) => named.since.elapsed() >= age,
                Moment::End => true,
            };
            is_due && !named.looked.contains(&moment)
        });
        let due: Vec<(TraceId, SpanId)> = due
            .map(|(id, named)| {
                named.looked.push(moment);
                *id
            })
            .collect();
        let next = Mutex::new(due.iter());
        let ratio = self.ratios.entry(moment).or_default();
        ratio.at = match moment {
            Moment::After(age) => format!("+{} s", age.as_secs_f64()),
            Moment::End => "after retention".to_owned(),
        };
        let ratio = Mutex::new(ratio);
        std::thread::scope(|scope| {
            for _ in 0..LOOK_UPS_AT_ONCE {
                scope.spawn(|| {
                    loop {
                        let Some((trace, span)) = next.lock().expect("nobody panics").next() else {
                            return;
                        };
                        let found = spans_of(&self.sigyn, trace);
                        let below = self.truth.below(trace, span);
                        let mut ratio = ratio.lock().expect("nobody panics");
                        ratio.traces += 1;
                        ratio.found += usize::from(!found.is_empty());
                        ratio.with_span += usize::from(found.contains(span));
                        let whole = below.is_subset(&found);
                        ratio.with_descendants += usize::from(whole);
                        if !whole && ratio.failures.len() < FAILURES_SHOWN_MAX {
                            ratio.failures.push(format!(
                                "{}: {} spans found, {} of {} below the exemplar's",
                                hex(trace),
                                found.len(),
                                below.intersection(&found).count(),
                                below.len()
                            ));
                        }
                    }
                });
            }
        });
    }

    pub(super) fn ratio(&self, moment: Moment) -> Ratio {
        self.ratios.get(&moment).cloned().unwrap_or_default()
    }

    /// The share of traces found that no exemplar of Prometheus named and that Sigyn does not pin.
    pub(super) fn ordinary_kept(&self) -> f64 {
        let named: HashSet<TraceId> = self.named.keys().map(|(trace, _)| *trace).collect();
        let some = self.truth.some(ORDINARY_TRACES);
        let (mut ordinary, mut found) = (0, 0);
        for trace in some.iter().filter(|trace| !named.contains(*trace)) {
            let answer = self.sigyn.get(&format!("/api/sigyn/v1/traces/{}", hex(trace)));
            if answer.status != 200 {
                ordinary += 1;
                continue;
            }
            let page: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            if page["pins"].as_array().is_none_or(Vec::is_empty) {
                ordinary += 1;
                found += 1;
            }
        }
        f64::from(found) / f64::from(ordinary.max(1))
    }
}

fn spans_of(sigyn: &Api, trace: &TraceId) -> SpanIds {
    let path = format!("/api/traces/{}", hex(trace));
    let answer = sigyn.try_get(&path, &[("accept", "application/protobuf")]);
    let answer = answer.expect("the server answers");
    if answer.status != 200 {
        return SpanIds::new();
    }
    let trace = TracesData::decode(&answer.body[..]).expect("the answer is a trace");
    let scopes = trace.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    let spans = scopes.flat_map(|scope| &scope.spans);
    spans.filter_map(|span| span.span_id.as_slice().try_into().ok()).collect()
}

/// Of hexadecimal digits; what is missing in front is zero.
fn bytes<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let number = u128::from_str_radix(text, 16).expect("an ID is hexadecimal").to_be_bytes();
    bytes.copy_from_slice(&number[16 - N..]);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
