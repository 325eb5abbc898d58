//! What several targets ask of what was read.

use sigyn_collector::openmetrics::{EXEMPLAR_CHARACTERS_MAX, Exposition, ParseError};

/// An exposition of any bytes is read or refused, and an exemplar that is kept is within its bounds.
pub fn check_exposition(read: Result<Exposition, ParseError>) {
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
