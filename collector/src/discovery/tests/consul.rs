//! `consul_sd_configs` against a server that answers as a Consul agent does.

use super::{
    oracle,
    rig::{Rig, Served, map},
};
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::watch;

type Parameters = Query<BTreeMap<String, String>>;
type Services = BTreeMap<String, Vec<Value>>;

/// A catalog and instances under one index, with blocking queries.
#[derive(Clone)]
struct Consul {
    state: Arc<watch::Sender<(u64, Services)>>,
    refuses: Arc<Mutex<bool>>,
    questions: Arc<Mutex<Vec<String>>>,
}

impl Consul {
    async fn serve() -> (Self, Served) {
        let state = Arc::new(watch::Sender::new((7, BTreeMap::new())));
        let consul = Self { state, refuses: Arc::default(), questions: Arc::default() };
        let about = async || Json(json!({"Config": {"Datacenter": "dc1"}}));
        let router = Router::new()
            .route("/base/v1/agent/self", get(about))
            .route("/base/v1/catalog/services", get(Self::catalog))
            .route("/base/v1/health/service/{name}", get(Self::instances))
            .with_state(consul.clone());
        (consul, Served::start(router).await)
    }

    fn put(&self, service: &str, instances: Vec<Value>) {
        self.state.send_modify(|(index, services)| {
            *index += 1;
            services.insert(service.into(), instances);
        });
    }

    /// Waits until the index is another one than the asker has.
    async fn answer<T: serde::Serialize>(
        &self,
        Query(query): Parameters,
        what: &str,
        choose: impl Fn(&Services) -> T,
    ) -> Response {
        let has = query.get("index").and_then(|index| index.parse().ok()).unwrap_or(0);
        self.questions.lock().push(format!("{what} {query:?}"));
        let mut state = self.state.subscribe();
        let now = state.wait_for(|(index, _)| *index != has).await.unwrap();
        match *self.refuses.lock() {
            true => (StatusCode::FORBIDDEN, "ACL not found").into_response(),
            false => {
                ([("x-consul-index", now.0.to_string())], Json(choose(&now.1))).into_response()
            }
        }
    }

    async fn catalog(State(this): State<Self>, query: Parameters) -> Response {
        let tags = |all: &Vec<Value>| all[0]["Service"]["Tags"].clone();
        let choose = |services: &Services| -> BTreeMap<String, Value> {
            services.iter().map(|(name, all)| (name.clone(), tags(all))).collect()
        };
        this.answer(query, "catalog", choose).await
    }

    async fn instances(
        State(this): State<Self>,
        Path(name): Path<String>,
        query: Parameters,
    ) -> Response {
        let choose = |services: &Services| services.get(&name).cloned().unwrap_or_default();
        this.answer(query, &name, choose).await
    }
}

fn instance(address: &str, port: u16, tags: &[&str], status: &str) -> Value {
    json!({
        "Node": {
            "Node": "n1", "Address": "10.0.0.9", "Meta": {"rack-no": "7"},
            "TaggedAddresses": {"lan": "10.0.0.9", "wan": "203.0.113.9"},
        },
        "Service": {
            "ID": "cart-1", "Service": "cart", "Address": address, "Port": port, "Tags": tags,
            "Meta": {"version": "2"}, "Namespace": "default", "Partition": "p",
        },
        "Checks": [
            {"CheckID": "a", "Status": "passing"}, {"CheckID": "b", "Status": status},
        ],
    })
}

