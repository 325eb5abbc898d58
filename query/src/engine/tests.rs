//! The engine against a naive evaluator, and what a search promises.

mod compare;
mod longest;
mod merged;
mod metrics;
mod model;
mod newest;
mod oracle;
mod pages;
mod second_stages;
mod selection;

use super::*;
use crate::traceql::{QueryBody, parse, parse_field};
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
        reach_nano: 0,
        limit: 1_000,
        spans_per_span_set: 1_000,
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// A trace's ID, start, and for each spanset the IDs of its spans.
type FoundTrace = (TraceId, u64, Vec<BTreeSet<SpanId>>);
type Found = Vec<FoundTrace>;

fn found(response: &SearchResponse) -> Found {
    let set = |set: &SpanSet| set.spans.iter().map(|span| span.span_id).collect();
    let traces = response.traces.iter();
    traces
        .map(|it| (it.trace_id, it.start_unix_nano, it.span_sets.iter().map(set).collect()))
        .collect()
}

fn expected(spans: &[Span], request: &SearchRequest) -> Found {
    let mut found: Found = all_expected(spans, request).into_iter().map(|(it, _)| it).collect();
    found.sort_by_key(|(id, start, _)| (std::cmp::Reverse(*start), *id));
    found.truncate(request.limit);
    found
}

/// All traces that a search finds, in no order, and how long each is.
fn all_expected(spans: &[Span], request: &SearchRequest) -> Vec<(FoundTrace, u64)> {
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
    let mut found = Vec::new();
    for mut spans in traces.into_values() {
        spans.sort_by_key(|span| (span.start, span.id));
        let trace = Trace { spans };
        let sets = trace.run(pipeline);
        let crosses = |end: u64| {
            trace.spans.iter().any(|it| {
                it.start < end
                    && it.start + request.reach_nano >= end
                    && it.start + it.duration.max(0) as u64 >= end
            })
        };
        let ends = [request.start_unix_nano, request.end_unix_nano];
        let reaches = request.reach_nano > 0 && ends.into_iter().flatten().any(crosses);
        let is_found = |span: &usize| reaches || (from..to).contains(&trace.spans[*span].start);
        if !sets.iter().flatten().any(is_found) {
            continue;
        }
        let ids = |set: &BTreeSet<usize>| set.iter().map(|&at| trace.spans[at].span_id()).collect();
        let id = trace.spans[0].trace_id();
        found.push(((id, trace.start(), sets.iter().map(ids).collect()), trace.duration()));
    }
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
        "nestedSetLeft",
        "nestedSetRight",
        "nestedSetParent",
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
        "statusMessage",
        "instrumentation:name",
        "link:spanID",
        "span.x",
        ".y",
        "event.y",
    ]);
    let operator = || prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let literal = prop::sample::select(vec![
        "1", "0", "-1", "0.5", "2ns", "\"a\"", "\"b\"", "true", "false", "3", "1.0",
    ]);
    let words = prop::sample::select(vec![
        "\"a\"",
        "\"b\"",
        "\"s\"",
        "\"0303030303030303\"",
        "\"0\"",
        "\"\"",
    ]);
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
        1 => (attribute.clone(), equality(), attribute)
            .prop_map(|(a, o, b)| format!("{a} {o} {b}"))
            // The engine compares each event with each link, and the naive evaluator does not know how.
            .prop_filter("an event and a link", |it| !(it.contains("event.") && it.contains("link."))),
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

/// A request with a range, if there is one, of this length.
fn drawn(query: Query, limit: usize, from: Option<u64>, length: Option<u64>) -> SearchRequest {
    let end_unix_nano = length.map(|length| from.unwrap_or(1_000) + length);
    SearchRequest { query, limit, start_unix_nano: from, end_unix_nano, ..request("{ }") }
}

/// Many with `SIGYN_SOAK=1`.
fn cases() -> u32 {
    if std::env::var_os("SIGYN_SOAK").is_some() { 200_000 } else { 256 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]
    #[test]
    fn the_engine_agrees_with_the_naive_evaluator(
        (spans, parts) in spread(),
        text in pipeline(),
        limit in prop_oneof![Just(1_000usize), 1usize..4],
        from in prop::option::of(998u64..1_010),
        length in prop::option::of(1u64..8),
        reach in prop_oneof![Just(0u64), 1u64..6],
    ) {
        // Some combinations make no sense (types), which is for validation to say.
        let Ok(query) = parse(&text) else { return Ok(()) };
        let mut request = drawn(query, limit, from, length);
        request.reach_nano = reach;
        let response = match wait(engine(parts).search(request.clone())) {
            Ok(response) => response,
            Err(EngineError::Unsupported(_)) => return Ok(()),
            Err(error) => panic!("{error}"),
        };
        prop_assert_eq!(found(&response), expected(&spans, &request), "{}", text);
    }
}

