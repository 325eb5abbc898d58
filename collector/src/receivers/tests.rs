mod foreign;

use super::{rpc_status::RpcStatus, *};
use crate::fixture::{TestClock, TestStore, body, gzip, request, span};
use bytes::Bytes;
use prost::Message;
use sigyn_proto::otlp::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use std::io::Write;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

struct Rig {
    store: TestStore,
    receivers: Receivers,
    client: reqwest::Client,
}

/// Loopback is plain: a machine without CA certificates runs the tests as well.
fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder().tls_certs_only([])
}

impl Rig {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let store = TestStore::open(TestClock::start()).await;
        Self::over(store, change).await
    }

    async fn over(store: TestStore, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            otlp_grpc: Some("127.0.0.1:0".to_owned()),
            otlp_http: Some("127.0.0.1:0".to_owned()),
            ..Config::default()
        };
        change(&mut config);
        let receivers = Receivers::start(&config, store.store.clone()).await.unwrap();
        Self { store, receivers, client: client().build().unwrap() }
    }

    fn traces_url(&self) -> String {
        format!("http://{}/v1/traces", self.receivers.address(Interface::OtlpHttp).unwrap())
    }

    async fn post(&self, content_type: &str, encoding: &str, body: Vec<u8>) -> Answer {
        let request = self.client.post(self.traces_url()).header("content-type", content_type);
        let request = match encoding {
            "" => request,
            encoding => request.header("content-encoding", encoding),
        };
        Answer::of(request.body(body).send().await.unwrap()).await
    }

    /// One unary call over HTTP/2 without TLS; gives the gRPC code, message and answer.
    async fn export(&self, encoding: &str, frame: Vec<u8>) -> (tonic::Code, String, Bytes) {
        let client = client().http2_prior_knowledge().build().unwrap();
        let address = self.receivers.address(Interface::OtlpGrpc).unwrap();
        let path = "opentelemetry.proto.collector.trace.v1.TraceService/Export";
        let mut request = client
            .post(format!("http://{address}/{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        if !encoding.is_empty() {
            request = request.header("grpc-encoding", encoding);
        }
        let response = request.body(frame).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let status = tonic::Status::from_header_map(response.headers());
        let answer = response.bytes().await.unwrap();
        match status {
            Some(status) => (status.code(), status.message().to_owned(), answer),
            None => (tonic::Code::Ok, String::new(), answer),
        }
    }
}

struct Answer {
    status: u16,
    content_type: String,
    retry_after: Option<String>,
    body: Bytes,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        let header = |name: &str| {
            response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
        };
        Self {
            status: response.status().as_u16(),
            content_type: header("content-type").unwrap_or_default(),
            retry_after: header("retry-after"),
            body: response.bytes().await.unwrap(),
        }
    }

    fn message(&self) -> String {
        match self.content_type.as_str() {
            "application/json" => {
                let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
                json["message"].as_str().unwrap().to_owned()
            }
            _ => RpcStatus::decode(self.body.clone()).unwrap().message,
        }
    }
}

fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

const PROTOBUF: &str = "application/x-protobuf";

#[tokio::test]
async fn protobuf_over_http_is_stored_in_every_encoding() {
    let rig = Rig::start().await;
    let packed = [
        ("", body([1])),
        ("identity", body([2])),
        ("gzip", gzip(&body([3]))),
        ("zstd", zstd::encode_all(&body([4])[..], 1).unwrap()),
    ];
    for (encoding, body) in packed {
        let answer = rig.post(PROTOBUF, encoding, body).await;
        assert_eq!(answer.status, 200, "{encoding}");
        assert_eq!(answer.content_type, PROTOBUF);
        let response = ExportTraceServiceResponse::decode(answer.body).unwrap();
        assert_eq!(response.partial_success, None);
    }
    assert_eq!(rig.store.spans(), 4);
    let resource = crate::fixture::resource_of(&rig.store.trace(3).await);
    assert_eq!(resource, [("job".to_owned(), "own".to_owned())], "nothing is stamped on a push");
}

