//! A small HTTP client for one server.

use reqwest::blocking::Client;
use serde_json::Value;
use std::time::Duration;

/// Asks one server over HTTP.
#[derive(Clone)]
pub struct Api {
    base: String,
    client: Client,
}

/// A status and a body.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `content-type`, or empty.
    pub content_type: String,
    /// The body after decompression.
    pub body: Vec<u8>,
}

impl Api {
    /// `base` is like `http://127.0.0.1:7449`.
    pub fn new(base: impl Into<String>) -> Self {
        let client = Client::builder()
            .timeout(Duration::from_secs(30))
            .no_proxy()
            // Loopback is plain: a machine without CA certificates runs the tests as well.
            .tls_certs_only([])
            .build()
            .expect("a plain client builds");
        Self { base: base.into(), client }
    }

    /// The base URL.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path, &[]).expect("the server answers")
    }

    /// GET with headers; `Err` when there is no answer.
    pub fn try_get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let mut request = self.client.get(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send())
    }

    /// GET, decoded as JSON; the status must be 200.
    #[track_caller]
    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        serde_json::from_slice(&answer.body).expect("the body is JSON")
    }

    /// GET with one percent-encoded query parameter.
    #[track_caller]
    pub fn search(&self, traceql: &str) -> Value {
        let url = reqwest::Url::parse_with_params(
            &format!("{}/api/search", self.base),
            &[("q", traceql), ("limit", "1000"), ("spss", "100")],
        )
        .expect("the base is a URL");
        let answer = Answer::of(self.client.get(url).send()).expect("the server answers");
        assert_eq!(answer.status, 200, "{traceql}: {}", answer.text());
        serde_json::from_slice(&answer.body).expect("the body is JSON")
    }

    /// POST; `Err` when there is no answer.
    pub fn post(
        &self,
        path: &str,
        content_type: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let mut request = self
            .client
            .post(format!("{}{path}", self.base))
            .header("content-type", content_type)
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.send())
    }

    /// The value of one series in `/metrics`, by its exact text up to the space; `None` when absent.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let answer = self.get("/metrics");
        answer.text().lines().find_map(|line| {
            let rest = line.strip_prefix(series)?;
            rest.strip_prefix(' ')?.split(' ').next()?.parse().ok()
        })
    }

    /// The sum over all series of a metric in `/metrics`.
    pub fn metric_sum(&self, name: &str) -> f64 {
        let answer = self.get("/metrics");
        let text = answer.text();
        text.lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])))
            .filter_map(|line| {
                let value = match line.rsplit_once('}') {
                    Some((_, value)) => value.trim(),
                    None => line.split_once(' ')?.1,
                };
                value.split(' ').next()?.parse::<f64>().ok()
            })
            .sum()
    }
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn of(answer: reqwest::Result<reqwest::blocking::Response>) -> Result<Self, String> {
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let content_type = answer
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let body = answer.bytes().map_err(|error| error.to_string())?.to_vec();
        Ok(Self { status, content_type, body })
    }
}