/// A span with nothing special.
fn simple(trace: u8, id: u8, parent: Option<u8>, start: u64) -> Span {
    Span {
        trace,
        id,
        parent,
        start,
        duration: 5,
        name: format!("operation {id}"),
        kind: 2,
        status: 0,
        service: Some("shop".to_owned()),
        attributes: Attributes::new(),
        resource: Attributes::new(),
        scope: Attributes::new(),
        events: Vec::new(),
        links: Vec::new(),
    }
}

fn ask(parts: Vec<Vec<Span>>, text: &str) -> SearchResponse {
    wait(engine(parts).search(request(text))).unwrap()
}

#[test]
fn the_search_ends_before_sources_that_cannot_matter() {
    let parts = (0..100u8).map(|trace| vec![simple(trace, 1, None, 1_000 + u64::from(trace))]);
    let mut request = request("{ }");
    request.limit = 3;
    let response = wait(engine(parts.collect()).search(request)).unwrap();
    let starts: Vec<u64> = response.traces.iter().map(|trace| trace.start_unix_nano).collect();
    assert_eq!(starts, [1_099, 1_098, 1_097]);
    assert!(response.inspected_spans < 60, "{} spans were looked at", response.inspected_spans);
}

#[test]
fn a_trace_that_begins_in_an_older_source_is_placed_by_its_true_start() {
    // Trace 1 has the newest span and the oldest start.
    let newer = vec![simple(1, 2, Some(1), 2_000), simple(2, 1, None, 1_500)];
    let older = vec![simple(1, 1, None, 1_000), simple(3, 1, None, 1_200)];
    let mut request = request("{ }");
    request.limit = 2;
    let response = wait(engine(vec![newer, older]).search(request)).unwrap();
    let ids: Vec<u8> = response.traces.iter().map(|trace| trace.trace_id.0[0]).collect();
    assert_eq!(ids, [2, 3]);
}

#[test]
fn a_summary_counts_each_span_once_and_names_the_root() {
    let mut failed = simple(1, 2, Some(1), 1_010);
    failed.status = 2;
    failed.service = Some("bank".to_owned());
    failed.duration = -3;
    let root = simple(1, 1, None, 1_000);
    let response = ask(vec![vec![root, failed.clone()], vec![failed]], "{ status = error }");
    let trace = &response.traces[0];
    assert_eq!(trace.root_service_name.as_deref(), Some("shop"));
    assert_eq!(trace.root_trace_name.as_deref(), Some("operation 1"));
    assert_eq!((trace.start_unix_nano, trace.duration_nano), (1_000, 10));
    let stats = |span_count, error_count| ServiceStats { span_count, error_count };
    let expected = [("bank".to_owned(), stats(1, 1)), ("shop".to_owned(), stats(1, 0))];
    assert_eq!(trace.service_stats, expected);
    assert_eq!(trace.span_sets[0].matched, 1);
    // A span that ends before it starts has no duration in an answer.
    assert_eq!(trace.span_sets[0].spans[0].duration_nano, 0);
}

#[test]
fn circles_of_parents_and_missing_roots_do_no_harm() {
    let circle = vec![
        simple(1, 1, Some(2), 1_000),
        simple(1, 2, Some(1), 1_001),
        simple(1, 3, Some(3), 1_002),
        simple(1, 4, Some(9), 1_003),
    ];
    let response = ask(vec![circle.clone()], "{ }");
    assert_eq!(response.traces[0].root_trace_name, None);
    assert_eq!(response.traces[0].root_service_name, None);
    assert_eq!(response.traces[0].span_sets[0].matched, 4);
    assert!(ask(vec![circle.clone()], "{ } >> { }").traces.is_empty());
    assert_eq!(ask(vec![circle], "{ } !>> { }").traces[0].span_sets[0].matched, 4);
}

