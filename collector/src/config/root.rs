//! The whole configuration: its top level, and the files that it names.

use crate::{
    config::{
        ConfigError, Dialect, Environment, Exemplars, Field, Finding, Global, Link,
        MetricsGenerator, Reading, ScrapeConfig, Storage, Warning,
        node::{self, Node, Place, SyntaxError},
        parts::{print_receivers, read_receivers},
        print::{Printed, PrintedMap},
        scrape_read::read_scrape_config,
        unused::warn_unused,
    },
    discovery::matching,
    receivers,
};
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

/// A larger file is not a configuration.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The configuration with all defaults filled in. The default is that of an empty file: push
/// receivers, and nothing to scrape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// What jobs inherit.
    pub global: Global,
    /// All jobs, those of included files too. Names are unique.
    pub scrape_configs: Vec<ScrapeConfig>,
    /// What is taken by push.
    pub receivers: receivers::Config,
    /// Exemplars.
    pub exemplars: Exemplars,
    /// The store.
    pub storage: Storage,
    /// Metrics made from spans; `None`: off.
    pub metrics_generator: Option<MetricsGenerator>,
    /// Where whoever looks at a trace can go on to.
    pub links: Vec<Link>,
    /// Every file that was read: an automatic reload watches these.
    pub files: Vec<PathBuf>,
    /// The patterns of `scrape_config_files`: a further file that fits is a change, too.
    pub file_patterns: Vec<PathBuf>,
    /// Those of the files that are another system's: their changes are followed in any case.
    pub followed_files: Vec<PathBuf>,
    /// Where each job stands: file, line and column.
    pub job_places: BTreeMap<String, (String, usize, usize)>,
}

/// What Prometheus has at its top level and means nothing here.
const UNUSED: [&str; 7] =
    ["runtime", "alerting", "rule_files", "tracing", "remote_write", "remote_read", "otlp"];

type Findings = (Vec<Finding>, Vec<Finding>);

impl Config {
    /// Reads a file and those that it names, with the process's environment. All faults that can be
    /// found are given, sorted by place.
    pub fn load(path: &Path) -> Result<(Self, Vec<Warning>), Vec<ConfigError>> {
        let environment = |name: &str| std::env::var(name).ok();
        Self::load_with(path, &environment)
    }

    /// As [`Config::load`], with another environment.
    pub fn load_with(
        path: &Path,
        environment: Environment<'_>,
    ) -> Result<(Self, Vec<Warning>), Vec<ConfigError>> {
        let name = path.display().to_string();
        let text = read_bounded(path).map_err(|error| vec![unreadable(&name, &error)])?;
        Self::read(&text, &name, environment, true)
    }

    /// Reads a text alone: files that it names (`scrape_config_files`, `prometheus_config_file`)
    /// are not opened, and their jobs are missing. Touches nothing outside.
    pub fn parse(
        text: &str,
        file_name: &str,
        environment: Environment<'_>,
    ) -> Result<(Self, Vec<Warning>), Vec<ConfigError>> {
        Self::read(text, file_name, environment, false)
    }

    fn read(
        text: &str,
        name: &str,
        environment: Environment<'_>,
        follow: bool,
    ) -> Result<(Self, Vec<Warning>), Vec<ConfigError>> {
        let mut root = Root::new(environment, follow);
        let config = root.read_main(text, name);
        let (mut errors, mut warnings) = root.findings;
        for finding in errors.iter_mut().chain(&mut warnings) {
            if let Some(text) = root.texts.get(&finding.file) {
                finding.show_line(text);
            }
        }
        errors.sort();
        warnings.sort();
        if errors.is_empty() { Ok((config, warnings)) } else { Err(errors) }
    }

    /// The configuration as YAML: defaults filled in, secrets shown as `<secret>`.
    pub fn to_yaml(&self) -> String {
        let mut map = PrintedMap::default();
        let jobs = self.scrape_configs.iter().map(ScrapeConfig::print).collect();
        map.add("global", self.global.print())
            .list("scrape_configs", Printed::List(jobs))
            .add("receivers", print_receivers(&self.receivers))
            .add("exemplars", self.exemplars.print())
            .add("storage", self.storage.print())
            .maybe(
                "metrics_generator",
                self.metrics_generator.as_ref().map(MetricsGenerator::print),
            )
            .list("links", Printed::List(self.links.iter().map(Link::print).collect()));
        serde_saphyr::to_string(&map.done()).unwrap_or_default()
    }

    /// How the store is opened for this configuration, with its folder at `path`.
    pub fn store(&self, path: &Path) -> sigyn_store::Config {
        self.storage.store(path, self.exemplars.retention.0)
    }
}

