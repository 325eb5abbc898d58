//! The message broker: topics in memory, each subscriber with a bounded queue of its own.

use std::{collections::HashMap, sync::Mutex};
use tokio::sync::mpsc;

/// Where checkout announces an order.
pub(crate) const ORDERS_PLACED: &str = "orders.placed";

/// How many messages may wait for one subscriber.
const QUEUE_MESSAGES_MAX: usize = 1024;

/// What travels: the body, and the trace context in the headers.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

/// All topics and who listens to them.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    topics: Mutex<HashMap<&'static str, Vec<mpsc::Sender<Message>>>>,
}

/// A subscriber's queue had no room; the message did not reach it.
#[derive(Debug, thiserror::Error)]
#[error("a queue of {0} is full or closed")]
pub(crate) struct QueueFull(&'static str);

impl Broker {
    /// From now on the subscriber gets every message of the topic.
    pub(crate) fn subscribe(&self, topic: &'static str) -> mpsc::Receiver<Message> {
        let (sender, receiver) = mpsc::channel(QUEUE_MESSAGES_MAX);
        self.topics().entry(topic).or_default().push(sender);
        receiver
    }

    /// Hands the message to every subscriber that has room; never waits.
    pub(crate) fn publish(&self, topic: &'static str, message: Message) -> Result<(), QueueFull> {
        let topics = self.topics();
        let subscribers = topics.get(topic).map_or(&[][..], Vec::as_slice);
        let refusals = subscribers.iter().filter(|queue| queue.try_send(message.clone()).is_err());
        if refusals.count() > 0 { Err(QueueFull(topic)) } else { Ok(()) }
    }

    /// No more messages: subscribers get what waits for them, then the end.
    pub(crate) fn close(&self) {
        self.topics().clear();
    }

    fn topics(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<&'static str, Vec<mpsc::Sender<Message>>>> {
        self.topics.lock().expect("no holder of this lock can panic")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: usize) -> Message {
        Message { id: id.to_string(), headers: HashMap::new(), body: String::new() }
    }

    #[test]
    fn every_subscriber_gets_every_message_and_then_the_end() {
        let broker = Broker::default();
        let mut queues = [broker.subscribe(ORDERS_PLACED), broker.subscribe(ORDERS_PLACED)];
        broker.publish(ORDERS_PLACED, message(1)).unwrap();
        broker.publish("another topic", message(2)).unwrap();
        broker.close();
        for queue in &mut queues {
            assert_eq!(queue.blocking_recv().unwrap().id, "1");
            assert!(queue.blocking_recv().is_none());
        }
    }

    #[test]
    fn a_full_queue_refuses_and_the_others_go_on() {
        let broker = Broker::default();
        let stuck = broker.subscribe(ORDERS_PLACED);
        for id in 0..QUEUE_MESSAGES_MAX {
            broker.publish(ORDERS_PLACED, message(id)).unwrap();
        }
        let mut late = broker.subscribe(ORDERS_PLACED);
        let refusal = broker.publish(ORDERS_PLACED, message(7)).unwrap_err();
        assert_eq!(refusal.to_string(), "a queue of orders.placed is full or closed");
        assert_eq!(late.try_recv().unwrap().id, "7");
        assert_eq!(stuck.len(), QUEUE_MESSAGES_MAX);
    }
}
