//! A query that is read prints as text that reads as the same query; a refusal can be shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_query::traceql::{parse, parse_field};

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(query) => {
            let printed = query.to_string();
            match parse(&printed) {
                Ok(again) => assert_eq!(query, again, "{printed}"),
                Err(error) => panic!("{printed}\n{error}"),
            }
        }
        Err(error) => drop(error.render(text)),
    }
    if let Ok(field) = parse_field(text) {
        assert_eq!(parse_field(&field.to_string()).as_ref(), Ok(&field), "{field}");
    }
});
