//! A damaged Parquet file of a block is an error, never a panic: those of the library are caught where it is called.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_store::{TraceId, fuzzing::BlockReader};
use std::{cell::LazyCell, panic};

/// The block whose spans are in `seeds/block`, of the database that is kept for good.
const META: &str = include_str!(
    "../../store/testdata/database-1/blocks/01MCC5RM000N62E3PRQDVAS0C5/meta.json"
);

thread_local! {
    static READER: LazyCell<BlockReader> = LazyCell::new(|| {
        // What is caught is no finding, and libFuzzer's hook would not let it come so far.
        panic::set_hook(Box::new(|_| {}));
        BlockReader::new(META, vec![TraceId([1; 16]), TraceId([2; 16])])
    });
}

fuzz_target!(|spans_file: &[u8]| {
    READER.with(|reader| reader.read(spans_file));
});
