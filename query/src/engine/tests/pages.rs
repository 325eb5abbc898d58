//! Searches page by page, whatever their order.

use super::{model::Span, *};

/// All pages, one after the other, each from the place on at which the one before ended.
pub(super) fn pages<P>(
    limit: usize,
    place: impl Fn(&TraceMatch) -> P,
    page_after: impl Fn(Option<P>) -> Result<SearchResponse, EngineError>,
) -> Result<Vec<TraceMatch>, EngineError> {
    let mut all: Vec<TraceMatch> = Vec::new();
    loop {
        let page = page_after(all.last().map(&place))?;
        assert_eq!(page.partial, None);
        let is_last = page.traces.len() < limit;
        all.extend(page.traces);
        if is_last {
            return Ok(all);
        }
    }
}

/// The same spans in three times as many traces.
pub(super) fn in_more_traces(spans: Vec<Span>) -> Vec<Span> {
    let apart = |mut span: Span| {
        span.trace = 3 * span.trace + span.id % 3;
        span
    };
    spans.into_iter().map(apart).collect()
}
