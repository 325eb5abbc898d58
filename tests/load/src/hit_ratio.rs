//! Do exemplars lead anywhere? Apps with metrics, a real Prometheus and the real binary, whose retention leaves a twentieth of
//! the ordinary traces: every trace that Prometheus names is looked up soon, later, and after ordinary traces have gone.

mod apps;
mod look;
mod truth;

use apps::Apps;
use look::{Looker, Moment};
use sigyn_rig::{Options, Prometheus};
use std::{
    collections::HashSet,
    path::Path,
    time::{Duration, Instant},
};
use truth::Truth;

/// How a run goes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Traces that the apps make in a second.
    pub traces_per_second: u32,
    /// How long they do.
    pub load: Duration,
    /// Of Prometheus.
    pub scrape_interval: Duration,
    /// Of the collector: how often buffers are read.
    pub read_interval: Duration,
    /// How long ordinary traces are kept after they left the head.
    pub retention: Duration,
    /// When an exemplar's trace is looked up after it was observed, the first and the second time; the third is when ordinary traces of the
    /// load have gone.
    pub look_after: [Duration; 2],
}

/// What the look-ups at one moment gave.
#[derive(Clone, Debug, Default)]
pub struct Ratio {
    /// When.
    pub at: String,
    /// Traces that exemplars named.
    pub traces: usize,
    /// Found at all.
    pub found: usize,
    /// Found, with the span that the exemplar names.
    pub with_span: usize,
    /// Found, with all spans below that one that were recorded.
    pub with_descendants: usize,
    /// Of those that failed, a few.
    pub failures: Vec<String>,
}

/// How a run went.
#[derive(Clone, Debug)]
pub struct Report {
    /// Traces that were made.
    pub traces: usize,
    /// Spans of these.
    pub spans: usize,
    /// Exemplars that Prometheus held.
    pub exemplars: usize,
    /// By moment.
    pub ratios: Vec<Ratio>,
    /// The largest share of traces without exemplar that was still found while the load went on.
    pub ordinary_kept: f64,
    /// … and at the end.
    pub ordinary_left: f64,
    /// Spans that the collector says were lost.
    pub lost: f64,
    /// Traces that were asked from live buffers.
    pub sought: f64,
}

impl Plan {
    /// As the issue has it: 500 traces a second for ten minutes, of which half a minute stays.
    pub fn long() -> Self {
        Self {
            traces_per_second: 500,
            load: Duration::from_secs(600),
            scrape_interval: Duration::from_secs(15),
            // The default.
            read_interval: Duration::from_secs(5),
            retention: Duration::from_secs(20),
            look_after: [Duration::from_secs(10), Duration::from_secs(300)],
        }
    }

    /// The same in a minute or less.
    pub fn short(load: Duration) -> Self {
        Self {
            traces_per_second: 500,
            load,
            scrape_interval: Duration::from_secs(1),
            read_interval: Duration::from_secs(1),
            retention: Duration::from_secs(2),
            look_after: [Duration::from_secs(3), load / 2],
        }
    }
}

impl Ratio {
    /// Of the traces that exemplars named, those that lead to their span and what was below it.
    pub fn hit(&self) -> f64 {
        if self.traces == 0 { 0.0 } else { self.with_descendants as f64 / self.traces as f64 }
    }
}

/// Runs the plan; `None` where Prometheus is not installed.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub fn run(binary: &str, folder: &Path, plan: &Plan) -> Option<Report> {
    let truth = Truth::default();
    let apps = Apps::start(truth.clone());
    let targets = apps.addresses().join("', '");
    let interval = plan.scrape_interval.as_millis();
    let read_interval = plan.read_interval.as_millis();
    let prometheus = Prometheus::start(
        &folder.join("prometheus"),
        &format!(
            "global: {{scrape_interval: {interval}ms, scrape_timeout: {interval}ms}}\nstorage: {{exemplars: {{max_exemplars: 1000000}}}}\nscrape_configs:\n  - job_name: shop\n    static_configs: [{{targets: ['{targets}']}}]\n"
        ),
    )?;
    // A head of a fifth of the retention, so that what is kept is what the configuration says.
    let server = Options::new(binary, folder)
        .config(&format!(
            "global: {{scrape_interval: {read_interval}ms, scrape_timeout: {read_interval}ms}}\nscrape_configs:\n  - job_name: shop\n    exemplars_path: /metrics\n    static_configs: [{{targets: ['{targets}']}}]\nexemplars:\n  prometheus: [{{url: '{}', interval: {}ms}}]\nstorage:\n  retention: {}ms\n  head: {{max_age: {}ms}}\n",
            prometheus.api.base(),
            read_interval,
            plan.retention.as_millis(),
            (plan.retention / 5).as_millis(),
        ))
        .start();
    let began = Instant::now();
    apps.load(plan.traces_per_second, plan.load);

    let mut looker = Looker::new(prometheus.api.clone(), server.api.clone(), truth.clone());
    let moments = plan.look_after.map(Moment::After);
    let mut ordinary_kept: f64 = 0.0;
    let last_named = plan.load + plan.scrape_interval * 2;
    while began.elapsed() < last_named || !looker.has_looked(&moments) {
        if began.elapsed() > plan.load / 2 && began.elapsed() < plan.load {
            ordinary_kept = ordinary_kept.max(looker.ordinary_kept());
        }
        if began.elapsed() < last_named {
            looker.ask_prometheus();
        }
        moments.iter().for_each(|moment| looker.look(*moment));
        std::thread::sleep(Duration::from_millis(500));
    }
    let gone_by = Instant::now() + plan.retention * 4 + Duration::from_secs(60);
    while looker.ordinary_kept() > 0.0 && Instant::now() < gone_by {
        std::thread::sleep(Duration::from_secs(1));
    }
    looker.look(Moment::End);
    let (traces, spans) = truth.counts();
    Some(Report {
        traces,
        spans,
        exemplars: looker.exemplars(),
        ordinary_kept,
        ordinary_left: looker.ordinary_kept(),
        ratios: [moments[0], moments[1], Moment::End].map(|moment| looker.ratio(moment)).into(),
        lost: server.api.metric_sum("sigyn_lost_spans_total"),
        sought: server.api.metric_sum("sigyn_exemplars_sought_total").abs(),
    })
}

/// 16 bytes, as spans have it.
pub(crate) type TraceId = [u8; 16];
/// 8 bytes.
pub(crate) type SpanId = [u8; 8];
pub(crate) type SpanIds = HashSet<SpanId>;
