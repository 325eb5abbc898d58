//! `file_sd_configs`: target lists in files, read again whenever they change.

use crate::{
    Labels,
    config::{
        Field, PrometheusDuration, Reading,
        print::{Printed, PrintedMap},
    },
    discovery::{
        provider::Emitter,
        target_list::{parse_json, parse_yaml},
    },
};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};
use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Notify, time};

/// One item of `file_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileDiscovery {
    /// Paths, resolved against the configuration's folder; the last part may hold one `*`.
    pub files: Vec<PathBuf>,
    /// All files are read again this often, whether or not a change was seen.
    pub refresh_interval: PrometheusDuration,
}

const REFRESH_DEFAULT: PrometheusDuration = PrometheusDuration::from_seconds(300);

/// After an event, further ones are waited for this long: editors and ConfigMaps cause several.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// A larger file is not a list of targets.
const FILE_BYTES_MAX: u64 = 64 << 20;

impl FileDiscovery {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let mut fields = reading.map(field)?;
        let files = fields.take("files").map(|field| reading.list(&field)).unwrap_or_default();
        if files.is_empty() {
            reading.error(field, "`files` must name at least one file");
        }
        let mut paths = Vec::new();
        for item in files {
            let Some(path) = reading.path(&item) else { continue };
            if is_pattern(&path) {
                paths.push(path);
            } else {
                let message = format!(
                    "{:?} is not a file name that ends in .json, .yml or .yaml, with at most one \
                     `*`, in its last part",
                    path.display()
                );
                reading.error(&item, message);
            }
        }
        let refresh = fields.take("refresh_interval");
        let refresh = refresh.and_then(|field| reading.positive_duration(&field));
        fields.finish(reading);
        Some(Self { files: paths, refresh_interval: refresh.unwrap_or(REFRESH_DEFAULT) })
    }

    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.add("files", Printed::texts(self.files.iter().map(|path| path.display())))
            .add("refresh_interval", Printed::text(self.refresh_interval));
        map.done()
    }

    pub(crate) async fn run(self, emitter: Emitter) {
        let changed = Arc::new(Notify::new());
        loop {
            // Watches are armed before the files are read, so that no change falls between; and
            // anew each time, because a folder may have come or been replaced.
            let watcher = self.watch(&changed);
            if let Err(error) = &watcher {
                emitter.failed(&format!("cannot watch for changes: {error}"));
            }
            self.refresh(&emitter).await;
            let refresh = time::sleep(self.refresh_interval.0);
            tokio::pin!(refresh);
            tokio::select! {
                () = &mut refresh => {}
                () = changed.notified() => time::sleep(DEBOUNCE).await,
            }
        }
    }

    /// Watches the folders: watching files would miss those that are renamed into place.
    fn watch(&self, changed: &Arc<Notify>) -> notify::Result<RecommendedWatcher> {
        let changed = Arc::clone(changed);
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                let matters = match event {
                    Ok(event) => !matches!(
                        event.kind,
                        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_))
                    ),
                    Err(_) => true,
                };
                if matters {
                    changed.notify_one();
                }
            })?;
        let folders: BTreeSet<&Path> = self.files.iter().filter_map(|file| file.parent()).collect();
        for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    }

    async fn refresh(&self, emitter: &Emitter) {
        let patterns = self.files.clone();
        // The files of one refresh are read together on a blocking thread.
        let read = move || -> Vec<(PathBuf, Result<String, String>)> {
            let files: BTreeSet<PathBuf> =
                patterns.iter().flat_map(|pattern| matching(pattern).unwrap_or_default()).collect();
            files
                .into_iter()
                .map(|path| {
                    let text = read_bounded(&path);
                    (path, text.map_err(|error| error.to_string()))
                })
                .collect()
        };
        let Ok(files) = tokio::task::spawn_blocking(read).await else { return };
        let (mut groups, mut broken) = (Vec::new(), Vec::new());
        for (path, text) in files {
            let name = path.display().to_string();
            let meta: Labels = [("__meta_filepath", name.as_str())].into_iter().collect();
            let is_json =
                path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
            let parsed = text.and_then(|text| match is_json {
                true => parse_json(text.as_bytes(), &name, &meta),
                false => parse_yaml(&text, &name, &meta),
            });
            match parsed {
                Ok(found) => groups.extend(found),
                Err(reason) => {
                    emitter.failed(&format!("{reason}; the targets found before stay"));
                    broken.push(format!("{name}:"));
                }
            }
        }
        let is_whole = |source: &str| !broken.iter().any(|prefix| source.starts_with(prefix));
        emitter.replace_where(is_whole, groups);
    }
}

/// `*` at most once and in the last part; an ending that says what is inside.
fn is_pattern(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let stars = text.matches('*').count();
    stars <= 1
        && name.matches('*').count() == stars
        && ["json", "yml", "yaml", "JSON", "YML", "YAML"]
            .iter()
            .any(|ending| name.strip_suffix(ending).is_some_and(|rest| rest.ends_with('.')))
}

/// The files that a path with at most one `*` in its last part names, sorted. A file that is not
/// there is not among them.
pub(crate) fn matching(pattern: &Path) -> io::Result<Vec<PathBuf>> {
    let name = pattern.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    let Some((before, after)) = name.split_once('*') else {
        return Ok(if pattern.is_file() { vec![pattern.to_owned()] } else { Vec::new() });
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(pattern.parent().unwrap_or(Path::new(".")))? {
        let path = entry?.path();
        let fits = path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            name.len() >= before.len() + after.len()
                && name.starts_with(before)
                && name.ends_with(after)
        });

        if fits && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read_bounded(path: &Path) -> io::Result<String> {
    if std::fs::metadata(path)?.len() > FILE_BYTES_MAX {
        let message = format!("{} is too large for a list of targets", path.display());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    std::fs::read_to_string(path)
}
