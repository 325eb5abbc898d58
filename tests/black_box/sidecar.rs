//! `sigyn buffer`: what it acknowledged is read by a server, whatever happens to it in between.

use crate::{SIGYN, now_unix_nano, sigyn};
use sigyn_rig::{Api, Server, SpanMaker, eventually, spans_of_trace};
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(20);
const PROTOBUF: &str = "application/x-protobuf";

/// A running sidecar. Killed when dropped.
struct Sidecar {
    child: Child,
    otlp: Api,
    zipkin: Api,
    web: Api,
}

/// A port that nobody has at the moment.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Sidecar {
    fn start(folder: &Path, web_port: u16, arguments: &[&str]) -> Self {
        let mut child = Command::new(SIGYN)
            .arg("buffer")
            .arg(format!("--buffer.file={}", folder.join("spans.ring").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{web_port}"))
            .args(["--buffer.capacity=2MB", "--log.format=json"])
            .args(["otlp.grpc", "otlp.http", "zipkin"].map(|name| format!("--{name}=127.0.0.1:0")))
            .args(
                ["grpc", "thrift-http", "thrift-compact", "thrift-binary"]
                    .map(|name| format!("--jaeger.{name}=off")),
            )
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (mut otlp, mut zipkin) = (None, None);
        let web = loop {
            let line = lines.next().expect("the sidecar ended").unwrap();
            let entry: serde_json::Value =
                serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line}"));
            let fields = &entry["fields"];
            if fields["message"] != "listening" {
                continue;
            }
            let api = Api::new(format!("http://{}", fields["address"].as_str().unwrap()));
            match fields["interface"].as_str().unwrap() {
                "otlp_http" => otlp = Some(api),
                "zipkin" => zipkin = Some(api),
                "web" => break api,
                _ => {}
            }
        };
        // Nobody reads the rest, but somebody must take it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, otlp: otlp.unwrap(), zipkin: zipkin.unwrap(), web }
    }

    /// Pushes a trace of so many spans; returns its ID once it is acknowledged.
    fn push(&self, maker: &mut SpanMaker, spans: usize) -> String {
        let root = maker.root("root");
        let trace = root.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut all = vec![root];
        for _ in 1..spans {
            all.push(maker.child(&all[0], "child"));
        }
        let answer = self.otlp.post("/v1/traces", PROTOBUF, &[], maker.request(all)).unwrap();
        assert_eq!(answer.status, 200);
        trace
    }

    /// SIGKILL, without warning.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; how it ended.
    fn stop(mut self) -> Option<i32> {
        let status = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(status.success());
        eventually(PATIENCE, || {
            self.child.try_wait().unwrap().ok_or_else(|| "it still runs".to_owned())
        })
        .code()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn scraping(folder: &Path, port: u16) -> Server {
    let config = format!(
        "global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}\nscrape_configs:\n  - job_name: sidecars\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
    );
    sigyn(folder).config(&config).start()
}

#[test]
fn kills_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut maker = SpanMaker::new("till", 7, now_unix_nano());
    // Before any reader came.
    let sidecar = Sidecar::start(folder.path(), port, &[]);
    let mut traces: Vec<String> = (0..20).map(|_| sidecar.push(&mut maker, 5)).collect();
    sidecar.kill();

    let mut sidecar = Sidecar::start(folder.path(), port, &[]);
    let server = scraping(folder.path(), port);
    for round in 0..6 {
        // Some kills come before a read, some after it.
        traces.extend((0..5 + 20 * (round % 3)).map(|_| sidecar.push(&mut maker, 5)));
        if round % 2 == 0 {
            let last = traces.last().unwrap();
            eventually(PATIENCE, || match spans_of_trace(&server.api, last).len() {
                5 => Ok(()),
                some => Err(format!("{some} spans of {last}")),
            });
        }
        sidecar.kill();
        sidecar = Sidecar::start(folder.path(), port, &[]);
    }
    for trace in &traces {
        eventually(PATIENCE, || match spans_of_trace(&server.api, trace).len() {
            5 => Ok(()),
            some => Err(format!("{some} spans of {trace}")),
        });
    }
    assert_eq!(
        server.api.metric_sum("sigyn_lost_spans_total"),
        0.0,
        "and no reader had to begin anew"
    );
    let recorded = format!("sigyn_buffer_recorded_spans_total {}", 5 * traces.len());
    let metrics = sidecar.web.get("/metrics").text();
    assert!(metrics.contains(&recorded), "{metrics}");

    // At the end it waits for the reader, and not longer.
    traces.push(sidecar.push(&mut maker, 5));
    assert_eq!(sidecar.stop(), Some(0));
    assert_eq!(spans_of_trace(&server.api, traces.last().unwrap()).len(), 5);
}

#[test]
fn it_keeps_the_pull_protocol_and_takes_other_protocols() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "open sesame\n").unwrap();
    let token = format!("--web.bearer-token-file={}", token.display());
    let sidecar = Sidecar::start(folder.path(), 0, &[&token, "--drain.timeout=200ms"]);
    let mut maker = SpanMaker::new("till", 7, now_unix_nano());
    (0..40).for_each(|_| drop(sidecar.push(&mut maker, 3)));
    let zipkin = br#"[{"traceId":"bb","id":"1","name":"get","timestamp":1790000000000000,"localEndpoint":{"serviceName":"old"}}]"#;
    let answer = sidecar.zipkin.post("/api/v2/spans", "application/json", &[], zipkin.to_vec());
    assert_eq!(answer.unwrap().status, 202);

    let url = format!("{}/debug/spans", sidecar.web.base());
    let output = Command::new(SIGYN)
        .args(["check", "buffer", &url, "--bearer-token=open sesame"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("good  each span once: 121 span(s)"), "{text}");
    let metrics = sidecar.web.get("/metrics").text();
    for line in [
        "sigyn_buffer_received_spans_total{via=\"zipkin\"} 1",
        "sigyn_buffer_received_spans_total{via=\"otlp\"} 120",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert_eq!(sidecar.stop(), Some(0), "nobody comes, and it ends all the same");

    // A second one on the file of a first is told so.
    let first = Sidecar::start(folder.path(), 0, &[]);
    let second = Command::new(SIGYN)
        .args(["buffer", "--web.listen-address=127.0.0.1:0"])
        .arg(format!("--buffer.file={}", folder.path().join("spans.ring").display()))
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(3));
    let why = String::from_utf8_lossy(&second.stderr);
    assert!(why.contains("is in use by another process"), "{why}");
    drop(first);
}
