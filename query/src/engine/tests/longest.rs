//! The longest traces, page by page, against all that match, sorted.

use super::{
    model::Span,
    pages::{in_more_traces, pages},
    *,
};

/// All pages, one after the other.
fn all_pages(engine: &Engine, request: &SearchRequest) -> Result<Vec<TraceMatch>, EngineError> {
    let place = |&TraceMatch { trace_id, duration_nano, .. }: &TraceMatch| DurationPlace {
        duration_nano,
        trace_id,
    };
    pages(request.limit, place, |after| wait(engine.search_longest(request.clone(), after)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]
    #[test]
    fn pages_have_all_that_match_the_longest_first(
        (spans, parts) in spread(),
        text in pipeline(),
        limit in 1usize..4,
        ranked_traces in prop_oneof![Just(1_000usize), 1usize..4],
        from in prop::option::of(998u64..1_010),
        length in prop::option::of(1u64..8),
    ) {
        let Ok(query) = parse(&text) else { return Ok(()) };
        let spans = in_more_traces(spans);
        let engine = engine(parts.into_iter().map(in_more_traces).collect());
        let engine = engine.with_limits(Limits { ranked_traces, ..Limits::default() });
        let request = drawn(query, limit, from, length);
        let traces = match all_pages(&engine, &request) {
            Ok(traces) => traces,
            Err(EngineError::Unsupported(_)) => return Ok(()),
            Err(error) => panic!("{error}"),
        };
        let mut expected = all_expected(&spans, &request);
        expected.sort_by_key(|((id, ..), duration)| (std::cmp::Reverse(*duration), *id));
        let durations: Vec<u64> = traces.iter().map(|trace| trace.duration_nano).collect();
        let (expected, expected_durations): (Found, Vec<u64>) = expected.into_iter().unzip();
        prop_assert_eq!(durations, expected_durations, "{}", &text);
        let response = SearchResponse { traces, ..SearchResponse::default() };
        prop_assert_eq!(found(&response), expected, "{}", text);
    }
}

#[test]
fn a_span_far_from_the_others_makes_a_trace_long() {
    // The range has the middle source alone; trace 2 is short in it.
    let early = vec![simple(2, 1, None, 1_000)];
    let middle = vec![simple(1, 1, None, 5_000), simple(2, 2, Some(1), 5_000)];
    let late = vec![simple(1, 2, Some(1), 5_100), simple(3, 1, None, 9_000)];
    let mut request = request("{ }");
    (request.start_unix_nano, request.end_unix_nano) = (Some(4_000), Some(5_050));
    let traces = all_pages(&engine(vec![late, middle, early]), &request).unwrap();
    let found: Vec<(u8, u64)> =
        traces.iter().map(|trace| (trace.trace_id.0[0], trace.duration_nano)).collect();
    assert_eq!(found, [(2, 4_005), (1, 105)]);
}

#[test]
fn a_span_without_a_start_makes_no_trace_long() {
    let known = vec![simple(1, 1, None, 5_000), simple(2, 1, None, 5_000)];
    let unknown = vec![simple(1, 2, Some(1), 0), simple(3, 1, None, 0), simple(2, 2, None, 5_100)];
    let traces = all_pages(&engine(vec![unknown, known]), &request("{ }")).unwrap();
    let found: Vec<(u8, u64)> =
        traces.iter().map(|trace| (trace.trace_id.0[0], trace.duration_nano)).collect();
    assert_eq!(found, [(2, 105), (1, 5), (3, 0)]);
}

#[test]
fn when_the_groundwork_takes_too_long_what_is_known_is_answered() {
    let source = |place: u64| -> Vec<Span> {
        let spans = (0..240u8).flat_map(|trace| (1..6u8).map(move |id| (trace, id)));
        spans
            .map(|(trace, id)| Span {
                duration: i64::from(trace),
                ..simple(trace, id, None, 1_000 + place)
            })
            .collect()
    };
    let parts: Vec<Vec<Span>> = (0..6).map(source).collect();
    let mut request = request("{ }");
    request.limit = 2;
    let ask = |limits: Limits| {
        let engine = engine(parts.clone()).with_limits(limits);
        wait(engine.search_longest(request.clone(), None)).unwrap()
    };
    let whole = ask(Limits::default());
    let durations =
        |found: &SearchResponse| found.traces.iter().map(|it| it.duration_nano).collect::<Vec<_>>();
    assert_eq!((durations(&whole), &whole.partial), (vec![244, 243], &None));
    // How far it comes within so many bytes depends on which thread is first.
    let mut known = 0;
    for percent in [50, 60, 70, 80, 90, 95] {
        let bytes = whole.inspected_bytes * percent / 100;
        let some = ask(Limits { bytes, ..Limits::default() });
        assert!(durations(&some).is_sorted_by(|a, b| a >= b), "{percent}: {:?}", durations(&some));
        assert!(durations(&some).iter().all(|it| (5..=244).contains(it)), "they are whole traces");
        let Some(reason) = &some.partial else { continue };
        assert!(reason.contains("narrow it"), "the reason says what to do");
        // Each source says which are the longest; how long they are was looked up.
        known += usize::from(durations(&some) == [244, 243]);
    }
    assert!(known > 0, "what was known is answered");
}
