//! What can be known of a configuration before it runs: files that are not there, certificates
//! that are none, lists of targets that cannot be read, targets that cannot be made.

use crate::{
    Labels,
    config::{Authentication, Config, Finding, HttpClient, ScrapeConfig, SecretSource},
    discovery::{Mechanism, TargetGroup, matching, parse_yaml},
    http_client::check_tls,
    target,
};
use std::path::Path;

/// What an inspection found.
#[derive(Debug, Default)]
pub struct Inspection {
    /// The server would start, but these reads would fail.
    pub errors: Vec<Finding>,
    /// What may be as it should.
    pub warnings: Vec<Finding>,
}

impl Config {
    /// Looks at every file that the jobs name, and builds the targets that need no network.
    pub async fn inspect(&self) -> Inspection {
        let mut inspection = Inspection::default();
        for job in &self.scrape_configs {
            let faults = inspect_job(job).await;
            let finding = |message: String| {
                let place = self.job_places.get(&job.job_name).cloned();
                let (file, line, column) = place.unwrap_or_default();
                let message = format!("job {:?}: {message}", job.job_name);
                Finding { file, line, column, path: String::new(), message, excerpt: String::new() }
            };
            inspection.errors.extend(faults.errors.into_iter().map(finding));
            inspection.warnings.extend(faults.warnings.into_iter().map(finding));
        }
        inspection
    }
}

#[derive(Default)]
struct Faults {
    errors: Vec<String>,
    warnings: Vec<String>,
}

async fn inspect_job(job: &ScrapeConfig) -> Faults {
    let mut faults = Faults::default();
    faults.client(&job.http).await;
    let mut groups = Vec::new();
    for mechanism in &job.discovery {
        match mechanism {
            Mechanism::Static(discovery) => groups.extend(discovery.groups.iter().cloned()),
            Mechanism::File(discovery) => {
                for pattern in &discovery.files {
                    groups.extend(faults.list_of_targets(pattern));
                }
            }
            _ => {}
        }
    }
    for failed in groups.iter().flat_map(|group| target::build(job, group).failed) {
        let address = failed.discovered_labels.get("__address__");
        let message = format!("the target {address:?} cannot be scraped: {}", failed.reason);
        faults.errors.push(message);
    }
    faults
}

impl Faults {
    async fn client(&mut self, http: &HttpClient) {
        let mut secrets: Vec<&SecretSource> = Vec::new();
        match &http.authentication {
            Authentication::None => {}
            Authentication::Basic { username, password } => {
                secrets.push(username);
                secrets.extend(password);
            }
            Authentication::Header { credentials, .. } => secrets.push(credentials),
            Authentication::OAuth2(oauth2) => {
                secrets.extend(&oauth2.client_secret);
                if let Err(error) = check_tls(&oauth2.tls).await {
                    self.errors.push(format!("oauth2: {error}"));
                }
            }
        }
        let files = secrets.into_iter().filter_map(|source| match source {
            SecretSource::File(path) => Some(path),
            SecretSource::Inline(_) => None,
        });
        for path in files.chain(http.headers.iter().flat_map(|header| &header.files)) {
            if let Err(error) = std::fs::File::open(path) {
                self.errors.push(format!("cannot read {}: {error}", path.display()));
            }
        }
        if let Err(error) = check_tls(&http.tls).await {
            self.errors.push(error.to_string());
        }
    }

    fn list_of_targets(&mut self, pattern: &Path) -> Vec<TargetGroup> {
        let files = matching(pattern).unwrap_or_default();
        if files.is_empty() {
            let message = format!("no file is found at {} yet", pattern.display());
            self.warnings.push(message);
        }
        let mut groups = Vec::new();
        for path in files {
            let name = path.display().to_string();
            let meta: Labels = [("__meta_filepath", name.as_str())].into_iter().collect();
            let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
            match text.and_then(|text| parse_yaml(&text, &name, &meta)) {
                Ok(found) => groups.extend(found),
                Err(reason) => self.errors.push(reason),
            }
        }
        groups
    }
}