/// The reading of a whole configuration.
struct Root<'a> {
    environment: Environment<'a>,
    /// Whether other files are opened.
    follow: bool,
    findings: Findings,
    files: Vec<PathBuf>,
    file_patterns: Vec<PathBuf>,
    followed_files: Vec<PathBuf>,
    /// Of the files, to show the lines that findings are about.
    texts: BTreeMap<String, String>,
    /// Where each job name stands.
    jobs: BTreeMap<String, (String, usize, usize)>,
    scrape_configs: Vec<ScrapeConfig>,
}

impl<'a> Root<'a> {
    fn new(environment: Environment<'a>, follow: bool) -> Self {
        Self {
            environment,
            follow,
            findings: Findings::default(),
            files: Vec::new(),
            file_patterns: Vec::new(),
            followed_files: Vec::new(),
            texts: BTreeMap::new(),
            jobs: BTreeMap::new(),
            scrape_configs: Vec::new(),
        }
    }

    fn read_main(&mut self, text: &str, name: &str) -> Config {
        let mut config = Config::default();
        let Some((node, mut reading)) = self.begin(text, name, Dialect::Sigyn) else {
            return config;
        };
        let top = Field { node: &node, path: String::new() };
        let Some(mut fields) = reading.map(&top) else {
            self.end(reading);
            return config;
        };
        if let Some(field) = fields.take("global") {
            config.global = Global::read(&mut reading, &field);
        }
        let prometheus = fields.take("prometheus_config_file");
        let prometheus = prometheus.and_then(|field| Some((reading.path(&field)?, field)));
        let prometheus =
            prometheus.and_then(|(path, field)| self.open(&mut reading, &field, &path));
        // What we say wins over what the other file says.
        let foreign = prometheus.map(|(path, text)| self.read_prometheus(&path, &text));
        if let Some((global, _)) = &foreign {
            config.global = config.global.or(global.clone());
        }

        if let Some(field) = fields.take("scrape_configs") {
            self.read_jobs(&mut reading, &field, &config.global);
        }
        if let Some(field) = fields.take("scrape_config_files") {
            self.read_job_files(&mut reading, &field, &config.global);
        }
        if let Some((_, (node, name))) = foreign {
            self.read_prometheus_jobs(&node, &name, &config.global);
        }

        if let Some(field) = fields.take("receivers") {
            config.receivers = read_receivers(&mut reading, &field);
        }
        if let Some(field) = fields.take("exemplars") {
            config.exemplars = Exemplars::read(&mut reading, &field);
        }
        if let Some(field) = fields.take("storage") {
            config.storage = Storage::read(&mut reading, &field);
        }
        if let Some(field) = fields.take_even_null("metrics_generator") {
            config.metrics_generator = Some(MetricsGenerator::read(&mut reading, &field));
        }
        if let Some(field) = fields.take("links") {
            let items = reading.list(&field);
            config.links = items.iter().filter_map(|it| Link::read(&mut reading, it)).collect();
        }
        warn_unused(&mut reading, &mut fields, &UNUSED);
        fields.finish(&mut reading);
        self.end(reading);
        config.scrape_configs = std::mem::take(&mut self.scrape_configs);
        config.files = std::mem::take(&mut self.files);
        config.file_patterns = std::mem::take(&mut self.file_patterns);
        config.followed_files = std::mem::take(&mut self.followed_files);
        config.job_places = std::mem::take(&mut self.jobs);
        config
    }

