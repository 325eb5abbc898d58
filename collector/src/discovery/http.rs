//! `http_sd_configs`: target lists that a server answers. It is also how the target allocator of the
//! OpenTelemetry operator hands its targets over.

use crate::{
    Labels,
    config::{
        Field, HttpClient, PrometheusDuration, Reading,
        http_read::read_http,
        print::{Printed, PrintedMap},
    },
    discovery::{
        TargetGroup,
        poll::every,
        provider::Emitter,
        source_client::{Answer, SourceClient, header},
        target_list::parse_json,
    },
};
use ::http::{HeaderMap, header::CONTENT_TYPE};
use reqwest::Url;

/// One item of `http_sd_configs`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HttpDiscovery {
    /// What is asked, as written.
    pub url: String,
    /// Time between two questions, and how long one may take.
    pub refresh_interval: PrometheusDuration,
    /// Credentials and TLS.
    pub http: HttpClient,
}

impl HttpDiscovery {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let mut fields = reading.map(field)?;
        let url = fields.take("url").and_then(|field| reading.text(&field)).unwrap_or_default();
        if url.is_empty() {
            reading.error(field, "`url` is needed: the address that answers a list of targets");
        } else if !is_http_url(&url) {
            reading.error(field, format!("{url:?} is not an http or https URL with a host"));
        }
        let refresh = fields.take("refresh_interval");
        let refresh = refresh.and_then(|field| reading.positive_duration(&field));
        let http = read_http(reading, &mut fields);
        fields.finish(reading);
        let refresh_interval = refresh.unwrap_or(PrometheusDuration::from_seconds(60));
        Some(Self { url, refresh_interval, http })
    }

    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.add("url", Printed::text(&self.url))
            .add("refresh_interval", Printed::text(self.refresh_interval))
            .http(&self.http);
        map.done()
    }

    pub(crate) async fn run(self, emitter: Emitter) {
        let client = SourceClient::new(&self.http, self.refresh_interval.0 * 2);
        let mut ticks = every(self.refresh_interval.0);
        loop {
            ticks.tick().await;
            emitter.refreshed(self.ask(&client).await);
        }
    }

    async fn ask(&self, client: &SourceClient) -> Result<Vec<TargetGroup>, String> {
        let url = Url::parse(&self.url).map_err(|error| format!("{:?}: {error}", self.url))?;
        let seconds = self.refresh_interval.0.as_secs_f64().to_string();
        let headers: HeaderMap = [
            header("accept", "application/json")?,
            header("x-prometheus-refresh-interval-seconds", &seconds)?,
        ]
        .into_iter()
        .collect();
        let answer = client.get(&url, &headers, self.refresh_interval.0).await?;
        let meta: Labels = [("__meta_url", &self.url)].into_iter().collect();
        let body = answer.good().map_err(|reason| format!("{url}: {reason}"))?;
        is_json(&answer).map_err(|reason| format!("{url}: {reason}"))?;
        parse_json(body, &self.url, &meta)
    }
}

/// `application/json`, with `; charset=utf-8` or nothing behind it, in any case.
fn is_json(answer: &Answer) -> Result<(), String> {
    let given = answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given.unwrap_or_default();
    let lower = given.to_ascii_lowercase();
    let good = match lower.split_once(';') {
        None => lower == "application/json",
        Some((kind, charset)) => {
            kind == "application/json"
                && matches!(charset.trim_start(), "charset=utf-8" | "charset=\"utf-8\"")
        }
    };
    match good {
        true => Ok(()),
        false => Err(format!("the content type is {given:?} and must be application/json")),
    }
}

pub(super) fn is_http_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
