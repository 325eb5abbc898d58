//! Tags, values, facets, ranks and contrasts of selected spans.

use super::{
    model::{Plain, Span},
    *,
};
use crate::traceql::FieldRef;

fn selected(text: &str) -> SpanSelection {
    SpanSelection { query: Some(parse(text).unwrap()), ..SpanSelection::default() }
}

fn field(text: &str) -> FieldRef {
    parse_field(text).unwrap()
}

fn spans() -> Vec<Span> {
    (0..12u8)
        .map(|at| {
            let mut span =
                simple(1 + at / 4, 1 + at % 4, (at % 4 > 0).then_some(1), 1_000 + u64::from(at));
            let key = if at % 3 == 0 { "slow" } else { "fast" };
            span.attributes.insert("pace".to_owned(), Plain::Text(key.to_owned()));
            span.attributes.insert("number".to_owned(), Plain::Int(i64::from(at)));
            if at % 3 == 0 {
                span.status = 2;
                span.attributes.insert("only.slow".to_owned(), Plain::Bool(true));
            }
            span.duration = i64::from(at);
            span
        })
        .collect()
}

/// In two sources, some in both.
fn shop() -> Engine {
    let all = spans();
    engine(vec![all[..8].to_vec(), all[5..].to_vec()])
}

fn counts(found: &[ValueCount]) -> Vec<(String, u64)> {
    found.iter().map(|it| (format!("{:?}", it.value), it.count)).collect()
}

#[test]
fn values_and_names_are_those_of_the_selected_spans() {
    let engine = shop();
    let values = |name: &str, selection: SpanSelection| {
        counts(&wait(engine.tag_values(&field(name), selection, 3)).unwrap())
    };
    let text = |text: &str| format!("String({text:?})");
    assert_eq!(
        values("span.pace", SpanSelection::default()),
        [(text("fast"), 8), (text("slow"), 4)]
    );
    assert_eq!(values(".pace", selected("{ status = error }")), [(text("slow"), 4)]);
    let late = SpanSelection { start_unix_nano: Some(1_010), ..SpanSelection::default() };
    assert_eq!(
        values(".number", late.clone()),
        [("Int(10)".to_owned(), 1), ("Int(11)".to_owned(), 1)]
    );
    assert_eq!(values(".number", SpanSelection::default()).len(), 3);
    assert_eq!(
        values("status", selected("{ } | count() > 3")),
        [(text("unset"), 8), (text("ok"), 0), (text("error"), 4)]
    );
    assert_eq!(values("rootName", selected("{ status = error }")), [(text("operation 1"), 4)]);
    let names = |selection| {
        let names = wait(engine.tag_names(selection)).unwrap();
        names.into_iter().find(|(scope, _)| *scope == sigyn_store::AttributeScope::Span).unwrap().1
    };
    assert_eq!(names(SpanSelection::default()), ["number", "only.slow", "pace"]);
    assert_eq!(names(selected("{ span.pace = \"fast\" }")), ["number", "pace"]);
    assert_eq!(names(late), ["number", "pace"]);
}

#[test]
fn facets_count_each_span_once() {
    let fields = vec![field("span.pace"), field("span.none")];
    let facets = wait(shop().facets(selected("{ }"), fields, 1)).unwrap();
    assert_eq!(facets.spans, 12);
    let pace = &facets.facets[0];
    assert_eq!((pace.present, pace.distinct), (12, 2));
    assert_eq!(counts(&pace.values), [("String(\"fast\")".to_owned(), 8)]);
    assert_eq!(facets.facets[1].present, 0);
}

#[test]
fn a_duration_has_a_rank_among_its_like() {
    let selection = selected("{ span.pace = \"fast\" }");
    let rank = wait(shop().duration_rank(selection, 5, vec![0.5, 1.0])).unwrap();
    // 1 2 4 5 7 8 10 11
    assert_eq!((rank.spans, rank.shorter), (8, 3));
    assert!(
        (rank.quantiles_nano[0] - 5.0).abs() < 0.05 && (rank.quantiles_nano[1] - 11.0).abs() < 0.1
    );
}

#[test]
fn a_contrast_names_what_sets_two_sets_apart() {
    let engine = shop();
    let (errors, others) = (selected("{ status = error }"), selected("{ status != error }"));
    let contrast = wait(engine.contrast(errors, others, 10, 2)).unwrap();
    assert_eq!((contrast.selection_spans, contrast.baseline_spans), (4, 8));
    let names: Vec<String> = contrast.fields.iter().map(|it| it.field.to_string()).collect();
    for expected in ["status", "span.pace", "span.only.slow"] {
        let place = names.iter().position(|name| name == expected).unwrap();
        assert!((contrast.fields[place].difference - 1.0).abs() < 1e-9, "{names:?}");
    }
    // It is the same in both sets.
    assert!(!names.contains(&"resource.service.name".to_owned()));
    let only = contrast.fields.iter().find(|it| it.field == field("span.only.slow")).unwrap();
    assert_eq!(only.values[0].value.is_none(), only.values[0].baseline == 8);
}

