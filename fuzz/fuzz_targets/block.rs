//! A damaged Parquet file of a block is an error, never a panic: those of the library are caught where it is called.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_store::{TraceId, fuzzing::BlockReader};
use std::{cell::LazyCell, panic};

/// Blocks of the databases that are kept for good; their files are in `seeds/block`.
const META_1: &str =
    include_str!("../../store/testdata/database-1/blocks/01MCC5RM000N62E3PRQDVAS0C5/meta.json");
const META_2: &str =
    include_str!("../../store/testdata/database-2/blocks/01MCC5RM00NQVM42MJWTZYFP3T/meta.json");
const SPANS_1: &[u8] = include_bytes!(
    "../../store/testdata/database-1/blocks/01MCC5RM000N62E3PRQDVAS0C5/spans.parquet"
);
const SPANS_2: &[u8] = include_bytes!(
    "../../store/testdata/database-2/blocks/01MCC5RM00NQVM42MJWTZYFP3T/spans.parquet"
);
const RESOURCES_2: &[u8] = include_bytes!(
    "../../store/testdata/database-2/blocks/01MCC5RM00NQVM42MJWTZYFP3T/resources.parquet"
);

thread_local! {
    static READERS: LazyCell<[BlockReader; 2]> = LazyCell::new(|| {
        // What is caught is no finding, and libFuzzer's hook would not let it come so far.
        panic::set_hook(Box::new(|_| {}));
        let ids = || vec![TraceId([1; 16]), TraceId([2; 16])];
        [
            BlockReader::new(META_1, SPANS_1, None, ids()),
            BlockReader::new(META_2, SPANS_2, Some(RESOURCES_2), ids()),
        ]
    });
}

fuzz_target!(|file: &[u8]| {
    READERS.with(|readers| {
        readers[0].read(file, None);
        readers[1].read(file, Some(RESOURCES_2));
        readers[1].read(SPANS_2, Some(file));
    });
});
