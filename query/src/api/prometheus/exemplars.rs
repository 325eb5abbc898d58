//! `/api/v1/query_exemplars`.

use super::{ApiState, Fault, Success, parameters::FormParameters, selectors::Selectors, time};
use axum::extract::State;
use serde::{Serialize, Serializer};
use sigyn_store::SeriesExemplars;
use std::{collections::BTreeMap, sync::Arc};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Series {
    series_labels: BTreeMap<String, String>,
    exemplars: Vec<Exemplar>,
}

#[derive(Serialize)]
struct Exemplar {
    labels: BTreeMap<String, String>,
    value: SampleValue,
    /// Unix seconds.
    timestamp: f64,
}

/// A float as Prometheus writes sample values: a string, so that NaN and infinity have a place.
struct SampleValue(f64);

impl Serialize for SampleValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            f64::INFINITY => serializer.serialize_str("+Inf"),
            f64::NEG_INFINITY => serializer.serialize_str("-Inf"),
            value => serializer.collect_str(&value),
        }
    }
}

impl From<SeriesExemplars> for Series {
    fn from(found: SeriesExemplars) -> Self {
        let exemplars = found.exemplars.into_iter().map(|exemplar| Exemplar {
            labels: exemplar.labels.into_iter().collect(),
            value: SampleValue(exemplar.value),
            timestamp: exemplar.timestamp_unix_milli as f64 / 1_000.0,
        });
        Self { series_labels: found.series.into_iter().collect(), exemplars: exemplars.collect() }
    }
}

/// Without `start` and `end`: all that there is.
pub(super) async fn query_exemplars(
    State(state): State<Arc<ApiState>>,
    FormParameters(parameters): FormParameters,
) -> Result<Success<Vec<Series>>, Fault> {
    let read = |name, default| {
        parameters.get(name).map_or(Ok(default), |text| time::parse_milli(name, text))
    };
    let (start, end) = (read("start", i64::MIN)?, read("end", i64::MAX)?);
    if end < start {
        return Err(Fault::bad_request("end timestamp must not be before start timestamp"));
    }
    let query = parameters.required("query")?;
    let query_bytes_max = state.limits.query_text_bytes_max;
    if query.len() > query_bytes_max {
        return Err(Fault::bad_request(format!(
            "the query has {} bytes, at most {query_bytes_max} are possible",
            query.len()
        )));
    }
    let selectors = Selectors::parse(query)?;
    let wanted = Box::new(move |labels: &[(String, String)]| selectors.select(labels));
    let found = state.store.exemplars(wanted, start, end).await?;
    Ok(Success::of(found.into_iter().map(Series::from).collect()))
}
