//! Sending messages, and receiving them.

use super::Work;
use crate::{broker::Message, dice::Dice, failure::Failure, service::Service};
use axum::http::StatusCode;
use opentelemetry::{
    Context, KeyValue,
    propagation::TextMapPropagator,
    trace::{Link, SpanContext, SpanKind, TraceContextExt, Tracer},
};
use std::collections::HashMap;

impl Work {
    /// Sends a message to all who listen to `destination`. The trace context travels in its
    /// headers.
    pub(crate) fn publish(
        &self,
        destination: &'static str,
        order_id: &str,
        body: String,
    ) -> Result<(), Failure> {
        let mut attributes = attributes("send", destination);
        attributes.push(KeyValue::new("messaging.message.id", order_id.to_owned()));
        attributes.push(KeyValue::new("messaging.message.body.size", body.len() as i64));
        let step = self.begin(SpanKind::Producer, format!("send {destination}"), attributes);
        let mut headers = HashMap::new();
        step.service.propagator.inject_context(&step.context, &mut headers);
        let message = Message { id: order_id.to_owned(), headers, body };
        let outcome =
            self.service.neighbours.broker.publish(destination, message).map_err(|full| {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                let failure = Failure::new(status, "QueueFull", full.to_string());
                failure.record(&step.span());
                failure
            });
        step.finish();
        outcome
    }

    /// Takes one message into work: a consumer span below the producer's, in its trace, that also
    /// links to it as the messaging conventions ask.
    pub(crate) fn process(service: &Service, destination: &'static str, message: &Message) -> Self {
        let producer = service.propagator.extract_with_context(&Context::new(), &message.headers);
        let mut attributes = attributes("process", destination);
        attributes.push(KeyValue::new("messaging.message.id", message.id.clone()));
        let span = service
            .tracer
            .span_builder(format!("process {destination}"))
            .with_kind(SpanKind::Consumer)
            .with_attributes(attributes)
            .with_links(vec![link(&producer, message)]);
        let context = producer.with_span(service.tracer.build_with_context(span, &producer));
        Self::new(service.clone(), context, dice(service, message))
    }

    /// Takes a batch into work: a trace of its own, which links to the trace of every message.
    pub(crate) fn process_batch(
        service: &Service,
        destination: &'static str,
        batch: &[Message],
    ) -> Self {
        let mut attributes = attributes("process", destination);
        attributes.push(KeyValue::new("messaging.batch.message_count", batch.len() as i64));
        let ids = batch.iter().map(|message| message.id.clone().into()).collect();
        attributes.push(KeyValue::new(
            "shop.order.ids",
            opentelemetry::Value::Array(opentelemetry::Array::String(ids)),
        ));
        let links = batch.iter().map(|message| {
            let headers = &message.headers;
            link(&service.propagator.extract_with_context(&Context::new(), headers), message)
        });
        let span = service
            .tracer
            .span_builder(format!("process {destination}"))
            .with_kind(SpanKind::Consumer)
            .with_attributes(attributes)
            .with_links(links.collect());
        let root = Context::new();
        let context = root.with_span(service.tracer.build_with_context(span, &root));
        let dice = batch.first().map_or(service.neighbours.dice, |first| dice(service, first));
        Self::new(service.clone(), context, dice)
    }

    /// The span's identity, for links and exemplars.
    pub(crate) fn span_context(&self) -> SpanContext {
        self.span().span_context().clone()
    }
}

/// The chances of a message: those of its order.
fn dice(service: &Service, message: &Message) -> Dice {
    service.neighbours.dice.of(service.target.service).of(&message.id)
}

fn link(producer: &Context, message: &Message) -> Link {
    let attributes = vec![KeyValue::new("messaging.message.id", message.id.clone())];
    Link::new(producer.span().span_context().clone(), attributes, 0)
}

fn attributes(operation: &'static str, destination: &'static str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("messaging.system", "in_memory"),
        KeyValue::new("messaging.destination.name", destination),
        KeyValue::new("messaging.operation.type", operation),
        KeyValue::new("messaging.operation.name", operation),
    ]
}
