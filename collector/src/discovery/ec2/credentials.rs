//! Who we are for AWS: configured keys, or the places that AWS' own tools search, in their order.

use super::{
    Ec2Discovery,
    api::domain,
    signature::{Scope, encode, sign},
    xml,
};
use crate::{
    config::Secret,
    discovery::source_client::{SourceClient, header},
};
use http::HeaderMap;
use reqwest::Url;
use serde::Deserialize;
use std::{env, path::PathBuf, time::Duration};

/// Keys for signing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Credentials {
    pub(super) access_key: String,
    pub(super) secret_key: Secret,
    pub(super) token: Option<Secret>,
    pub(super) expires_unix_nano: Option<u64>,
}

/// Keys are renewed so long before they expire.
const MARGIN_NANO: u64 = 300_000_000_000;

/// Keys that come from files or the environment are looked at again after this time.
const LIFE_NANO: u64 = 900_000_000_000;

/// These services are on the machine itself, or not there at all.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(2);
const STS_TIMEOUT: Duration = Duration::from_secs(20);
const INSTANCE_METADATA: &str = "http://169.254.169.254";

/// What the metadata services of containers and instances answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<jiff::Timestamp>,
}

impl Credentials {
    pub(super) fn is_due(&self, now_unix_nano: u64) -> bool {
        self.expires_unix_nano.is_some_and(|expires| expires < now_unix_nano + MARGIN_NANO)
    }

    fn of_answer(answer: Answer, now: u64) -> Self {
        Self {
            access_key: answer.access_key_id,
            secret_key: Secret::new(answer.secret_access_key),
            token: answer.token.map(Secret::new),
            expires_unix_nano: Some(answer.expiration.map_or(now + LIFE_NANO, unix_nano)),
        }
    }
}

/// Searches all places; takes on the role when there is one.
pub(super) async fn find(
    discovery: &Ec2Discovery,
    client: &SourceClient,
    region: &str,
    now: u64,
) -> Result<Credentials, String> {
    let own = match &discovery.keys {
        Some((access_key, secret_key)) => Credentials {
            access_key: access_key.clone(),
            secret_key: secret_key.clone(),
            token: None,
            expires_unix_nano: None,
        },
        None => search(discovery, client, region, now).await?,
    };
    let Some(role) = &discovery.role_arn else { return Ok(own) };
    let mut query = format!(
        "Action=AssumeRole&Version=2011-06-15&RoleSessionName=sigyn&RoleArn={}",
        encode(role)
    );
    if let Some(id) = &discovery.external_id {
        query += &format!("&ExternalId={}", encode(id));
    }
    let url = sts(region, &query)?;
    let scope = Scope { region, service: "sts", now_unix_nano: now };
    assume(client, &url, &sign(&url, &own, &scope)?).await
}

async fn search(
    discovery: &Ec2Discovery,
    client: &SourceClient,
    region: &str,
    now: u64,
) -> Result<Credentials, String> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let keys = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
    if let ((Some(access_key), Some(secret_key)), None) = (keys, &discovery.profile) {
        return Ok(Credentials {
            access_key,
            secret_key: Secret::new(secret_key),
            token: variable("AWS_SESSION_TOKEN").map(Secret::new),
            expires_unix_nano: None,
        });
    }
    let profile = discovery.profile.clone().or_else(|| variable("AWS_PROFILE"));
    let home = variable("HOME").map(PathBuf::from).unwrap_or_default();
    let file = variable("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let file = file.unwrap_or_else(|| home.join(".aws/credentials"));
    if let Ok(text) = tokio::fs::read_to_string(&file).await
        && let Some(found) = in_profile(&text, profile.as_deref().unwrap_or("default"), now)
    {
        return Ok(found);
    }
    if let Some(profile) = profile {
        return Err(format!("the profile {profile:?} has no keys in {}", file.display()));
    }
    if let (Some(file), Some(role)) =
        (variable("AWS_WEB_IDENTITY_TOKEN_FILE"), variable("AWS_ROLE_ARN"))
    {
        let token = tokio::fs::read_to_string(&file).await;
        let token = token.map_err(|error| format!("cannot read {file}: {error}"))?;
        let query = format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=sigyn&RoleArn={}\
             &WebIdentityToken={}",
            encode(&role),
            encode(token.trim())
        );
        return assume(client, &sts(region, &query)?, &HeaderMap::new()).await;
    }
    let container = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI").or_else(|| {
        let path = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")?;
        Some(format!("http://169.254.170.2{path}"))
    });
    if let Some(url) = container {
        let mut headers = HeaderMap::new();
        let token = match variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
            Some(file) => tokio::fs::read_to_string(file).await.ok(),
            None => variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        };
        if let Some(token) = token {
            headers.extend([header("authorization", token.trim())?]);
        }
        let url = Url::parse(&url).map_err(|error| format!("{url}: {error}"))?;
        let answer = client.get(&url, &headers, LOCAL_TIMEOUT).await?;
        return Ok(Credentials::of_answer(answer.json()?, now));
    }
    of_instance(client, now).await.map_err(|reason| {
        format!(
            "no credentials: `access_key` is not configured, and neither environment, shared \
             credentials file, web identity, container nor instance ({reason}) has any"
        )
    })
}

