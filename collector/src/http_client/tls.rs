//! The TLS side of a client: whom it trusts, and its own certificate.

use super::error::HttpError;
use crate::config::{SecretSource, TlsConfig, TlsVersion};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use std::sync::Arc;

/// The PEM texts of a job, as its files held them when they were last read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pem {
    authorities: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
}

impl Pem {
    pub(super) async fn read(tls: &TlsConfig) -> Result<Self, HttpError> {
        Ok(Self {
            authorities: read_optional(tls.ca.as_ref()).await?,
            certificate: read_optional(tls.certificate.as_ref()).await?,
            key: read_optional(tls.key.as_ref()).await?,
        })
    }

    /// True when nothing of it can change without a reload.
    pub(super) fn is_fixed(tls: &TlsConfig) -> bool {
        let sources = [&tls.ca, &tls.certificate, &tls.key];
        sources.into_iter().flatten().all(|source| matches!(source, SecretSource::Inline(_)))
    }

    /// Gives a client builder the TLS that is configured.
    pub(super) fn apply(
        &self,
        tls: &TlsConfig,
        enable_http2: bool,
        mut builder: reqwest::ClientBuilder,
    ) -> Result<reqwest::ClientBuilder, HttpError> {
        if let Some(name) = &tls.server_name
            && !tls.insecure_skip_verify
        {
            let config = self.expecting(name, tls, enable_http2)?;
            return Ok(builder.tls_backend_preconfigured(config));
        }
        builder = builder.tls_danger_accept_invalid_certs(tls.insecure_skip_verify);
        if let Some(version) = tls.version_min {
            builder = builder.tls_version_min(reqwest_version(version));
        }
        if let Some(version) = tls.version_max {
            builder = builder.tls_version_max(reqwest_version(version));
        }
        if let Some(authorities) = &self.authorities {
            let authorities = reqwest::Certificate::from_pem_bundle(authorities.as_bytes())
                .map_err(|_| unusable("ca holds no PEM certificate"))?;
            if authorities.is_empty() {
                return Err(unusable("ca holds no PEM certificate"));
            }
            builder = builder.tls_certs_only(authorities);
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            let identity = reqwest::Identity::from_pem(format!("{certificate}\n{key}").as_bytes())
                .map_err(|_| unusable("cert and key are not a PEM pair"))?;
            builder = builder.identity(identity);
        }
        Ok(builder)
    }

    /// Trusts the configured authorities, or else those of the system.
    fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, HttpError> {
        let Some(authorities) = &self.authorities else {
            let of_system = rustls_platform_verifier::Verifier::new(provider);
            return Ok(Arc::new(of_system.map_err(|_| HttpError::TrustsNobody)?));
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
            let certificate = certificate.map_err(|_| unusable("ca holds no PEM certificate"))?;
            roots.add(certificate).map_err(|_| unusable("ca holds a broken certificate"))?;
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|_| unusable("ca holds no PEM certificate"))?;
        Ok(verifier)
    }

    /// TLS that checks the server's certificate against `name`, whatever host is dialled.
    fn expecting(
        &self,
        name: &str,
        tls: &TlsConfig,
        enable_http2: bool,
    ) -> Result<ClientConfig, HttpError> {
        let provider = provider();
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| unusable("server_name is not a host name"))?;
        let inner = self.verifier(provider.clone())?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions(tls))
            .map_err(|_| unusable("min_version is above max_version"))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Expecting { name, inner }));
        let mut config = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                let pair = || unusable("cert and key are not a PEM pair");
                let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|_| pair())?;
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| pair())?;
                config.with_client_auth_cert(chain, key).map_err(|_| pair())?
            }
            _ => config.with_no_client_auth(),
        };
        config.alpn_protocols = match enable_http2 {
            true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            false => vec![b"http/1.1".to_vec()],
        };
        Ok(config)
    }
}

/// What is wrong with the PEM texts of a block, before anything is asked with them.
pub(crate) async fn check(tls: &TlsConfig) -> Result<(), HttpError> {
    let pem = Pem::read(tls).await?;
    let plain = TlsConfig { server_name: None, ..tls.clone() };
    let builder = pem.apply(&plain, true, reqwest::Client::builder())?;
    if pem != Pem::default() {
        // A key that does not belong to its certificate shows when both are put together.
        builder.build().map_err(|error| HttpError::Unusable(super::root(&error)))?;
    }
    Ok(())
}

/// Checks a certificate against one name.
#[derive(Debug)]
struct Expecting {
    name: ServerName<'static>,
    inner: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for Expecting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _dialled: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.inner.verify_server_cert(end_entity, intermediates, &self.name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Reads a secret; the error names the file.
pub(super) async fn read(source: &SecretSource) -> Result<String, HttpError> {
    match source.read().await {
        Ok(secret) => Ok(secret.expose().to_owned()),
        Err(error) => {
            let place = match source {
                SecretSource::Inline(_) => "the configuration".to_owned(),
                SecretSource::File(path) => path.display().to_string(),
            };
            Err(HttpError::Unusable(format!("cannot read {place}: {error}")))
        }
    }
}

async fn read_optional(source: Option<&SecretSource>) -> Result<Option<String>, HttpError> {
    match source {
        Some(source) => read(source).await.map(Some),
        None => Ok(None),
    }
}

/// The process's TLS provider; the one that we build with where none was installed.
fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}

fn versions(tls: &TlsConfig) -> Vec<&'static SupportedProtocolVersion> {
    let all = [
        (TlsVersion::Tls12, &rustls::version::TLS12),
        (TlsVersion::Tls13, &rustls::version::TLS13),
    ];
    all.into_iter()
        .filter(|(version, _)| tls.version_min.is_none_or(|lowest| *version >= lowest))
        .filter(|(version, _)| tls.version_max.is_none_or(|highest| *version <= highest))
        .map(|(_, supported)| supported)
        .collect()
}

fn reqwest_version(version: TlsVersion) -> reqwest::tls::Version {
    match version {
        TlsVersion::Tls12 => reqwest::tls::Version::TLS_1_2,
        TlsVersion::Tls13 => reqwest::tls::Version::TLS_1_3,
    }
}

fn unusable(what: &str) -> HttpError {
    HttpError::Unusable(format!("tls_config.{what}"))
}
