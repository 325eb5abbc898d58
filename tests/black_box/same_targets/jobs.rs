//! A job for every mechanism that both have.

use std::{fs, net::SocketAddr, path::Path};

/// Jobs that must find something. Debian's Prometheus is built without Kubernetes and Consul.
pub(super) const NAMES: [&str; 6] = ["static", "mended", "file", "http", "docker", "ec2"];

pub(super) fn write_files(folder: &Path) {
    fs::create_dir(folder.join("targets")).unwrap();
    let write =
        |name: &str, text: &str| fs::write(folder.join("targets").join(name), text).unwrap();
    write(
        "a.json",
        r#"[{"targets": ["127.0.0.1:1", "b:2"], "labels": {"team": "red", "x": "é\u00e9"}}]"#,
    );
    write(
        "b.yml",
        "- targets: ['127.0.0.1:3']\n  labels: {port: 8080, yes: 'on'}\n- targets: ['127.0.0.1:4']\n",
    );
    write("broken.json", r#"[{"targets": ["127.0.0.1:5"], "surprise": 1}]"#);
    write("other.txt", "- targets: ['127.0.0.1:6']\n");
}

/// Nothing is scraped in the life of the test: it is about finding only.
pub(super) fn config(servers: SocketAddr) -> String {
    format!(
        r#"global: {{scrape_interval: 1y, scrape_timeout: 5s}}
scrape_configs:
- job_name: static
  metrics_path: /m
  scheme: https
  params: {{module: [a, b]}}
  static_configs:
  - {{targets: ['127.0.0.1:1', '[::1]:2', 'h:3'], labels: {{team: red, instance: mine, __scheme__: http}}}}
  - {{targets: ['127.0.0.1:1']}}
  - {{targets: ['127.0.0.1:1', '127.0.0.1:7'], labels: {{__metrics_path__: /other, __scrape_interval__: 2y, job: static}}}}
- job_name: mended
  metrics_path: /m
  static_configs: [{{targets: ['http://127.0.0.1:9/x', '127.0.0.1:10', '127.0.0.1:11']}}]
  relabel_configs:
  - {{source_labels: [__address__], regex: 'http://([^/]+)/.*', target_label: __address__}}
  - {{source_labels: [__address__], regex: '.*:11', action: drop}}
  - {{source_labels: [__address__], modulus: 1000, target_label: shard, action: hashmod}}
- {{job_name: file, metrics_path: /m, file_sd_configs: [{{files: ['targets/*.json', targets/b.yml]}}]}}
- {{job_name: http, metrics_path: /m, http_sd_configs: [{{url: 'http://{servers}/targets'}}]}}
- {{job_name: docker, metrics_path: /m, docker_sd_configs: [{{host: 'tcp://{servers}', port: 81, host_networking_host: hh}}]}}
- job_name: ec2
  metrics_path: /m
  ec2_sd_configs: [{{region: eu-1, endpoint: 'http://{servers}', access_key: a, secret_key: s, port: 81, filters: [{{name: x, values: [y]}}]}}]
"#
    )
}
