//! Commands to the cache, which are a client span and a short wait.

use super::Work;
use opentelemetry::{KeyValue, trace::SpanKind};

const MEDIAN_MS: f64 = 0.9;

impl Work {
    /// Looks a key up; says whether it was there.
    pub(crate) async fn cached(&self, key: &str, hit_probability: f64) -> bool {
        let step = self.begin(SpanKind::Client, name("GET", key), attributes("GET", key));
        step.pause(key, MEDIAN_MS).await;
        let hit = self.dice.of("cache").chance(key, hit_probability);
        step.note(KeyValue::new("cache.hit", hit));
        if !hit {
            step.span().add_event("cache miss", vec![KeyValue::new("cache.key", key.to_owned())]);
        }
        step.finish();
        hit
    }

    /// Sends a command whose answer does not matter here, such as `SET`.
    pub(crate) async fn cache_command(&self, command: &'static str, key: &str) {
        let step = self.begin(SpanKind::Client, name(command, key), attributes(command, key));
        step.pause(key, MEDIAN_MS).await;
        step.finish();
    }
}

/// Keys are `kind:name`; the kind alone keeps the number of span names small.
fn name(command: &str, key: &str) -> String {
    let kind = key.split(':').next().unwrap_or(key);
    format!("{command} {kind}")
}

fn attributes(command: &'static str, key: &str) -> Vec<KeyValue> {
    vec![
        KeyValue::new("db.system.name", "redis"),
        KeyValue::new("db.operation.name", command),
        KeyValue::new("db.query.text", format!("{command} {key}")),
        KeyValue::new("server.address", "redis"),
        KeyValue::new("server.port", 6379),
    ]
}