    /// Parses a file's text; faults of the YAML itself are noted.
    fn begin(&mut self, text: &str, name: &str, dialect: Dialect) -> Option<(Node, Reading<'a>)> {
        let path = Path::new(name);
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut reading = Reading::new(name, folder, dialect, self.environment);
        self.files.push(path.to_owned());
        if dialect == Dialect::Prometheus {
            self.followed_files.push(path.to_owned());
        }
        self.texts.insert(name.to_owned(), text.to_owned());
        let at_fault = |SyntaxError { place, message }: SyntaxError, reading: &mut Reading<'_>| {
            reading.error_at(place, "", message);
        };
        match node::parse(text) {
            Ok((node, duplicates)) => {
                duplicates.into_iter().for_each(|error| at_fault(error, &mut reading));
                Some((node, reading))
            }
            Err(error) => {
                at_fault(error, &mut reading);
                self.end(reading);
                None
            }
        }
    }

    fn end(&mut self, reading: Reading<'_>) {
        self.findings.0.extend(reading.errors);
        self.findings.1.extend(reading.warnings);
    }

    fn read_jobs(&mut self, reading: &mut Reading<'_>, field: &Field<'_>, global: &Global) {
        for item in reading.list(field) {
            let errors_before = reading.errors.len();
            let job = read_scrape_config(reading, &item, global);
            if let Some(job) = job {
                self.add_job(reading, &item, job);
            }
            if reading.dialect == Dialect::Prometheus {
                // What another system's file has and we cannot do must not keep us from starting.
                for mut error in reading.errors.split_off(errors_before) {
                    error.message += "; this job is left out";
                    reading.warnings.push(error);
                }
            }
        }
    }

    fn add_job(&mut self, reading: &mut Reading<'_>, item: &Field<'_>, job: ScrapeConfig) {
        let Place { line, column } = item.node.place;
        if let Some((file, line, _)) = self.jobs.get(&job.job_name) {
            let message =
                format!("the job name {:?} is taken by the job at {file}:{line}", job.job_name);
            reading.error(item, message);
            return;
        }
        self.jobs.insert(job.job_name.clone(), (reading.file.clone(), line, column));
        self.scrape_configs.push(job);
    }

    fn read_job_files(&mut self, reading: &mut Reading<'_>, field: &Field<'_>, global: &Global) {
        for item in reading.list(field) {
            let Some(pattern) = reading.path(&item) else { continue };
            let folder = pattern.parent().unwrap_or(Path::new("")).to_string_lossy();
            if folder.contains('*') {
                reading.error(&item, "`*` may stand in the last part of the path only");
                continue;
            }
            if !self.follow {
                continue;
            }
            self.file_patterns.push(pattern.clone());
            let files = matching(&pattern).unwrap_or_default();
            if files.is_empty() {
                let is_pattern = pattern.to_string_lossy().contains('*');
                let message = format!("no file is found at {}", pattern.display());
                match is_pattern {
                    true => reading.warn(&item, message),
                    false => reading.error(&item, message),
                }
            }
            for path in files {
                let Some((_, text)) = self.open(reading, &item, &path) else { continue };
                let name = path.display().to_string();
                let Some((node, mut inner)) = self.begin(&text, &name, reading.dialect) else {
                    continue;
                };
                let top = Field { node: &node, path: String::new() };
                if let Some(mut fields) = inner.map(&top) {
                    if let Some(field) = fields.take("scrape_configs") {
                        self.read_jobs(&mut inner, &field, global);
                    }
                    fields.finish(&mut inner);
                }
                self.end(inner);
            }
        }
    }

    /// The `global` of somebody's `prometheus.yml`, and its tree to take the jobs from later.
    fn read_prometheus(&mut self, path: &Path, text: &str) -> (Global, (Node, String)) {
        let name = path.display().to_string();
        let empty = || Node::null();
        let Some((node, mut reading)) = self.begin(text, &name, Dialect::Prometheus) else {
            return (Global::default(), (empty(), name));
        };
        let top = Field { node: &node, path: String::new() };
        let mut global = Global::default();
        if let Some(mut fields) = reading.map(&top)
            && let Some(field) = fields.take("global")
        {
            global = Global::read(&mut reading, &field);
        }
        self.end(reading);
        (global, (node, name))
    }

    fn read_prometheus_jobs(&mut self, node: &Node, name: &str, global: &Global) {
        let folder = Path::new(name).parent().unwrap_or(Path::new(""));
        let mut reading = Reading::new(name, folder, Dialect::Prometheus, self.environment);
        let top = Field { node, path: String::new() };
        // Other top-level keys are none of our business.
        if let Some(mut fields) = reading.map(&top) {
            if let Some(field) = fields.take("scrape_configs") {
                self.read_jobs(&mut reading, &field, global);
            }
            if let Some(field) = fields.take("scrape_config_files") {
                self.read_job_files(&mut reading, &field, global);
            }
        }
        self.end(reading);
    }

    fn open(
        &mut self,
        reading: &mut Reading<'_>,
        field: &Field<'_>,
        path: &Path,
    ) -> Option<(PathBuf, String)> {
        if !self.follow {
            return None;
        }
        match read_bounded(path) {
            Ok(text) => Some((path.to_owned(), text)),
            Err(error) => {
                reading.error(field, format!("cannot read {}: {error}", path.display()));
                None
            }
        }
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    if std::fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too large for a configuration"));
    }
    std::fs::read_to_string(path)
}

fn unreadable(name: &str, error: &io::Error) -> ConfigError {
    ConfigError {
        excerpt: String::new(),
        file: name.into(),
        line: 0,
        column: 0,
        path: String::new(),
        message: format!("cannot read it: {error}"),
    }
}
