//! The buffer, its file, and the door for pushes.

use crate::{
    error::Error,
    layout::{Header, SHARDS},
    recorder::Recorder,
    recovery::Recovered,
    ring_file::RingFile,
};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use prost::Message;
use sigyn_buffer::{Origin, Place, SpanBuffer};
use sigyn_collector::receivers::Sink;
use sigyn_proto::otlp::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use sigyn_store::{Appended, Batch, Via};
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Eight shards of 128 KiB.
const CAPACITY_BYTES_MIN: u64 = 1 << 20;

/// How to open a sidecar.
#[derive(Clone, Debug)]
pub struct SidecarConfig {
    /// The ring's file; made if it is not there.
    pub path: PathBuf,
    /// Of spans in memory, at least 1 MiB. The file is two and a half times as large, and 1 MiB.
    pub capacity_bytes: u64,
    /// The pod's UID, for readers.
    pub uid: Option<String>,
}

/// A running sidecar; a clone is another handle to it.
#[derive(Clone)]
pub struct Sidecar {
    buffer: SpanBuffer,
    shared: Arc<Shared>,
}

struct Shared {
    recorder: Mutex<Recorder>,
    received: [AtomicU64; 3],
    rejected: AtomicU64,
    /// Nobody else opens the file as long as this lives.
    _lock: File,
}

/// What an earlier life left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Spans that are held again.
    pub spans: u64,
    /// Spans that were held and are damaged.
    pub damaged: u64,
    /// Why readers must begin anew, though there was a file.
    pub new_epoch: Option<&'static str>,
}

/// What was taken since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SidecarStats {
    /// Spans pushed as OTLP.
    pub received_otlp: u64,
    /// Spans pushed as Zipkin.
    pub received_zipkin: u64,
    /// Spans pushed as Jaeger.
    pub received_jaeger: u64,
    /// Spans with impossible IDs.
    pub rejected: u64,
    /// Failed writes of the file; after the first there is no file.
    pub write_failures: u64,
}

impl Sidecar {
    /// Opens the file, or makes one, and holds again what it holds. Blocks.
    ///
    /// # Errors
    /// When the file is in use, not ours, or cannot be read or made. A damaged one is no error.
    pub fn open(config: &SidecarConfig) -> Result<(Self, Opened), Error> {
        let lock = lock(&config.path)?;
        let capacity_bytes = config.capacity_bytes.max(CAPACITY_BYTES_MIN);
        let recovered = Recovered::read(&config.path)?;
        let boot = boot_id();
        let new_epoch = recovered.as_ref().and_then(|found| {
            let is_same = found.header
                == Header { boot, ..Header::new(found.header.epoch, SHARDS, capacity_bytes, 0) };
            match (found.is_certain, found.header.boot == boot && boot != 0, is_same) {
                (false, ..) => Some("the file is damaged where it says how far the ring had come"),
                (_, false, _) => {
                    Some("the machine was started anew, and may have lost the newest writes")
                }
                (.., false) => Some("the file had another capacity"),
                _ => None,
            }
        });
        let mut builder = SpanBuffer::builder().capacity_bytes(capacity_bytes as usize);
        if let Some(uid) = &config.uid {
            builder = builder.uid(uid);
        }
        let opened = Opened {
            spans: recovered.as_ref().map_or(0, |found| found.spans.len() as u64),
            damaged: recovered.as_ref().map_or(0, Recovered::damaged),
            new_epoch,
        };
        let (buffer, recorder) = match recovered {
            Some(found) if new_epoch.is_none() => {
                let (buffer, mut relay) = builder.build_relay(found.header.epoch, SHARDS as usize);
                for (shard, held) in found.held.iter().enumerate() {
                    relay.begin(shard, held.clone());
                    for sequence in held.clone() {
                        let place = Place { shard, sequence };
                        match found.spans.get(&place) {
                            Some(span) => relay.record(place, &span.origin, &span.span),
                            None => relay.leave_hole(place),
                        }
                    }
                }
                let file = RingFile::resume(found.file, found.header, found.head, found.generation);
                (buffer, Recorder::new(relay, file, config.path.clone()))
            }
            found => {
                let epoch = rand::random();
                let (buffer, relay) = builder.build_relay(epoch, SHARDS as usize);
                let header = Header::new(epoch, SHARDS, capacity_bytes, boot);
                let file = RingFile::create(&config.path, header)?;
                let mut recorder = Recorder::new(relay, file, config.path.clone());
                let mut spans: Vec<_> =
                    found.into_iter().flat_map(|found| found.spans.into_values()).collect();
                spans.sort_by_key(|span| span.position);
                let spans: Vec<_> =
                    spans.into_iter().map(|span| (span.origin, span.span)).collect();
                recorder.record(&spans);
                recorder.put_in_place()?;
                (buffer, recorder)
            }
        };
        let shared = Shared {
            recorder: Mutex::new(recorder),
            received: Default::default(),
            rejected: AtomicU64::new(0),
            _lock: lock,
        };
        Ok((Self { buffer, shared: Arc::new(shared) }, opened))
    }

