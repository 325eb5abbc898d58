//! Advertisements. Slower than its callers' patience now and then.

use crate::{failure::Reply, service::Service, work::Work};
use axum::{Json, Router, routing::get};
use opentelemetry::KeyValue;
use serde_json::json;

/// How often the auction waits for a bidder that does not answer.
const STUCK_PROBABILITY: f64 = 0.01;

const BIDDERS: [&str; 4] = ["yggdrasil", "bifrost", "midgard", "niflheim"];

pub(crate) fn routes() -> Router<Service> {
    Router::new().route("/ads", get(advertise))
}

async fn advertise(work: Work) -> Reply {
    work.cached("campaigns", 0.95).await;
    let winner = *work.dice.pick("bidder", &BIDDERS);
    let median_ms = if work.dice.chance("stuck", STUCK_PROBABILITY) { 150.0 } else { 3.0 };
    let attributes = vec![
        KeyValue::new("ad.bidders", BIDDERS.len() as i64),
        KeyValue::new("ad.price", work.dice.of("price").fraction() / 10.0),
    ];
    work.compute("run auction", median_ms, attributes).await;
    work.note(KeyValue::new("ad.winner", winner));
    Ok(Json(json!({ "bidder": winner })))
}
