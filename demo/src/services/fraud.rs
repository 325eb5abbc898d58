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
use tokio::{sync::mpsc, time::Instant};

const BATCH_MESSAGES_MAX: usize = 8;
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
    let mut batch = Vec::with_capacity(BATCH_MESSAGES_MAX);
    while queue.recv_many(&mut batch, BATCH_MESSAGES_MAX).await > 0 {
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
        batch.clear();
    }
}

async fn inspect(work: &Work, batch: &[Message]) -> Result<(), Failure> {
    work.query(&HISTORY, &batch.len().to_string(), batch.len() as u64).await?;
    let attributes = vec![
        KeyValue::new("ml.model.name", "order-anomaly"),
        KeyValue::new("shop.order.count", batch.len() as i64),
    ];
    work.compute("score orders", 3.0, attributes).await;
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
