//! A real Prometheus as a peer: Debian's package, which `make test` installs.

use crate::{Api, eventually};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

const START_SECONDS_MAX: u64 = 60;

/// A running Prometheus on a free port of loopback. Killed when dropped.
pub struct Prometheus {
    child: Child,
    folder: PathBuf,
    /// Its HTTP port.
    pub api: Api,
}

/// One that was killed, and can be started again where it was.
pub struct Killed {
    folder: PathBuf,
    address: String,
}

impl Prometheus {
    /// Starts it with exemplar storage, native histograms and the remote-write receiver on, its data below `folder`.
    /// `None`, with a line that says so, where Prometheus is not installed; never so in CI.
    #[track_caller]
    pub fn start(folder: &Path, config: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("the test's folder is writable");
        std::fs::write(folder.join("prometheus.yml"), config)
            .expect("the test's folder is writable");
        Self::run(folder, "127.0.0.1:0")
    }

    #[track_caller]
    #[expect(clippy::print_stderr, reason = "whoever runs the tests is told what they miss")]
    fn run(folder: &Path, address: &str) -> Option<Self> {
        let file = folder.join("prometheus.yml");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--enable-feature=exemplar-storage,remote-write-receiver,native-histograms")
            // As Prometheus 3 does without being told.
            .arg("--enable-feature=no-default-scrape-port")
            .arg("--web.enable-remote-write-receiver")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                assert!(std::env::var_os("CI").is_none(), "CI needs Prometheus: {error}");
                eprintln!("skipped: Prometheus is not installed (apt-get install prometheus)");
                return None;
            }
        };
        let log = Arc::new(Mutex::new(Vec::<String>::new()));
        let output = BufReader::new(child.stderr.take().expect("it is piped"));
        let lines = Arc::clone(&log);
        // It reads to the end, so that Prometheus never waits for a full pipe.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                lines.lock().expect("no reader panics").push(line);
            }
        });
        let address = eventually(Duration::from_secs(START_SECONDS_MAX), || {
            let log = log.lock().expect("no reader panics");
            let bound = log.iter().find(|line| line.contains("\"Listening on\""));
            let address = bound.and_then(|line| line.split("address=").nth(1));
            address.map(|it| it.trim().to_owned()).ok_or_else(|| log.join("\n"))
        });
        let api = Api::new(format!("http://{address}"));
        eventually(Duration::from_secs(START_SECONDS_MAX), || match api.try_get("/-/ready", &[]) {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        });
        Some(Self { child, folder: folder.to_owned(), api })
    }

    /// SIGKILL, without warning.
    pub fn kill(self) -> Killed {
        let address = self.api.base().trim_start_matches("http://").to_owned();
        Killed { folder: self.folder.clone(), address }
    }

    /// The instant vector of a PromQL query: labels and value of each series.
    #[track_caller]
    pub fn query(&self, promql: &str) -> Vec<(Value, f64)> {
        let answer = self.api.json(&format!("/api/v1/query?query={}", escape(promql)));
        let series = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        let value = |it: &Value| it["value"][1].as_str().and_then(|text| text.parse().ok());
        series
            .iter()
            .map(|it| (it["metric"].clone(), value(it).expect("a value is a number")))
            .collect()
    }
}

impl Killed {
    /// Starts it again at the same address over the same data.
    #[track_caller]
    pub fn start(self) -> Prometheus {
        Prometheus::run(&self.folder, &self.address).expect("it was there before")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
