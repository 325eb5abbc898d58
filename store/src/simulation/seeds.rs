//! Which lives are lived, and which of them ended badly.

use std::ops::Range;

/// The seeds of this run: `SIGYN_SEED=17` runs one again, `SIGYN_SOAK=1` fifty times as many as usual.
fn seeds(count: u64) -> Range<u64> {
    match std::env::var("SIGYN_SEED") {
        Ok(seed) => seed.parse().map(|seed: u64| seed..seed + 1).unwrap(),
        Err(_) if std::env::var_os("SIGYN_SOAK").is_some() => 0..50 * count,
        Err(_) => 0..count,
    }
}

/// Lives so many lives, one after the other, on one thread.
pub(super) async fn live(count: u64, life: impl AsyncFn(u64)) {
    for seed in seeds(count) {
        let told = TellSeed(seed);
        life(seed).await;
        std::mem::forget(told);
        if (seed + 1).is_multiple_of(100) {
            println!("{} seeds are done", seed + 1);
        }
    }
}

/// Says which seed it was when a check fails.
struct TellSeed(u64);

impl Drop for TellSeed {
    fn drop(&mut self) {
        println!("failed at seed {0}; SIGYN_SEED={0} runs it again", self.0);
    }
}