#[test]
fn a_chain_of_many_spans_needs_no_deep_stack() {
    let links: Vec<(SpanId, Option<SpanId>)> = (0..200_000u64)
        .map(|at| {
            let id = |at: u64| SpanId((at + 1).to_be_bytes());
            (id(at), at.checked_sub(1).map(id))
        })
        .collect();
    let tree = structure::Tree::new(&links, &|_| 0);
    assert_eq!(tree.rights[0], 400_000);
    assert_eq!(tree.lefts[199_999], 200_000);
}

#[test]
fn a_span_shows_what_the_query_mentions() {
    let mut span = simple(1, 1, None, 1_000);
    span.attributes.insert("fare".to_owned(), Plain::Text("first".to_owned()));
    span.resource.insert("zone".to_owned(), Plain::Int(4));
    let response = ask(
        vec![vec![span]],
        "{ span.fare = \"first\" && kind = server && name != \"x\" && traceDuration > 1ns } \
         | by(.zone) | count() > 0 | select(.zone, span.none, nestedSetLeft)",
    );
    let set = &response.traces[0].span_sets[0];
    let text = |text: &str| Value::String(text.to_owned());
    let set_attributes =
        [("by(.zone)".to_owned(), Value::Int(4)), ("count()".to_owned(), Value::Int(1))];
    assert_eq!(set.attributes, set_attributes);
    let span_attributes = [
        ("fare".to_owned(), text("first")),
        ("kind".to_owned(), text("server")),
        ("zone".to_owned(), Value::Int(4)),
        ("nestedSetLeft".to_owned(), Value::Int(1)),
    ];
    assert_eq!(set.spans[0].attributes, span_attributes);
}

#[test]
fn conditions_on_events_hold_for_one_event() {
    let event = |name: &str, attempt| Entry {
        name: name.to_owned(),
        time: 1_001,
        linked: 1,
        attributes: Attributes::from([("attempt".to_owned(), Plain::Int(attempt))]),
    };
    let mut span = simple(1, 1, None, 1_000);
    span.events = vec![event("retry", 1), event("other", 3)];
    let count = |text: &str| ask(vec![vec![span.clone()]], text).traces.len();
    assert_eq!(count("{ event:name = \"retry\" && event.attempt > 2 }"), 0);
    assert_eq!(count("{ event:name = \"retry\" && event.attempt < 2 }"), 1);
    assert_eq!(count("{ event:name = \"retry\" } && { event.attempt > 2 }"), 1);
    assert_eq!(count("{ event:name = \"retry\" } | { event.attempt > 2 }"), 1);
    assert_eq!(count("{ event.none = nil }"), 1);
    assert_eq!(count("{ event.attempt = nil }"), 0);
}

#[test]
fn numbers_compare_across_types() {
    let mut span = simple(1, 1, None, 1_000);
    span.attributes.insert("load".to_owned(), Plain::Float(1.5));
    span.duration = 500_000_000;
    let count = |text: &str| ask(vec![vec![span.clone()]], text).traces.len();
    assert_eq!(count("{ span.load > 1 }"), 1);
    assert_eq!(count("{ duration = 500000000 }"), 1);
    assert_eq!(count("{ span.load != \"first\" }"), 0);
    assert_eq!(count("{ span.load / 0 > 1 }"), 0);
    assert_eq!(count("{ trace:id = \"101010101010101010101010101010101\" }"), 0);
    assert_eq!(count("{ trace:id = \"1010101010101010101010101010101\" }"), 1);
}

#[test]
fn an_average_of_durations_is_compared_before_it_is_cut() {
    let mut span = simple(1, 1, None, 1_000);
    span.duration = 7;
    let mut other = simple(1, 2, Some(1), 1_000);
    other.duration = 0;
    let response = ask(vec![vec![span, other]], "{ } | avg(duration) > 3ns");
    let shown = ("avg(duration)".to_owned(), Value::String("3ns".to_owned()));
    assert_eq!(response.traces[0].span_sets[0].attributes, [shown]);
}

#[test]
fn limits_end_in_a_partial_answer() {
    let spans = |trace| vec![simple(trace, 1, None, 1_000 + u64::from(trace))];
    let limits = Limits { bytes: 1, ..Limits::default() };
    let engine = engine((0..50).map(spans).collect()).with_limits(limits);
    let response = wait(engine.search(request("{ }"))).unwrap();
    assert!(response.partial.unwrap().contains("narrow it"), "the reason says what to do");
}

