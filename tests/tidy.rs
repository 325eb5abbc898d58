//! Style that matters, checked by a program: sizes, directions, names, and what must not be said.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

const LINES_MAX: usize = 600;
/// Who may use whom: the line under "Code map" in ARCHITECTURE.md.
const MAY_USE: &[(&str, &[&str])] = &[
    ("proto", &[]),
    ("buffer", &[]),
    ("store", &[]),
    ("collector", &["sigyn-proto", "sigyn-store"]),
    ("query", &["sigyn-proto", "sigyn-store"]),
    ("generator", &["sigyn-proto", "sigyn-store"]),
    ("sidecar", &["sigyn-buffer", "sigyn-collector", "sigyn-proto", "sigyn-store"]),
    ("opentracing", &["sigyn-buffer"]),
    ("demo", &["sigyn-buffer"]),
];
/// Words that a room must not say, because it must not know the thing.
const ABSENCES: &[(&str, &[&str])] = &[
    ("buffer/src", &["reqwest", "tonic", "sigyn_store", "sigyn_collector"]),
    ("store/src", &["axum", "tonic", "hyper", "reqwest", "traceql", "job_name", "scrape_config"]),
    ("collector/src", &["traceql", "sigyn_query", "arrow"]),
    ("query/src", &["sigyn_collector", ".append(", "std::fs"]),
    ("sidecar/src", &["axum", "reqwest", "Store::open", "sigyn_query"]),
    ("generator/src", &["sigyn_collector", "sigyn_query", ".append(", "reqwest", "axum"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file that git knows or would know, as (path from the root, text).
fn sources(extensions: &[&str]) -> Vec<(String, String)> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git is there");
    assert!(output.status.success(), "this test needs a git checkout");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|path| {
            let extension = Path::new(path).extension().and_then(|text| text.to_str());
            extensions.is_empty() || extension.is_some_and(|text| extensions.contains(&text))
        })
        .filter_map(|path| Some((path.to_owned(), fs::read_to_string(root().join(path)).ok()?)))
        .collect()
}

#[track_caller]
fn none(faults: &[String], rule: &str) {
    assert!(faults.is_empty(), "{rule}:\n{}", faults.join("\n"));
}

#[test]
fn files_are_one_noun_each() {
    let mut faults = Vec::new();
    for (path, text) in sources(&["rs", "ts", "tsx", "css", "mjs"]) {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{path} has {lines} lines"));
        }
        let stem = Path::new(&path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if ["util", "utils", "common", "helpers", "misc", "mod"].contains(&stem) {
            faults.push(format!("{path}: a file is named after what it holds"));
        }
    }
    none(&faults, "a file above 600 lines is asking to be two, and its name is a noun");
}

#[test]
fn no_machine_is_named() {
    // Spelt in parts, so that this file does not name them itself.
    let forbidden: Vec<String> = ["/wo rk/", "/ro ot/", "/ho me/", "/fa rm/", "/tm p/"]
        .iter()
        .map(|parts| parts.replace(' ', ""))
        .collect();
    let mut faults = Vec::new();
    for (path, text) in sources(&[]) {
        if path.ends_with(".lock") || path == "LICENSE" {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            if forbidden.iter().any(|word| line.contains(word)) {
                faults.push(format!("{path}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    none(&faults, "a path of one machine means nothing on another");
}

#[test]
fn rooms_use_only_whom_they_may() {
    let mut faults = Vec::new();
    for (room, allowed) in MAY_USE {
        let manifest = fs::read_to_string(root().join(room).join("Cargo.toml")).unwrap();
        let dependencies = section(&manifest, "[dependencies]");
        for line in dependencies.lines().filter(|line| line.starts_with("sigyn-")) {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if !allowed.contains(&name) {
                faults.push(format!("{room} uses {name}"));
            }
        }
    }
    none(&faults, "the direction of dependencies is drawn in ARCHITECTURE.md");
}

#[test]
fn rooms_do_not_know_what_they_must_not() {
    let mut faults = Vec::new();
    for (path, text) in product_sources() {
        for (folder, words) in ABSENCES.iter().filter(|(folder, _)| path.starts_with(folder)) {
            for (number, line) in product_lines(&text) {
                for word in words.iter().filter(|word| says(line, word)) {
                    faults.push(format!("{path}:{number}: {folder} must not know {word}"));
                }
            }
        }
    }
    none(&faults, "invariants of absence (ARCHITECTURE.md)");
}

#[test]
fn every_crate_says_what_it_is_not() {
    let mut faults = Vec::new();
    for (room, _) in MAY_USE {
        let lib = fs::read_to_string(root().join(room).join("src/lib.rs")).unwrap();
        let docs: String = lib.lines().take_while(|line| line.starts_with("//!")).collect();
        if !docs.contains("not") {
            faults.push(format!("{room}/src/lib.rs"));
        }
    }
    none(&faults, "lib.rs opens with what the crate is and what it is not");
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut faults = Vec::new();
    for (path, text) in sources(&["md"]) {
        let folder = root().join(&path).parent().map(Path::to_owned).unwrap_or_default();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let elsewhere = target.contains("://") || file.is_empty() || file.contains(' ');
            if !elsewhere && !folder.join(file).exists() {
                faults.push(format!("{path}: {target}"));
            }
        }
    }
    none(&faults, "a link in a document leads nowhere");
}

#[test]
fn no_unwrap_and_no_todo_in_the_product() {
    let mut faults = Vec::new();
    for (path, text) in product_sources() {
        for (number, line) in product_lines(&text) {
            let bare = line.split("//").next().unwrap_or_default();
            if [".unwrap()", "todo!(", "unimplemented!(", "dbg!("]
                .iter()
                .any(|word| bare.contains(word))
            {
                faults.push(format!("{path}:{number}: {}", line.trim()));
            }
            if line.contains("TODO") && !line.contains("TODO(#") {
                faults.push(format!("{path}:{number}: a TODO names its issue: TODO(#12)"));
            }
        }
    }
    none(&faults, "expect says why it cannot happen");
}

#[test]
fn bans_in_clippy_toml_have_reasons() {
    let text = fs::read_to_string(root().join("clippy.toml")).unwrap();
    let bare: Vec<String> = text
        .lines()
        .filter(|line| line.contains("path = ") && !line.contains("reason = "))
        .map(str::to_owned)
        .collect();
    none(&bare, "a ban says why");
}

#[test]
fn the_makefile_keeps_the_contract() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let targets: BTreeSet<&str> =
        makefile.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    let missing: Vec<String> = ["build", "demo", "test", "bench", "lint", "soak"]
        .iter()
        .filter(|name| !targets.contains(**name))
        .map(ToString::to_string)
        .collect();
    none(&missing, "a promised make target is missing");
}

#[test]
fn one_version_of_the_pinned_group() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let names = lock.lines().filter_map(|line| line.strip_prefix("name = "));
    let numbers = lock
        .lines()
        .filter_map(|line| line.strip_prefix("version = \""))
        .map(|rest| rest.trim_end_matches('"'));
    for (name, version) in names.zip(numbers.skip(1)) {
        versions.entry(name.trim_matches('"')).or_default().insert(version);
    }
    let several: Vec<String> =
        ["arrow-array", "parquet", "object_store", "tonic", "prost", "rustls"]
            .iter()
            .filter_map(|name| Some((name, versions.get(name)?)))
            .filter(|(_, versions)| versions.len() > 1)
            .map(|(name, versions)| format!("{name}: {versions:?}"))
            .collect();
    none(&several, "these move together (docs/dependencies.md)");
}

/// Lines outside `#[cfg(test)]` modules at the end of a file, numbered from 1.
fn product_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]").unwrap_or(text.len());
    let product = &text[..end];
    product
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(index, line)| (index + 1, line))
}

