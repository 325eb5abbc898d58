use crate::{
    rig::{Rig, TRACE, of_service, shop, span, trace_id},
    streaming::call,
    strict,
};
use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::json;
use sigyn_proto::tempo::{SearchRequest, SearchResponse};
use sigyn_query::{api::ApiLimits, engine::Limits};
use std::time::Duration;

#[tokio::test]
async fn unknown_api_paths_get_a_sentence_in_json() {
    let rig = Rig::new().await;
    for (path, pointer) in [
        ("/api", "/error"),
        ("/api/nothing", "/error"),
        ("/api/sigyn/v1/x", "/error"),
        ("/api/v1/query", "/error"),
        ("/jaeger/api/v9/x", "/errors/0/msg"),
    ] {
        let answer = rig.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let body = answer.json();
        let sentence = body.pointer(pointer).and_then(|found| found.as_str()).unwrap();
        assert!(sentence.contains(path), "{sentence}");
    }
    assert_eq!(rig.get("/api/v1/query").await.json()["errorType"], "not_found");
}

#[tokio::test]
async fn a_wrong_method_gets_a_sentence() {
    let rig = Rig::new().await;
    let answer = rig.send(Request::delete("/api/search").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.headers["allow"], "GET,HEAD");
    assert_eq!(answer.text(), "/api/search does not take DELETE");
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    let path = "/api/v1/targets/relabel_steps?scrapePool=panic&labels=%7B%7D";
    let answer = Rig::new().await.get(path).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    let sentence = "the server failed to answer; its log says why";
    let expected = json!({"status": "error", "errorType": "internal", "error": sentence});
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_given_up() {
    let query_timeout = Duration::from_millis(10);
    let limits = ApiLimits { query_timeout, concurrent_queries_max: 0, ..Default::default() };
    let rig = Rig::with_limits(limits, Limits::default()).await;
    let answer = rig.get("/api/search").await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(answer.text().starts_with("the query took longer than 0.01 s"), "{}", answer.text());
    let answer = rig.get("/api/v1/scrape_pools").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["errorType"], "timeout");
    // gRPC waits for its turn as well.
    let (messages, code, _) =
        call::<SearchResponse>(&rig, "Search", &SearchRequest::default()).await;
    assert_eq!((messages.len(), &*code), (0, "4"));
}

#[tokio::test]
async fn an_answer_that_is_still_read_keeps_its_turn() {
    let limits = ApiLimits { concurrent_queries_max: 1, ..Default::default() };
    let rig = Rig::with_limits(limits, Limits::default()).await;
    let spans = (0..20_000_u32).map(|number| {
        let mut span = span(1, 0, "step", u64::from(number), 1);
        span.trace_id = trace_id(&format!("{:x}", number / 4 + 1));
        span.span_id = (u64::from(number) + 1).to_be_bytes().to_vec();
        span
    });
    rig.append(vec![of_service("seats", spans.collect())]).await;
    let request = Request::get("/api/sigyn/v1/spans?format=csv").body(Body::empty()).unwrap();
    let export = rig.respond(request).await;
    assert_eq!(export.status(), StatusCode::OK);
    // Its first rows are there, the others are made as it is read.
    let mut other = Box::pin(rig.get("/api/search"));
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut other).await.is_err());
    let rows = axum::body::to_bytes(export.into_body(), usize::MAX).await.unwrap();
    assert_eq!(rows.iter().filter(|byte| **byte == b'\n').count(), 20_001);
    assert_eq!(other.await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_that_a_limit_cut_short_says_so_beside_the_body() {
    let limits = Limits { bytes: 0, ..Default::default() };
    let rig = Rig::with_limits(ApiLimits::default(), limits).await;
    rig.append(shop()).await;
    let answer = rig.get("/api/search?q=%7B+name+=+%22hold+seat%22+%7D").await;
    assert_eq!(answer.status, StatusCode::OK);
    let reason = answer.headers["sigyn-partial"].to_str().unwrap();
    assert!(reason.contains("limit"), "{reason}");
    serde_json::from_slice::<strict::SearchResponse>(&answer.body).unwrap();
}

#[tokio::test]
async fn a_query_text_is_bounded() {
    let limits = ApiLimits { query_text_bytes_max: 10, ..Default::default() };
    let rig = Rig::with_limits(limits, Limits::default()).await;
    let path = "/api/search?q=%7B+name+%3D+%22abcdef%22+%7D";
    let answer = rig.get(path).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text().contains("at most 10 are possible"), "{}", answer.text());
}

#[tokio::test]
async fn answers_are_compressed_when_asked() {
    let rig = Rig::with_shop().await;
    let path = format!("/api/traces/{TRACE}");
    let request = Request::get(&path).header("accept-encoding", "gzip").body(Body::empty());
    let answer = rig.send(request.unwrap()).await;
    assert_eq!(answer.headers["content-encoding"], "gzip");
    assert_eq!(answer.body[..2], [0x1f, 0x8b]);
    assert!(rig.get(&path).await.headers.get("content-encoding").is_none());
}

#[tokio::test]
async fn queries_are_measured() {
    let rig = Rig::with_shop().await;
    rig.get("/api/search").await;
    rig.get("/api/traces/nothex").await;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &rig.registry.lock().unwrap()).unwrap();
    assert!(text.contains("# UNIT sigyn_query_duration_seconds seconds\n"), "{text}");
    for kind in ["search", "trace"] {
        let line = format!("sigyn_query_duration_seconds_count{{api=\"tempo\",kind=\"{kind}\"}} 1");
        assert!(text.contains(&line), "{text}");
    }
}
