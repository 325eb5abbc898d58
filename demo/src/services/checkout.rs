//! Turns a cart into an order: the longest way through the shop.

use crate::{
    broker::ORDERS_PLACED,
    failure::{Failure, Reply},
    service::Service,
    work::{Call, Statement, Work},
};
use axum::{Json, Router, extract::RawQuery, routing::post};
use futures::future::{join, join_all};
use opentelemetry::{KeyValue, trace::SpanKind};
use serde_json::{Value, json};

const INSERT_ORDER: Statement = Statement::postgres(
    "orders",
    "INSERT",
    "orders",
    "INSERT INTO orders (id, user_id, total_cents, currency, placed_at) VALUES ($1, $2, $3, $4, now())",
    3.2,
);
const INSERT_ITEMS: Statement = Statement::postgres(
    "orders",
    "INSERT",
    "order_items",
    "INSERT INTO order_items (order_id, product_id, quantity) SELECT $1, * FROM unnest($2, $3)",
    2.4,
);
/// Strangers may begin slowly, such as a JVM that has just started.
const BEYOND_MS: u64 = 3_000;
const COMMIT: Statement = Statement::postgres("orders", "COMMIT", "orders", "COMMIT", 1.8);

pub(crate) fn routes() -> Router<Service> {
    Router::new().route("/orders", post(place))
}

async fn place(work: Work, RawQuery(query): RawQuery) -> Reply {
    let currency = query.as_deref().and_then(|query| query.strip_prefix("currency="));
    let currency = currency.unwrap_or("EUR").to_owned();
    let user = work.user_id();
    let order = format!("order-{:012x}", work.dice.of("order").bits() >> 16);
    work.note(KeyValue::new("shop.order.id", order.clone()));

    let cart = work.call(Call::get("cart", "/carts/{user_id}", format!("/carts/{user}"))).await?;
    let items = cart["items"].as_array().cloned().unwrap_or_default();
    reserve(&work, &items).await?;
    let total_cents = price(&work, &items, &currency).await?;
    charge(&work, &order, total_cents).await?;
    store(&work, &order, items.len() as u64).await?;
    let shipment = Call::post("shipping", "/shipments", format!("/shipments?order={order}"));
    let shipment = work.call(shipment.within_ms(250).attempts(2)).await?;

    announce_beyond(&work).await;
    let announcement = json!({ "order": order, "user": user, "total_cents": total_cents });
    work.publish(ORDERS_PLACED, &order, announcement.to_string())?;
    work.call(Call::delete("cart", "/carts/{user_id}", format!("/carts/{user}"))).await?;
    work.span().add_event(
        "order placed",
        vec![
            KeyValue::new("shop.order.total", total_cents as f64 / 100.0),
            KeyValue::new("shop.order.items", items.len() as i64),
        ],
    );
    Ok(Json(json!({ "order": order, "total_cents": total_cents, "shipment": shipment })))
}

/// Reserves every item, all at once.
async fn reserve(work: &Work, items: &[Value]) -> Result<(), Failure> {
    let step = work.begin(
        SpanKind::Internal,
        "reserve items",
        vec![KeyValue::new("shop.order.items", items.len() as i64)],
    );
    let outcomes = join_all(items.iter().map(|item| {
        let product = item["product"].as_str().unwrap_or_default();
        let path = format!("/reservations/{product}?quantity={}", item["quantity"]);
        step.call(Call::post("inventory", "/reservations/{product_id}", path))
    }))
    .await;
    let outcome = outcomes.into_iter().collect::<Result<Vec<_>, _>>();
    if let Err(failure) = &outcome {
        failure.record(&step.span());
    }
    step.finish();
    outcome.map(drop)
}

/// What the order costs, with postage.
async fn price(work: &Work, items: &[Value], currency: &str) -> Result<u64, Failure> {
    let rate = Call::get("currency", "/rates/{currency}", format!("/rates/{currency}"));
    let quote = Call::get("shipping", "/quotes", format!("/quotes?items={}", items.len()));
    let (rate, quote) =
        join(work.call(rate.attempts(3)), work.call(quote.within_ms(200).attempts(2))).await;
    let (rate, quote) = (rate?, quote?);
    let goods: u64 = items
        .iter()
        .filter_map(|item| Some(item["price_cents"].as_u64()? * item["quantity"].as_u64()?))
        .sum();
    let total = (goods + quote["cents"].as_u64().unwrap_or(0)) as f64;
    let total = total * rate["rate"].as_f64().unwrap_or(1.0);
    work.compute("compute total", 0.8, vec![KeyValue::new("shop.order.total", total / 100.0)])
        .await;
    Ok(total as u64)
}

async fn charge(work: &Work, order: &str, total_cents: u64) -> Result<(), Failure> {
    let path = format!("/charges?order={order}&cents={total_cents}");
    let outcome = work.call(Call::post("payment", "/charges", path).attempts(3)).await;
    if let Err(failure) = &outcome {
        // A declined card is no fault of the service, but whoever looks for lost orders wants it.
        failure.record(&work.span());
    }
    outcome.map(drop)
}

/// Tells those outside of the shop, if there are any. An order does not fail because of them.
async fn announce_beyond(work: &Work) {
    let Some(peer) = work.service.neighbours.beyond else { return };
    let call = Call::get(peer, "/checkout", "/checkout".to_owned()).within_ms(BEYOND_MS);
    match work.call(call).await {
        Ok(answer) => {
            let names = answer["services"].as_array().into_iter().flatten();
            let names: Vec<&str> = names.filter_map(Value::as_str).collect();
            let user = answer["baggage"]["user.id"].as_str().unwrap_or_default();
            work.note(KeyValue::new("shop.beyond.services", names.join(", ")));
            work.note(KeyValue::new("shop.beyond.user.id", user.to_owned()));
        }
        Err(failure) => work.span().add_event(
            "not announced",
            vec![KeyValue::new("reason", failure.message), KeyValue::new("peer.service", peer)],
        ),
    }
}

/// Writes the order down, in one transaction.
async fn store(work: &Work, order: &str, items: u64) -> Result<(), Failure> {
    let isolation = KeyValue::new("db.transaction.isolation", "serializable");
    let step = work.begin(SpanKind::Internal, "transaction", vec![isolation]);
    let outcome = async {
        step.query(&INSERT_ORDER, order, 1).await?;
        step.query(&INSERT_ITEMS, order, items).await?;
        step.query(&COMMIT, order, 0).await
    }
    .await;
    if let Err(failure) = &outcome {
        step.span().add_event("rolled back", vec![KeyValue::new("error.type", failure.kind)]);
    }
    step.finish();
    outcome
}
