//! What a span of the shop says about itself: attributes by kind of peer, and events.

use rand::{RngExt, rngs::StdRng};
use sigyn_proto::otlp::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    trace::v1::span::Event,
};

const STACK_TRACE: &str = "io.grpc.StatusRuntimeException: UNAVAILABLE\n\tat io.grpc.stub.ClientCalls.toStatusRuntimeException(ClientCalls.java:268)\n\tat io.grpc.stub.ClientCalls.getUnchecked(ClientCalls.java:249)\n\tat oteldemo.AdService.getAds(AdService.java:211)";
const USER_AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36",
    "python-requests/2.32.3",
    "k6/0.53.0",
];
const STATUS_CODES: [i64; 7] = [200, 200, 200, 200, 204, 302, 404];

pub(crate) fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

pub(crate) fn integer(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

/// Attributes of a span whose other side (or own service) is `peer`.
pub(crate) fn of_span(
    random: &mut StdRng,
    peer: &str,
    operation: &str,
    user: &str,
    failed: bool,
) -> Vec<KeyValue> {
    let mut all = vec![integer("thread.id", random.random_range(1..64)), text("app.user.id", user)];
    match peer {
        "postgresql" => all.extend([
            text("db.system.name", "postgresql"),
            text("db.namespace", "otel"),
            text("db.operation.name", "SELECT"),
            text("db.query.text", format!(
                "SELECT p.id, p.name, p.description, p.picture, p.price_currency_code FROM catalog.products p WHERE p.id = '{}'",
                product(random)
            )),
            text("server.address", "postgresql"),
            integer("server.port", 5432),
        ]),
        "valkey-cart" => all.extend([
            text("db.system.name", "redis"),
            text("db.operation.name", operation),
            text("db.query.text", format!("{operation} {user} cart")),
            text("server.address", "valkey-cart"),
            integer("server.port", 6379),
        ]),
        "kafka" => all.extend([
            text("messaging.system", "kafka"),
            text("messaging.destination.name", "orders"),
            text("messaging.operation.type", "publish"),
            integer("messaging.kafka.offset", random.random_range(0..10_000_000)),
            integer("messaging.destination.partition.id", random.random_range(0..12)),
        ]),
        _ if operation.starts_with("oteldemo") || operation.starts_with("flagd") => {
            let (service, method) = operation.split_once('/').unwrap_or((operation, ""));
            all.extend([
                text("rpc.system", "grpc"),
                text("rpc.service", service),
                text("rpc.method", method),
                integer("rpc.grpc.status_code", if failed { 13 } else { 0 }),
                text("server.address", peer),
                integer("server.port", 8080),
                text("app.product.id", product(random)),
            ]);
        }
        _ => all.extend([
            text("http.request.method", if operation.contains("POST") { "POST" } else { "GET" }),
            text("url.path", format!("/api/products/{}", product(random))),
            text("http.route", operation),
            integer(
                "http.response.status_code",
                if failed { 500 } else { STATUS_CODES[random.random_range(0..7usize)] },
            ),
            text("user_agent.original", USER_AGENTS[random.random_range(0..3usize)]),
            text(
                "network.peer.address",
                format!("10.0.{}.{}", random.random_range(0..4), random.random_range(1..255)),
            ),
            integer("network.peer.port", random.random_range(30_000..60_999)),
            text(
                "session.id",
                format!("{:016x}{:016x}", random.random::<u64>(), random.random::<u64>()),
            ),
        ]),
    }
    all
}

/// An exception on a failed span; a message on one good span in twenty.
pub(crate) fn events_of_span(
    random: &mut StdRng,
    start_unix_nano: u64,
    duration_nano: u64,
    failed: bool,
) -> Vec<Event> {
    if failed {
        let shard = random.random_range(0..32);
        vec![Event {
            time_unix_nano: start_unix_nano + duration_nano / 2,
            name: "exception".into(),
            attributes: vec![
                text("exception.type", "io.grpc.StatusRuntimeException"),
                text(
                    "exception.message",
                    format!("UNAVAILABLE: upstream connect error, shard {shard}"),
                ),
                text("exception.stacktrace", STACK_TRACE),
            ],
            ..Default::default()
        }]
    } else if random.random_bool(0.05) {
        vec![Event {
            time_unix_nano: start_unix_nano + duration_nano / 3,
            name: "message".into(),
            attributes: vec![
                text("message.type", "RECEIVED"),
                integer("message.id", 1),
                integer("message.uncompressed_size", random.random_range(40..4000)),
            ],
            ..Default::default()
        }]
    } else {
        Vec::new()
    }
}

fn product(random: &mut StdRng) -> String {
    format!("{:010X}", random.random_range(0..2000u32))
}