/// The keys of the role of the instance that Sigyn runs on.
async fn of_instance(client: &SourceClient, now: u64) -> Result<Credentials, String> {
    let path = "/latest/meta-data/iam/security-credentials/";
    let role = metadata(client, path).await?;
    let role = role.lines().next().unwrap_or_default().to_owned();
    let answer = metadata(client, &format!("{path}{role}")).await?;
    let answer = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
    Ok(Credentials::of_answer(answer, now))
}

/// The region of the environment, or of the instance that Sigyn runs on.
pub(super) async fn region(client: &SourceClient) -> Result<String, String> {
    let variables = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().filter_map(|it| env::var(it).ok());
    if let Some(region) = variables.into_iter().find(|region| !region.is_empty()) {
        return Ok(region);
    }
    let region = metadata(client, "/latest/meta-data/placement/region").await;
    region.map_err(|reason| format!("`region` is not configured and cannot be found: {reason}"))
}

/// Asks the instance's metadata service. Its second version wants a token, which is asked for with
/// PUT; the first, where it is still on, answers without.
async fn metadata(client: &SourceClient, path: &str) -> Result<String, String> {
    let url = Url::parse(INSTANCE_METADATA).map_err(|error| error.to_string())?;
    let at = |path: &str| url.join(path).map_err(|error| error.to_string());
    let mut headers = HeaderMap::new();
    let life = [header("x-aws-ec2-metadata-token-ttl-seconds", "300")?].into_iter().collect();
    if let Ok(answer) = client.put(&at("/latest/api/token")?, &life, LOCAL_TIMEOUT).await
        && let Ok(token) = answer.good()
    {
        let token = String::from_utf8_lossy(token);
        headers.extend([header("x-aws-ec2-metadata-token", &token)?]);
    }
    let answer = client.get(&at(path)?, &headers, LOCAL_TIMEOUT).await?;
    Ok(String::from_utf8_lossy(answer.good()?).into_owned())
}

fn sts(region: &str, query: &str) -> Result<Url, String> {
    let endpoint = match env::var("AWS_ENDPOINT_URL_STS") {
        Ok(endpoint) => endpoint,
        Err(_) => format!("https://sts.{region}.{}", domain(region)),
    };
    let mut url = Url::parse(&endpoint).map_err(|error| format!("{endpoint}: {error}"))?;
    url.set_query(Some(query));
    Ok(url)
}

async fn assume(
    client: &SourceClient,
    url: &Url,
    headers: &HeaderMap,
) -> Result<Credentials, String> {
    let answer = client.get(url, headers, STS_TIMEOUT).await?;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    answer.good().map_err(|reason| {
        format!("cannot take on the role: {}", xml::refusal(&text).unwrap_or(reason))
    })?;
    let document = xml::parse(&text)?;
    let found = document.descendants().find(|node| node.tag_name().name() == "Credentials");
    let found = found.ok_or("the answer has no credentials")?;
    let expires: Option<jiff::Timestamp> = xml::text(found, "Expiration").parse().ok();
    Ok(Credentials {
        access_key: xml::text(found, "AccessKeyId").to_owned(),
        secret_key: Secret::new(xml::text(found, "SecretAccessKey").to_owned()),
        token: Some(Secret::new(xml::text(found, "SessionToken").to_owned())),
        expires_unix_nano: expires.map(unix_nano),
    })
}

/// The keys of a profile in a shared credentials file.
fn in_profile(text: &str, profile: &str, now: u64) -> Option<Credentials> {
    let mut is_inside = false;
    let (mut access_key, mut secret_key, mut token) = (None, None, None);
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_inside = name.trim() == profile;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| is_inside) {
            let value = value.trim().to_owned();
            match key.trim() {
                "aws_access_key_id" => access_key = Some(value),
                "aws_secret_access_key" => secret_key = Some(value),
                "aws_session_token" => token = Some(value),
                _ => {}
            }
        }
    }
    Some(Credentials {
        access_key: access_key?,
        secret_key: Secret::new(secret_key?),
        token: token.map(Secret::new),
        expires_unix_nano: Some(now + LIFE_NANO),
    })
}

fn unix_nano(time: jiff::Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::in_profile;

    #[test]
    fn keys_come_from_the_profile_that_is_asked_for() {
        let text = "[default]\naws_access_key_id = A\naws_secret_access_key=B\n\n[ other ]\n\
                    aws_access_key_id=C\n# a remark\naws_secret_access_key = D=\n\
                    aws_session_token = E\n[half]\naws_access_key_id=F\n";
        let found = in_profile(text, "other", 0).unwrap();
        assert_eq!((&*found.access_key, found.secret_key.expose()), ("C", "D="));
        assert_eq!(found.token.unwrap().expose(), "E");
        assert_eq!(in_profile(text, "default", 0).unwrap().access_key, "A");
        assert_eq!(in_profile(text, "half", 0), None);
        assert_eq!(in_profile(text, "none", 0), None);
    }
}
