//! Puts the built UI where the binary embeds it from, or a page that says how to build it, so that
//! cargo alone always builds and never needs Node.

use std::{env, fs, io, path::Path};

const UI: &str = "ui/dist";
const STUB: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sigyn</title>\
    <h1>Sigyn</h1><p>This binary was built without its UI. Run <code>make build</code>, which builds both. \
    The APIs work all the same.</p></html>";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={UI}");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR for build scripts");
    let embedded = Path::new(&out).join("ui");
    if embedded.exists() {
        fs::remove_dir_all(&embedded)?;
    }
    if Path::new(UI).join("index.html").exists() {
        copy_folder(Path::new(UI), &embedded)
    } else {
        fs::create_dir_all(&embedded)?;
        fs::write(embedded.join("index.html"), STUB)
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
