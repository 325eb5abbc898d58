//! gRPC `tempopb.StreamingQuerier`, frame by frame as a client reads it.

use crate::rig::{Rig, START_UNIX_NANO, TRACE, of_service, span, trace_id};
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use prost::Message;
use sigyn_proto::tempo::{
    QueryRangeRequest, QueryRangeResponse, SearchRequest, SearchResponse, SearchTagValuesRequest,
    SearchTagValuesResponse, SearchTagValuesV2Response, SearchTagsRequest, SearchTagsResponse,
    SearchTagsV2Response,
};

fn frame(message: &impl Message) -> Vec<u8> {
    let encoded = message.encode_to_vec();
    let mut frame = vec![0];
    frame.extend((encoded.len() as u32).to_be_bytes());
    frame.extend(encoded);
    frame
}

/// The messages of an answer, its code, and what it says of it.
pub(crate) async fn call<M: Message + Default>(
    rig: &Rig,
    method: &str,
    message: &impl Message,
) -> (Vec<M>, String, String) {
    call_of(rig, "tempopb.StreamingQuerier", method, message).await
}

/// The same of any service.
pub(crate) async fn call_of<M: Message + Default>(
    rig: &Rig,
    service: &str,
    method: &str,
    message: &impl Message,
) -> (Vec<M>, String, String) {
    let request = Request::post(format!("/{service}/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::from(frame(message)))
        .unwrap();
    let (body, trailers) = raw(rig, request).await;
    let text = |name: &str| {
        trailers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    (messages(&body), text("grpc-status"), text("grpc-message"))
}

async fn raw(rig: &Rig, request: Request<Body>) -> (Bytes, HeaderMap) {
    let response = rig.respond(request).await;
    assert_eq!(response.headers()["content-type"], "application/grpc");
    let collected = response.into_body().collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap();
    (collected.to_bytes(), trailers)
}

fn messages<M: Message + Default>(mut body: &[u8]) -> Vec<M> {
    let mut all = Vec::new();
    while let [0, a, b, c, d, rest @ ..] = body {
        let (message, rest) = rest.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        assert!(message.len() <= 1024 * 1024);
        all.push(M::decode(message).unwrap());
        body = rest;
    }
    assert!(body.is_empty());
    all
}

fn search(query: &str) -> SearchRequest {
    SearchRequest { query: query.into(), ..Default::default() }
}

#[tokio::test]
async fn grafanas_health_check_gets_an_answer() {
    let check = SearchRequest { query: "{}".into(), limit: 1, ..Default::default() };
    for rig in [Rig::new().await, Rig::with_shop().await] {
        let (messages, status, _) = call::<SearchResponse>(&rig, "Search", &check).await;
        assert!(!messages.is_empty());
        assert_eq!(status, "0");
    }
}

#[tokio::test]
async fn a_search_tells_each_trace_once_in_messages_of_a_bearable_size() {
    let rig = Rig::new().await;
    let name = "a name of some length ".repeat(40);
    for part in 0..15_u32 {
        let spans = (0..100_u32).map(|index| {
            let mut span = span(1, 0, &name, u64::from(part), 1);
            span.trace_id = trace_id(&format!("{:x}", 1 + part * 100 + index));
            span
        });
        rig.append(vec![of_service("seats", spans.collect())]).await;
    }
    let asked = SearchRequest { limit: 1_400, ..search("{ }") };
    let (messages, status, _) = call::<SearchResponse>(&rig, "Search", &asked).await;
    assert_eq!(status, "0");
    assert!(messages.len() > 1);
    let mut ids: Vec<String> =
        messages.iter().flat_map(|m| &m.traces).map(|trace| trace.trace_id.clone()).collect();
    assert_eq!(ids.len(), 1_400);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1_400);
}

#[tokio::test]
async fn a_search_by_tags_and_in_a_range() {
    let rig = Rig::with_shop().await;
    let count = async |asked: SearchRequest| {
        let (messages, status, message) = call::<SearchResponse>(&rig, "Search", &asked).await;
        assert_eq!(status, "0", "{message}");
        messages.iter().map(|message| message.traces.len()).sum::<usize>()
    };
    let tags = |value: &str| [("name".to_owned(), value.to_owned())].into();
    assert_eq!(count(SearchRequest { tags: tags("hold s"), ..Default::default() }).await, 1);
    assert_eq!(count(SearchRequest { tags: tags("no \"such\""), ..Default::default() }).await, 0);
    let start = (START_UNIX_NANO / 1_000_000_000) as u32;
    assert_eq!(count(SearchRequest { start, end: start + 1, ..search("{ }") }).await, 1);
    assert_eq!(count(SearchRequest { start: start + 5, end: start + 9, ..search("{ }") }).await, 0);
}

#[tokio::test]
async fn a_trace_is_complete() {
    let rig = Rig::with_shop().await;
    let asked = search("{ span.seat = 12 }");
    let (messages, ..) = call::<SearchResponse>(&rig, "Search", &asked).await;
    let trace = messages.iter().flat_map(|message| &message.traces).next().unwrap();
    assert_eq!(trace.trace_id, TRACE.trim_start_matches('0'));
    assert_eq!((trace.root_service_name.as_str(), trace.duration_ms), ("kiosk", 412));
    assert_eq!(trace.span_set.as_ref(), trace.span_sets.first());
    assert_eq!(trace.span_sets[0].spans[0].attributes[0].key, "seat");
    assert_eq!(trace.service_stats["seats"].error_count, 1);
}

#[tokio::test]
async fn names_and_values() {
    let rig = Rig::with_shop().await;
    let asked = SearchTagsRequest { scope: "span".into(), ..Default::default() };
    let (messages, ..) = call::<SearchTagsV2Response>(&rig, "SearchTagsV2", &asked).await;
    assert_eq!(messages[0].scopes[0].tags, ["fare.class", "seat"]);
    let (messages, ..) = call::<SearchTagsResponse>(&rig, "SearchTags", &asked).await;
    assert_eq!(messages[0].tag_names, ["fare.class", "seat"]);
    let asked = SearchTagValuesRequest { tag_name: "span.seat".into(), ..Default::default() };
    let (messages, ..) = call::<SearchTagValuesV2Response>(&rig, "SearchTagValuesV2", &asked).await;
    let value = &messages[0].tag_values[0];
    assert_eq!((value.r#type.as_str(), value.value.as_str()), ("int", "12"));
    let asked = SearchTagValuesRequest { tag_name: "service.name".into(), ..Default::default() };
    let (messages, ..) = call::<SearchTagValuesResponse>(&rig, "SearchTagValues", &asked).await;
    assert_eq!(messages[0].tag_values, ["kiosk", "seats"]);
}

#[tokio::test]
async fn faults_have_the_codes_of_grpc() {
    let rig = Rig::with_shop().await;
    let (_, status, message) = call::<SearchResponse>(&rig, "Search", &search("{ é")).await;
    assert_eq!(status, "3");
    assert!(
        message.starts_with("invalid TraceQL query: parse error at line 1, col 3"),
        "{message}"
    );
    assert!(message.contains("%C3%A9"), "{message}");
    let (_, status, _) =
        call::<SearchResponse>(&rig, "Search", &SearchRequest { limit: 300_000, ..search("{}") })
            .await;
    assert_eq!(status, "3");
    let (_, status, _) = call::<SearchResponse>(&rig, "Dance", &search("{}")).await;
    assert_eq!(status, "12");
    let range = QueryRangeRequest { query: "{ }".into(), ..Default::default() };
    let (_, status, message) = call::<QueryRangeResponse>(&rig, "MetricsQueryRange", &range).await;
    assert_eq!(status, "3");
    assert!(message.contains("not a metrics query"), "{message}");
}

#[tokio::test]
async fn a_body_that_is_no_message_is_refused() {
    let rig = Rig::new().await;
    for (body, code) in [
        (&b""[..], "3"),
        (&[0, 0, 0, 0, 9, 1][..], "3"),
        (&[1, 0, 0, 0, 0][..], "12"),
        (&[0, 0, 0, 0, 1, 0xff][..], "3"),
    ] {
        let request = Request::post("/tempopb.StreamingQuerier/Search")
            .header("content-type", "application/grpc")
            .body(Body::from(body.to_vec()))
            .unwrap();
        let (_, trailers) = raw(&rig, request).await;
        assert_eq!(trailers["grpc-status"], code, "{body:?}");
    }
}
