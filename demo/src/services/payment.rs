//! Charges cards, through an acquirer that is not part of the shop.

use crate::{
    failure::{Failure, Reply},
    service::Service,
    work::{Statement, Work},
};
use axum::{Json, Router, extract::Path, http::StatusCode, routing::get, routing::post};
use opentelemetry::{
    KeyValue,
    trace::{SpanKind, Status},
};
use serde_json::json;

const BUSY_PROBABILITY: f64 = 0.03;
const DECLINE_PROBABILITY: f64 = 0.08;

const INSERT: Statement = Statement::postgres(
    "payments",
    "INSERT",
    "charges",
    "INSERT INTO charges (id, cents, state) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
    2.6,
);
const FIND: Statement = Statement::postgres(
    "payments",
    "SELECT",
    "charges",
    "SELECT state, attempts FROM charges WHERE order_id = $1 FOR SHARE",
    1.9,
);

pub(crate) fn routes() -> Router<Service> {
    Router::new().route("/charges", post(charge)).route("/charges/{order_id}", get(find))
}

async fn charge(work: Work) -> Reply {
    let network = *work.dice.pick("network", &["visa", "mastercard", "amex", "maestro"]);
    work.note(KeyValue::new("payment.network", network));
    if work.dice.chance("busy", BUSY_PROBABILITY) {
        work.pause("busy", 2.0).await;
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(Failure::new(status, "AcquirerBusy", "the acquirer takes no connections"));
    }
    let risk = work.dice.of("risk").fraction();
    work.compute("score risk", 2.0, vec![KeyValue::new("payment.risk_score", risk)]).await;
    authorize(&work, network).await?;
    work.query(&INSERT, network, 1).await?;
    Ok(Json(json!({ "state": "captured" })))
}

async fn find(work: Work, Path(order): Path<String>) -> Reply {
    work.note(KeyValue::new("shop.order.id", order.clone()));
    work.query(&FIND, &order, 1).await?;
    Ok(Json(json!({ "state": "captured" })))
}

/// Asks the acquirer, which is not instrumented: the trace ends at this client span.
async fn authorize(work: &Work, network: &'static str) -> Result<(), Failure> {
    let step = work.begin(
        SpanKind::Client,
        "POST /v1/authorizations",
        vec![
            KeyValue::new("http.request.method", "POST"),
            KeyValue::new("url.full", "https://acquirer.example/v1/authorizations"),
            KeyValue::new("server.address", "acquirer.example"),
            KeyValue::new("server.port", 443),
            KeyValue::new("payment.network", network),
        ],
    );
    step.span().add_event("tls handshake", vec![KeyValue::new("tls.resumed", true)]);
    step.pause("acquirer", 24.0).await;
    let declined = work.dice.chance("declined", DECLINE_PROBABILITY);
    let status = if declined { 402 } else { 201 };
    step.note(KeyValue::new("http.response.status_code", status));
    if declined {
        step.note(KeyValue::new("error.type", "402"));
        step.span().set_status(Status::error("declined"));
        work.span().add_event(
            "payment declined",
            vec![
                KeyValue::new("payment.network", network),
                KeyValue::new("payment.decline_code", "insufficient_funds"),
            ],
        );
    }
    step.finish();
    if declined {
        let message = format!("{network} declined the card: insufficient funds");
        return Err(Failure::new(StatusCode::PAYMENT_REQUIRED, "Declined", message));
    }
    Ok(())
}
