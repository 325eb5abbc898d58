//! Zipkin and Jaeger, with the bytes that their clients sent (`testdata/receivers`).

use super::{Config, Interface, JaegerConfig, PROTOBUF, Rig, client, frame, gzip};
use crate::fixture::sample;
use sigyn_proto::otlp::{
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, TracesData},
};
use sigyn_store::TraceId;
use std::time::Duration;
use tokio::net::UdpSocket;

const TRACE: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const ROOT: [u8; 8] = [0xa1, 0, 0, 0, 0, 0, 0, 1];
const CHILD: [u8; 8] = [0xa1, 0, 0, 0, 0, 0, 0, 2];
const START: u64 = 1_790_000_000_000_000_000;

async fn all_on() -> Rig {
    let local = || Some("127.0.0.1:0".to_owned());
    Rig::with(|config: &mut Config| {
        config.zipkin = local();
        config.jaeger = JaegerConfig {
            grpc: local(),
            thrift_http: local(),
            thrift_compact: local(),
            thrift_binary: local(),
        };
    })
    .await
}

impl Rig {
    async fn push(
        &self,
        interface: Interface,
        path: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> (u16, String) {
        let url = format!("http://{}{path}", self.receivers.address(interface).unwrap());
        let mut request = self.client.post(url).header("content-type", kind);
        if body.starts_with(&[0x1f, 0x8b]) {
            request = request.header("content-encoding", "gzip");
        }
        let answer = request.body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn zipkin(&self, kind: &str, body: Vec<u8>) -> (u16, String) {
        self.push(Interface::Zipkin, "/api/v2/spans", kind, body).await
    }

    async fn datagram(&self, interface: Interface, bytes: &[u8]) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = self.receivers.address(interface).unwrap();
        socket.send_to(bytes, address).await.unwrap();
    }

    async fn find(&self, trace: [u8; 16]) -> TracesData {
        for _ in 0..500 {
            if let Some(bytes) = self.store.store.trace(TraceId(trace)).await.unwrap() {
                return prost::Message::decode(bytes).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the trace did not come");
    }
}

fn of<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|pair| pair.key == key)?.value.as_ref()?.value.as_ref()
}

fn text(value: &str) -> Value {
    Value::StringValue(value.to_owned())
}

/// The exporter for gRPC computes with seconds as floating-point numbers.
fn is_near(one: u64, other: u64) -> bool {
    one.abs_diff(other) < 1_000
}

/// What all of them must have become. Zipkin has texts only and no links.
fn check(trace: &TracesData, is_jaeger: bool, name: &str) {
    assert_eq!(trace.resource_spans.len(), 1, "{name}");
    let resource = trace.resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(of(&resource.attributes, "service.name"), Some(&text("till")), "{name}");
    let scopes = &trace.resource_spans[0].scope_spans;
    let scope = scopes[0].scope.as_ref().unwrap();
    assert_eq!((scope.name.as_str(), scope.version.as_str()), ("till.lib", "1.2"), "{name}");
    let spans: Vec<&Span> = scopes.iter().flat_map(|scope| &scope.spans).collect();
    assert_eq!(spans.len(), 2, "{name}");
    let root = spans.iter().find(|span| span.span_id == ROOT).unwrap();
    let child = spans.iter().find(|span| span.span_id == CHILD).unwrap();

    assert_eq!((root.name.as_str(), root.kind), ("GET /pay", 2), "{name}");
    assert!(root.parent_span_id.is_empty(), "{name}");
    assert!(is_near(root.start_time_unix_nano, START), "{name}");
    assert!(is_near(root.end_time_unix_nano, START + 5_000_000), "{name}");
    let status = root.status.as_ref().unwrap();
    assert_eq!((status.code, status.message.as_str()), (2, "till is closed"), "{name}");
    let [code, paid, share] = match is_jaeger {
        true => [Value::IntValue(503), Value::BoolValue(false), Value::DoubleValue(0.5)],
        false => [text("503"), text("false"), text("0.5")],
    };
    assert_eq!(of(&root.attributes, "http.status_code"), Some(&code), "{name}");
    assert_eq!(of(&root.attributes, "paid"), Some(&paid), "{name}");
    assert_eq!(of(&root.attributes, "share"), Some(&share), "{name}");
    assert_eq!(of(&root.attributes, "user"), Some(&text("ann")), "{name}");
    assert_eq!(of(&root.attributes, "error"), None, "{name}");
    assert_eq!(of(&root.attributes, "service.name"), None, "{name}");

    assert_eq!((child.name.as_str(), child.kind), ("charge", 3), "{name}");
    assert_eq!(child.parent_span_id, ROOT, "{name}");
    assert!(is_near(child.start_time_unix_nano, START + 1_000_000), "{name}");
    assert!(is_near(child.end_time_unix_nano, START + 4_000_000), "{name}");
    let event = &child.events[0];
    assert_eq!(event.name, "retry", "{name}");
    assert!(is_near(event.time_unix_nano, START + 2_000_000), "{name}");
    assert_eq!(of(&event.attributes, "attempt"), Some(&Value::IntValue(2)), "{name}");
    if is_jaeger {
        assert_eq!(child.links.len(), 1, "{name}");
        assert_eq!(child.links[0].trace_id[15], 0xbb, "{name}");
        let kind = of(&child.links[0].attributes, "opentracing.ref_type");
        assert_eq!(kind, Some(&text("follows_from")), "{name}");
    }
}

#[tokio::test]
async fn zipkin_is_taken_in_both_forms() {
    for (name, kind) in
        [("zipkin_v2.json", "application/json"), ("zipkin_v2_protobuf.hex", PROTOBUF)]
    {
        let rig = all_on().await;
        assert_eq!(rig.zipkin(kind, sample(name)).await, (202, String::new()));
        check(&rig.find(TRACE).await, false, name);
    }
    let rig = all_on().await;
    assert_eq!(rig.zipkin("", gzip(&sample("zipkin_v2.json"))).await.0, 202);
    assert_eq!(rig.store.spans(), 2);
}

#[tokio::test]
async fn zipkin_details() {
    let rig = all_on().await;
    let spans = r#"[
        {"traceId":"bb","id":"1","name":"get","kind":"CLIENT","timestamp":1790000000000000,"duration":10,
         "localEndpoint":{"serviceName":"front","ipv4":"10.0.0.1"},"remoteEndpoint":{"serviceName":"back","ipv6":"::1","port":80}},
        {"traceId":"bb","id":"1","name":"get","kind":"SERVER","shared":true,"localEndpoint":{"serviceName":"back"},
         "annotations":[{"timestamp":1790000000000004,"value":"late"}],"tags":{"error":""}},
        {"traceId":"bb","id":"2","parentId":"2"}]"#;
    assert_eq!(rig.zipkin("application/json", spans.into()).await.0, 202);
    let trace = rig.find(u128::to_be_bytes(0xbb)).await;
    let of_service = |name: &str| {
        let is_it = |resource: &&sigyn_proto::otlp::trace::v1::ResourceSpans| {
            let attributes = resource.resource.as_ref().map(|it| it.attributes.as_slice());
            of(attributes.unwrap_or_default(), "service.name") == Some(&text(name))
        };
        trace.resource_spans.iter().find(is_it).unwrap().scope_spans[0].spans[0].clone()
    };
    let client = of_service("front");
    assert_eq!(of(&client.attributes, "peer.service"), Some(&text("back")));
    assert_eq!(of(&client.attributes, "network.peer.address"), Some(&text("::1")));
    assert_eq!(of(&client.attributes, "network.peer.port"), Some(&Value::IntValue(80)));
    assert_eq!(of(&client.attributes, "network.local.address"), Some(&text("10.0.0.1")));
    let server = of_service("back");
    assert_eq!(server.status.unwrap().code, 2, "an error of no words is one");
    // It has no time of its own but that of its annotation.
    assert_eq!(server.start_time_unix_nano, 1_790_000_000_000_004_000);
    assert_eq!(server.events[0].name, "late");
}

