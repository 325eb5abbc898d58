//! What a visitor means to buy, kept in Redis.
//!
//! A cart's content is drawn from its owner's name, so that the shop needs no memory that would
//! grow, and each run of a seed finds the same carts.

use crate::{failure::Reply, products, service::Service, work::Work};
use axum::{
    Json, Router,
    extract::Path,
    routing::{get, post},
};
use opentelemetry::KeyValue;
use serde_json::{Value, json};

pub(crate) fn routes() -> Router<Service> {
    Router::new()
        .route("/carts/{user_id}", get(show).delete(empty))
        .route("/carts/{user_id}/items", post(add))
}

async fn show(work: Work, Path(user): Path<String>) -> Reply {
    work.cache_command("HGETALL", &format!("cart:{user}")).await;
    let items = items(&work, &user);
    work.note(KeyValue::new("shop.cart.items", items.len() as i64));
    Ok(Json(json!({ "items": items })))
}

async fn add(work: Work, Path(user): Path<String>) -> Reply {
    let key = format!("cart:{user}");
    work.cache_command("HINCRBY", &key).await;
    work.cache_command("EXPIRE", &key).await;
    work.span().add_event("cart changed", vec![KeyValue::new("shop.cart.delta", 1)]);
    Ok(Json(json!({ "items": items(&work, &user).len() + 1 })))
}

async fn empty(work: Work, Path(user): Path<String>) -> Reply {
    work.cache_command("DEL", &format!("cart:{user}")).await;
    Ok(Json(json!({ "items": 0 })))
}

fn items(work: &Work, user: &str) -> Vec<Value> {
    let dice = work.service.neighbours.dice.of("cart").of(user);
    (0..dice.between("items", 1, 4))
        .map(|n| {
            let dice = dice.nth(n);
            let product = products::popular(dice.of("product").fraction());
            json!({
                "product": product.id,
                "quantity": dice.between("quantity", 1, 3),
                "price_cents": product.price_cents,
            })
        })
        .collect()
}
