//! Writes to buyers: a worker on the queue of placed orders, one message at a time.

use super::Worker;
use crate::{
    broker::{Message, ORDERS_PLACED},
    failure::Failure,
    metrics::MessageLabels,
    service::Service,
    work::{Call, Work},
};
use axum::http::StatusCode;
use futures::FutureExt;
use opentelemetry::{KeyValue, trace::SpanKind};
use tokio::{sync::mpsc, time::Instant};

const BOUNCE_PROBABILITY: f64 = 0.03;

pub(crate) const WORKER: Worker =
    Worker { topic: ORDERS_PLACED, run: |service, queue| run(service, queue).boxed() };

async fn run(service: Service, mut queue: mpsc::Receiver<Message>) {
    while let Some(message) = queue.recv().await {
        let started = Instant::now();
        let work = Work::process(&service, ORDERS_PLACED, &message);
        let outcome = confirm(&work, &message).await;
        if let Err(failure) = &outcome {
            failure.record(&work.span());
        }
        let span = work.span_context();
        work.finish();
        let outcome = if outcome.is_ok() { "ok" } else { "error" };
        let labels = MessageLabels { destination: ORDERS_PLACED, outcome };
        service.metrics.message(&labels, started.elapsed(), &span);
    }
}

async fn confirm(work: &Work, message: &Message) -> Result<(), Failure> {
    let order = &message.id;
    let path = format!("/shipments/{order}");
    work.call(Call::get("shipping", "/shipments/{order_id}", path)).await?;
    let attributes = vec![KeyValue::new("shop.template", "order confirmation")];
    work.compute("render mail", 2.0, attributes).await;
    send(work, message.body.len()).await
}

/// Hands the mail to the mail server, which is not instrumented.
async fn send(work: &Work, bytes: usize) -> Result<(), Failure> {
    let step = work.begin(
        SpanKind::Client,
        "smtp send",
        vec![
            KeyValue::new("server.address", "smtp.example"),
            KeyValue::new("server.port", 587),
            KeyValue::new("network.protocol.name", "smtp"),
            KeyValue::new("email.body.bytes", bytes as i64),
        ],
    );
    step.pause("smtp", 6.0).await;
    let bounced = work.dice.chance("bounce", BOUNCE_PROBABILITY);
    let outcome = if bounced {
        let status = StatusCode::BAD_GATEWAY;
        let failure = Failure::new(status, "MailboxFull", "552 mailbox is full");
        failure.record(&step.span());
        Err(failure)
    } else {
        Ok(())
    };
    step.finish();
    outcome
}