    /// What is scraped.
    pub fn buffer(&self) -> &SpanBuffer {
        &self.buffer
    }

    /// What was taken since the start.
    pub fn stats(&self) -> SidecarStats {
        let [otlp, zipkin, jaeger] = &self.shared.received;
        SidecarStats {
            received_otlp: otlp.load(Ordering::Relaxed),
            received_zipkin: zipkin.load(Ordering::Relaxed),
            received_jaeger: jaeger.load(Ordering::Relaxed),
            rejected: self.shared.rejected.load(Ordering::Relaxed),
            write_failures: self.shared.recorder.lock().write_failures,
        }
    }
}

impl std::fmt::Debug for Sidecar {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Sidecar").field(&self.buffer).finish()
    }
}

impl Sink for Sidecar {
    fn take(&self, batch: Batch) -> BoxFuture<'_, Result<Appended, sigyn_store::Error>> {
        let shared = self.shared.clone();
        Box::pin(async move {
            // Decoding a large body and writing it takes milliseconds: not on a thread that serves others.
            let taken = tokio::task::spawn_blocking(move || shared.record(&batch)).await;
            taken.unwrap_or_else(|error| Err(malformed(format!("it broke the decoder: {error}"))))
        })
    }
}

impl Shared {
    fn record(&self, batch: &Batch) -> Result<Appended, sigyn_store::Error> {
        let request = ExportTraceServiceRequest::decode(&batch.body[..])
            .map_err(|error| malformed(error.to_string()))?;
        let mut spans = Vec::new();
        let mut rejected = 0;
        for resource_spans in request.resource_spans {
            let resource = resource_spans.resource.unwrap_or_default().encode_to_vec();
            for scope_spans in resource_spans.scope_spans {
                let scope = scope_spans.scope.unwrap_or_default().encode_to_vec();
                let origin = Origin::new(
                    (&resource, &resource_spans.schema_url),
                    (&scope, &scope_spans.schema_url),
                );
                let (good, bad): (Vec<Span>, Vec<Span>) =
                    scope_spans.spans.into_iter().partition(has_ids);
                rejected += bad.len();
                // Encoded anew, the trace ID stands first, where the ring looks for it.
                spans.extend(good.iter().map(|span| (origin.clone(), span.encode_to_vec())));
            }
        }
        self.recorder.lock().record(&spans);
        let received = match batch.via {
            Via::Scrape | Via::Lookup | Via::Otlp => &self.received[0],
            Via::Zipkin => &self.received[1],
            Via::Jaeger => &self.received[2],
        };
        received.fetch_add(spans.len() as u64, Ordering::Relaxed);
        self.rejected.fetch_add(rejected as u64, Ordering::Relaxed);
        Ok(Appended { spans: spans.len(), rejected })
    }
}

fn malformed(what: String) -> sigyn_store::Error {
    sigyn_store::Error::Malformed { what, offset: 0 }
}

fn has_ids(span: &Span) -> bool {
    let is_id = |id: &[u8], length| id.len() == length && id.iter().any(|byte| *byte != 0);
    is_id(&span.trace_id, 16) && is_id(&span.span_id, 8)
}

/// Held for as long as the sidecar lives. A file beside the ring's, because that one may be replaced.
fn lock(path: &Path) -> Result<File, Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let fail = |action| {
        let path = name.clone();
        move |source| Error::Io { action, path, source }
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(fail("make the folder of"))?;
    }
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).open(&name).map_err(fail("open"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(fail("lock")(source)),
    }
}

/// Which start of the machine this is; 0 when nobody says.
fn boot_id() -> u128 {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    u128::from_str_radix(&text.trim().replace('-', ""), 16).unwrap_or_default()
}
