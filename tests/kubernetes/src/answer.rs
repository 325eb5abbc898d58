//! Answers in the API server's own shapes.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A `Status` object, as refusals carry it.
pub(crate) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}

/// A refusal.
pub(crate) fn refusal(code: u16, reason: &str, message: &str) -> Response {
    let http = StatusCode::from_u16(code).expect("tests name real codes");
    (http, Json(status(code, reason, message))).into_response()
}

/// One page of a list.
pub(crate) fn list(kind: &str, items: Vec<Value>, version: u64, next: Option<usize>) -> Response {
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let Some(next) = next {
        metadata["continue"] = next.to_string().into();
    }
    let list = format!("{kind}List");
    Json(json!({"kind": list, "apiVersion": "v1", "metadata": metadata, "items": items}))
        .into_response()
}

/// `Pod` for `pods`, and so on.
pub(crate) fn kind_of(resource: &str) -> String {
    let singular = resource.strip_suffix('s').unwrap_or(resource);
    let mut letters = singular.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
