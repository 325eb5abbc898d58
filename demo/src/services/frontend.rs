//! The pages that visitors see. Knows which services a page is made of, and which it can do
//! without: a page without advertisement or recommendations is still a page.

use crate::{
    failure::Reply,
    service::Service,
    work::{Call, Work},
};
use axum::{
    Json, Router,
    extract::{Path, RawQuery},
    routing::{get, post},
};
use futures::future::{join_all, join3};
use opentelemetry::{Array, KeyValue, Value as Attribute};
use serde_json::{Value, json};

/// How long a page waits for what it can do without: not long for an advertisement, whose auction
/// gets stuck at times, and longer for recommendations, which sell.
const AD_WITHIN_MS: u64 = 60;
const RECOMMENDATIONS_WITHIN_MS: u64 = 500;

pub(crate) fn routes() -> Router<Service> {
    Router::new()
        .route("/", get(home))
        .route("/search", get(search))
        .route("/products/{product_id}", get(product))
        .route("/cart", get(cart).post(add_to_cart))
        .route("/checkout", post(checkout))
}

async fn home(work: Work) -> Reply {
    session(&work).await;
    let (products, rate, ad) = join3(
        work.call(Call::get("catalogue", "/products", "/products".into())),
        work.call(rate(&work)),
        optional(&work, ad("home")),
    )
    .await;
    let (products, rate) = (products?, rate?);
    render(&work, "home", 1.6).await;
    Ok(Json(json!({ "products": products, "rate": rate["rate"], "ad": ad })))
}

async fn search(work: Work, RawQuery(query): RawQuery) -> Reply {
    session(&work).await;
    let query = query.unwrap_or_default();
    let found = work.call(Call::get("catalogue", "/search", format!("/search?{query}"))).await?;
    let hits = found["hits"].as_array().map_or(0, Vec::len);
    work.note(KeyValue::new("shop.search.hits", hits as i64));
    render(&work, "search", 1.2).await;
    Ok(Json(found))
}

async fn product(work: Work, Path(id): Path<String>) -> Reply {
    work.note(KeyValue::new("product.id", id.clone()));
    session(&work).await;
    let product = Call::get("catalogue", "/products/{product_id}", format!("/products/{id}"));
    let product = work.call(product).await?;
    let similar = format!("/recommendations/{id}");
    let similar = Call::get("recommendation", "/recommendations/{product_id}", similar);
    let (similar, rate, ad) = join3(
        optional(&work, similar.within_ms(RECOMMENDATIONS_WITHIN_MS)),
        work.call(rate(&work)),
        optional(&work, ad(&id)),
    )
    .await;
    let rate = rate?;
    render(&work, "product", 2.0).await;
    Ok(Json(json!({ "product": product, "similar": similar, "rate": rate["rate"], "ad": ad })))
}

async fn cart(work: Work) -> Reply {
    session(&work).await;
    let user = work.user_id();
    let cart = work.call(Call::get("cart", "/carts/{user_id}", format!("/carts/{user}"))).await?;
    let ids: Vec<String> = cart["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| Some(item["product"].as_str()?.to_owned()))
        .collect();
    let names = Array::String(ids.iter().map(|id| id.clone().into()).collect());
    work.note(KeyValue::new("shop.cart.products", Attribute::Array(names)));
    let products = join_all(ids.iter().map(|id| {
        work.call(Call::get("catalogue", "/products/{product_id}", format!("/products/{id}")))
    }))
    .await
    .into_iter()
    .collect::<Result<Vec<Value>, _>>()?;
    render(&work, "cart", 1.4).await;
    Ok(Json(json!({ "cart": cart, "products": products })))
}

async fn add_to_cart(work: Work, RawQuery(query): RawQuery) -> Reply {
    let query = query.unwrap_or_default();
    let id = query.strip_prefix("product=").unwrap_or("bowl-oak").to_owned();
    work.note(KeyValue::new("product.id", id.clone()));
    let stock = format!("/stock/{id}");
    let stock = work.call(Call::get("inventory", "/stock/{product_id}", stock)).await?;
    let path = format!("/carts/{}/items?{query}", work.user_id());
    let cart = work.call(Call::post("cart", "/carts/{user_id}/items", path)).await?;
    Ok(Json(json!({ "cart": cart, "stock": stock })))
}

async fn checkout(work: Work, RawQuery(query): RawQuery) -> Reply {
    session(&work).await;
    let path = format!("/orders?{}", query.unwrap_or_default());
    let order = work.call(Call::post("checkout", "/orders", path)).await?;
    if let Some(id) = order["order"].as_str() {
        work.note(KeyValue::new("shop.order.id", id.to_owned()));
    }
    render(&work, "receipt", 1.8).await;
    Ok(Json(order))
}

/// Knows the visitor again, or not.
async fn session(work: &Work) {
    let key = format!("session:{}", work.user_id());
    let known = work.cached(&key, 0.93).await;
    work.note(KeyValue::new("session.known", known));
    if !known {
        work.cache_command("SET", &key).await;
    }
}

/// The currency's rate; the service behind is known to be busy now and then.
fn rate(work: &Work) -> Call {
    let currency = work.dice.pick("currency", &["EUR", "NOK", "SEK", "ISK", "DKK"]);
    Call::get("currency", "/rates/{currency}", format!("/rates/{currency}")).attempts(3)
}

fn ad(place: &str) -> Call {
    Call::get("ad", "/ads", format!("/ads?place={place}")).within_ms(AD_WITHIN_MS)
}

/// What the page can do without: a failure is noted, and the page goes on.
async fn optional(work: &Work, call: Call) -> Option<Value> {
    match work.call(call).await {
        Ok(answer) => Some(answer),
        Err(failure) => {
            let attributes = vec![KeyValue::new("shop.reason", failure.message)];
            work.span().add_event("left out of the page", attributes);
            None
        }
    }
}

async fn render(work: &Work, template: &'static str, median_ms: f64) {
    let attributes = vec![
        KeyValue::new("shop.template", template),
        KeyValue::new("shop.template.cached", work.dice.chance("template", 0.8)),
    ];
    work.compute("render page", median_ms, attributes).await;
}
