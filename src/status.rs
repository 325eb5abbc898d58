//! Tells the query room what the status pages show of this server.

use crate::{control::Live, server::Settings};
use serde_json::json;
use sigyn_query::collaborator::ServerStatus;
use sigyn_store::Clock;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

/// What does not change while the server runs, and the config that does.
pub(crate) struct Status {
    live: Arc<Live>,
    flags: BTreeMap<String, String>,
    storage_path: PathBuf,
    started_unix_nano: u64,
}

impl Status {
    pub(crate) fn new(live: Arc<Live>, settings: &Settings, clock: Arc<dyn Clock>) -> Self {
        Self {
            live,
            flags: settings.flags.clone(),
            storage_path: settings.storage_path.clone(),
            started_unix_nano: clock.now_unix_nano(),
        }
    }
}

impl ServerStatus for Status {
    fn config_yaml(&self) -> String {
        self.live.config().to_yaml()
    }

    fn flags(&self) -> BTreeMap<String, String> {
        self.flags.clone()
    }

    fn build_info(&self) -> BTreeMap<String, String> {
        [
            ("version", env!("CARGO_PKG_VERSION")),
            ("revision", option_env!("SIGYN_REVISION").unwrap_or_default()),
            ("branch", ""),
            ("buildUser", ""),
            ("buildDate", ""),
            ("goVersion", ""),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
    }

    fn runtime_info(&self) -> serde_json::Value {
        let started = jiff::Timestamp::from_nanosecond(i128::from(self.started_unix_nano));
        let links = self
            .live
            .config()
            .links
            .iter()
            .map(|link| json!({"of": link.of.name(), "name": link.name, "url": link.url}))
            .collect::<Vec<_>>();
        json!({
            "startTime": started.map(|time| time.to_string()).unwrap_or_default(),
            "CWD": std::env::current_dir().map(|path| path.display().to_string()).unwrap_or_default(),
            "storagePath": self.storage_path.display().to_string(),
            "threads": std::thread::available_parallelism().map_or(1, usize::from),
            "links": links,
        })
    }
}
