//! The ways to a target that are not the straight one: tokens, proxies, sockets.

use super::rig::{Rig, config, order, serve, status, target};
use crate::{
    config::{Authentication, OAuth2, Proxy, ScrapeConfig, Secret, SecretSource},
    fixture::eventually,
    scrape::Health,
};
use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{Response, StatusCode, header},
};
use parking_lot::Mutex;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

fn empty() -> Response<Body> {
    Response::builder()
        .header("content-type", "application/x-protobuf")
        .header("sigyn-cursor", "a")
        .body(Body::empty())
        .unwrap()
}

fn refused() -> Response<Body> {
    Response::builder().status(StatusCode::UNAUTHORIZED).body(Body::empty()).unwrap()
}

fn json(text: String) -> Response<Body> {
    Response::builder().header("content-type", "application/json").body(text.into()).unwrap()
}

/// What a token endpoint was asked: the header and the form.
type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// Answers with `answer` and the number of the request in it.
async fn token_endpoint(answer: fn(usize, &str) -> Response<Body>) -> (String, Asked) {
    let asked = Asked::default();
    let shared = Arc::clone(&asked);
    let address = serve(move |request: Request| {
        let shared = Arc::clone(&shared);
        async move {
            let head = request.headers().get(header::AUTHORIZATION);
            let head = head.map_or("", |value| value.to_str().unwrap()).to_owned();
            let form = axum::body::to_bytes(request.into_body(), 10_000).await.unwrap();
            let form = String::from_utf8(form.to_vec()).unwrap();
            let mut asked = shared.lock();
            asked.push((head.clone(), form));
            answer(asked.len(), &head)
        }
    })
    .await;
    (format!("http://{address}/token"), asked)
}

fn with_oauth2(token_url: String) -> ScrapeConfig {
    let mut config = config();
    config.http.authentication = Authentication::OAuth2(Box::new(OAuth2 {
        client_id: "me".to_owned(),
        client_secret: Some(SecretSource::Inline(Secret::new("s3"))),
        scopes: vec!["spans".to_owned(), "read".to_owned()],
        token_url,
        endpoint_params: vec![("audience".to_owned(), "a b".to_owned())],
        ..OAuth2::default()
    }));
    config
}

/// A target that knows one token only.
async fn guarded(token: &'static str) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let reads = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&reads);
    let address = serve(move |request: Request| {
        counter.fetch_add(1, Ordering::SeqCst);
        let has = request.headers().get(header::AUTHORIZATION).is_some_and(|have| have == token);
        std::future::ready(if has { empty() } else { refused() })
    })
    .await;
    (address, reads)
}

