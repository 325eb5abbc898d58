//! From a URL to an object store.

use crate::Error;
use object_store::{
    BackoffConfig, ClientConfigKey, ClientOptions, ObjectStore, ObjectStoreScheme, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
    gcp::{GoogleCloudStorageBuilder, GoogleConfigKey},
    prefix::PrefixStore,
};
use std::{fmt, path::PathBuf, str::FromStr, sync::Arc, time::Duration};
use url::Url;

/// One request, which carries at most one part of an upload.
const REQUEST_DURATION_MAX: Duration = Duration::from_secs(60);
/// A request and all its repetitions. What fails for longer is told, and the work that needed it comes again later.
const RETRY_DURATION_MAX: Duration = Duration::from_secs(90);
const RETRIES_MAX: usize = 10;

/// Where blocks lie.
#[derive(Clone, Debug, Default)]
pub enum BlockPlace {
    /// The folder `blocks/` below the storage folder.
    #[default]
    Folder,
    /// `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, the `https` URL of one of these, or
    /// `file:///folder`. Credentials come from the environment as that system's own tools take them
    /// (`AWS_ACCESS_KEY_ID`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME` …).
    Url {
        /// The URL.
        url: String,
        /// Name and value of options that go before the environment: `endpoint`, `region`, `access_key_id`,
        /// `allow_http` …, under the names of the `object_store` library.
        options: Vec<(String, String)>,
    },
    /// A store that is handed in.
    Store(Arc<dyn ObjectStore>),
}

/// What a URL names.
pub(crate) enum Opened {
    Folder(PathBuf),
    Remote(Arc<dyn ObjectStore>),
}

/// Says what is wrong with a URL for blocks, or with its options, without opening a connection.
///
/// # Errors
/// One sentence for the person who wrote it.
pub fn check_block_url(url: &str, options: &[(String, String)]) -> Result<(), String> {
    // Credentials may be missing here, all or half of them, and present where the server runs; that is not checked.
    let mut elsewhere = CREDENTIALS.iter().map(|name| ((*name).to_owned(), "c2lneW4=".to_owned()));
    open(url, options, &mut elsewhere).map(|_| ())
}

/// What a server may find in its environment and the configuration need not say.
const CREDENTIALS: [&str; 4] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_ACCOUNT_KEY",
];

/// Opens what a URL names. No request is made.
pub(crate) fn open_url(url: &str, options: &[(String, String)]) -> Result<Opened, Error> {
    open(url, options, &mut std::env::vars())
        .map_err(|what| Error::Block { block: url.to_owned(), what })
}

fn open(
    url: &str,
    options: &[(String, String)],
    environment: &mut dyn Iterator<Item = (String, String)>,
) -> Result<Opened, String> {
    let parsed = Url::parse(url).map_err(|error| format!("{url:?} is not a URL: {error}"))?;
    let unknown = || {
        format!(
            "{url:?} names no object store; write s3://bucket/prefix, gs://bucket/prefix, \
             az://container/prefix or file:///folder"
        )
    };
    let (scheme, prefix) = ObjectStoreScheme::parse(&parsed).map_err(|_| unknown())?;
    let store: Arc<dyn ObjectStore> = match scheme {
        ObjectStoreScheme::Local => {
            if let Some((name, _)) = options.first() {
                return Err(format!("a folder has no option {name:?}"));
            }
            return parsed.to_file_path().map(Opened::Folder).map_err(|()| unknown());
        }
        ObjectStoreScheme::AmazonS3 => {
            let settings =
                settings("aws_", options, environment, AmazonS3ConfigKey::Client, |key| {
                    matches!(key, AmazonS3ConfigKey::Endpoint)
                })?;
            let builder = AmazonS3Builder::new().with_url(url).with_retry(retry());
            let builder = builder.with_client_options(client());
            let builder = settings.into_iter().fold(builder, |it, (k, v)| it.with_config(k, v));
            Arc::new(builder.build().map_err(sentence)?)
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            let settings =
                settings("google_", options, environment, GoogleConfigKey::Client, |_| false)?;
            let builder = GoogleCloudStorageBuilder::new().with_url(url).with_retry(retry());
            let builder = builder.with_client_options(client());
            let builder = settings.into_iter().fold(builder, |it, (k, v)| it.with_config(k, v));
            Arc::new(builder.build().map_err(sentence)?)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let settings =
                settings("azure_", options, environment, AzureConfigKey::Client, |key| {
                    matches!(key, AzureConfigKey::Endpoint)
                })?;
            let builder = MicrosoftAzureBuilder::new().with_url(url).with_retry(retry());
            let builder = builder.with_client_options(client());
            let builder = settings.into_iter().fold(builder, |it, (k, v)| it.with_config(k, v));
            Arc::new(builder.build().map_err(sentence)?)
        }
        _ => return Err(unknown()),
    };
    Ok(Opened::Remote(match prefix.as_ref() {
        "" => store,
        _ => Arc::new(PrefixStore::new(store, prefix)),
    }))
}

/// What the environment says, then what the options say, so that the later wins. An unknown variable is somebody
/// else's, an unknown option is a fault.
fn settings<K: FromStr + PartialEq>(
    prefix: &str,
    options: &[(String, String)],
    environment: &mut dyn Iterator<Item = (String, String)>,
    client: impl Fn(ClientConfigKey) -> K,
    is_endpoint: impl Fn(&K) -> bool,
) -> Result<Vec<(K, String)>, String> {
    let mut settings = Vec::new();
    for (name, value) in environment {
        let name = name.to_ascii_lowercase();
        // Google's own tools read this one, without the prefix.
        let name = if name == "service_account" { "google_service_account".into() } else { name };
        if name.starts_with(prefix)
            && let Ok(key) = name.parse::<K>()
        {
            settings.push((key, value));
        }
    }
    for (name, value) in options {
        let key = name.to_ascii_lowercase().parse::<K>();
        let key = key.map_err(|_| format!("{name:?} is no option of this object store"))?;
        settings.push((key, value.clone()));
    }
    // Whoever writes an endpoint with `http://` means it.
    let plain = settings.iter().rfind(|(key, _)| is_endpoint(key));
    if plain.is_some_and(|(_, value)| value.starts_with("http://")) {
        let allow = client(ClientConfigKey::AllowHttp);
        if settings.iter().all(|(key, _)| *key != allow) {
            settings.push((allow, "true".to_owned()));
        }
    }
    Ok(settings)
}

fn retry() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { max_backoff: Duration::from_secs(5), ..BackoffConfig::default() },
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_DURATION_MAX,
    }
}

fn client() -> ClientOptions {
    ClientOptions::new().with_timeout(REQUEST_DURATION_MAX)
}

fn sentence(error: impl fmt::Display) -> String {
    error.to_string()
}
