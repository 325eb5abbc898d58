//! A configuration of any text is read or refused, and one that is read can be shown and read again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_collector::config::Config;

fuzz_target!(|text: &str| {
    let environment = |name: &str| (name == "SET").then(|| "value".to_owned());
    match Config::parse(text, "sigyn.yml", &environment) {
        Ok((config, warnings)) => {
            let shown = config.to_yaml();
            warnings.iter().for_each(|warning| drop(warning.to_string()));
            // A dollar sign may mean a variable when it is read the second time.
            if !shown.contains('$') {
                let again = Config::parse(&shown, "sigyn.yml", &environment);
                let again = again.unwrap_or_else(|errors| panic!("{shown}\n{errors:?}")).0;
                assert_eq!(again.to_yaml(), shown);
            }
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            errors.iter().for_each(|error| drop(error.to_string()));
        }
    }
});
