//! Exemplars lead to their traces, whatever retention says of the rest.

use crate::SIGYN;
use sigyn_load::hit_ratio::{self, Plan};
use std::time::Duration;

/// Ten minutes are measured by `make bench-exemplars`; here it is the same in small.
#[test]
fn exemplars_of_prometheus_lead_to_their_traces() {
    let folder = tempfile::tempdir().unwrap();
    let seconds = if std::env::var_os("SIGYN_SOAK").is_some() { 60 } else { 8 };
    let plan = Plan { traces_per_second: 100, ..Plan::short(Duration::from_secs(seconds)) };
    let Some(report) = hit_ratio::run(SIGYN, folder.path(), &plan) else { return };
    assert!(report.exemplars > 100, "{report:?}");
    assert_eq!(report.lost, 0.0, "{report:?}");
    assert!(report.ordinary_left < 0.01, "ordinary traces have gone: {report:?}");
    for ratio in &report.ratios {
        assert!(ratio.traces > 100 && ratio.hit() >= 0.995, "{ratio:?}");
    }
}