#[tokio::test]
async fn services_are_watched_by_blocking_queries() {
    let (consul, server) = Consul::serve().await;
    consul.put("cart", vec![instance("10.0.0.1", 8080, &["a", "b"], "critical")]);
    consul.put("other", vec![instance("", 1, &["b"], "passing")]);
    let mut rig = Rig::start(&format!(
        "consul_sd_configs: [{{server: '{}', path_prefix: /base, tags: [a], node_meta: {{k: v}}, \
         refresh_interval: 1ms}}]",
        server.address
    ));
    rig.until(&["10.0.0.1:8080"]).await;
    assert_eq!(
        rig.labels("10.0.0.1:8080", "__meta_consul_"),
        map(&[
            ("address", "10.0.0.9"),
            ("node", "n1"),
            ("namespace", "default"),
            ("partition", "p"),
            ("tags", ",a,b,"),
            ("service", "cart"),
            ("service_id", "cart-1"),
            ("service_address", "10.0.0.1"),
            ("service_port", "8080"),
            ("health", "critical"),
            ("dc", "dc1"),
            ("metadata_rack_no", "7"),
            ("service_metadata_version", "2"),
            ("tagged_address_lan", "10.0.0.9"),
            ("tagged_address_wan", "203.0.113.9"),
        ])
    );
    let questions = consul.questions.lock().join("\n");
    for part in
        [r#""node-meta": "k:v""#, r#""stale": """#, r#""tag": "a""#, r#""wait": "120000ms""#]
    {
        assert!(questions.contains(part), "{part} in {questions}");
    }

    // The node's address where a service has none, and IPv6.
    let both = [("", 8081), ("fd00::1", 8082)];
    let both = both.map(|(address, port)| instance(address, port, &["a"], "passing"));
    consul.put("cart", both.to_vec());
    rig.until(&["10.0.0.9:8081", "[fd00::1]:8082"]).await;

    // What is refused stays; then all goes on.
    *consul.refuses.lock() = true;
    consul.put("cart", vec![instance("10.0.0.3", 1, &["a"], "passing")]);
    rig.until_failed("consul", 2).await;
    assert_eq!(rig.addresses(), ["10.0.0.9:8081", "[fd00::1]:8082"]);
    *consul.refuses.lock() = false;
    rig.until(&["10.0.0.3:1"]).await;

    // A service that loses the tag is gone.
    consul.put("cart", vec![instance("10.0.0.3", 1, &["b"], "passing")]);
    rig.until(&[]).await;
}

#[tokio::test]
async fn named_services_need_no_catalog() {
    let (consul, server) = Consul::serve().await;
    consul.put("cart", vec![instance("10.0.0.1", 8080, &[], "warning")]);
    let mut rig = Rig::start(&format!(
        "consul_sd_configs: [{{server: '{}', path_prefix: base/, services: [cart, absent], \
         datacenter: dc2, token: t, refresh_interval: 1ms, tag_separator: '|'}}]",
        server.address
    ));
    rig.until(&["10.0.0.1:8080"]).await;
    let labels = rig.labels("10.0.0.1:8080", "__meta_consul_");
    assert_eq!((&*labels["dc"], &*labels["health"], &*labels["tags"]), ("dc2", "warning", "||"));
    assert!(!consul.questions.lock().iter().any(|question| question.starts_with("catalog")));
}

#[tokio::test]
async fn consul_is_read_as_prometheus_reads_it() {
    for (name, options) in [
        ("all", ""),
        ("tagged", ", tags: [a, b], tag_separator: '|', node_meta: {k: v}"),
        ("named", ", services: [cart, absent, 'odd name'], datacenter: dc2, token: t"),
    ] {
        let (consul, server) = Consul::serve().await;
        let mut bare = instance("", 0, &[], "maintenance");
        bare["Service"]["Meta"] = json!(null);
        bare["Service"]["Namespace"] = json!("");
        bare["Node"]["TaggedAddresses"] = json!(null);
        bare["Checks"] = json!([]);
        let mut two = instance("db.example", 5432, &["b", "a"], "warning");
        two["Service"]["Meta"] = json!({"a.b": "1", "ü": "2", "empty": ""});
        let critical = instance("fd00::1", 8080, &["a", "b"], "critical");
        consul.put("cart", vec![instance("10.0.0.1", 8080, &["a", "b"], "passing"), critical]);
        consul.put("odd name", vec![two, bare]);
        consul.put("nobody", vec![instance("10.0.0.3", 1, &["b"], "passing")]);
        let block = format!(
            "consul_sd_configs: [{{server: '{}', path_prefix: /base, refresh_interval: 1ms{options}}}]",
            server.address
        );
        let expected = oracle::expected(&format!("consul/{name}"), block.clone()).await;
        oracle::assert_found(&mut Rig::start(&block).groups, "a", &expected).await;
    }
}
