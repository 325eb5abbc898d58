//! The real binary as a child process.

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
const STOP_SECONDS_MAX: u64 = 15;

/// How to start a server.
#[derive(Clone, Debug)]
pub struct Options {
    binary: PathBuf,
    storage: PathBuf,
    config: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    listen: String,
}

/// A running server. Killed when dropped.
pub struct Server {
    child: Child,
    log: Arc<Mutex<Log>>,
    options: Options,
    /// Its HTTP port.
    pub api: Api,
    /// Its OTLP/HTTP port.
    pub otlp: Api,
}

/// How a process ended.
#[derive(Debug)]
pub struct Exit {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// All that it wrote to standard error.
    pub log: String,
}

#[derive(Default)]
struct Log {
    lines: Vec<String>,
    ended: bool,
}

impl Options {
    /// The binary under test, and a folder for its storage and config. Receivers listen on free ports of loopback.
    pub fn new(binary: &str, folder: &Path) -> Self {
        Self {
            binary: binary.into(),
            storage: folder.join("data"),
            config: String::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            listen: "127.0.0.1:0".to_owned(),
        }
    }

    /// YAML to add to the config file (anything but `receivers`).
    pub fn config(mut self, yaml: &str) -> Self {
        self.config = yaml.to_owned();
        self
    }

    /// A further command line argument.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// A further environment variable.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The address of its HTTP port, for one that others must know beforehand.
    pub fn listen(mut self, address: &str) -> Self {
        self.listen = address.to_owned();
        self
    }

    /// The config file that the server reads.
    pub fn config_path(&self) -> PathBuf {
        self.storage.with_file_name("sigyn.yml")
    }

    /// Where it stores.
    pub fn storage(&self) -> &Path {
        &self.storage
    }

    /// Writes the config file anew.
    pub fn write_config(&self) {
        let receivers = "receivers:\n  otlp:\n    grpc: {endpoint: \"127.0.0.1:0\"}\n    http: {endpoint: \"127.0.0.1:0\"}\n";
        std::fs::write(self.config_path(), format!("{receivers}{}", self.config))
            .expect("the test's folder is writable");
    }

    /// Starts it and waits until it is ready.
    #[track_caller]
    pub fn start(self) -> Server {
        self.write_config();
        let mut command = Command::new(&self.binary);
        command
            .arg("serve")
            .arg(format!("--config.file={}", self.config_path().display()))
            .arg(format!("--storage.path={}", self.storage.display()))
            .arg(format!("--web.listen-address={}", self.listen))
            .arg("--log.format=json")
            .args(&self.arguments)
            .env_remove("KUBECONFIG")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let log = Log::of(&mut child);
        let bound = |interface: &str| {
            eventually(Duration::from_secs(START_SECONDS_MAX), || {
                let log = log.lock().expect("no reader panics");
                match log.address(interface) {
                    Some(address) => Ok(address),
                    None if log.ended => panic!("the server ended: {}", log.lines.join("\n")),
                    None => Err(format!("no {interface} address: {}", log.lines.join("\n"))),
                }
            })
        };
        let api = Api::new(format!("http://{}", bound("web")));
        let otlp = Api::new(format!("http://{}", bound("otlp_http")));
        eventually(Duration::from_secs(START_SECONDS_MAX), || match api.try_get("/-/ready", &[]) {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        });
        Server { child, log, options: self, api, otlp }
    }

    /// Runs it to its end, for starts that must fail.
    #[track_caller]
    pub fn run(self) -> Exit {
        self.write_config();
        let output = Command::new(&self.binary)
            .arg("serve")
            .arg(format!("--config.file={}", self.config_path().display()))
            .arg(format!("--storage.path={}", self.storage.display()))
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts");
        Exit {
            code: output.status.code(),
            log: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Server {
    /// The address of a listener by its name in the log: `web`, `otlp_grpc`, `otlp_http`.
    pub fn address(&self, interface: &str) -> Option<String> {
        self.log.lock().expect("no reader panics").address(interface)
    }

    /// Its process ID.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// How it was started.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// SIGKILL, without warning.
    pub fn kill(mut self) -> Options {
        self.child.kill().expect("the server runs");
        self.child.wait().expect("a killed child ends");
        self.options.clone()
    }

    /// Sends a signal by name (`HUP`, `TERM`).
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status()
            .expect("kill exists");
        assert!(status.success(), "the server runs");
    }

    /// SIGTERM, and waits for the end.
    #[track_caller]
    pub fn stop(mut self) -> Exit {
        self.signal("TERM");
        let status = eventually(Duration::from_secs(STOP_SECONDS_MAX), || {
            self.child
                .try_wait()
                .expect("the child is ours")
                .ok_or_else(|| "it still runs".to_owned())
        });
        let log = self.log.lock().expect("no reader panics").lines.join("\n");
        Exit { code: status.code(), log }
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no reader panics").lines.join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn of(child: &mut Child) -> Arc<Mutex<Self>> {
        let log = Arc::new(Mutex::new(Self::default()));
        let stderr = child.stderr.take().expect("standard error is piped");
        let shared = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                shared.lock().expect("no holder panics").lines.push(line);
            }
            shared.lock().expect("no holder panics").ended = true;
        });
        log
    }

    fn address(&self, interface: &str) -> Option<String> {
        self.lines.iter().find_map(|line| {
            let entry: Value = serde_json::from_str(line).ok()?;
            let fields = entry.get("fields")?;
            let of_interface =
                fields.get("message")? == "listening" && fields.get("interface")? == interface;
            of_interface.then(|| fields.get("address")?.as_str().map(str::to_owned))?
        })
    }
}
