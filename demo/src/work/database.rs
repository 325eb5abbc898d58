//! Queries to databases, which are a client span and a wait.

use super::Work;
use crate::failure::Failure;
use axum::http::StatusCode;
use opentelemetry::{KeyValue, trace::SpanKind};

/// How often a query fails: its connection was reset.
const RESET_PROBABILITY: f64 = 0.000_7;

/// A query that a service makes.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) system: &'static str,
    pub(crate) host: &'static str,
    pub(crate) port: u16,
    pub(crate) namespace: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) collection: &'static str,
    pub(crate) text: &'static str,
    pub(crate) median_ms: f64,
}

impl Statement {
    /// A statement to the shop's PostgreSQL.
    pub(crate) const fn postgres(
        namespace: &'static str,
        operation: &'static str,
        collection: &'static str,
        text: &'static str,
        median_ms: f64,
    ) -> Self {
        let (system, host, port) = ("postgresql", "postgres", 5432);
        Self { system, host, port, namespace, operation, collection, text, median_ms }
    }
}

impl Work {
    /// Makes a query that returns or changes `rows` rows.
    pub(crate) async fn query(
        &self,
        statement: &Statement,
        parameter: &str,
        rows: u64,
    ) -> Result<(), Failure> {
        let summary = format!("{} {}", statement.operation, statement.collection);
        let attributes = vec![
            KeyValue::new("db.system.name", statement.system),
            KeyValue::new("db.namespace", statement.namespace),
            KeyValue::new("db.collection.name", statement.collection),
            KeyValue::new("db.operation.name", statement.operation),
            KeyValue::new("db.query.text", statement.text),
            KeyValue::new("db.query.summary", summary.clone()),
            KeyValue::new("db.query.parameter.0", parameter.to_owned()),
            KeyValue::new("server.address", statement.host),
            KeyValue::new("server.port", i64::from(statement.port)),
        ];
        let step = self.begin(SpanKind::Client, summary, attributes);
        let dice = self.dice.of(statement.text).of(parameter);
        let pause = format!("{} {parameter}", statement.text);
        step.pause(&pause, statement.median_ms).await;
        let outcome = if dice.chance("reset", RESET_PROBABILITY) {
            step.note(KeyValue::new("db.response.status_code", "08006"));
            let message = format!("{}: connection reset by peer", statement.system);
            let failure =
                Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "ConnectionReset", message);
            failure.record(&step.span());
            Err(failure)
        } else {
            step.note(KeyValue::new("db.response.returned_rows", rows as i64));
            Ok(())
        };
        step.finish();
        outcome
    }
}
