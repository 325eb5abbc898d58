//! URLs, and copies that must not be trusted.

use super::*;
use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt, memory::InMemory, path::Path};
use std::{fs, sync::Arc};

#[track_caller]
fn check(url: &str, options: &[(&str, &str)], expected: Result<(), &str>) {
    let options: Vec<_> =
        options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let got = check_block_url(url, &options);
    match expected {
        Ok(()) => assert_eq!(got, Ok(()), "{url}"),
        Err(part) => {
            let got = got.expect_err(url);
            assert!(got.contains(part), "{url}: {got:?} does not say {part:?}");
        }
    }
}

#[test]
fn urls_are_checked_without_a_connection() {
    check("s3://bucket/prefix", &[], Ok(()));
    check("s3://bucket", &[("endpoint", "http://127.0.0.1:1"), ("region", "eu-1")], Ok(()));
    check("gs://bucket/prefix", &[], Ok(()));
    check("az://container/a", &[("account_name", "a"), ("access_key", "aGVsbG8=")], Ok(()));
    check("az://container/a", &[], Ok(()));
    check("s3://bucket", &[("access_key_id", "half of it is in the environment")], Ok(()));
    check("s3://bucket", &[("secret_access_key", "the other half is")], Ok(()));
    check("file:///somewhere/blocks", &[], Ok(()));
    check("bucket/prefix", &[], Err("is not a URL"));
    check("ftp://host/prefix", &[], Err("names no object store"));
    check("s3://bucket", &[("regoin", "eu-1")], Err("\"regoin\" is no option"));
    check("file:///somewhere", &[("region", "eu-1")], Err("no option \"region\""));
}

const PART: usize = 256 << 10;

struct Rig {
    folder: tempfile::TempDir,
    store: Arc<InMemory>,
    content: Vec<u8>,
    metrics: crate::metrics::ReadCacheMetrics,
}

impl Rig {
    async fn new() -> Self {
        let content: Vec<u8> = (0..3 * PART + 1000).map(|at| (at / 7 % 251) as u8).collect();
        let store = Arc::new(InMemory::new());
        store.put(&path(), content.clone().into()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { folder, store, content, metrics: Default::default() }
    }

    fn open(&self, bytes_max: usize) -> ReadCache {
        let store = Arc::clone(&self.store) as Arc<dyn ObjectStore>;
        let folder = self.folder.path().join("cache");
        ReadCache::open(store, folder, bytes_max as u64, self.metrics.clone()).unwrap()
    }

    async fn check(&self, cache: &ReadCache, start: usize, end: usize) {
        let got = cache.get_range(&path(), start as u64..end as u64).await.unwrap();
        assert_eq!(got, Bytes::copy_from_slice(&self.content[start..end]), "{start}..{end}");
    }

    fn counts(&self) -> (u64, u64, u64) {
        (self.metrics.hits.get(), self.metrics.misses.get(), self.metrics.damaged.get())
    }
}

fn path() -> Path {
    Path::from("01KAN4/spans.parquet")
}

#[tokio::test]
async fn ranges_come_from_copies_which_outlive_a_restart() {
    let rig = Rig::new().await;
    let cache = rig.open(10 * PART);
    rig.check(&cache, 10, 20).await;
    rig.check(&cache, PART - 5, PART + 5).await;
    assert_eq!(rig.counts(), (1, 2, 0));
    rig.check(&cache, 0, rig.content.len()).await;
    rig.check(&cache, rig.content.len() - 8, rig.content.len()).await;
    assert_eq!(rig.counts(), (4, 4, 0));
    drop(cache);
    rig.store.delete(&path()).await.unwrap();
    let cache = rig.open(10 * PART);
    rig.check(&cache, 0, rig.content.len()).await;
    assert_eq!(rig.counts(), (8, 4, 0));
    assert!(cache.get_range(&path(), 0..rig.content.len() as u64 + 1).await.is_err());
}

#[tokio::test]
async fn a_damaged_copy_is_fetched_again() {
    let rig = Rig::new().await;
    let cache = rig.open(10 * PART);
    rig.check(&cache, 0, rig.content.len()).await;
    let mut names: Vec<_> = fs::read_dir(rig.folder.path().join("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    let mut bytes = fs::read(&names[0]).unwrap();
    bytes[100] ^= 1;
    fs::write(&names[0], &bytes).unwrap();
    fs::write(&names[1], b"").unwrap();
    fs::copy(&names[3], &names[2]).unwrap();
    rig.check(&cache, 0, rig.content.len()).await;
    assert_eq!(rig.metrics.damaged.get(), 3);
    rig.check(&cache, 0, rig.content.len()).await;
    assert_eq!(rig.metrics.damaged.get(), 3, "mended");
}

#[tokio::test]
async fn copies_stay_below_their_bound_and_the_least_used_goes() {
    let rig = Rig::new().await;
    let cache = rig.open(2 * PART + 100);
    rig.check(&cache, 0, rig.content.len()).await;
    let size = || -> u64 {
        let entries = fs::read_dir(rig.folder.path().join("cache")).unwrap();
        entries.map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
    };
    assert!(size() <= 2 * PART as u64 + 100);
    assert_eq!(size(), rig.metrics.bytes.get() as u64);
    let misses = rig.metrics.misses.get();
    rig.check(&cache, 3 * PART, 3 * PART + 10).await;
    assert_eq!(rig.metrics.misses.get(), misses, "the newest is still there");
    drop(cache);
    rig.open(PART);
    assert!(size() <= PART as u64, "a smaller bound is kept at once");
}
