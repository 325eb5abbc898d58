//! An exposition as text, by both versions' grammars.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_collector::openmetrics::{parse, parse_version_2};
use sigyn_fuzz::check_exposition;

fuzz_target!(|body: &[u8]| {
    check_exposition(parse(body));
    check_exposition(parse_version_2(body, &mut |_| true));
});
