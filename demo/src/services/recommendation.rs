//! Articles like the one that is looked at: the shop's fan-out.

use crate::{
    failure::Reply,
    products,
    service::Service,
    work::{Call, Work},
};
use axum::{Json, Router, extract::Path, routing::get};
use futures::future::join_all;
use opentelemetry::{Array, KeyValue, Value as Attribute};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(crate) fn routes() -> Router<Service> {
    Router::new().route("/recommendations/{product_id}", get(recommend))
}

async fn recommend(work: Work, Path(id): Path<String>) -> Reply {
    work.note(KeyValue::new("product.id", id.clone()));
    work.cached(&format!("embedding:{id}"), 0.9).await;

    let wanted = work.dice.between("wanted", 2, 6);
    let drawn = (0..wanted).map(|n| work.dice.of("similar").nth(n).fraction());
    let similar: BTreeSet<&str> = drawn.map(|fraction| products::popular(fraction).id).collect();
    let scores = drawn_scores(&work, similar.len());
    work.compute(
        "rank candidates",
        4.0,
        vec![
            KeyValue::new("ml.model.name", "two-tower"),
            KeyValue::new("ml.model.version", 31),
            KeyValue::new("ml.scores", Attribute::Array(Array::F64(scores))),
        ],
    )
    .await;

    let details = join_all(similar.iter().map(|id| {
        work.call(Call::get("catalogue", "/products/{product_id}", format!("/products/{id}")))
    }))
    .await;
    // An article that cannot be shown is left out; the others are still worth showing.
    let details: Vec<Value> = details.into_iter().flatten().collect();
    work.note(KeyValue::new("shop.recommendations", details.len() as i64));
    Ok(Json(json!({ "similar": details })))
}

/// How alike the candidates are, best first.
fn drawn_scores(work: &Work, count: usize) -> Vec<f64> {
    let dice = work.dice.of("score");
    let mut scores: Vec<f64> = (0..count as u64).map(|n| dice.nth(n).fraction()).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores
}