#[test]
fn spans_of_two_collectors_count_once_and_shared_ids_are_two_spans() {
    let mut client = simple(1, 2, Some(1), 1_001);
    client.kind = 3;
    let mut server = client.clone();
    server.kind = 2;
    server.service = Some("bank".to_owned());
    let root = simple(1, 1, None, 1_000);
    let below = simple(1, 3, Some(2), 1_002);
    let all = vec![root, client, server, below];
    let parts = vec![all.clone(), all.clone(), all[1..].to_vec()];
    let facets =
        wait(engine(parts.clone()).facets(SpanSelection::default(), vec![field("kind")], 9))
            .unwrap();
    assert_eq!(facets.spans, 4);
    let ask = |text: &str| ask(parts.clone(), text);
    assert_eq!(ask("{ }").traces[0].span_sets[0].matched, 4);
    // The server is below its client, and what it calls is below the server.
    assert_eq!(ask("{ kind = client } > { resource.service.name = \"bank\" }").traces.len(), 1);
    let called = ask("{ resource.service.name = \"bank\" } > { name = \"operation 3\" }");
    assert_eq!(called.traces[0].span_sets[0].matched, 1);
    assert_eq!(ask("{ kind = client } > { name = \"operation 3\" }").traces.len(), 0);
}

#[test]
fn a_search_tells_each_trace_once_in_the_order_of_the_answer() {
    let parts = (0..40u8).map(|trace| vec![simple(trace, 1, None, 1_000 + u64::from(trace))]);
    let engine = engine(parts.collect());
    let mut request = request("{ }");
    request.limit = 30;
    let (sender, mut receiver) = mpsc::channel::<SearchProgress>(1);
    let (response, told) = wait(async {
        let told = async {
            let mut told = Vec::new();
            while let Some(news) = receiver.recv().await {
                told.extend(news.traces.into_iter().map(|trace| trace.trace_id));
            }
            told
        };
        tokio::join!(engine.search_into(request, sender), told)
    });
    let ids: Vec<TraceId> = response.unwrap().traces.iter().map(|it| it.trace_id).collect();
    assert_eq!(ids.len(), 30);
    assert_eq!(told, ids);
}

/// The names of attributes by looking at every span that a filter keeps.
fn names_by_hand(spans: &[Span], text: &str) -> Vec<(sigyn_store::AttributeScope, Vec<String>)> {
    use sigyn_store::AttributeScope::{Event, Instrumentation, Link, Resource, Span as OfSpan};
    let QueryBody::Search(pipeline) = parse(text).unwrap().body else { unreachable!() };
    let mut found: BTreeMap<_, BTreeSet<String>> = [OfSpan, Resource, Event, Link, Instrumentation]
        .map(|scope| (scope, BTreeSet::new()))
        .into();
    let mut traces: BTreeMap<u8, Vec<&Span>> = BTreeMap::new();
    spans.iter().for_each(|span| traces.entry(span.trace).or_default().push(span));
    for mut spans in traces.into_values() {
        spans.sort_by_key(|span| (span.start, span.id));
        let trace = Trace { spans };
        for at in trace.run(&pipeline).into_iter().flatten() {
            let span = trace.spans[at];
            let mut add = |scope, names: Vec<String>| {
                found.entry(scope).or_default().extend(names);
            };
            let keys = |attributes: &Attributes| attributes.keys().cloned().collect();
            add(OfSpan, keys(&span.attributes));
            add(Resource, keys(&span.whole_resource()));
            add(Instrumentation, keys(&span.scope));
            span.events.iter().for_each(|event| add(Event, keys(&event.attributes)));
            span.links.iter().for_each(|link| add(Link, keys(&link.attributes)));
        }
    }
    found.into_iter().map(|(scope, names)| (scope, names.into_iter().collect())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]
    #[test]
    fn names_of_services_are_those_of_their_spans(
        (spans, parts) in spread(),
        services in prop::sample::select(vec![
            "resource.service.name = \"s\"",
            "(resource.service.name = \"s\" || resource.service.name = \"t\")",
            "resource.service.name = \"none\"",
            "!(resource.service.name = \"t\")",
        ]),
        other in prop::option::of(comparison()),
    ) {
        let text = match other {
            Some(other) => format!("{{ {services} && ({other}) }}"),
            None => format!("{{ {services} }}"),
        };
        let Ok(query) = parse(&text) else { return Ok(()) };
        let expected = names_by_hand(&spans, &text);
        let engine = engine(parts);
        // What is remembered after the first time changes nothing.
        for _ in 0..2 {
            let selection = SpanSelection { query: Some(query.clone()), ..SpanSelection::default() };
            let mut found = wait(engine.tag_names(selection)).unwrap();
            found.sort();
            prop_assert_eq!(&found, &expected, "{}", text);
        }
    }
}
