//! Looks at placed orders in batches. Each batch is a trace of its own that links to the orders'
//! traces, since it has no single one that it belongs to.

use super::Worker;
use crate::{
    broker::{Message, ORDERS_PLACED},
    failure::Failure,
    metrics::MessageLabels,
    service::Service,
    work::{Call, Statement, Work},
};
use futures::{FutureExt, future::join_all};
use opentelemetry::KeyValue;
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};

const BATCH_MESSAGES_MAX: usize = 8;
/// How long the first message of a batch waits for others.
const LINGER: Duration = Duration::from_millis(150);
const SUSPICIOUS_PROBABILITY: f64 = 0.3;

const HISTORY: Statement = Statement::postgres(
    "fraud",
    "SELECT",
    "orders",
    "SELECT user_id, count(*), sum(total_cents) FROM orders WHERE id = ANY($1) GROUP BY user_id",
    6.0,
);

pub(crate) const WORKER: Worker =
    Worker { topic: ORDERS_PLACED, run: |service, queue| run(service, queue).boxed() };

async fn run(service: Service, mut queue: mpsc::Receiver<Message>) {
    while let Some(first) = queue.recv().await {
        let batch = collect(first, &mut queue).await;
        let started = Instant::now();
        let work = Work::process_batch(&service, ORDERS_PLACED, &batch);
        let outcome = inspect(&work, &batch).await;
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

/// Adds what arrives within the linger time, until the batch or the queue is at its end.
async fn collect(first: Message, queue: &mut mpsc::Receiver<Message>) -> Vec<Message> {
    let mut batch = vec![first];
    let last_call = Instant::now() + LINGER;
    while batch.len() < BATCH_MESSAGES_MAX {
        match timeout_at(last_call, queue.recv()).await {
            Ok(Some(message)) => batch.push(message),
            Ok(None) | Err(_) => break,
        }
    }
    batch
}

async fn inspect(work: &Work, batch: &[Message]) -> Result<(), Failure> {
    work.query(&HISTORY, &batch.len().to_string(), batch.len() as u64).await?;
    for message in batch {
        let score = work.dice.of(&message.id).of("score").fraction();
        let attributes = vec![
            KeyValue::new("shop.order.id", message.id.clone()),
            KeyValue::new("ml.model.name", "order-anomaly"),
            KeyValue::new("ml.score", score),
        ];
        work.compute("score order", 1.5, attributes).await;
    }
    let suspicious = batch
        .iter()
        .filter(|message| work.dice.of(&message.id).chance("suspicious", SUSPICIOUS_PROBABILITY));
    let charges = join_all(suspicious.map(|message| {
        let path = format!("/charges/{}", message.id);
        work.call(Call::get("payment", "/charges/{order_id}", path))
    }))
    .await;
    work.note(KeyValue::new("fraud.suspicious", charges.len() as i64));
    charges.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
}
