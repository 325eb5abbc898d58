//! The newest traces, page by page, against all that match.

use super::{
    model::Span,
    pages::{in_more_traces, pages},
    *,
};

/// All pages, one after the other.
fn all_pages(engine: &Engine, request: &SearchRequest) -> Result<Vec<TraceMatch>, EngineError> {
    let place = |&TraceMatch { trace_id, start_unix_nano, .. }: &TraceMatch| StartPlace {
        start_unix_nano,
        trace_id,
    };
    pages(request.limit, place, |after| wait(engine.search_after(request.clone(), after)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]
    #[test]
    fn pages_have_all_that_match_the_newest_first(
        (spans, parts) in spread(),
        text in pipeline(),
        limit in 1usize..4,
        from in prop::option::of(998u64..1_010),
        length in prop::option::of(1u64..8),
    ) {
        let Ok(query) = parse(&text) else { return Ok(()) };
        let spans = in_more_traces(spans);
        let engine = engine(parts.into_iter().map(in_more_traces).collect());
        let mut request = drawn(query, limit, from, length);
        let traces = match all_pages(&engine, &request) {
            Ok(traces) => traces,
            Err(EngineError::Unsupported(_)) => return Ok(()),
            Err(error) => panic!("{error}"),
        };
        request.limit = 1_000;
        let response = SearchResponse { traces, ..SearchResponse::default() };
        prop_assert_eq!(found(&response), expected(&spans, &request), "{}", text);
    }
}

#[test]
fn a_trace_that_began_long_before_its_match_is_on_a_later_page() {
    // Its fitting span is the newest of all, and its first one older than all other traces.
    let old = simple(1, 1, None, 1_000);
    let late = Span { status: 2, ..simple(1, 2, Some(1), 9_000) };
    let between = (2..8u8)
        .map(|trace| Span { status: 2, ..simple(trace, 1, None, 8_000 - 10 * u64::from(trace)) });
    let parts = vec![vec![late], between.collect(), vec![old]];
    let mut request = request("{ status = error }");
    request.limit = 2;
    request.start_unix_nano = Some(5_000);
    let traces = all_pages(&engine(parts), &request).unwrap();
    let found: Vec<u8> = traces.iter().map(|trace| trace.trace_id.0[0]).collect();
    assert_eq!(found, [2, 3, 4, 5, 6, 7, 1]);
}
