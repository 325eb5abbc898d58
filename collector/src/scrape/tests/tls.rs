//! Targets behind TLS. The certificate in `testdata` is for the name `buffer.test`.

use super::rig::{Rig, config, order, status, target};
use crate::{
    config::{SecretSource, TlsConfig},
    fixture::eventually,
    scrape::Health,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const AUTHORITY: &str = include_str!("testdata/ca.pem");
const CERTIFICATE: &str = include_str!("testdata/server.pem");
const KEY: &str = include_str!("testdata/server.key");

fn testdata(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/scrape/tests/testdata").join(name)
}

/// An empty buffer behind TLS that asks for a certificate of the same authority.
async fn serve() -> SocketAddr {
    let provider = Arc::new(default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(AUTHORITY.as_bytes()).unwrap()).unwrap();
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .unwrap();
    let chain = vec![CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut stream = acceptor.accept(stream).await?;
                let mut question = [0; 4096];
                let _ = stream.read(&mut question).await?;
                let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\n\
                     sigyn-cursor: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer.as_bytes()).await?;
                stream.shutdown().await
            });
        }
    });
    address
}

/// Scrapes with this TLS until it went one way or the other; gives the error.
async fn outcome(change: impl FnOnce(&mut TlsConfig)) -> String {
    let rig = Rig::new().await;
    let address = serve().await;
    let mut config = config();
    config.http.tls = TlsConfig {
        ca: Some(SecretSource::File(testdata("ca.pem"))),
        certificate: Some(SecretSource::File(testdata("server.pem"))),
        key: Some(SecretSource::File(testdata("server.key"))),
        server_name: Some("buffer.test".to_owned()),
        ..TlsConfig::default()
    };
    change(&mut config.http.tls);
    let mut target = target(address);
    target.url = format!("https://{address}/debug/spans");
    let state = rig.scrape(order(target, config));
    eventually(|| status(&state).health != Health::Unknown).await;
    rig.stop().await;
    status(&state).last_error
}

#[tokio::test]
async fn a_certificate_is_checked_as_configured() {
    assert_eq!(outcome(|_| {}).await, "");
    assert_eq!(outcome(|tls| tls.insecure_skip_verify = true).await, "");
    let dialled = outcome(|tls| tls.server_name = None).await;
    assert!(dialled.contains("certificate"), "{dialled}");
    let other = outcome(|tls| tls.server_name = Some("other.test".to_owned())).await;
    assert!(other.contains("not valid for name"), "{other}");
    let anonymous = outcome(|tls| tls.certificate = None).await;
    assert!(!anonymous.is_empty(), "the server wants a certificate");
    // The system's authorities, if it has any, do not know this one.
    let system = outcome(|tls| tls.ca = None).await;
    assert!(system.contains("certificate"), "{system}");
    let missing = outcome(|tls| tls.ca = Some(SecretSource::File("gone.pem".into()))).await;
    assert!(missing.contains("cannot read gone.pem"), "{missing}");
}
