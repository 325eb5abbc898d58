//! `sigyn check buffer URL`: whether a span buffer keeps the pull protocol, seen from outside.
//!
//! It knows of the buffer what a reader knows: a URL. So it can be pointed at a buffer in any language. It can
//! make no span itself; with `--provoke` the app makes one when that is needed. A busy app is allowed
//! for: what came or was overwritten between two reads is no fault.

mod content;
mod cursors;
mod limits;
mod pull;
mod report;
mod traces;
mod vectors;
mod waiting;

use crate::{cli::serve, exit::Exit};
use clap::Args;
use pull::Buffer;
use report::{Report, Trouble};
use reqwest::{
    Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};
use std::time::Duration;
use vectors::Vectors;

/// After the app was provoked, its span must be there within this time.
const PROVOKED_SECONDS_MAX: u64 = 5;

/// The buffer to check.
#[derive(Args, Debug)]
pub(crate) struct CheckBuffer {
    /// Where its spans are read, such as http://127.0.0.1:9464/debug/spans.
    #[arg(value_parser = parse_url)]
    url: Url,
    /// Sent as `authorization: Bearer TOKEN`.
    #[arg(long, value_name = "TOKEN", env = "SIGYN_BEARER_TOKEN", hide_env_values = true)]
    bearer_token: Option<String>,
    /// A header to send along, such as "x-scope: shop"; may be given several times.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// A URL of the app that makes it record a span when it is fetched; without it, what needs a new span is not tried.
    #[arg(long, value_name = "URL", value_parser = parse_url)]
    provoke: Option<Url>,
}

impl CheckBuffer {
    /// Prints a line for each check. Errors when one of them failed.
    pub(crate) fn run(self) -> Result<(), Exit> {
        let credentials = self.credentials()?;
        let report = serve::runtime()?.block_on(self.examine(credentials))?;
        report.end()
    }

    fn credentials(&self) -> Result<HeaderMap, Exit> {
        let mut headers: HeaderMap = self.headers.iter().cloned().collect();
        if let Some(token) = &self.bearer_token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| Exit::bad("--bearer-token: this cannot stand in a header"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }

    async fn examine(self, credentials: HeaderMap) -> Result<Report, Exit> {
        let buffer = Buffer::new(self.url, credentials, self.provoke)?;
        let vectors = Vectors::load();
        let mut report = Report::default();

        let provoked = provoke(&buffer).await;
        if buffer.provokes() {
            report.add("provoke", provoked);
        }
        let Some(first) = report.found("answer", content::answer(&buffer).await) else {
            return Ok(report);
        };
        report.add("headers", content::headers(&first));
        report.add("spans", content::spans(&first));
        report.add("accept", content::accept(&buffer).await);
        report.add("encoding", content::encodings(&buffer, &vectors).await);
        report.add("credentials", content::credentials(&buffer).await);

        report.add("reading changes nothing", cursors::reading_changes_nothing(&buffer).await);
        report.add("each span once", cursors::each_span_once(&buffer).await);
        report.add("nothing new", cursors::nothing_new(&buffer).await);
        report.add("the same cursor again", cursors::the_same_cursor_again(&buffer).await);
        report.add("cursor of another life", cursors::another_life(&buffer, &vectors).await);
        report.add("cursor ahead", cursors::ahead(&buffer).await);
        report.add("no cursor", cursors::no_cursor(&buffer, &vectors).await);

        report.add("max_bytes", limits::pages(&buffer).await);
        report.add("max_bytes too small", limits::too_small(&buffer).await);
        report.add("large spans are marked", limits::marked(&buffer).await);
        report.add("bad parameters", limits::bad_parameters(&buffer, &vectors).await);
        report.add("good parameters", limits::good_parameters(&buffer, &vectors).await);
        report.add("methods", limits::methods(&buffer, &vectors).await);
        report.add("HEAD", limits::head(&buffer).await);

        report.add("wait with news", waiting::with_news(&buffer).await);
        report.add("wait in vain", waiting::in_vain(&buffer).await);
        report.add("wait for a span", waiting::for_a_span(&buffer).await);
        report.add("wait, another life", waiting::another_life(&buffer, &vectors).await);
        report.add("many who wait", waiting::many(&buffer).await);
        report.add("drain", waiting::drain(&buffer).await);

        report.add("trace_id", traces::held(&buffer).await);
        report.add("trace_id of nobody", traces::unknown(&buffer).await);
        Ok(report)
    }
}

/// Makes the app record a span, and waits until it can be read.
async fn provoke(buffer: &Buffer) -> Result<String, Trouble> {
    let before = buffer.read("").await.map(|batch| batch.stats.recorded).unwrap_or_default();
    let answered = buffer.provoke().await?;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(PROVOKED_SECONDS_MAX);
    loop {
        let batch = buffer.read("").await?;
        if batch.stats.recorded > before {
            return Ok(format!("{answered}, and a span was recorded"));
        }
        if tokio::time::Instant::now() > deadline {
            return Err(Trouble::bad(
                format!(
                    "{answered}, but `recorded` stayed at {before} for {PROVOKED_SECONDS_MAX} s"
                ),
                "Name a URL whose handler is traced, and look whether the app's tracer ends its spans in this buffer.",
            ));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("{other} is neither http nor https")),
    }
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is NAME: VALUE")?;
    let name = name.trim().parse().map_err(|_| format!("{name:?} is no header name"))?;
    let value = value.trim().parse().map_err(|_| "this cannot stand in a header".to_owned())?;
    Ok((name, value))
}
