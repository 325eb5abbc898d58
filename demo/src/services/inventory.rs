//! What lies in the warehouse.

use crate::{
    failure::{Failure, Reply},
    service::Service,
    work::{Statement, Work},
};
use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    routing::{get, post},
};
use opentelemetry::KeyValue;
use serde_json::json;

const OUT_OF_STOCK_PROBABILITY: f64 = 0.015;

const FIND: Statement = Statement::postgres(
    "warehouse",
    "SELECT",
    "stock",
    "SELECT on_hand - reserved FROM stock WHERE product_id = $1",
    1.6,
);
const RESERVE: Statement = Statement::postgres(
    "warehouse",
    "UPDATE",
    "stock",
    "UPDATE stock SET reserved = reserved + $2 WHERE product_id = $1 AND on_hand - reserved >= $2",
    2.9,
);

pub(crate) fn routes() -> Router<Service> {
    Router::new()
        .route("/stock/{product_id}", get(stock))
        .route("/reservations/{product_id}", post(reserve))
}

async fn stock(work: Work, Path(id): Path<String>) -> Reply {
    work.query(&FIND, &id, 1).await?;
    let on_hand = work.dice.between("on hand", 0, 250);
    work.note(KeyValue::new("inventory.on_hand", on_hand as i64));
    Ok(Json(json!({ "on_hand": on_hand })))
}

async fn reserve(work: Work, Path(id): Path<String>) -> Reply {
    work.note(KeyValue::new("product.id", id.clone()));
    let gone = work.dice.chance("gone", OUT_OF_STOCK_PROBABILITY);
    work.query(&RESERVE, &id, u64::from(!gone)).await?;
    if gone {
        let message = format!("{id} is out of stock");
        return Err(Failure::new(StatusCode::CONFLICT, "OutOfStock", message));
    }
    Ok(Json(json!({ "reserved": true })))
}
