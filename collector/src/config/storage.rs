//! `storage`: how much is kept, for how long, and where.

use crate::config::{
    ByteSize, Field, Fields, PrometheusDuration, Reading, Secret,
    print::{Printed, PrintedMap},
};
use sigyn_store::{BlockPlace, check_block_url};
use std::{path::Path, time::Duration};

/// Intake is refused when the journal would outgrow this, which it does only when blocks cannot be
/// written.
const JOURNAL_BYTES_MAX: u64 = 4 << 30;
const DAY_SECONDS: u64 = 86_400;

/// `storage`.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// How long spans are kept.
    pub retention: PrometheusDuration,
    /// The oldest blocks are deleted when all together take more than this; 0: no such bound.
    pub retention_bytes: ByteSize,
    /// Nothing is taken in while less than this is free on the disk.
    pub free_bytes_min: ByteSize,
    /// Where blocks lie; `None`: below `--storage.path`.
    pub blocks: Option<BlockUrl>,
    /// Local copies of parts of remote blocks take at most this; 0: none are kept.
    pub read_cache_max_bytes: ByteSize,
    /// The head is cut at this size …
    pub head_max_bytes: ByteSize,
    /// … or when its oldest batch is this old.
    pub head_max_age: PrometheusDuration,
}

/// `storage.blocks`.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockUrl {
    /// `s3://bucket/prefix`, `gs://…`, `az://…` or `file:///…`.
    pub url: String,
    /// What that object store must be told besides (`endpoint`, `region`, …). Any may be a credential.
    pub options: Vec<(String, Secret)>,
}

impl Default for Storage {
    /// 14 days; a head of 128 MB or two minutes.
    fn default() -> Self {
        Self {
            retention: PrometheusDuration::from_seconds(14 * DAY_SECONDS),
            retention_bytes: ByteSize(0),
            free_bytes_min: ByteSize(256 << 20),
            blocks: None,
            read_cache_max_bytes: ByteSize(10 << 30),
            head_max_bytes: ByteSize(128 << 20),
            head_max_age: PrometheusDuration::from_seconds(120),
        }
    }
}

impl Storage {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Self {
        let mut storage = Self::default();
        let Some(mut fields) = reading.map(field) else { return storage };
        if let Some(field) = fields.take("retention") {
            storage.retention = reading.positive_duration(&field).unwrap_or(storage.retention);
        }
        let mut size = |fields: &mut Fields<'_>, key, size: &mut ByteSize| {
            let field = fields.take(key)?;
            *size = reading.parse(&field)?;
            Some(())
        };
        size(&mut fields, "retention_bytes", &mut storage.retention_bytes);
        size(&mut fields, "free_bytes_min", &mut storage.free_bytes_min);
        if let Some(field) = fields.take("blocks") {
            storage.blocks = BlockUrl::read(reading, &field);
        }
        if let Some(field) = fields.take("read_cache")
            && let Some(mut cache) = reading.map(&field)
        {
            if let Some(field) = cache.take("max_bytes") {
                let bytes_max = reading.parse(&field);
                storage.read_cache_max_bytes = bytes_max.unwrap_or(storage.read_cache_max_bytes);
            }
            cache.finish(reading);
        }
        if let Some(field) = fields.take("head")
            && let Some(mut head) = reading.map(&field)
        {
            if let Some(field) = head.take("max_bytes") {
                storage.head_max_bytes = reading.parse(&field).unwrap_or(storage.head_max_bytes);
                if storage.head_max_bytes.0 < 1 << 20 {
                    reading.error(&field, "a head below 1MB cannot work");
                }
            }
            if let Some(field) = head.take("max_age") {
                storage.head_max_age =
                    reading.positive_duration(&field).unwrap_or(storage.head_max_age);
            }
            head.finish(reading);
        }
        fields.finish(reading);
        storage
    }

    pub(crate) fn print(&self) -> Printed {
        let (mut map, mut head) = (PrintedMap::default(), PrintedMap::default());
        let mut cache = PrintedMap::default();
        head.add("max_bytes", Printed::text(self.head_max_bytes))
            .add("max_age", Printed::text(self.head_max_age));
        cache.add("max_bytes", Printed::text(self.read_cache_max_bytes));
        let retention_bytes = Printed::text(self.retention_bytes);
        map.add("retention", Printed::text(self.retention))
            .maybe("retention_bytes", (self.retention_bytes.0 > 0).then_some(retention_bytes))
            .add("free_bytes_min", Printed::text(self.free_bytes_min))
            .maybe("blocks", self.blocks.as_ref().map(BlockUrl::print))
            .maybe("read_cache", self.blocks.is_some().then(|| cache.done()))
            .add("head", head.done());
        map.done()
    }

    /// How the store is opened, with its folder at `path`.
    pub(crate) fn store(&self, path: &Path, exemplar_retention: Duration) -> sigyn_store::Config {
        let blocks = self
            .blocks
            .as_ref()
            .map(|blocks| BlockPlace::Url { url: blocks.url.clone(), options: blocks.exposed() });
        sigyn_store::Config {
            path: path.to_owned(),
            blocks: blocks.unwrap_or_default(),
            read_cache_bytes_max: self.read_cache_max_bytes.0,
            head_bytes_max: self.head_max_bytes.0,
            head_age_max: self.head_max_age.0,
            journal_bytes_max: JOURNAL_BYTES_MAX,
            free_bytes_min: self.free_bytes_min.0,
            retention: self.retention.0,
            retention_bytes: self.retention_bytes.0,
            exemplar_retention,
        }
    }
}

impl BlockUrl {
    fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let mut fields = reading.map(field)?;
        let Some(at) = fields.take("url") else {
            reading.error(field, "`url` is needed");
            return None;
        };
        let url = reading.text(&at)?;
        let options = fields.take_all(|_| true).into_iter().filter_map(|(key, _, value)| {
            let text = reading.text(&value)?;
            Some((key, Secret::new(text)))
        });
        let blocks = Self { url, options: options.collect() };
        if let Err(why) = check_block_url(&blocks.url, &blocks.exposed()) {
            reading.error(&at, why);
        }
        Some(blocks)
    }

    fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.add("url", Printed::text(&self.url));
        for (name, value) in &self.options {
            let is_secret = ["key", "secret", "token", "password", "credential", "account"]
                .iter()
                .any(|word| name.to_ascii_lowercase().contains(word));
            let shown = if is_secret { value.to_string() } else { value.expose().to_owned() };
            map.add(name, Printed::text(shown));
        }
        map.done()
    }

    fn exposed(&self) -> Vec<(String, String)> {
        let options = self.options.iter();
        options.map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
    }
}