#[tokio::test]
async fn json_over_http_is_stored_with_hex_ids_and_answered_in_json() {
    let rig = Rig::start().await;
    let json = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},
        "scopeSpans":[{"spans":[{"traceId":"01010101010101010101010101010101","spanId":"0202020202020202","name":"n","kind":2,
        "startTimeUnixNano":"1766400000000000000","endTimeUnixNano":1766400000000000005,"unknownKey":{"a":1},
        "attributes":[{"key":"i","value":{"intValue":"7"}}]}]}]}]}"#;
    for (encoding, body) in [("", json.as_bytes().to_vec()), ("gzip", gzip(json.as_bytes()))] {
        let answer = rig.post("application/json; charset=utf-8", encoding, body).await;
        assert_eq!((answer.status, &answer.body[..]), (200, &b"{}"[..]));
        assert_eq!(answer.content_type, "application/json");
    }
    let trace = rig.store.trace(1).await;
    let span = &trace.resource_spans[0].scope_spans[0].spans[0];
    assert_eq!((span.span_id.as_slice(), span.name.as_str(), span.kind), (&[2; 8][..], "n", 2));
    assert_eq!(span.end_time_unix_nano - span.start_time_unix_nano, 5);
}

#[tokio::test]
async fn spans_with_impossible_ids_are_told_and_the_rest_is_kept() {
    let rig = Rig::start().await;
    let mut short = span(2);
    short.trace_id.truncate(3);
    let request = request(vec![span(1), short], &[]);
    let answer = rig.post(PROTOBUF, "", request.encode_to_vec()).await;
    let partial = ExportTraceServiceResponse::decode(answer.body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert_eq!(
        partial.error_message,
        "1 of 2 spans have a trace or span ID of wrong length or all zero"
    );
    let json = serde_json::to_vec(&request).unwrap();
    let answer = rig.post("application/json", "", json).await;
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["partialSuccess"]["rejectedSpans"], "1");
    let (code, _, answer) = rig.export("", frame(0, &request.encode_to_vec())).await;
    let response = ExportTraceServiceResponse::decode(&answer[5..]).unwrap();
    assert_eq!((code, response.partial_success.unwrap().rejected_spans), (tonic::Code::Ok, 1));
}

#[tokio::test]
async fn grpc_is_stored_in_every_encoding() {
    let rig = Rig::start().await;
    let zstd = zstd::encode_all(&body([3])[..], 1).unwrap();
    for (encoding, frame) in [
        ("", frame(0, &body([1]))),
        ("gzip", frame(1, &gzip(&body([2])))),
        ("zstd", frame(1, &zstd)),
        ("gzip", frame(0, &body([4]))),
    ] {
        let (code, message, answer) = rig.export(encoding, frame).await;
        assert_eq!((code, message.as_str()), (tonic::Code::Ok, ""), "{encoding}");
        assert_eq!(&answer[..], [0; 5], "an empty answer in its frame");
    }
    assert_eq!(rig.store.spans(), 4);
}

