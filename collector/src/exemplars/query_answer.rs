//! The answer of Prometheus' `/api/v1/query_exemplars`.

use super::identity::exemplar;
use serde::{Deserialize, Deserializer, de::Error as _};
use sigyn_store::Exemplar;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    data: Vec<Series>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Series {
    series_labels: BTreeMap<String, String>,
    exemplars: Vec<Point>,
}

#[derive(Deserialize)]
struct Point {
    labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "number")]
    value: f64,
    /// Seconds since the Unix epoch.
    timestamp: f64,
}

/// The exemplars of an answer that point at a trace.
///
/// # Errors
/// One sentence: that this is no such answer, or what the server says is wrong.
pub(super) fn read(body: &[u8]) -> Result<Vec<Exemplar>, String> {
    let answer: Answer = serde_json::from_slice(body)
        .map_err(|error| format!("the answer is not that of query_exemplars: {error}"))?;
    if answer.status != "success" {
        return Err(format!("the server says: {}", answer.error));
    }
    let mut found = Vec::new();
    for series in answer.data {
        let labels: Vec<(String, String)> = series.series_labels.into_iter().collect();
        for point in series.exemplars {
            let milliseconds = (point.timestamp * 1000.0).round() as i64;
            let own = point.labels.into_iter().collect();
            found.extend(exemplar(labels.clone(), own, point.value, milliseconds));
        }
    }
    Ok(found)
}

/// Prometheus writes values as text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(format!("{text:?} is not a number")))
}