#[tokio::test]
async fn bad_zipkin_is_refused_with_a_sentence() {
    let rig = all_on().await;
    for (kind, body, status, says) in [
        ("application/json", "{", 400, "the body is not Zipkin v2: "),
        (
            "application/json",
            r#"[{"traceId":"x","id":"1"}]"#,
            400,
            "the body is not Zipkin v2: \"x\" is not an ID of up to 32 hex digits",
        ),
        (
            "application/json",
            r#"[{"traceId":"1","id":"1","kind":"LOCAL"}]"#,
            400,
            "the body is not Zipkin v2: \"LOCAL\" is no kind of span",
        ),
        (
            "application/json",
            r#"[{"traceId":"0","id":"1"}]"#,
            400,
            "1 of 1 spans have a trace or span ID of wrong length or all zero",
        ),
        (PROTOBUF, "\u{7f}", 400, "the body is not Zipkin v2: "),
        ("application/x-thrift", "", 415, "the content type \"application/x-thrift\" is not known"),
        ("application/json", "[]", 202, ""),
        ("application/json", "", 202, ""),
    ] {
        let (got, text) = rig.zipkin(kind, body.into()).await;
        assert!(got == status && text.starts_with(says), "{body}: {got} {text}");
    }
    let (status, text) = rig.push(Interface::Zipkin, "/api/v1/spans", "", b"[]".to_vec()).await;
    assert!(status == 415 && text.starts_with("Zipkin v1 is not taken"), "{text}");
    assert_eq!(rig.store.spans(), 0);
}

