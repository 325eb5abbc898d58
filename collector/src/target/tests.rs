use super::*;
use crate::config::Config;

/// The first job of a configuration, and its static groups.
fn job(yaml: &str) -> (ScrapeConfig, Vec<TargetGroup>) {
    let nothing = |_: &str| None;
    let (config, _) =
        Config::parse(yaml, "test.yml", &nothing).unwrap_or_else(|errors| panic!("{}", errors[0]));
    let job = config.scrape_configs.into_iter().next().unwrap();
    let groups = job
        .discovery
        .iter()
        .flat_map(|mechanism| match mechanism {
            crate::discovery::Mechanism::Static(discovery) => discovery.groups.clone(),
            _ => Vec::new(),
        })
        .collect();
    (job, groups)
}

fn targets(yaml: &str) -> GroupTargets {
    let (job, groups) = job(yaml);
    targets_of(&job, &groups)
}

fn targets_of(job: &ScrapeConfig, groups: &[TargetGroup]) -> GroupTargets {
    let built: Vec<_> = groups.iter().map(|group| build(job, group)).collect();
    GroupTargets {
        active: collapse(&built),
        dropped: built.iter().flat_map(|group| group.dropped.clone()).collect(),
        failed: built.into_iter().flat_map(|group| group.failed).collect(),
    }
}

#[test]
fn a_plain_target_gets_the_jobs_defaults() {
    let (job, groups) = job(
        "scrape_configs: [{job_name: shop, exemplars_path: /metrics, params: {b: [1, 2], a: [x y]},
          static_configs: [{targets: ['db:1'], labels: {team: red}}]}]",
    );
    let target = &targets_of(&job, &groups).active[0];
    assert_eq!(target.url, "http://db:1/debug/spans?a=x+y&b=1&b=2");
    assert_eq!(target.exemplars_url.as_deref(), Some("http://db:1/metrics"));
    assert_eq!(target.labels.to_string(), r#"{instance="db:1", job="shop", team="red"}"#);
    assert_eq!(
        target.discovered.labels(&job).to_string(),
        r#"{__address__="db:1", __metrics_path__="/debug/spans", __param_a="x y", __param_b="1", __scheme__="http", __scrape_interval__="5s", __scrape_timeout__="5s", job="shop", team="red"}"#
    );
    assert_eq!(target.scrape_interval, Duration::from_secs(5));
}

#[test]
fn relabeling_may_set_all_that_a_scrape_needs() {
    let targets = targets(
        "scrape_configs: [{job_name: a, static_configs: [{targets: ['x:1']}], relabel_configs: [
          {target_label: __scheme__, replacement: https},
          {target_label: __metrics_path__, replacement: /a?b},
          {target_label: __param_q, replacement: v},
          {target_label: __scrape_interval__, replacement: 1m},
          {target_label: __scrape_timeout__, replacement: 30s},
          {target_label: instance, replacement: me},
          {target_label: job, replacement: other},
          {source_labels: [__address__], target_label: __meta_gone},
          {target_label: __address__, replacement: '[::1]:443'}]}]",
    );
    let target = &targets.active[0];
    assert_eq!(target.url, "https://[::1]/a%3Fb?q=v");
    assert_eq!(target.labels.to_string(), r#"{instance="me", job="other"}"#);
    assert_eq!(target.job, "a");
    assert_eq!(target.scrape_timeout, Duration::from_secs(30));
    assert_eq!(target.all_labels.get("__meta_gone"), "");
    assert_eq!(target.all_labels.get("__address__"), "[::1]:443");
}

#[test]
fn what_cannot_be_scraped_says_why() {
    let reason = |rules: &str| {
        let yaml = format!(
            "scrape_configs: [{{job_name: a, static_configs: [{{targets: ['x:1']}}], \
             relabel_configs: [{rules}]}}]"
        );
        let targets = targets(&yaml);
        assert!(targets.active.is_empty() && targets.dropped.is_empty());
        targets.failed[0].reason.clone()
    };
    assert_eq!(reason("{target_label: __address__, replacement: ''}"), "no address");
    assert_eq!(
        reason("{target_label: __address__, replacement: 'http://x'}"),
        r#""http://x" is not a valid hostname"#
    );
    assert!(reason("{target_label: __scrape_timeout__, replacement: 6s}").contains("longer"));
    assert!(reason("{target_label: __scrape_interval__, replacement: x}").contains("duration"));
    assert!(reason("{target_label: __scrape_interval__, replacement: 0s}").contains("is 0"));
    assert!(reason("{target_label: __scheme__, replacement: ftp}").contains("neither"));
    assert!(reason("{target_label: __address__, replacement: 'u@h:1'}").contains("valid address"));
    assert!(reason("{action: labelkeep, regex: job}").contains("no address"));
}

#[test]
fn a_dropped_target_names_its_rule() {
    let targets = targets(
        "scrape_configs: [{job_name: a, static_configs: [{targets: ['x:1', 'y:1']}],
          relabel_configs: [{target_label: n, replacement: v},
                            {source_labels: [__address__], regex: 'y.*', action: drop}]}]",
    );
    assert_eq!(targets.active.len(), 1);
    assert_eq!(targets.dropped[0].rule, 1);
    assert_eq!(targets.dropped[0].discovered.get("__address__"), "y:1");
    assert_eq!(targets.dropped[0].discovered.get("n"), "");
}

#[test]
fn targets_collapse_by_what_is_left_of_them() {
    let yaml = |rule: &str| {
        format!(
            "scrape_configs: [{{job_name: a, static_configs: [{{targets: ['x:1', 'x:2', 'y:1']}}], \
             relabel_configs: [{rule} \
             {{source_labels: [__address__], regex: '(.*):.*', target_label: __address__, \
             replacement: '$1:9'}}]}}]"
        )
    };
    assert_eq!(targets(&yaml("")).active.len(), 2);
    // A forgotten hidden label keeps them apart.
    let keep = "{source_labels: [__address__], target_label: __tmp_x},";
    assert_eq!(targets(&yaml(keep)).active.len(), 3);
}

#[test]
fn a_collapsed_target_is_ending_when_any_of_them_is() {
    let (job, groups) =
        job("scrape_configs: [{job_name: a, static_configs: [{targets: ['x:1', 'x:1']}]}]");
    let mut group = TargetGroup::clone(&groups[0]);
    group.targets[1].ending = true;
    let targets = targets_of(&job, &[group]);
    assert_eq!(targets.active.len(), 1);
    assert!(targets.active[0].ending);
}

#[test]
fn an_identity_is_the_same_in_every_process() {
    let target = |yaml| targets(yaml).active.remove(0).identity;
    let yaml = "scrape_configs: [{job_name: a, static_configs: [{targets: ['x:1']}]}]";
    assert_eq!(target(yaml), 18_295_520_396_074_954_390);
    let other = "scrape_configs: [{job_name: a, static_configs: [{targets: ['x:2']}]}]";
    assert_ne!(target(yaml), target(other));
}
