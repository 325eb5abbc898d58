//! The engine against a naive evaluator, and what a search promises.

mod model;
mod oracle;

use super::*;
use crate::traceql::{QueryBody, parse};
use model::{Attributes, Entry, Plain, PlainSource, Span};
use oracle::Trace;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn engine(parts: Vec<Vec<Span>>) -> Engine {
    let sources: Vec<Arc<dyn Source>> =
        parts.into_iter().map(|spans| Arc::new(PlainSource { spans }) as Arc<dyn Source>).collect();
    Engine::over(move || Snapshot { sources: sources.clone() })
}

fn request(text: &str) -> SearchRequest {
    SearchRequest {
        query: parse(text).unwrap_or_else(|error| panic!("{}", error.render(text))),
        start_unix_nano: None,
        end_unix_nano: None,
        limit: 1_000,
        spans_per_span_set: 1_000,
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// A trace's ID, start, and for each spanset the IDs of its spans.
type Found = Vec<(TraceId, u64, Vec<BTreeSet<SpanId>>)>;

fn found(response: &SearchResponse) -> Found {
    let set = |set: &SpanSet| set.spans.iter().map(|span| span.span_id).collect();
    let traces = response.traces.iter();
    traces
        .map(|it| (it.trace_id, it.start_unix_nano, it.span_sets.iter().map(set).collect()))
        .collect()
}

fn expected(spans: &[Span], request: &SearchRequest) -> Found {
    let QueryBody::Search(pipeline) = &request.query.body else { unreachable!() };
    let mut traces: BTreeMap<u8, Vec<&Span>> = BTreeMap::new();
    for span in spans {
        let trace = traces.entry(span.trace).or_default();
        if trace.iter().all(|other| other.id != span.id) {
            trace.push(span);
        }
    }
    let from = request.start_unix_nano.unwrap_or(0);
    let to = request.end_unix_nano.unwrap_or(u64::MAX);
    let mut found: Found = Vec::new();
    for mut spans in traces.into_values() {
        spans.sort_by_key(|span| (span.start, span.id));
        let trace = Trace { spans };
        let sets = trace.run(pipeline);
        let mut matches = sets.iter().flatten();
        if !matches.any(|&span| (from..to).contains(&trace.spans[span].start)) {
            continue;
        }
        let ids = |set: &BTreeSet<usize>| set.iter().map(|&at| trace.spans[at].span_id()).collect();
        let id = trace.spans[0].trace_id();
        found.push((id, trace.start(), sets.iter().map(ids).collect()));
    }
    found.sort_by_key(|(id, start, _)| (std::cmp::Reverse(*start), *id));
    found.truncate(request.limit);
    found
}

fn plain() -> impl Strategy<Value = Plain> {
    let scalar = prop_oneof![
        "[ab]{1,2}".prop_map(Plain::Text),
        (-2i64..4).prop_map(Plain::Int),
        prop::sample::select(vec![-1.0, 0.5, 1.0, 2.0]).prop_map(Plain::Float),
        any::<bool>().prop_map(Plain::Bool),
    ];
    prop_oneof![
        5 => scalar.clone(),
        1 => prop::collection::vec(scalar, 0..3).prop_map(Plain::Array),
    ]
}

/// Events and links have no arrays here: those of several events of a span would be told apart only by the event.
fn entry_attributes() -> impl Strategy<Value = Attributes> {
    attributes().prop_map(|mut attributes| {
        attributes.retain(|_, value| !matches!(value, Plain::Array(_)));
        attributes
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    prop::collection::btree_map("[xyz]", plain(), 0..3)
}

fn entry() -> impl Strategy<Value = Entry> {
    ("[ab]", 990u64..1_020, 1u8..6, entry_attributes())
        .prop_map(|(name, time, linked, attributes)| Entry { name, time, linked, attributes })
}

fn span() -> impl Strategy<Value = Span> {
    let who = (0u8..4, 1u8..9, prop::option::of(1u8..9));
    let when = (1_000u64..1_012, -2i64..12);
    let what = ("[ab]", 0u8..6, 0u8..3, prop::option::of("[st]"));
    let entries = || prop::collection::vec(entry(), 0..3);
    (who, when, what, attributes(), attributes(), attributes(), entries(), entries()).prop_map(
        |(who, when, what, attributes, resource, scope, events, links)| Span {
            trace: who.0,
            id: who.1,
            parent: who.2,
            start: when.0,
            duration: when.1,
            name: what.0,
            kind: what.1,
            status: what.2,
            service: what.3,
            attributes,
            resource,
            scope,
            events,
            links,
        },
    )
}

/// Spans, each ID of a trace with one content, spread over sources; some are in several.
fn spread() -> impl Strategy<Value = (Vec<Span>, Vec<Vec<Span>>)> {
    (prop::collection::vec((span(), 1u8..8), 1..30)).prop_map(|spans| {
        let mut unique: BTreeMap<(u8, u8), (Span, u8)> = BTreeMap::new();
        for (span, places) in spans {
            unique.entry((span.trace, span.id)).or_insert((span, places));
        }
        let mut parts = vec![Vec::new(); 3];
        for (span, places) in unique.values() {
            for (bit, part) in parts.iter_mut().enumerate() {
                if places & (1 << bit) != 0 {
                    part.push(span.clone());
                }
            }
        }
        (unique.into_values().map(|(span, _)| span).collect(), parts)
    })
}

fn comparison() -> impl Strategy<Value = String> {
    let attribute = prop::sample::select(vec![
        "span.x",
        "span.y",
        ".x",
        ".y",
        ".z",
        "resource.x",
        "event.x",
        "event.y",
        "link.x",
        "instrumentation.z",
        ".service.name",
        "resource.service.name",
    ]);
    let number = prop::sample::select(vec![
        "duration",
        "traceDuration",
        "event:timeSinceStart",
        "span:childCount",
        "span.x",
        ".y",
        "event.x",
        "(span.x + 1)",
        "(.y * 2)",
        "-span.x",
        "(duration / 2)",
        "(span.x / span.y)",
        "(event.x + span.y)",
        "(7 % span.x)",
        "(.x ^ 2)",
    ]);
    let text = prop::sample::select(vec![
        "name",
        "rootName",
        "rootServiceName",
        "event:name",
        "span:id",
        "span:parentID",
        "link:spanID",
        "span.x",
        ".y",
        "event.y",
    ]);
    let operator = || prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let literal = prop::sample::select(vec![
        "1", "0", "-1", "0.5", "2ns", "\"a\"", "\"b\"", "true", "false", "3", "1.0",
    ]);
    let words =
        prop::sample::select(vec!["\"a\"", "\"b\"", "\"s\"", "\"0303030303030303\"", "\"0\""]);
    let values = prop::sample::select(vec!["1", "0", "5ns", "-1", "2.5"]);
    let equality = || prop::sample::select(vec!["=", "!="]);
    let pattern = prop::sample::select(vec!["a.?", "b|s", ".*", "0.*", "[^a]+"]);
    prop_oneof![
        4 => (attribute.clone(), equality(), literal).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        3 => (number.clone(), operator(), values).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        1 => (number.clone(), operator(), number).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        2 => (text.clone(), operator(), words).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        1 => (text, prop::sample::select(vec!["=~", "!~"]), pattern)
            .prop_map(|(a, o, b)| format!("{a} {o} \"{b}\"")),
        1 => (attribute.clone(), prop::sample::select(vec!["!= nil", "= nil"]))
            .prop_map(|(a, o)| format!("{a} {o}")),
        1 => attribute.clone().prop_map(|a| a.to_owned()),
        1 => (attribute.clone(), equality(), attribute).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        1 => prop::sample::select(vec![
            "status = error", "status != ok", "kind = server", "kind != client", "true", "false",
            "nestedSetParent < 0", "1 = event.x", "\"a\" != .y", "2 > span.x",
        ]).prop_map(str::to_owned),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    let expression = comparison().prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            3 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            2 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            1 => inner.prop_map(|a| format!("!({a})")),
        ]
    });
    prop_oneof![1 => Just("{ }".to_owned()), 9 => expression.prop_map(|text| format!("{{ {text} }}"))]
}

fn spanset() -> impl Strategy<Value = String> {
    let operator = prop::sample::select(vec![
        "&&", "||", ">", "<", ">>", "<<", "~", "!>", "!<", "!>>", "!<<", "!~", "&>", "&<", "&>>",
        "&<<", "&~",
    ]);
    filter().prop_recursive(2, 4, 2, move |inner| {
        (inner.clone(), operator.clone(), inner).prop_map(|(a, o, b)| format!("({a}) {o} ({b})"))
    })
}

fn pipeline() -> impl Strategy<Value = String> {
    let stage = prop::sample::select(vec![
        " | count() > 1",
        " | count() = 1",
        " | by(.x) | count() > 1",
        " | by(name)",
        " | by(kind) | coalesce() | count() < 3",
        " | avg(duration) > 3ns",
        " | max(span.x) >= 1",
        " | min(.y) < 1",
        " | sum(duration + 1) > 5",
        " | { duration > 3ns }",
        " | select(.x, event.y)",
        " | { event.x != nil } > { }",
        "",
    ]);
    let side = " | count() > 1";
    prop_oneof![
        8 => (spanset(), stage).prop_map(|(first, stage)| format!("{first}{stage}")),
        1 => (spanset(), spanset()).prop_map(move |(a, b)| format!("({a}{side}) >> ({b})")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_engine_agrees_with_the_naive_evaluator(
        (spans, parts) in spread(),
        text in pipeline(),
        limit in prop_oneof![Just(1_000usize), 1usize..4],
        from in prop::option::of(998u64..1_010),
        length in prop::option::of(1u64..8),
    ) {
        // Some combinations make no sense (types), which is for validation to say.
        let Ok(query) = parse(&text) else { return Ok(()) };
        let mut request = request("{ }");
        request.query = query;
        request.limit = limit;
        request.start_unix_nano = from;
        request.end_unix_nano = length.map(|length| from.unwrap_or(1_000) + length);
        let response = match wait(engine(parts).search(request.clone())) {
            Ok(response) => response,
            Err(EngineError::Unsupported(_)) => return Ok(()),
            Err(error) => panic!("{error}"),
        };
        prop_assert_eq!(found(&response), expected(&spans, &request), "{}", text);
    }
}
