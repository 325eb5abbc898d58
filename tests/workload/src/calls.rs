//! Traces as trees of calls, cut into bodies by pod.

use crate::{
    attributes,
    shop::{self, CHECKOUT, FRONTEND, FRONTEND_PROXY, SERVICES},
};
use prost::Message;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use rand_distr::{Distribution, LogNormal};
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::InstrumentationScope,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::SpanKind, status::StatusCode},
};
use std::collections::BTreeMap;

const SPANS_PER_BODY: usize = 512;
/// Spans that wait to be sorted by end time; some 300 traces.
const WINDOW_SPANS: usize = 20_000;
const DEPTH_MAX: u32 = 7;

/// Makes traces one after the other and hands out bodies as they fill.
pub struct Workload {
    random: StdRng,
    pods: Vec<(usize, u32)>,
    first_pod: Vec<usize>,
    window: Vec<(usize, Span)>,
    pending: BTreeMap<usize, Vec<Span>>,
    ready: Vec<Body>,
}

/// One encoded `ExportTraceServiceRequest` of one pod.
pub struct Body {
    /// The protobuf bytes.
    pub bytes: Vec<u8>,
    /// How many spans it holds.
    pub spans: usize,
}

/// What all calls of one trace share.
struct Trace {
    id: [u8; 16],
    user: String,
    slowness: f64,
}

struct Outcome {
    duration_nano: u64,
    failed: bool,
}

impl Workload {
    /// The same seed gives the same spans.
    pub fn new(seed: u64) -> Self {
        let (mut pods, mut first_pod) = (Vec::new(), Vec::new());
        for (index, service) in SERVICES.iter().enumerate() {
            first_pod.push(pods.len());
            pods.extend((0..service.replicas).map(|replica| (index, replica)));
        }
        Self {
            random: StdRng::seed_from_u64(seed),
            pods,
            first_pod,
            window: Vec::new(),
            pending: BTreeMap::new(),
            ready: Vec::new(),
        }
    }

    /// Adds a trace that starts at the given time; returns its ID.
    pub fn trace(&mut self, start_unix_nano: u64) -> [u8; 16] {
        let trace = Trace {
            id: self.random.random(),
            user: format!("user-{:06}", self.random.random_range(0..50_000)),
            slowness: if self.random.random_bool(0.01) { 20.0 } else { 1.0 },
        };
        self.call(&trace, &[], FRONTEND_PROXY, start_unix_nano, 0);
        if self.window.len() > WINDOW_SPANS {
            self.sort_window();
        }
        trace.id
    }

    /// Bodies that are full since the last call.
    pub fn take_bodies(&mut self) -> Vec<Body> {
        std::mem::take(&mut self.ready)
    }

    /// The last, partly filled bodies too.
    pub fn finish(mut self) -> Vec<Body> {
        self.sort_window();
        for (pod, spans) in std::mem::take(&mut self.pending) {
            self.close_body(pod, spans);
        }
        self.ready
    }

    /// All bodies of `traces` traces spread evenly over a time range, and the trace IDs.
    pub fn bodies(
        seed: u64,
        traces: u64,
        start_unix_nano: u64,
        range_nano: u64,
    ) -> (Vec<Body>, Vec<[u8; 16]>) {
        let mut workload = Self::new(seed);
        let step_nano = range_nano / traces.max(1);
        let ids =
            (0..traces).map(|index| workload.trace(start_unix_nano + index * step_nano)).collect();
        (workload.finish(), ids)
    }

    fn sort_window(&mut self) {
        let mut window = std::mem::take(&mut self.window);
        window.sort_by_key(|(_, span)| span.end_time_unix_nano);
        for (pod, span) in window {
            let pending = self.pending.entry(pod).or_default();
            pending.push(span);
            if pending.len() >= SPANS_PER_BODY {
                let spans = std::mem::take(pending);
                self.close_body(pod, spans);
            }
        }
    }

    fn close_body(&mut self, pod: usize, spans: Vec<Span>) {
        if spans.is_empty() {
            return;
        }
        let (service, replica) = self.pods[pod];
        let count = spans.len();
        let scope = InstrumentationScope {
            name: "io.opentelemetry.instrumentation".into(),
            version: "2.9.0".into(),
            ..Default::default()
        };
        let scope_spans = ScopeSpans { scope: Some(scope), spans, ..Default::default() };
        let resource_spans = ResourceSpans {
            resource: Some(shop::resource(service, replica)),
            scope_spans: vec![scope_spans],
            ..Default::default()
        };
        let request = ExportTraceServiceRequest { resource_spans: vec![resource_spans] };
        self.ready.push(Body { bytes: request.encode_to_vec(), spans: count });
    }

