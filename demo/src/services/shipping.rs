//! Postage and parcels.

use crate::{
    failure::Reply,
    service::Service,
    work::{Statement, Work},
};
use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use opentelemetry::KeyValue;
use serde_json::json;

const CARRIERS: [&str; 3] = ["longship", "raven", "sleipnir"];

const INSERT: Statement = Statement::postgres(
    "shipping",
    "INSERT",
    "shipments",
    "INSERT INTO shipments (order_id, carrier, promised_at) VALUES ($1, $2, $3) RETURNING id",
    3.0,
);
const FIND: Statement = Statement::postgres(
    "shipping",
    "SELECT",
    "shipments",
    "SELECT carrier, state FROM shipments WHERE order_id = $1",
    1.7,
);

pub(crate) fn routes() -> Router<Service> {
    Router::new()
        .route("/quotes", get(quote))
        .route("/shipments", post(ship))
        .route("/shipments/{order_id}", get(find))
}

async fn quote(work: Work) -> Reply {
    let carrier = *work.dice.pick("carrier", &CARRIERS);
    let cents = work.dice.between("postage", 390, 1_490);
    let attributes = vec![
        KeyValue::new("shipping.carrier", carrier),
        KeyValue::new("shipping.distance_km", 40.0 + 900.0 * work.dice.of("way").fraction()),
    ];
    work.compute("compute postage", 3.5, attributes).await;
    Ok(Json(json!({ "carrier": carrier, "cents": cents })))
}

async fn ship(work: Work) -> Reply {
    let carrier = *work.dice.pick("carrier", &CARRIERS);
    work.note(KeyValue::new("shipping.carrier", carrier));
    work.compute("book carrier", 8.0, vec![KeyValue::new("shipping.express", false)]).await;
    work.query(&INSERT, carrier, 1).await?;
    Ok(Json(json!({ "carrier": carrier })))
}

async fn find(work: Work, Path(order): Path<String>) -> Reply {
    work.note(KeyValue::new("shop.order.id", order.clone()));
    work.query(&FIND, &order, 1).await?;
    Ok(Json(json!({ "state": "packed" })))
}