#[tokio::test]
async fn jaeger_is_taken_in_all_forms() {
    let rig = all_on().await;
    let thrift = "application/x-thrift";
    let path = "/api/traces?format=jaeger.thrift";
    let body = sample("jaeger_thrift_http.hex");
    let answer = rig.push(Interface::JaegerThriftHttp, path, thrift, body).await;
    assert_eq!(answer, (202, String::new()));
    check(&rig.find(TRACE).await, true, "thrift over HTTP");

    for (name, interface) in [
        ("jaeger_agent_compact.hex", Interface::JaegerThriftCompact),
        ("jaeger_agent_binary.hex", Interface::JaegerThriftBinary),
    ] {
        let rig = all_on().await;
        // What is bad is dropped, and does not end the port.
        rig.datagram(interface, b"hello").await;
        rig.datagram(interface, &sample(name)).await;
        check(&rig.find(TRACE).await, true, name);
    }

    let rig = all_on().await;
    let client = client().http2_prior_knowledge().build().unwrap();
    let address = rig.receivers.address(Interface::JaegerGrpc).unwrap();
    let answer = client
        .post(format!("http://{address}/jaeger.api_v2.CollectorService/PostSpans"))
        .header("content-type", "application/grpc")
        .body(frame(0, &sample("jaeger_grpc.hex")))
        .send()
        .await
        .unwrap();
    assert_eq!(tonic::Status::from_header_map(answer.headers()).map(|it| it.code()), None);
    assert_eq!(&answer.bytes().await.unwrap()[..], [0; 5]);
    check(&rig.find(TRACE).await, true, "gRPC");
}

#[tokio::test]
async fn an_old_opentracing_client_is_understood() {
    let rig = all_on().await;
    rig.datagram(Interface::JaegerThriftCompact, &sample("jaeger_client_python.hex")).await;
    while rig.store.spans() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let snapshot = rig.store.store.snapshot();
    assert_eq!(snapshot.sources.iter().map(|source| source.rows()).sum::<usize>(), 2);
}

#[tokio::test]
async fn bad_jaeger_is_refused_with_a_sentence() {
    let rig = all_on().await;
    let good = sample("jaeger_thrift_http.hex");
    let thrift = "application/vnd.apache.thrift.binary";
    for (kind, body, status, says) in [
        (
            "application/json",
            b"{}".to_vec(),
            415,
            "the content type \"application/json\" is not known",
        ),
        (
            thrift,
            good[..good.len() - 1].to_vec(),
            400,
            "the body is not a jaeger.thrift Batch: it is cut off",
        ),
        (
            thrift,
            [&good[..], &[0]].concat(),
            400,
            "the body is not a jaeger.thrift Batch: 1 bytes follow",
        ),
        (thrift, vec![0], 400, "the body is not a jaeger.thrift Batch: it has no process"),
    ] {
        let (got, text) = rig.push(Interface::JaegerThriftHttp, "/api/traces", kind, body).await;
        assert!(got == status && text.starts_with(says), "{got} {text}");
    }
    assert_eq!(rig.store.spans(), 0);
}