    /// One call of `service` and all that it calls.
    fn call(
        &mut self,
        trace: &Trace,
        parent_id: &[u8],
        service: usize,
        start_unix_nano: u64,
        depth: u32,
    ) -> Outcome {
        let shop::Service { name, replicas, operations, callees, median_micros } =
            &SERVICES[service];
        let pod = self.first_pod[service] + self.random.random_range(0..*replicas) as usize;
        let operation = operations[self.random.random_range(0..operations.len())];
        let span_id: [u8; 8] = self.random.random();
        let own_time = LogNormal::new((median_micros * 1000.0).ln(), 0.7)
            .expect("0.7 is a valid deviation")
            .sample(&mut self.random);
        let own_nano = (own_time * trace.slowness) as u64;
        let mut now = start_unix_nano + own_nano / 3;
        let mut failed = self.random.random_bool(0.006);
        for callee in self.callees(service, callees, depth) {
            let client_id: [u8; 8] = self.random.random();
            let outcome = self.call(trace, &client_id, callee, now + 40_000, depth + 1);
            let wire_nano = 80_000 + self.random.random_range(0..120_000);
            let duration_nano = outcome.duration_nano + wire_nano;
            let mut client = self.span(
                trace,
                callee,
                SERVICES[callee].operations[0],
                now,
                duration_nano,
                outcome.failed,
            );
            client.span_id = client_id.to_vec();
            client.parent_span_id = span_id.to_vec();
            client.kind = SpanKind::Client as i32;
            self.window.push((pod, client));
            failed |= outcome.failed && self.random.random_bool(0.5);
            now += duration_nano + 10_000;
        }
        let end = now.max(start_unix_nano + own_nano) + own_nano / 5;
        let duration_nano = end - start_unix_nano;
        let mut span = self.span(trace, service, operation, start_unix_nano, duration_nano, failed);
        span.span_id = span_id.to_vec();
        span.parent_span_id = parent_id.to_vec();
        let in_process = matches!(*name, "valkey-cart" | "postgresql");
        span.kind = if in_process { SpanKind::Internal } else { SpanKind::Server } as i32;
        self.window.push((pod, span));
        Outcome { duration_nano, failed }
    }

    fn callees(&mut self, service: usize, possible: &[usize], depth: u32) -> Vec<usize> {
        if depth >= DEPTH_MAX || possible.is_empty() {
            return Vec::new();
        }
        if service == CHECKOUT {
            return possible.to_vec();
        }
        let count = match service {
            FRONTEND_PROXY => 1,
            FRONTEND => self.random.random_range(1..=4),
            _ => self.random.random_range(0..=2usize).min(possible.len()),
        };
        (0..count).map(|_| possible[self.random.random_range(0..possible.len())]).collect()
    }

    /// A span without IDs of its own and without kind.
    fn span(
        &mut self,
        trace: &Trace,
        peer: usize,
        operation: &str,
        start_unix_nano: u64,
        duration_nano: u64,
        failed: bool,
    ) -> Span {
        let peer = SERVICES[peer].name;
        let (code, message) = if failed {
            (StatusCode::Error as i32, "upstream connect error".into())
        } else {
            (StatusCode::Unset as i32, String::new())
        };
        Span {
            trace_id: trace.id.to_vec(),
            name: operation.into(),
            start_time_unix_nano: start_unix_nano,
            end_time_unix_nano: start_unix_nano + duration_nano,
            attributes: attributes::of_span(&mut self.random, peer, operation, &trace.user, failed),
            events: attributes::events_of_span(
                &mut self.random,
                start_unix_nano,
                duration_nano,
                failed,
            ),
            flags: 257,
            status: Some(Status { code, message }),
            ..Default::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bodies() {
        let make = || Workload::bodies(7, 50, 1_700_000_000_000_000_000, 1_000_000_000);
        let (first, ids) = make();
        let (second, _) = make();
        assert_eq!(ids.len(), 50);
        assert_eq!(first.len(), second.len());
        assert!(first.iter().zip(&second).all(|(a, b)| a.bytes == b.bytes));
    }

    #[test]
    fn a_trace_has_one_root_and_no_orphans() {
        let (bodies, _) = Workload::bodies(7, 1, 1_700_000_000_000_000_000, 1_000_000_000);
        let spans: Vec<Span> = bodies
            .iter()
            .map(|body| ExportTraceServiceRequest::decode(&body.bytes[..]).unwrap())
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect();
        let roots = spans.iter().filter(|span| span.parent_span_id.is_empty()).count();
        let orphans = spans
            .iter()
            .filter(|span| !span.parent_span_id.is_empty())
            .filter(|span| !spans.iter().any(|other| other.span_id == span.parent_span_id))
            .count();
        assert_eq!((roots, orphans), (1, 0));
    }
}
