//! Rates of exchange. Refuses now and then, so that its callers must try again.

use crate::{
    failure::{Failure, Reply},
    service::Service,
    work::Work,
};
use axum::{Json, Router, extract::Path, http::StatusCode, routing::get};
use opentelemetry::KeyValue;
use serde_json::json;

const BUSY_PROBABILITY: f64 = 0.02;

/// What one euro buys.
const RATES: [(&str, f64); 5] =
    [("EUR", 1.0), ("NOK", 11.6), ("SEK", 11.1), ("ISK", 146.0), ("DKK", 7.46)];

pub(crate) fn routes() -> Router<Service> {
    Router::new().route("/rates/{currency}", get(rate))
}

async fn rate(work: Work, Path(currency): Path<String>) -> Reply {
    work.note(KeyValue::new("shop.currency", currency.clone()));
    let Some((_, rate)) = RATES.iter().find(|(code, _)| *code == currency) else {
        let message = format!("no rate for {currency}");
        return Err(Failure::new(StatusCode::NOT_FOUND, "NoSuchCurrency", message));
    };
    if work.dice.chance("busy", BUSY_PROBABILITY) {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(Failure::new(status, "Overloaded", "too many requests in hand"));
    }
    work.cached(&format!("rate:{currency}"), 0.98).await;
    work.note(KeyValue::new("shop.rate", *rate));
    Ok(Json(json!({ "rate": rate })))
}
