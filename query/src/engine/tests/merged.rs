//! Searches of sources that all reach over the same time, as the row groups of a merged block do.

use super::{model::Span, *};

/// The same spans in many more traces, over a longer time.
fn spread_out((mut span, trace, late): (Span, u8, u64)) -> Span {
    span.trace = trace;
    span.start += late;
    span
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]
    #[test]
    fn what_is_newest_is_found_in_whichever_of_them_it_is(
        spans in prop::collection::vec((span(), 0u8..60, 0u64..20).prop_map(spread_out), 20..120),
        sources in 5u8..16,
        text in prop_oneof![pipeline(), Just("{ }".to_owned()), filter()],
        limit in 1usize..5,
        from in prop::option::of(1_000u64..1_080),
        length in prop::option::of(1u64..60),
        reach in prop_oneof![Just(0u64), 1u64..20],
    ) {
        let Ok(query) = parse(&text) else { return Ok(()) };
        let mut unique: BTreeMap<(u8, u8), Span> = BTreeMap::new();
        for span in spans {
            unique.entry((span.trace, span.id)).or_insert(span);
        }
        let spans: Vec<Span> = unique.into_values().collect();
        let of_source = |at: u8| spans.iter().filter(|it| it.trace % sources == at).cloned().collect();
        let engine = engine((0..sources).map(of_source).collect());
        let mut request = drawn(query, limit, from, length);
        request.reach_nano = reach;
        let response = match wait(engine.search(request.clone())) {
            Ok(response) => response,
            Err(EngineError::Unsupported(_)) => return Ok(()),
            Err(error) => panic!("{error}"),
        };
        prop_assert_eq!(found(&response), expected(&spans, &request), "{}", text);
    }
}
