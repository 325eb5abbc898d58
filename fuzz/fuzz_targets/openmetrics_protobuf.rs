//! A protobuf exposition of any bytes is read or refused, and an exemplar that is kept is within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_collector::openmetrics::{EXEMPLAR_CHARACTERS_MAX, parse_protobuf};

fuzz_target!(|body: &[u8]| match parse_protobuf(body, &mut |_| true) {
    Ok(exposition) => {
        for sample in exposition.samples {
            let labels = sample.exemplar.labels.iter();
            let characters: usize =
                labels.map(|(name, value)| name.chars().count() + value.chars().count()).sum();
            assert!(characters <= EXEMPLAR_CHARACTERS_MAX);
        }
    }
    Err(error) => assert!(error.line > 0 && error.column > 0, "{error:?}"),
});
