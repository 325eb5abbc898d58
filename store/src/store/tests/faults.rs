//! A disk that is full, that fails, that is damaged.

use super::*;
use crate::simulation::{Faults, Power, SimulatedDisk};

struct Rig {
    folder: tempfile::TempDir,
    power: Power,
    disk: SimulatedDisk,
    config: Config,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let power = Power::new(1);
        let disk = SimulatedDisk::new(power.clone());
        let config = Config { free_bytes_min: 0, ..config(folder.path()) };
        Self { folder, power, disk, config }
    }

    async fn open(&self) -> Store {
        let disk = Arc::new(self.disk.clone());
        let parts = Parts { disk, tasks: Tasks::Run, index: None };
        let (config, clock) = (self.config.clone(), TestClock::new());
        Store::open_with(parts, config, clock, &mut Registry::default()).await.unwrap()
    }

    /// Appends one span after the other until one is refused, and tells how many were taken.
    async fn fill(&self, store: &Store, from: u64) -> (u64, Error) {
        for number in from..from + 10_000 {
            if let Err(error) = store.append(numbered(number)).await {
                return (number - from, error);
            }
        }
        panic!("nothing was refused");
    }
}

fn numbered(number: u64) -> Batch {
    reaching(&[(1, number)], &number.to_string())
}

#[tokio::test]
async fn a_full_disk_refuses_moves_no_cursor_and_is_read_all_the_same() {
    let rig = Rig::new();
    let store = rig.open().await;
    rig.disk.set_bytes_max(20_000);
    let (taken, error) = rig.fill(&store, 1).await;
    assert_eq!(error.kind(), ErrorKind::TryLater, "{error}");
    assert!(taken > 10);
    assert_eq!(store.cursor("pod"), Some(taken.to_string()), "the buffer holds what comes after");
    assert_eq!(contents(&store).await.len() as u64, taken);
    assert!(store.health().is_ok(), "it mends by itself");
    assert!(store.append(numbered(taken + 1)).await.is_err(), "still full");

    rig.disk.set_bytes_max(40_000);
    let (more, _) = rig.fill(&store, taken + 1).await;
    assert!(more > 10, "there is room again");
    store.close().await.unwrap();
    drop(store);
    let store = rig.open().await;
    assert_eq!(contents(&store).await.len() as u64, taken + more);
    assert_eq!(store.cursor("pod"), Some((taken + more).to_string()));
}

#[tokio::test]
async fn the_watermark_comes_before_the_disk_is_full() {
    let mut rig = Rig::new();
    rig.config.free_bytes_min = 8000;
    let store = rig.open().await;
    rig.disk.set_bytes_max(20_000);
    let (_, error) = rig.fill(&store, 1).await;
    assert!(error.to_string().contains("storage.free_bytes_min"), "{error}");
    let used = rig.disk.used_bytes();
    assert!((11_000..13_000).contains(&used), "{used} bytes are used");
    let metrics = &store.inner.core.metrics;
    assert!(metrics.disk_free_bytes.get() < 8000);
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_start_is_waited_for() {
    let rig = Rig::new();
    let store = rig.open().await;
    store.append(numbered(1)).await.unwrap();
    store.close().await.unwrap();
    drop(store);
    rig.disk.set_bytes_max(rig.disk.used_bytes());
    let store = rig.open().await;
    assert_eq!(contents(&store).await.len(), 1, "what is stored can be read");
    let error = store.append(numbered(2)).await.expect_err("full");
    assert_eq!(error.kind(), ErrorKind::TryLater, "{error}");
    rig.disk.set_bytes_max(1 << 20);
    store.append(numbered(2)).await.unwrap();
    assert_eq!(store.cursor("pod").as_deref(), Some("2"));
}

#[tokio::test]
async fn a_failed_sync_poisons_until_a_restart() {
    let rig = Rig::new();
    let store = rig.open().await;
    store.append(numbered(1)).await.unwrap();
    rig.power.set_faults(Faults { sync: true, ..Faults::default() });
    let error = store.append(numbered(2)).await.expect_err("the sync failed");
    assert_eq!(error.kind(), ErrorKind::Report, "{error}");
    assert!(store.health().is_err_and(|error| error.to_string().contains("fdatasync")));
    assert_eq!(store.inner.core.metrics.journal_poisoned.get(), 1);
    store.append(numbered(3)).await.expect_err("what is on disk is not known");
    assert_eq!(store.cursor("pod").as_deref(), Some("1"));
    assert_eq!(contents(&store).await.len(), 1);
    store.close().await.unwrap();
    drop(store);

    rig.disk.crash();
    let store = rig.open().await;
    assert!(store.health().is_ok());
    let reached: usize = store.cursor("pod").unwrap().parse().unwrap();
    assert_eq!(contents(&store).await.len(), reached, "span and cursor share their fate");
    store.append(numbered(4)).await.unwrap();
}

#[tokio::test]
async fn damage_in_the_middle_costs_one_batch_and_is_counted() {
    let rig = Rig::new();
    let store = rig.open().await;
    for number in 1..=9 {
        store.append(numbered(number)).await.unwrap();
    }
    store.close().await.unwrap();
    drop(store);
    let segments = rig.disk.list(&rig.folder.path().join("journal")).unwrap();
    let size = rig.disk.size_bytes(&segments[0]);
    rig.disk.damage(&segments[0], size / 2);
    let store = rig.open().await;
    assert_eq!(contents(&store).await.len(), 8);
    assert_eq!(store.inner.core.metrics.journal_damaged.get(), 1);
    assert_eq!(store.cursor("pod").as_deref(), Some("9"));
}
