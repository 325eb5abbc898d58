//! Replicas that reach each other only through a proxy that asks for credentials.

use crate::{app::App, sigyn};
use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use sigyn_rig::{Api, Options, Server, eventually};
use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(60);

/// Lets nobody through to a server who does not say the word.
#[derive(Clone)]
struct Gate {
    behind: Api,
    /// What `Authorization` must be.
    word: &'static str,
    refused: Arc<AtomicUsize>,
    /// Whole states that were handed on.
    states: Arc<AtomicUsize>,
}

impl Gate {
    fn start(behind: &str, word: &'static str, runtime: &Runtime) -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        listener.set_nonblocking(true).unwrap();
        let behind = Api::new(format!("http://{behind}"));
        let gate = Self { behind, word, refused: Arc::default(), states: Arc::default() };
        let router: Router = Router::new().fallback(pass).with_state(gate.clone());
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        (gate, address)
    }

    fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
}

async fn pass(State(gate): State<Gate>, request: Request) -> Response {
    let said = request.headers().get(header::AUTHORIZATION);
    if said.is_none_or(|said| said != gate.word) {
        gate.refused.fetch_add(1, Ordering::Relaxed);
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let path = request.uri().path().to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let answer = gate.behind.try_get(&path, &[]);
        let is_state = path.ends_with("/state") && answer.as_ref().is_ok_and(|it| it.status == 200);
        gate.states.fetch_add(usize::from(is_state), Ordering::Relaxed);
        answer
    });
    match asked.await.unwrap() {
        Ok(answer) => {
            let status = StatusCode::from_u16(answer.status).unwrap();
            (status, [(header::CONTENT_TYPE, answer.content_type)], answer.body).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// What each of them shows of the spans called "work", where it shows any.
fn shown(servers: &[&Server]) -> Vec<u64> {
    let calls = |server: &&Server| {
        let text = server.api.get("/metrics/spans").text();
        let line = text.lines().find(|it| it.starts_with("traces_spanmetrics_calls_total"))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    servers.iter().filter_map(calls).collect()
}

#[track_caller]
fn show(servers: &[&Server], expected: &[u64]) {
    eventually(PATIENCE, || match shown(servers) {
        shown if shown == expected => Ok(()),
        shown => Err(format!("{shown:?}, not {expected:?}")),
    });
}

#[test]
fn replicas_know_each_other_by_basic_auth_and_by_bearer_token() {
    let runtime = Runtime::new().unwrap();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let app = App::start("busy");
    // Taken and given back: the proxies must know the replicas before they start.
    let addresses: Vec<String> = (0..2)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .map(|it| it.local_addr().unwrap().to_string())
        .collect();
    // "sigyn:bowl" in base64.
    let (by_password, first_gate) = Gate::start(&addresses[0], "Basic c2lneW46Ym93bA==", &runtime);
    let (by_token, second_gate) = Gate::start(&addresses[1], "Bearer drop", &runtime);
    let secret = |at: usize| folders[at].path().join("secret");
    std::fs::write(secret(0), "not the word").unwrap();
    std::fs::write(secret(1), "bowl\n").unwrap();
    let token = format!("authorization: {{credentials_file: '{}'}}", secret(0).display());
    let password =
        format!("basic_auth: {{username: sigyn, password_file: '{}'}}", secret(1).display());
    let options = |at: usize, peer: &str, credentials: &str| -> Options {
        let config = format!(
            "global: {{scrape_interval: 200ms, scrape_timeout: 200ms, external_labels: {{replica: '{at}'}}}}\n\
             scrape_configs:\n  - job_name: apps\n    static_configs: [{{targets: ['{}']}}]\n\
             metrics_generator:\n  span_metrics: {{}}\n  peers: ['http://{peer}']\n  peer_client: {{{credentials}}}\n",
            app.address
        );
        sigyn(folders[at].path()).config(&config).listen(&addresses[at])
    };
    (0..10).for_each(|_| drop(app.span("work")));
    let first = options(0, &second_gate, &token).start();
    show(&[&first], &[10]);
    let second = options(1, &first_gate, &password).start();

    // The second knows that the first leads, and has its state; the first is turned away.
    eventually(PATIENCE, || match by_password.states.load(Ordering::Relaxed) {
        0 => Err("nobody asked for the state".to_owned()),
        _ => Ok(()),
    });
    let reachable = |server: &Server, expected| {
        eventually(PATIENCE, || match server.api.metric("sigyn_generator_peers_reachable") {
            Some(count) if count == expected => Ok(()),
            other => Err(format!("{other:?} peers are reachable, not {expected}")),
        });
    };
    reachable(&second, 1.0);
    reachable(&first, 0.0);
    assert!(by_token.refused() > 0);
    assert_eq!(by_password.refused(), 0);
    show(&[&first, &second], &[10]);

    // A secret that is put right in its file is taken without a restart.
    std::fs::write(secret(0), "drop\n").unwrap();
    reachable(&first, 1.0);

    // Whoever takes over goes on from the state that came through the gate.
    let options = first.kill();
    (0..10).for_each(|_| drop(app.span("work")));
    show(&[&second], &[20]);
    let first = options.start();
    show(&[&first, &second], &[20]);
    eventually(PATIENCE, || match by_token.states.load(Ordering::Relaxed) {
        0 => Err("nobody asked for the state".to_owned()),
        _ => Ok(()),
    });
    drop((first, second));
}