#[tokio::test]
async fn bad_pushes_get_the_status_that_the_client_needs() {
    let rig = Rig::with(|config| config.body_bytes_max = 100_000).await;
    let good = body([1]);
    let bomb = gzip(&vec![0; 10_000_000]);
    let cut = |packed: Vec<u8>| packed[..packed.len() - 5].to_vec();
    let json = "application/json";
    for (content_type, encoding, body, status, message) in [
        ("text/html", "", good.clone(), 415, "the content type \"text/html\" is not known"),
        (PROTOBUF, "br", good.clone(), 415, "the encoding \"br\" is not known"),
        (PROTOBUF, "", good[..good.len() - 1].to_vec(), 400, "the body is not OTLP"),
        (PROTOBUF, "gzip", good.clone(), 400, "the body is not valid gzip"),
        (PROTOBUF, "gzip", cut(gzip(&good)), 400, "the body is not valid gzip"),
        (PROTOBUF, "gzip", bomb.clone(), 413, "the body is larger than 100000 bytes after"),
        (PROTOBUF, "", vec![0; 100_001], 413, "the body is larger than 100000 bytes"),
        (json, "", b"{".to_vec(), 400, "the body is not OTLP/JSON: EOF"),
        (json, "", b"{\"a\":1}".to_vec(), 400, "the body is not OTLP/JSON: missing field"),
        (json, "", b"<html>".to_vec(), 400, "the body is not OTLP/JSON: expected value at line 1"),
    ] {
        let answer = rig.post(content_type, encoding, body).await;
        let got = answer.message();
        assert!(got.starts_with(message), "{got}");
        assert_eq!((answer.status, answer.retry_after.as_deref()), (status, None), "{got}");
    }
    let get = rig.client.get(rig.traces_url()).send().await.unwrap();
    assert_eq!(get.status(), 405);

    use tonic::Code::*;
    for (encoding, frame, code, message) in [
        ("", frame(0, b"\xff\xff"), InvalidArgument, "the body is not OTLP"),
        ("", frame(0, &good)[..20].to_vec(), InvalidArgument, "the gRPC message is cut off"),
        ("", vec![0, 0], InvalidArgument, "the gRPC message is cut off inside its frame header"),
        ("", frame(7, &good), InvalidArgument, "the gRPC frame has a compression flag"),
        ("", frame(1, &good), InvalidArgument, "the message is flagged as compressed"),
        ("", [frame(0, &good), frame(0, &good)].concat(), InvalidArgument, "more than one message"),
        ("snappy", frame(1, &good), Unimplemented, "the encoding \"snappy\" is not known"),
        ("gzip", frame(1, &bomb), ResourceExhausted, "the body is larger than 100000 bytes"),
        ("", frame(0, &vec![0; 100_001]), ResourceExhausted, "the body is larger than 100000"),
    ] {
        let (got, sentence, _) = rig.export(encoding, frame).await;
        assert!(sentence.starts_with(message), "{sentence}");
        assert_eq!(got, code, "{sentence}");
    }
    assert_eq!(rig.store.spans(), 0);
}

#[tokio::test]
async fn a_bomb_in_json_costs_no_more_than_the_budget() {
    let rig = Rig::with(|config| config.in_flight_bytes_max = 50_000).await;
    let answer = rig.post("application/json", "", vec![b' '; 20_000]).await;
    assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("1")));
    let answer = rig.post("application/json", "", vec![b' '; 60_000]).await;
    assert_eq!(answer.status, 503);
    let (code, ..) = rig.export("", frame(0, &vec![0; 60_000])).await;
    assert_eq!(code, tonic::Code::ResourceExhausted);
    assert_eq!(rig.post(PROTOBUF, "", body([1])).await.status, 200, "all was given back");
}

#[tokio::test]
async fn a_store_that_takes_nothing_says_when_to_come_again() {
    let store = TestStore::open_with(TestClock::start(), 0).await;
    let rig = Rig::over(store, |_| {}).await;
    let answer = rig.post(PROTOBUF, "", body([1])).await;
    assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("5")));
    let status = RpcStatus::decode(answer.body.clone()).unwrap();
    assert_eq!(status.code, tonic::Code::ResourceExhausted as i32);
    assert_eq!(status.details[0].type_url, "type.googleapis.com/google.rpc.RetryInfo");
    let (code, message, _) = rig.export("", frame(0, &body([1]))).await;
    assert_eq!(code, tonic::Code::ResourceExhausted, "{message}");
}

#[tokio::test]
async fn what_the_store_acknowledged_outlives_it() {
    let rig = Rig::start().await;
    assert_eq!(rig.post(PROTOBUF, "", body([1, 2])).await.status, 200);
    rig.receivers.stop().await;
    let store = rig.store.reopen().await;
    assert_eq!(store.spans(), 2);
}

