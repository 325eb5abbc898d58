//! Doors for the fuzz targets: readers of files, without a folder or a bucket around them. Not part of any other build.

use crate::{
    TraceId,
    block::{Block, Blocks},
    head::{Chunk, decode},
    journal::{self, Entry, Record},
    objects::BlockPlace,
};
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use ulid::Ulid;

/// Reads a segment of the journal as a start does. Every other byte of damage lies in a record whose checksum is right all the
/// same: `payloads` become records first, each with the kind that its first byte says, and `damage` then changes bytes.
///
/// Returns how many records were read.
pub fn read_journal(payloads: &[&[u8]], damage: &[(u16, u8)]) -> usize {
    let store = Ulid::from_parts(1, 1);
    let mut segment = journal::segment_of(store, payloads);
    for &(at, byte) in damage {
        let at = usize::from(at) % segment.len();
        segment[at] = byte;
    }
    let mut records = 0;
    journal::read_bytes(segment.into(), store, |Record { entry, .. }| {
        records += 1;
        if let Entry::Batch { overlay, body, .. } = entry
            && let Ok(body) = body.decompress()
        {
            let _ = decode(&body, &overlay, &mut Chunk::default(), |_| {});
        }
    });
    records
}

/// A block whose files can be put in place of others.
pub struct BlockReader {
    runtime: Runtime,
    meta: Value,
    ids: Vec<TraceId>,
}

impl BlockReader {
    /// A reader of the block of this `meta.json` and these files; these are traces in it. Damage of a footer is told by its checksum,
    /// also in a block that was written before there was one.
    ///
    /// # Panics
    /// When the system starts no runtime, or the files are none of a block.
    pub fn new(
        meta: &str,
        spans_file: &[u8],
        resources_file: Option<&[u8]>,
        ids: Vec<TraceId>,
    ) -> Self {
        let runtime = Builder::new_current_thread().build().expect("a runtime starts");
        let mut meta: Value = serde_json::from_str(meta).expect("it is JSON");
        meta["ends"] = json!({
            "spans": end_of(spans_file),
            "resources": end_of(resources_file.unwrap_or(spans_file)),
            "traces": end_of(spans_file),
        });
        Self { runtime, meta, ids }
    }

    /// Reads all of it, with this `spans.parquet` and, in a block of version 2, this `resources.parquet`. Returns how many answers were refused.
    ///
    /// # Panics
    /// When a reader does: that is what is looked for.
    pub fn read(&self, spans_file: &[u8], resources_file: Option<&[u8]>) -> usize {
        let mut meta = self.meta.clone();
        meta["spans_file_bytes"] = spans_file.len().into();
        if let Some(bytes) = resources_file {
            meta["resources_file_bytes"] = bytes.len().into();
        }
        let name = meta["block"].as_str().expect("blocks have names").to_owned();
        let blocks = self.runtime.block_on(async {
            let objects = Arc::new(InMemory::new());
            let resources_file = resources_file.map(|bytes| ("resources.parquet", bytes.to_vec()));
            let files = [
                ("meta.json", meta.to_string().into_bytes()),
                ("spans.parquet", spans_file.into()),
            ];
            for (file, bytes) in files.into_iter().chain(resources_file) {
                let path = Path::from(format!("{name}/{file}"));
                objects.put(&path, bytes.into()).await.expect("memory takes it");
            }
            let place = BlockPlace::Store(objects as Arc<dyn ObjectStore>);
            let blocks =
                Blocks::open(place, "unused".as_ref(), None).await.expect("no request yet");
            blocks.load(Ulid::from_parts(9, 9)).await.expect("a memory has no faults").0
        });
        blocks.iter().map(|block| self.refused(block)).sum()
    }

    fn refused(&self, block: &Arc<Block>) -> usize {
        use crate::{AttributeScope as Scope, Field, TextColumn, TextTest};
        let mut refused = 0;
        let mut count = |is_good: bool| refused += usize::from(!is_good);
        for source in Arc::clone(block).sources() {
            for field in Field::ALL {
                count(source.field(field).is_ok_and(|array| array.len() == source.rows()));
            }
            for scope in [Scope::Span, Scope::Resource] {
                for name in source.attribute_names(scope).unwrap_or_default() {
                    count(source.attribute(scope, &name).is_ok());
                    count(source.may_have(scope, &name, "GET").is_ok());
                    let column = match scope {
                        Scope::Span => TextColumn::Span(&name),
                        _ => TextColumn::Resource(&name),
                    };
                    let test = TextTest { name: "even", passes: &|text| text.len() % 2 == 0 };
                    count(source.rows_where(column, test).is_ok());
                }
            }
            for scope in [Scope::Event, Scope::Link] {
                count(source.children(scope).is_ok());
            }
        }
        for id in &self.ids {
            count(block.trace(id).is_ok());
        }
        refused
    }
}

/// What a `meta.json` says of the end of a Parquet file: the footer, its length and the four letters behind it.
fn end_of(file: &[u8]) -> Value {
    let length = file.last_chunk::<8>().expect("a Parquet file has an end");
    let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
    let bytes = length as usize + 8;
    json!({"bytes": bytes, "crc32": crc32fast::hash(&file[file.len() - bytes..])})
}
