//! An exposition as protobuf.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_collector::openmetrics::parse_protobuf;
use sigyn_fuzz::check_exposition;

fuzz_target!(|body: &[u8]| check_exposition(parse_protobuf(body, &mut |_| true)));