#[tokio::test]
async fn a_port_in_use_is_said_so() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = taken.local_addr().unwrap().to_string();
    let store = TestStore::open(TestClock::start()).await;
    let config = Config { otlp_grpc: None, otlp_http: Some(endpoint.clone()), ..Config::default() };
    let error = Receivers::start(&config, store.store.clone()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot take OTLP/HTTP on {endpoint}: the port is in use by another process; stop it \
             or choose another endpoint"
        )
    );
}

#[tokio::test]
async fn a_stop_lets_the_request_in_hand_finish() {
    let rig = Rig::start().await;
    let body = body([1]);
    let address = rig.receivers.address(Interface::OtlpHttp).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut head = Vec::new();
    write!(
        head,
        "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: {PROTOBUF}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    stream.write_all(&[&head[..], &body[..10]].concat()).await.unwrap();
    // The server has the head once a later connection was answered.
    assert_eq!(rig.post("text/plain", "", Vec::new()).await.status, 415);
    let stopping = tokio::spawn(rig.receivers.stop());
    tokio::task::yield_now().await;
    stream.write_all(&body[10..]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    stopping.await.unwrap();
    assert_eq!(rig.store.spans(), 1);
    assert!(TcpStream::connect(address).await.is_err(), "the port is closed");
}

#[test]
fn json_of_any_shape_is_answered_not_panicked_on() {
    for text in
        ["", "[]", "null", "{\"resourceSpans\":{}}", "{\"resourceSpans\":[{\"scopeSpans\":3}]}"]
    {
        assert!(otlp_json::encode(text.as_bytes()).is_err(), "{text}");
    }
    let deep = format!("{{\"resourceSpans\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(otlp_json::encode(deep.as_bytes()).is_err());
    let empty = otlp_json::encode(b"{\"resourceSpans\":[]}").unwrap();
    assert_eq!(ExportTraceServiceRequest::decode(&empty[..]).unwrap().resource_spans, []);
}

/// Messages as bytes, for a real gRPC client without generated code.
#[derive(Clone, Copy)]
struct Raw;

impl tonic::codec::Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl tonic::codec::Encoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn encode(
        &mut self,
        item: Bytes,
        buffer: &mut tonic::codec::EncodeBuf<'_>,
    ) -> Result<(), tonic::Status> {
        bytes::BufMut::put(buffer, item);
        Ok(())
    }
}

impl tonic::codec::Decoder for Raw {
    type Item = Bytes;
    type Error = tonic::Status;

    fn decode(
        &mut self,
        buffer: &mut tonic::codec::DecodeBuf<'_>,
    ) -> Result<Option<Bytes>, tonic::Status> {
        use bytes::Buf;
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}

#[tokio::test]
async fn a_real_grpc_client_is_served() {
    use tonic::codec::CompressionEncoding::{Gzip, Zstd};
    let rig = Rig::start().await;
    let address = rig.receivers.address(Interface::OtlpGrpc).unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let path = |method: &str| -> axum::http::uri::PathAndQuery {
        format!("/opentelemetry.proto.collector.{method}").parse().unwrap()
    };
    for (id, compression) in [(1, None), (2, Some(Gzip)), (3, Some(Zstd))] {
        let mut client = tonic::client::Grpc::new(channel.clone());
        if let Some(compression) = compression {
            client = client.send_compressed(compression).accept_compressed(compression);
        }
        client.ready().await.unwrap();
        let request = tonic::Request::new(Bytes::from(body([id])));
        let answer =
            client.unary(request, path("trace.v1.TraceService/Export"), Raw).await.unwrap();
        assert_eq!(answer.into_inner(), Bytes::new());
    }
    assert_eq!(rig.store.spans(), 3);

    let mut client = tonic::client::Grpc::new(channel);
    for (method, sent, code) in [
        ("trace.v1.TraceService/Export", "not OTLP", tonic::Code::InvalidArgument),
        ("metrics.v1.MetricsService/Export", "", tonic::Code::Unimplemented),
    ] {
        client.ready().await.unwrap();
        let request = tonic::Request::new(Bytes::from(sent));
        let status = client.unary(request, path(method), Raw).await.unwrap_err();
        assert_eq!(status.code(), code, "{status}");
    }
}
