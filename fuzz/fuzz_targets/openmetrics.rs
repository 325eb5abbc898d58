//! An exposition of any bytes is read or refused, and an exemplar that is kept is within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_collector::openmetrics::{EXEMPLAR_CHARACTERS_MAX, parse};

fuzz_target!(|body: &[u8]| match parse(body) {
    Ok(exposition) => {
        assert!(exposition.samples.len() + exposition.over_budget <= exposition.sample_count);
        for sample in exposition.samples {
            let labels = sample.exemplar.labels.iter();
            let characters: usize =
                labels.map(|(name, value)| name.chars().count() + value.chars().count()).sum();
            assert!(characters <= EXEMPLAR_CHARACTERS_MAX);
        }
    }
    Err(error) => assert!(error.line > 0 && error.column > 0, "{error:?}"),
});
