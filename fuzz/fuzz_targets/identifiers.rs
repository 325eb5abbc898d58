//! An ID that is read prints as an ID that reads as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_store::{SpanId, TraceId};

fuzz_target!(|text: &str| {
    match TraceId::parse(text) {
        Ok(id) => {
            assert_eq!(id.to_string().len(), 32);
            assert_eq!(TraceId::parse(&id.to_string()), Ok(id));
            assert_eq!(TraceId::parse(&id.to_short_hex()), Ok(id));
        }
        Err(error) => drop(error.to_string()),
    }
    match SpanId::parse(text) {
        Ok(id) => assert_eq!(SpanId::parse(&id.to_string()), Ok(id)),
        Err(error) => drop(error.to_string()),
    }
});