#[tokio::test]
async fn a_token_is_fetched_once_and_kept() {
    let (url, asked) = token_endpoint(|_, _| {
        json(r#"{"access_token":"t1","token_type":"bearer","expires_in":"3600"}"#.to_owned())
    })
    .await;
    let (address, reads) = guarded("Bearer t1").await;
    let rig = Rig::new().await;
    let state = rig.scrape(order(target(address), with_oauth2(url)));
    eventually(|| reads.load(Ordering::SeqCst) > 4).await;
    rig.stop().await;
    assert_eq!((status(&state).health, status(&state).last_error.as_str()), (Health::Up, ""));
    let asked = asked.lock();
    assert_eq!(asked.len(), 1, "one token serves all reads");
    assert_eq!(asked[0].0, "Basic bWU6czM=");
    assert_eq!(asked[0].1, "grant_type=client_credentials&scope=spans+read&audience=a+b");
}

#[tokio::test]
async fn a_refused_token_is_fetched_anew() {
    let (url, asked) =
        token_endpoint(|count, _| json(format!(r#"{{"access_token":"t{count}"}}"#))).await;
    let (address, _) = guarded("Bearer t3").await;
    let rig = Rig::new().await;
    let state = rig.scrape(order(target(address), with_oauth2(url)));
    eventually(|| status(&state).health == Health::Up).await;
    rig.stop().await;
    assert_eq!(asked.lock().len(), 3);
}

#[tokio::test]
async fn an_endpoint_that_wants_the_credentials_in_the_form_gets_them_there() {
    let (url, asked) = token_endpoint(|_, head| match head {
        "" => json(r#"{"access_token":"t1","expires_in":3600}"#.to_owned()),
        _ => refused(),
    })
    .await;
    let (address, _) = guarded("Bearer t1").await;
    let rig = Rig::new().await;
    let state = rig.scrape(order(target(address), with_oauth2(url)));
    eventually(|| status(&state).health == Health::Up).await;
    rig.stop().await;
    let asked = asked.lock();
    assert_eq!(asked.len(), 2);
    assert!(asked[1].1.ends_with("&client_id=me&client_secret=s3"), "{asked:?}");
}

#[tokio::test]
async fn a_token_endpoint_that_refuses_is_named_and_left_alone_for_a_while() {
    let (url, asked) = token_endpoint(|_, _| {
        let mut response = json(r#"{"error":"invalid_client","error_description":"who?"}"#.into());
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        response
    })
    .await;
    let (address, reads) = guarded("Bearer t1").await;
    let rig = Rig::new().await;
    let state = rig.scrape(order(target(address), with_oauth2(url.clone())));
    eventually(|| status(&state).health == Health::Down).await;
    tokio::time::sleep(std::time::Duration::from_millis(120)).await;
    rig.stop().await;
    let expected = format!("oauth2: the token endpoint {url} answers 401 Unauthorized: who?");
    assert_eq!(status(&state).last_error, expected);
    assert_eq!((asked.lock().len(), reads.load(Ordering::SeqCst)), (2, 0));
}

#[tokio::test]
async fn a_proxy_is_asked_instead_of_the_target() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&seen);
    let proxy = serve(move |request: Request| {
        let head = request.headers().get(header::PROXY_AUTHORIZATION);
        let head = head.map_or("", |value| value.to_str().unwrap()).to_owned();
        let connect = request.headers().contains_key("x-connect");
        shared.lock().push((request.uri().to_string(), head, connect));
        std::future::ready(empty())
    })
    .await;
    let mut config = config();
    let url = Secret::new(format!("http://user:pass@{proxy}"));
    config.http.proxy = Proxy {
        http: Some(url.clone()),
        https: Some(url),
        no_proxy: "10.0.0.0/8".to_owned(),
        connect_headers: vec![("X-Connect".to_owned(), vec![Secret::new("1")])],
        from_environment: false,
    };
    let rig = Rig::new().await;
    let mut far = target("192.0.2.1:9".parse().unwrap());
    far.url = "http://far.invalid:9/debug/spans".to_owned();
    let state = rig.scrape(order(far, config));
    eventually(|| status(&state).health == Health::Up).await;
    rig.stop().await;
    let (url, head, connect) = seen.lock()[0].clone();
    assert!(url.starts_with("http://far.invalid:9/debug/spans?"), "{url}");
    assert_eq!(head, "Basic dXNlcjpwYXNz");
    assert!(!connect, "headers of CONNECT are not for plain requests");
}

#[tokio::test]
async fn hosts_of_no_proxy_are_asked_directly() {
    let address = serve(|_| std::future::ready(empty())).await;
    let mut config = config();
    let nobody = Some(Secret::new("http://192.0.2.1:1"));
    let no_proxy = "10.0.0.0/8,127.0.0.0/8".to_owned();
    config.http.proxy = Proxy { http: nobody.clone(), https: nobody, no_proxy, ..Proxy::default() };
    let rig = Rig::new().await;
    let state = rig.scrape(order(target(address), config));
    eventually(|| status(&state).health == Health::Up).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_socket_is_dialled_instead_of_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let router = Router::new().fallback(async || empty());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let rig = Rig::new().await;
    let mut local = target("192.0.2.1:9".parse().unwrap());
    local.socket = Some(path);
    let state = rig.scrape(order(local, config()));
    eventually(|| status(&state).health == Health::Up).await;
    rig.stop().await;
}
