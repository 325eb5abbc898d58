//! How the API server is reached.

use crate::config::{Authentication, HttpClient, SecretSource};
use http::{HeaderName, HeaderValue};
use k8s_openapi::ByteString;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};

/// An API server that says nothing for so long has died without a word. Watches end sooner, so only
/// lists can wait for so long.
const READ_TIMEOUT: Duration = Duration::from_secs(75);

/// How the API server is reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// The service account of the pod that Sigyn runs in.
    InCluster,
    /// A kubeconfig's current context.
    Kubeconfig(PathBuf),
    /// A URL and the HTTP options beside it.
    ApiServer {
        /// Such as `https://10.0.0.1:6443`.
        url: String,
        /// Credentials and TLS.
        http: Box<HttpClient>,
    },
}

impl Access {
    /// A client, and the namespace that counts as our own.
    pub(super) async fn client(&self) -> Result<(kube::Client, String), String> {
        let mut config = match self {
            Self::InCluster => kube::Config::incluster().map_err(|error| {
                format!("not inside a cluster, and neither `kubeconfig_file` nor `api_server` is given: {error}")
            })?,
            Self::Kubeconfig(path) => {
                let kubeconfig = Kubeconfig::read_from(path)
                    .map_err(|error| format!("cannot use {}: {error}", path.display()))?;
                kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                    .await
                    .map_err(|error| format!("cannot use {}: {error}", path.display()))?
            }
            Self::ApiServer { url, http } => api_server_config(url, http).await?,
        };
        config.read_timeout = Some(READ_TIMEOUT);
        config.reset_reader_on_write = true;
        let namespace = config.default_namespace.clone();
        let client = client_of(config)
            .map_err(|error| format!("cannot make a client for the Kubernetes API: {error}"))?;
        Ok((client, namespace))
    }
}

/// A system without CA certificates is no reason not to ask an API server that needs none: one over
/// plain http (`kubectl proxy`), or one whose certificate is not to be verified.
fn client_of(mut config: kube::Config) -> kube::Result<kube::Client> {
    let needs_authorities =
        config.cluster_url.scheme_str() == Some("https") && !config.accept_invalid_certs;
    if !needs_authorities {
        config.root_cert.get_or_insert_default();
    }
    kube::Client::try_from(config)
}

/// The options are written as the kubeconfig that says the same, so that there is one way only.
async fn api_server_config(url: &str, http: &HttpClient) -> Result<kube::Config, String> {
    let mut cluster = json!({
        "server": url,
        "insecure-skip-tls-verify": http.tls.insecure_skip_verify,
    });
    let mut user = json!({});
    put(&mut cluster, "certificate-authority", http.tls.ca.as_ref());
    put(&mut user, "client-certificate", http.tls.certificate.as_ref());
    put(&mut user, "client-key", http.tls.key.as_ref());
    if let Some(name) = &http.tls.server_name {
        cluster["tls-server-name"] = json!(name);
    }
    let mut headers = Vec::new();
    let read = async |source: &SecretSource| {
        let secret = source.read().await.map_err(|error| format!("cannot read a secret: {error}"));
        secret.map(|secret| secret.expose().to_owned())
    };
    match &http.authentication {
        Authentication::None => {}
        Authentication::OAuth2(_) => {
            return Err("`oauth2` is not supported for an API server; use `authorization`".into());
        }
        Authentication::Basic { username, password } => {
            user["username"] = json!(read(username).await?);
            let password = match password {
                Some(password) => read(password).await?,
                None => String::new(),
            };
            user["password"] = json!(password);
        }
        Authentication::Header { scheme, credentials } if scheme == "Bearer" => match credentials {
            SecretSource::Inline(token) => user["token"] = json!(token.expose()),
            SecretSource::File(path) => user["tokenFile"] = json!(path),
        },
        Authentication::Header { scheme, credentials } => {
            headers
                .push(("authorization".into(), format!("{scheme} {}", read(credentials).await?)));
        }
    }
    for header in &http.headers {
        let secrets = header.secrets.iter().map(|secret| secret.expose().to_owned());
        for value in header.values.iter().cloned().chain(secrets) {
            headers.push((header.name.clone(), value));
        }
        for path in &header.files {
            headers.push((header.name.clone(), read(&SecretSource::File(path.clone())).await?));
        }
    }
    let kubeconfig = json!({
        "clusters": [{"name": "api", "cluster": cluster}],
        "users": [{"name": "sigyn", "user": user}],
        "contexts": [{"name": "api", "context": {"cluster": "api", "user": "sigyn"}}],
        "current-context": "api",
    });
    let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig)
        .map_err(|_| "the options of `api_server` cannot be used".to_owned())?;
    let options = KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|error| format!("cannot use `api_server`: {error}"))?;
    for (name, value) in headers {
        let (Ok(name), Ok(mut value)) =
            (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value))
        else {
            return Err(format!("the header {name} has a value that cannot be sent"));
        };
        value.set_sensitive(true);
        config.headers.push((name, value));
    }
    Ok(config)
}

/// A kubeconfig takes a path, or the content itself in base64.
fn put(map: &mut Value, key: &str, source: Option<&SecretSource>) {
    match source {
        None => {}
        Some(SecretSource::File(path)) => map[key] = json!(path),
        Some(SecretSource::Inline(pem)) => {
            map[format!("{key}-data")] = json!(ByteString(pem.expose().as_bytes().to_vec()));
        }
    }
}
