//! Whole relabel rules as they stand in a configuration, over labels.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_collector::{Labels, config::Config, relabel};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // The first line is a value, the others are the rules.
    let (value, rules) = text.split_once('\n').unwrap_or((text, ""));
    let mut yaml = "scrape_configs:\n- job_name: j\n  relabel_configs:\n".to_owned();
    for line in rules.lines() {
        yaml += &format!("  {line}\n");
    }
    let Ok((config, _)) = Config::parse(&yaml, "fuzz", &|_| None) else { return };
    let Some(job) = config.scrape_configs.first() else { return };
    let labels: Labels =
        [("a", value), ("b", "foo"), ("__address__", "h:1")].into_iter().collect();
    let outcome = relabel::apply(&job.relabel_configs, labels.clone());
    let steps = relabel::trace(&job.relabel_configs, &labels);
    // What is shown is what was done.
    if let Some(last) = steps.last() {
        assert_eq!(last.outputs, outcome.kept);
    }
});