#[test]
fn work_ends_when_nobody_waits() {
    let cancellation = Cancellation::new(Limits::default());
    let guard = CancelOnDrop(cancellation.clone());
    assert!(cancellation.check().is_ok());
    drop(guard);
    assert!(matches!(cancellation.check(), Err(EngineError::Stopped(_))));
}

#[test]
fn an_event_is_compared_with_each_link() {
    let entry = |key: &str, value: i64| Entry {
        name: "a".to_owned(),
        time: 1_001,
        linked: 1,
        attributes: Attributes::from([(key.to_owned(), Plain::Int(value))]),
    };
    let mut span = simple(1, 1, None, 1_000);
    span.events = vec![entry("x", 1), entry("x", 5)];
    span.links = vec![entry("y", 3), entry("y", 5)];
    let mut other = simple(1, 2, Some(1), 1_001);
    other.events = vec![entry("x", 9)];
    let ask = |text: &str| {
        let found = ask(vec![vec![span.clone(), other.clone()]], text).traces;
        found.first().map_or(0, |trace| trace.span_sets[0].matched)
    };
    assert_eq!(ask("{ event.x = link.y }"), 1);
    assert_eq!(ask("{ event.x > link.y + 4 }"), 0);
    assert_eq!(ask("{ event.x = link.y && event.x > 4 }"), 1);
    assert_eq!(ask("{ event.x = link.y && event.x < 4 }"), 0, "it must be the same event");
    assert_eq!(ask("{ event.x != link.y }"), 1, "a span without links has no pair");
}

#[test]
fn a_side_with_several_sets_stands_for_all_their_spans() {
    let spans = vec![simple(1, 1, None, 1_000), simple(1, 2, Some(1), 1_001)];
    let found = ask(vec![spans], "({ } | by(name)) >> ({ })");
    assert_eq!(found.traces[0].span_sets[0].matched, 1);
}

#[test]
fn a_metrics_query_finds_the_spans_that_it_counts() {
    let spans = vec![simple(1, 1, None, 1_000)];
    let response = ask(vec![spans], "{ kind = server } | rate() by (name) | topk(3)");
    assert_eq!(response.traces.len(), 1);
    let spans = vec![simple(1, 1, None, 1_000), simple(1, 2, Some(1), 1_001)];
    let text = "({ name = \"operation 1\" } | rate()) / ({ } | count() > 1 | rate())";
    assert_eq!(ask(vec![spans], text).traces[0].span_sets[0].matched, 2);
}

#[test]
fn the_catalog_lists_what_occurs() {
    let mut first = simple(1, 1, None, 1_000);
    first.attributes.insert("a b".to_owned(), Plain::Float(-0.5));
    let mut second = simple(1, 2, Some(1), 1_001);
    second.service = Some("bank".to_owned());
    second.attributes.insert("a b".to_owned(), Plain::Array(vec![Plain::Int(3), Plain::Int(-1)]));
    let engine = engine(vec![vec![first], vec![second]]);
    let text = |text: &str| Value::String(text.to_owned());
    let values = |field: &str, limit| {
        let field = parse_field(field).unwrap();
        let counted = wait(engine.tag_values(&field, SpanSelection::default(), limit)).unwrap();
        counted.into_iter().map(|it| it.value).collect::<Vec<_>>()
    };
    assert_eq!(wait(engine.services()).unwrap(), ["bank", "shop"]);
    assert_eq!(wait(engine.operations("bank")).unwrap(), [("operation 2".to_owned(), 2)]);
    assert_eq!(wait(engine.operations("none")).unwrap(), []);
    let tags = wait(engine.tag_names(SpanSelection::default())).unwrap();
    assert_eq!(tags[0], (sigyn_store::AttributeScope::Span, vec!["a b".to_owned()]));
    let all = [Value::Int(-1), Value::Int(3), Value::Double(-0.5)];
    assert_eq!(values("span.\"a b\"", 10), all);
    assert_eq!(values(".\"a b\"", 2), all[..2]);
    assert_eq!(values("status", 10), ["unset", "ok", "error"].map(text));
    assert_eq!(values("rootName", 10), [text("operation 1")]);
    assert_eq!(values("duration", 10), []);
}
