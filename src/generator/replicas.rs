//! Replicas that read the same targets: one of them shows the metrics, the others stand by.
//!
//! Each asks all others every few seconds where they stand. Who shows is the one that does so
//! already; when nobody does, the one that has run longest. The others take over its whole state
//! every few seconds, with the spans that it has counted lately, so that whoever goes on in its
//! place counts exactly what it had not.

use axum::http::HeaderMap;
use futures::future::join_all;
use serde_json::{Value, json};
use sigyn_collector::{config::HttpClient, http_client::Client};
use std::{net::SocketAddr, time::Duration};
use tokio::time::timeout;

/// Paths of what one replica tells another.
pub(crate) const STANDING_PATH: &str = "/-/generator";
pub(crate) const STATE_PATH: &str = "/-/generator/state";

/// A replica that does not answer within this is away.
const STANDING_TIMEOUT: Duration = Duration::from_secs(1);
const STATE_TIMEOUT: Duration = Duration::from_secs(10);
const STATE_BYTES_MAX: usize = 256 << 20;
/// They are asked every second.
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

/// Where a replica stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standing {
    /// When it was started, and its process: who is less has run longer. No two are equal.
    pub(super) seniority: (u64, u32),
    /// Whether it shows the metrics, since when.
    pub(super) leads_since_unix_nano: Option<u64>,
}

/// The others.
pub(super) struct Replicas {
    urls: Vec<reqwest::Url>,
    client: Client,
}

/// Who answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Nobody is missing.
    pub(super) all_are_there: bool,
    pub(super) peers: Vec<Peer>,
}

/// One that answered.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) standing: Standing,
    url: reqwest::Url,
}

impl Standing {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "startedUnixNano": self.seniority.0.to_string(),
            "process": self.seniority.1,
            "leadsSinceUnixNano": self.leads_since_unix_nano.map(|it| it.to_string()),
        })
    }

    fn of_json(value: &Value) -> Option<Self> {
        let number = |key: &str| value[key].as_str()?.parse::<u64>().ok();
        let process = u32::try_from(value["process"].as_u64()?).ok()?;
        Some(Self {
            seniority: (number("startedUnixNano")?, process),
            leads_since_unix_nano: number("leadsSinceUnixNano"),
        })
    }
}

impl Replicas {
    pub(super) fn new(urls: &[String], client: &HttpClient) -> anyhow::Result<Self> {
        let urls = urls.iter().map(|url| url.parse());
        let urls = urls.collect::<Result<Vec<reqwest::Url>, _>>()?;
        Ok(Self { urls, client: Client::new(client.clone(), IDLE_TIME_MAX) })
    }

    pub(super) fn is_alone(&self) -> bool {
        self.urls.is_empty()
    }

    /// All that answer; a name with several addresses is several replicas. Whoever asks may be among them.
    pub(super) async fn ask(&self) -> Answers {
        let places = join_all(self.urls.iter().map(addresses)).await;
        let all_have_places = places.iter().all(|places| !places.is_empty());
        let answers = join_all(places.concat().into_iter().map(|url| self.ask_one(url))).await;
        let all_are_there = all_have_places && answers.iter().all(Option::is_some);
        Answers { all_are_there, peers: answers.into_iter().flatten().collect() }
    }

    async fn ask_one(&self, url: reqwest::Url) -> Option<Peer> {
        let place = url.join(STANDING_PATH).ok()?;
        let ask = async {
            let answer = self.client.get(place, None, &HeaderMap::new()).await.ok()?;
            answer.error_for_status().ok()?.json().await.ok()
        };
        let answer = timeout(STANDING_TIMEOUT, ask).await.ok()??;
        Some(Peer { standing: Standing::of_json(&answer)?, url })
    }

    /// The whole state of one that leads.
    pub(super) async fn state_of(&self, peer: &Peer) -> anyhow::Result<Vec<u8>> {
        let place = peer.url.join(STATE_PATH)?;
        let ask = async {
            let answer = self.client.get(place, None, &HeaderMap::new()).await?;
            let mut answer = answer.error_for_status()?;
            let mut state = Vec::new();
            while let Some(chunk) = answer.chunk().await? {
                state.extend_from_slice(&chunk);
                anyhow::ensure!(state.len() <= STATE_BYTES_MAX, "the state is too large");
            }
            Ok(state)
        };
        timeout(STATE_TIMEOUT, ask).await?
    }
}

/// A headless service is one name for all replicas. With TLS the name must stay: certificates say it.
async fn addresses(url: &reqwest::Url) -> Vec<reqwest::Url> {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return vec![url.clone()];
    };
    if url.scheme() != "http" {
        return vec![url.clone()];
    }
    let found = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await;
    let with = |address: SocketAddr| {
        let mut url = url.clone();
        url.set_ip_host(address.ip()).ok().map(|()| url)
    };
    let mut urls: Vec<_> = found.into_iter().flatten().filter_map(with).collect();
    urls.dedup();
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_reads_back() {
        for leads_since_unix_nano in [None, Some(u64::MAX)] {
            let standing = Standing { seniority: (u64::MAX - 1, 7), leads_since_unix_nano };
            assert_eq!(Standing::of_json(&standing.to_json()), Some(standing));
        }
        assert_eq!(Standing::of_json(&json!({"process": 7})), None);
    }

    #[tokio::test]
    async fn a_name_is_all_its_addresses() {
        let url = "http://127.0.0.1:7449/sigyn/".parse().unwrap();
        assert_eq!(addresses(&url).await, [url]);
    }
}
