//! Lists of targets, as files and HTTP servers hand them over.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sigyn_collector::{
    Labels,
    discovery::{parse_json, parse_yaml},
};

fuzz_target!(|data: &[u8]| {
    let meta: Labels = [("__meta_url", "u")].into_iter().collect();
    let json = parse_json(data, "fuzz", &meta);
    if let Ok(text) = std::str::from_utf8(data) {
        let yaml = parse_yaml(text, "fuzz", &meta);
        // What both understand, both understand alike.
        if let (Ok(json), Ok(yaml)) = (&json, &yaml) {
            assert_eq!(json.len(), yaml.len());
        }
    }
    for group in json.into_iter().flatten() {
        assert_eq!(group.labels.get("__meta_url"), "u");
        assert!(group.source.starts_with("fuzz:"));
    }
});
