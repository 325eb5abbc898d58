//! `--polyglot`: a service in each language that this machine has, each a process of its own, one calling the next.
//!
//! They are the example apps of the libraries in `clients/`; `clients/run.mjs` makes them ready and says how each
//! is started.

use crate::exit::Exit;
use serde_json::Value;
use sigyn_demo::ScrapeTarget;
use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Duration,
};

/// Makes the apps ready: installs and builds what is not yet there.
const PREPARE: &str = "clients/run.mjs";
/// Most of it is the start of a JVM on a busy machine.
const READY_TIME_MAX: Duration = Duration::from_secs(60);
/// The apps drain on SIGTERM; but the server has ended by then, and nobody would come for what is left.
const END_TIME_MAX: Duration = Duration::from_millis(500);
/// Languages, and what their services are called.
const SERVICES: [(&str, &str); 4] = [
    ("python", "polyglot-python"),
    ("node", "polyglot-node"),
    ("go", "polyglot-go"),
    ("java", "polyglot-java"),
];

/// The running services, first to last.
pub(super) struct Chain {
    targets: Vec<ScrapeTarget>,
    processes: Vec<Process>,
}

/// Ended when dropped.
struct Process {
    child: Child,
}

/// How a service is started, as `clients/run.mjs demo` prints it.
struct Start {
    service: &'static str,
    command: Vec<String>,
    folder: String,
    environment: Vec<(String, String)>,
}

impl Chain {
    /// Makes the services ready and starts them, the last one first, because each is told of the next. Blocks, the first
    /// time for as long as their dependencies take to install.
    pub(super) fn start() -> Result<Self, Exit> {
        if !Path::new(PREPARE).exists() {
            return Err(Exit::bad(format!(
                "--polyglot: there is no {PREPARE} here; run it in a checkout of the repository"
            )));
        }
        let starts = prepare()?;
        if starts.is_empty() {
            return Err(Exit::bad(
                "--polyglot: none of Python, Node, Go and Java is ready; what each lacks stands above",
            ));
        }
        let mut chain = Self { targets: Vec::new(), processes: Vec::new() };
        let mut next = String::new();
        for start in starts.iter().rev() {
            let address = free_address()
                .map_err(|error| Exit::bad(format!("--polyglot: no port is free: {error}")))?;
            chain.processes.insert(0, Process::start(start, address, &next)?);
            let pod = format!("{}-0", start.service);
            chain.targets.insert(0, ScrapeTarget { service: start.service, pod, address });
            next = format!("http://{address}");
        }
        Ok(chain)
    }

    /// Who is called from the shop.
    pub(super) fn first(&self) -> Option<ScrapeTarget> {
        self.targets.first().cloned()
    }

    /// All of them, to be scraped.
    pub(super) fn targets(&self) -> &[ScrapeTarget] {
        &self.targets
    }
}

/// What is missing is said on standard error by the script itself.
fn prepare() -> Result<Vec<Start>, Exit> {
    let output = Command::new("node")
        .args([PREPARE, "demo"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| {
            Exit::bad(format!(
                "--polyglot: the services are made ready by Node, which does not start here ({error}); install Node 20"
            ))
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    let starts: Vec<Start> = text.lines().filter_map(Start::parse).collect();
    Ok(starts)
}

impl Start {
    fn parse(line: &str) -> Option<Self> {
        let start: Value = serde_json::from_str(line).ok()?;
        let language = start["language"].as_str()?;
        let (_, service) = SERVICES.iter().find(|(known, _)| *known == language)?;
        let texts = |list: &Value| -> Option<Vec<String>> {
            list.as_array()?.iter().map(|it| it.as_str().map(str::to_owned)).collect()
        };
        let environment = start["env"].as_object().into_iter().flatten();
        Some(Self {
            service,
            command: texts(&start["command"]).filter(|command| !command.is_empty())?,
            folder: start["directory"].as_str()?.to_owned(),
            environment: environment
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
        })
    }
}

impl Process {
    /// Returns when it listens.
    fn start(start: &Start, address: SocketAddr, next: &str) -> Result<Self, Exit> {
        let service = start.service;
        let (program, arguments) = start.command.split_first().expect("parsed as not empty");
        let child = Command::new(program)
            .args(arguments)
            .args(["--listen", &address.to_string(), "--next", next])
            .current_dir(&start.folder)
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Exit::bad(format!("{service} does not start: {program}: {error}")))?;
        let mut process = Self { child };
        let (said, hears) = mpsc::channel();
        let stdout = process.child.stdout.take().expect("standard output is piped");
        let stderr = process.child.stderr.take().expect("standard error is piped");
        // Read to their ends, so that no app waits for somebody to read on.
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.trim() == "ready" {
                    // Nobody waits any more after the first.
                    let _ = said.send(());
                }
            }
        });
        let complaints = std::thread::spawn(move || last_words(stderr));
        if hears.recv_timeout(READY_TIME_MAX).is_ok() {
            return Ok(process);
        }
        drop(process);
        let mut why = format!("{service} did not say that it is ready");
        if let Some(words) = complaints.join().ok().filter(|words| !words.is_empty()) {
            write!(why, ":\n{words}").expect("a String takes everything");
        }
        Err(Exit::bad(why))
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        // All are asked before any is waited for.
        self.processes.iter().for_each(Process::ask_to_end);
    }
}

impl Process {
    /// The standard library can only kill.
    fn ask_to_end(&self) {
        let id = rustix::process::Pid::from_child(&self.child);
        // Whoever has ended already is content.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.ask_to_end();
        if !ends_within(&mut self.child, END_TIME_MAX) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Waits for the end of a child, asking now and then.
fn ends_within(child: &mut Child, limit: Duration) -> bool {
    const PAUSE: Duration = Duration::from_millis(20);
    for _ in 0..limit.as_millis() / PAUSE.as_millis() {
        match child.try_wait() {
            Ok(None) => std::thread::park_timeout(PAUSE),
            _ => return true,
        }
    }
    false
}

/// The end of what an app said.
fn last_words(mut stderr: impl Read) -> String {
    let mut words = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = stderr.read(&mut piece) {
        words.extend_from_slice(&piece[..length]);
        let surplus = words.len().saturating_sub(piece.len());
        words.drain(..surplus);
    }
    String::from_utf8_lossy(&words).trim().to_owned()
}

/// A port that nobody has at this moment.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
