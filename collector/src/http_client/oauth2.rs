//! OAuth 2.0 client credentials: a token is fetched when one is needed and kept until it expires.

use super::{client::Client, error::HttpError, tls::read};
use crate::config::{HttpClient, OAuth2};
use axum::http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use std::time::Duration;
use tokio::{sync::Mutex, time::Instant};

/// A token is renewed this long before it expires: it must not expire on its way.
const EARLY: Duration = Duration::from_secs(10);
/// A token without an expiry is asked for anew after this.
const LIFE_DEFAULT: Duration = Duration::from_secs(3600);
/// After a refusal the endpoint is left alone this long: many targets want the same token.
const REFUSAL_PAUSE: Duration = Duration::from_secs(5);
/// No answer of a token endpoint is longer.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// A reason that the endpoint gives is shown up to here.
const REASON_CHARACTERS_MAX: usize = 300;

/// Fetches tokens for one client.
#[derive(Debug)]
pub(super) struct TokenSource {
    options: OAuth2,
    /// Speaks to the token endpoint, with TLS and a proxy of its own.
    client: Box<Client>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    refused: Option<(Instant, String)>,
    /// The endpoint wants the credentials in the form, not in a header.
    in_form: bool,
}

#[derive(Debug)]
struct Token {
    header: HeaderValue,
    good_until: Instant,
    /// With which it was made: a rotated secret makes a new token.
    secret: String,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<serde_json::Value>,
    error: Option<String>,
    error_description: Option<String>,
}

impl TokenSource {
    pub(super) fn new(options: &OAuth2, idle_time_max: Duration) -> Self {
        let http = HttpClient {
            tls: options.tls.clone(),
            proxy: options.proxy.clone(),
            ..HttpClient::default()
        };
        Self {
            options: options.clone(),
            client: Box::new(Client::new(http, idle_time_max)),
            state: Mutex::default(),
        }
    }

    /// The `authorization` header of a request now.
    pub(super) async fn header(&self) -> Result<HeaderValue, HttpError> {
        let secret = match &self.options.client_secret {
            Some(source) => read(source).await?,
            None => String::new(),
        };
        // Whoever comes while a token is being fetched waits for the same one.
        let mut state = self.state.lock().await;
        let now = Instant::now();
        if let Some(token) = &state.token
            && token.good_until > now
            && token.secret == secret
        {
            return Ok(token.header.clone());
        }
        if let Some((when, why)) = &state.refused
            && now.duration_since(*when) < REFUSAL_PAUSE
        {
            return Err(HttpError::Token(why.clone()));
        }
        match self.fetch(&mut state.in_form, secret).await {
            Ok(token) => {
                let header = token.header.clone();
                state.token = Some(token);
                state.refused = None;
                Ok(header)
            }
            Err(why) => {
                state.token = None;
                state.refused = Some((Instant::now(), why.clone()));
                Err(HttpError::Token(why))
            }
        }
    }

    /// The target refused the token: the next request gets another one.
    pub(super) async fn forget(&self, refused: &HeaderValue) {
        let mut state = self.state.lock().await;
        if state.token.as_ref().is_some_and(|token| token.header == *refused) {
            state.token = None;
        }
    }

    /// Endpoints take the credentials in a header or in the form; which of the two is found out.
    async fn fetch(&self, in_form: &mut bool, secret: String) -> Result<Token, String> {
        match self.ask(*in_form, &secret).await {
            Err(Refusal { status, .. }) if status.is_some_and(|it| it.is_client_error()) => {
                let token = self.ask(!*in_form, &secret).await.map_err(|refusal| refusal.why)?;
                *in_form = !*in_form;
                Ok(token)
            }
            outcome => outcome.map_err(|refusal| refusal.why),
        }
    }

    async fn ask(&self, in_form: bool, secret: &str) -> Result<Token, Refusal> {
        let url = &self.options.token_url;
        let mut form: Vec<(&str, &str)> = vec![("grant_type", "client_credentials")];
        let scope = self.options.scopes.join(" ");
        if !scope.is_empty() {
            form.push(("scope", &scope));
        }
        form.extend(self.options.endpoint_params.iter().map(|(key, value)| (&**key, &**value)));
        if in_form {
            form.push(("client_id", &self.options.client_id));
            form.push(("client_secret", secret));
        }
        let body = encode_form(&form);
        let client = self.client.plain().await.map_err(|error| Refusal::of(error.to_string()))?;
        let mut request = client
            .post(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(body);
        if !in_form {
            request = request.basic_auth(&self.options.client_id, Some(secret));
        }
        let unreachable = |error: reqwest::Error| {
            Refusal::of(format!("the token endpoint {url}: {}", super::root(&error)))
        };
        let began = Instant::now();
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(Refusal::of(format!("the token endpoint {url} answers too much")));
            }
            bytes.extend_from_slice(&chunk);
        }
        let answer: Option<Answer> = serde_json::from_slice(&bytes).ok();
        let reason = answer.as_ref().and_then(|answer| {
            answer.error_description.as_deref().or(answer.error.as_deref()).map(shortened)
        });
        let (Some(answer), true) = (answer, status.is_success()) else {
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let why = format!("the token endpoint {url} answers {status}{reason}");
            return Err(Refusal { status: Some(status), why });
        };
        let Some(token) = answer.access_token.filter(|token| !token.is_empty()) else {
            return Err(Refusal::of(format!("the token endpoint {url} answers without a token")));
        };
        let kind = answer.token_type.unwrap_or_default();
        let kind = if kind.is_empty() || kind.eq_ignore_ascii_case("bearer") {
            "Bearer"
        } else {
            kind.as_str()
        };
        let mut header = HeaderValue::from_str(&format!("{kind} {token}"))
            .map_err(|_| Refusal::of("the token cannot stand in a header".to_owned()))?;
        header.set_sensitive(true);
        let life = answer.expires_in.as_ref().and_then(seconds).unwrap_or(LIFE_DEFAULT);
        let good_until = began + life.saturating_sub(EARLY.min(life / 2));
        Ok(Token { header, good_until, secret: secret.to_owned() })
    }
}

struct Refusal {
    status: Option<StatusCode>,
    why: String,
}

impl Refusal {
    fn of(why: String) -> Self {
        Self { status: None, why }
    }
}

/// A number, which some endpoints write as text; 0 stands for no expiry.
fn seconds(value: &serde_json::Value) -> Option<Duration> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    Duration::try_from_secs_f64(number.min(365.0 * 86_400.0)).ok().filter(|life| !life.is_zero())
}

fn shortened(reason: &str) -> String {
    reason.chars().take(REASON_CHARACTERS_MAX).filter(|letter| !letter.is_control()).collect()
}

fn encode_form(pairs: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://form").expect("this is a URL");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}