/// Rust files that become part of a library or binary: not tests, benches, examples, nor modules
/// that their parent declares under `#[cfg(test)]`.
fn product_sources() -> Vec<(String, String)> {
    let all = sources(&["rs"]);
    let test_modules: Vec<String> =
        all.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    all.into_iter()
        .filter(|(path, _)| {
            let aside = Path::new(path).iter().any(|part| {
                ["tests", "benches", "examples", "fuzz"].iter().any(|name| part == Path::new(name))
            });
            let of_test = test_modules.iter().any(|module| {
                path.strip_prefix(module.as_str())
                    .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            });
            !aside && !of_test
        })
        .collect()
}

/// Paths, without `.rs`, of the modules that a file declares for tests only.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let file = Path::new(path);
    let is_root = file.file_stem().is_some_and(|stem| stem == "lib" || stem == "main");
    let folder =
        if is_root { file.parent().map(Path::to_owned) } else { Some(file.with_extension("")) };
    let folder = folder.unwrap_or_default();
    text.split("#[cfg(test)]\n")
        .skip(1)
        .filter_map(|rest| rest.lines().next())
        .filter_map(|line| {
            line.trim_start_matches("pub(crate) ").strip_prefix("mod ")?.strip_suffix(';')
        })
        .map(|name| folder.join(name).display().to_string())
        .collect()
}

/// Whether a line holds a word as a whole: `tonic` does not stand in `monotonic`.
fn says(line: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let starts = !word.starts_with(is_part) || !line[..at].ends_with(is_part);
        let ends = !word.ends_with(is_part) || !line[at + word.len()..].starts_with(is_part);
        starts && ends
    })
}

fn section<'a>(manifest: &'a str, heading: &str) -> &'a str {
    let rest = manifest.split_once(heading).map(|(_, rest)| rest).unwrap_or_default();
    rest.split("\n[").next().unwrap_or_default()
}
