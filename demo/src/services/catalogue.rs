//! What the shop sells: PostgreSQL behind a cache, and a search engine.

use crate::{
    failure::{Failure, Reply},
    products::{self, PRODUCTS},
    service::Service,
    work::{Statement, Work},
};
use axum::{
    Json, Router,
    extract::{Path, RawQuery},
    http::StatusCode,
    routing::get,
};
use opentelemetry::KeyValue;
use serde_json::json;

const LIST: Statement = Statement::postgres(
    "catalogue",
    "SELECT",
    "products",
    "SELECT id, name, price_cents FROM products WHERE featured ORDER BY rank LIMIT $1",
    4.5,
);
const FIND: Statement = Statement::postgres(
    "catalogue",
    "SELECT",
    "products",
    "SELECT p.*, c.name FROM products p JOIN categories c ON c.id = p.category_id WHERE p.id = $1",
    2.8,
);
const SEARCH: Statement = Statement {
    system: "opensearch",
    host: "search",
    port: 9200,
    namespace: "shop",
    operation: "search",
    collection: "products",
    text: r#"{"query":{"multi_match":{"query":"?","fields":["name^3","description"]}}}"#,
    median_ms: 9.0,
};

pub(crate) fn routes() -> Router<Service> {
    Router::new()
        .route("/products", get(list))
        .route("/products/{product_id}", get(find))
        .route("/search", get(search))
}

async fn list(work: Work) -> Reply {
    if !work.cached("featured", 0.7).await {
        work.query(&LIST, "8", 8).await?;
        work.cache_command("SET", "featured").await;
    }
    let featured: Vec<_> = PRODUCTS[..8].iter().map(|product| product.id).collect();
    Ok(Json(json!(featured)))
}

async fn find(work: Work, Path(id): Path<String>) -> Reply {
    work.note(KeyValue::new("product.id", id.clone()));
    let Some(product) = products::find(&id) else {
        return Err(Failure::new(StatusCode::NOT_FOUND, "NoSuchProduct", format!("no {id} here")));
    };
    if !work.cached(&format!("product:{id}"), 0.8).await {
        work.query(&FIND, &id, 1).await?;
        work.may_fail("decoding the product", 0.03)?;
        work.cache_command("SET", &format!("product:{id}")).await;
    }
    work.note(KeyValue::new("product.category", product.category));
    work.note(KeyValue::new("product.price", product.price_cents as f64 / 100.0));
    Ok(Json(json!({
        "id": product.id,
        "name": product.name,
        "category": product.category,
        "price_cents": product.price_cents,
    })))
}

async fn search(work: Work, RawQuery(query): RawQuery) -> Reply {
    let words = query.as_deref().and_then(|query| query.strip_prefix("q=")).unwrap_or("");
    let hits: Vec<_> = PRODUCTS
        .iter()
        .filter(|product| product.id.contains(words) || product.category.contains(words))
        .map(|product| product.id)
        .collect();
    work.note(KeyValue::new("shop.search.words", words.to_owned()));
    work.compute("parse query", 0.7, vec![KeyValue::new("shop.search.length", words.len() as i64)])
        .await;
    work.query(&SEARCH, words, hits.len() as u64).await?;
    work.compute("rank hits", 1.5, vec![KeyValue::new("shop.search.hits", hits.len() as i64)])
        .await;
    Ok(Json(json!({ "hits": hits })))
}
