//! Whether a text is a query, and if not, where and why.

use super::utf16;
use crate::{
    api::{Fault, parameters::Parameters},
    traceql::{self, ParseErrorKind},
};
use axum::Json;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parsed {
    valid: bool,
    /// `search` or `metrics`.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// The query as it prints.
    #[serde(skip_serializing_if = "Option::is_none")]
    canonical: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Located>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Located {
    /// `parse` or `validation`.
    kind: &'static str,
    message: String,
    line: usize,
    column: usize,
    /// What is at fault, in UTF-16 code units.
    from: usize,
    to: usize,
    /// The line at fault with carets below, for a monospaced font.
    rendered: String,
}

/// `GET /api/sigyn/v1/parse?q=`: 200 also for a text that is no query, since that is what is asked.
pub(super) async fn parse(parameters: Parameters) -> Result<Json<Parsed>, Fault> {
    let text = parameters.get("q").unwrap_or_default();
    Ok(Json(match traceql::parse(text) {
        Ok(query) => Parsed {
            valid: true,
            kind: Some(if query.is_metrics() { "metrics" } else { "search" }),
            canonical: Some(query.to_string()),
            error: None,
        },
        Err(error) => Parsed {
            valid: false,
            kind: None,
            canonical: None,
            error: Some(Located {
                kind: match error.kind {
                    ParseErrorKind::Syntax => "parse",
                    ParseErrorKind::Validation => "validation",
                },
                line: error.line,
                column: error.column,
                from: utf16::units_before(text, error.span.start),
                to: utf16::units_before(text, error.span.end),
                rendered: error.render(text),
                message: error.message,
            }),
        },
    }))
}
