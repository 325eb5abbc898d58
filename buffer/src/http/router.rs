//! The handler for axum.

use crate::SpanBuffer;

use super::PATH;

impl SpanBuffer {
    /// A router that serves `GET /debug/spans`; merge it into the app's.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> axum::Router<S> {
        axum::Router::new().route_service(PATH, self.service())
    }
}
