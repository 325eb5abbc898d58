//! An exposition of any bytes is read or refused by both versions' grammars, and an exemplar that is kept is within its bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_collector::openmetrics::{
    EXEMPLAR_CHARACTERS_MAX, Exposition, ParseError, parse, parse_version_2,
};

fuzz_target!(|body: &[u8]| {
    check(parse(body));
    check(parse_version_2(body, &mut |_| true));
});

fn check(read: Result<Exposition, ParseError>) {
    match read {
        Ok(exposition) => {
            for sample in exposition.samples {
                let labels = sample.exemplar.labels.iter();
                let characters: usize =
                    labels.map(|(name, value)| name.chars().count() + value.chars().count()).sum();
                assert!(characters <= EXEMPLAR_CHARACTERS_MAX);
            }
        }
        Err(error) => assert!(error.line > 0 && error.column > 0, "{error:?}"),
    }
}
