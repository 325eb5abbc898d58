//! What the tests of this crate share: a clock that stands still, OTLP at random, and a model of what
//! the store must give back, written without any of the store's code.

use crate::{AttributeScope, Clock, Config, Field, Overlay, Source, TextColumn, TextTest};
use arrow_array::{Array, ArrayAccessor, ArrayRef, StringArray, cast::AsArray, types::UInt32Type};
use arrow_schema::DataType;
use proptest::{collection::vec, option, prelude::*};
use prost::Message;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{
        AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
    },
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status, TracesData,
        span::{Event, Link},
    },
};
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A clock that goes only when told.
pub(crate) struct TestClock(AtomicU64);

pub(crate) const START_UNIX_NANO: u64 = 1_800_000_000_000_000_000;

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(0)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_nanos() as u64, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now_unix_nano(&self) -> u64 {
        START_UNIX_NANO + self.0.load(Ordering::Relaxed)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// A configuration under which nothing happens by itself.
pub(crate) fn config(path: &Path) -> Config {
    Config {
        head_bytes_max: 64 << 20,
        head_age_max: Duration::from_secs(3600),
        journal_bytes_max: 64 << 20,
        ..Config::at(path)
    }
}

/// A request with spans of the given trace and span numbers.
pub(crate) fn request(spans: &[(u8, u64)]) -> ExportTraceServiceRequest {
    let spans = spans.iter().map(|&(trace, span)| Span {
        trace_id: vec![trace; 16],
        span_id: span.to_be_bytes().to_vec(),
        name: format!("span {span}"),
        start_time_unix_nano: START_UNIX_NANO + span,
        end_time_unix_nano: START_UNIX_NANO + span + 10,
        ..Span::default()
    });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes: vec![pair("service.name", Value::StringValue("shop".into()))],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
}

pub(crate) fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn value() -> impl Strategy<Value = AnyValue> {
    let scalar = prop_oneof![
        "[a-c]{0,2}".prop_map(Value::StringValue),
        any::<String>().prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        prop_oneof![0..3i64, any::<i64>()].prop_map(Value::IntValue),
        any::<f64>().prop_map(Value::DoubleValue),
        vec(any::<u8>(), 0..5).prop_map(Value::BytesValue),
    ];
    let leaf = option::weighted(0.95, scalar).prop_map(|value| AnyValue { value });
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec((key(), inner), 0..4).prop_map(|pairs| {
                let values = pairs.into_iter().map(|(key, value)| KeyValue {
                    key,
                    value: Some(value),
                    ..KeyValue::default()
                });
                Value::KvlistValue(KeyValueList { values: values.collect() })
            }),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(vec![
            "service.name", "job", "exported_job", "instance", "http.method", "a", "", "name",
        ])
        .prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    // Keys may come twice: OTLP forbids it, and apps do it.
    let pair = (key(), option::weighted(0.95, value()));
    vec(pair.prop_map(|(key, value)| KeyValue { key, value, ..KeyValue::default() }), 0..6)
}

fn id<const N: usize>() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (0..3u8).prop_map(|byte| { let mut id = vec![7; N]; id[N - 1] = byte; id }),
        4 => any::<[u8; N]>().prop_map(Vec::from),
        1 => Just(vec![0; N]),
        1 => vec(any::<u8>(), 0..20),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), any::<String>(), attributes(), 0..2u32).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (id::<16>(), id::<8>(), "[a-b]{0,1}", attributes(), 0..2u32, 0..2u32).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    )
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (id::<16>(), id::<8>(), prop_oneof![Just(vec![]), id::<8>()]);
    let time = || prop_oneof![START_UNIX_NANO..START_UNIX_NANO + 10, any::<u64>()];
    let plain = ("[a-b]{0,1}", any::<String>(), 0..6i32, time(), time(), any::<u32>());
    let dropped = (0..3u32, 0..3u32, 0..3u32);
    let status = option::of(("[a-b]{0,1}", 0..3i32));
    let nested = (attributes(), vec(event(), 0..3), vec(link(), 0..3));
    (ids, plain, dropped, status, nested).prop_map(|(ids, plain, dropped, status, nested)| Span {
        trace_id: ids.0,
        span_id: ids.1,
        parent_span_id: ids.2,
        trace_state: plain.0,
        name: plain.1,
        kind: plain.2,
        start_time_unix_nano: plain.3,
        end_time_unix_nano: plain.4,
        flags: plain.5,
        dropped_attributes_count: dropped.0,
        dropped_events_count: dropped.1,
        dropped_links_count: dropped.2,
        status: status.map(|(message, code)| Status { message, code }),
        attributes: nested.0,
        events: nested.1,
        links: nested.2,
    })
}

fn scope_spans() -> impl Strategy<Value = ScopeSpans> {
    let scope = ("[a-b]{0,1}", "[1-2]{0,1}", attributes(), 0..2u32).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    );
    (option::of(scope), vec(span(), 0..6), "[u-v]{0,1}")
        .prop_map(|(scope, spans, schema_url)| ScopeSpans { scope, spans, schema_url })
}

/// Any request.
pub(crate) fn any_request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let resource = (attributes(), 0..2u32).prop_map(|(attributes, dropped_attributes_count)| {
        Resource { attributes, dropped_attributes_count, ..Resource::default() }
    });
    let resource_spans = (option::of(resource), vec(scope_spans(), 0..3), "[u-v]{0,1}").prop_map(
        |(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url },
    );
    vec(resource_spans, 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

/// Any overlay.
pub(crate) fn any_overlay() -> impl Strategy<Value = Overlay> {
    let names = || {
        proptest::sample::subsequence(vec!["exported_job", "instance", "job", "service.name"], 0..4)
    };
    (names(), names(), any::<bool>()).prop_map(|(attributes, defaults, honor)| {
        let value = |name: &str| (name.to_owned(), format!("stamped {name}"));
        Overlay {
            attributes: attributes.into_iter().map(value).collect(),
            defaults: defaults.into_iter().map(value).collect(),
            honor,
        }
    })
}

/// Every span that the store must keep of a request, each with all that surrounds it, encoded in one normal
/// form. The number of those that it must reject comes with it.
pub(crate) fn expected(
    request: &ExportTraceServiceRequest,
    overlay: &Overlay,
) -> (BTreeSet<Vec<u8>>, usize) {
    flatten(&request.resource_spans, Some(overlay))
}

/// The same of what the store gave back.
pub(crate) fn flattened(traces_data: &[u8]) -> BTreeSet<Vec<u8>> {
    let data = TracesData::decode(traces_data).unwrap();
    let spans: usize =
        data.resource_spans.iter().flat_map(|it| &it.scope_spans).map(|it| it.spans.len()).sum();
    let (flat, rejected) = flatten(&data.resource_spans, None);
    assert_eq!(flat.len(), spans, "a span came back twice");
    assert_eq!(rejected, 0);
    flat
}

/// Choosing rows by text is the same as reading texts and testing each, wherever a source offers it; gives how often it did. Attributes
/// that may be arrays have to be read.
pub(crate) fn check_choices(source: &dyn Source) -> usize {
    let mut offered = 0;
    let mut check = |column: TextColumn<'_>, arrays: Vec<ArrayRef>| {
        let has_arrays = arrays.iter().any(|array| array.data_type() == &DataType::Binary);
        let texts: Vec<_> = arrays
            .iter()
            .filter_map(|array| array.as_dictionary_opt::<UInt32Type>())
            .map(|coded| coded.downcast_dict::<StringArray>().unwrap())
            .collect();
        let any = |test: &dyn Fn(&str) -> bool| -> Vec<bool> {
            let passes = |row: usize| {
                let mut here = texts.iter().filter(|texts| texts.is_valid(row));
                here.any(|texts| test(texts.value(row)))
            };
            (0..source.rows()).map(passes).collect()
        };
        let middle = source.rows() / 2;
        let one = texts.iter().find(|it| it.is_valid(middle)).map(|it| it.value(middle));
        let tests: [&dyn Fn(&str) -> bool; 3] = [
            &|text| Some(text) == one,
            &|text| text.bytes().map(u32::from).sum::<u32>() % 3 != 0,
            &|_| false,
        ];
        for (test, name) in tests.into_iter().zip(["middle", "sum", "none"]) {
            // The second time it is remembered.
            for _ in 0..2 {
                let test = TextTest { name, passes: test };
                let found = source.rows_where(column, test).unwrap();
                if let Some(found) = found {
                    assert!(!has_arrays, "{column:?}");
                    assert_eq!(found.iter().collect::<Vec<_>>(), any(test.passes), "{column:?}");
                    offered += 1;
                }
            }
        }
    };
    check(TextColumn::Name, vec![source.field(Field::Name).unwrap()]);
    for name in source.attribute_names(AttributeScope::Span).unwrap() {
        let arrays = source.attribute(AttributeScope::Span, &name).unwrap();
        check(TextColumn::Span(&name), arrays);
    }
    for name in source.attribute_names(AttributeScope::Resource).unwrap() {
        let arrays = source.attribute(AttributeScope::Resource, &name).unwrap();
        check(TextColumn::Resource(&name), arrays);
    }
    offered
}

fn flatten(list: &[ResourceSpans], overlay: Option<&Overlay>) -> (BTreeSet<Vec<u8>>, usize) {
    let (mut flat, mut rejected) = (BTreeSet::new(), 0);
    for resource_spans in list {
        let mut resource = resource_spans.resource.clone().unwrap_or_default();
        // What belongs to other signals of OTLP is not kept.
        resource.entity_refs.clear();
        if let Some(overlay) = overlay {
            lay_over(&mut resource.attributes, overlay);
        }
        normalize(&mut resource.attributes);
        for scope_spans in &resource_spans.scope_spans {
            let mut scope = scope_spans.scope.clone().unwrap_or_default();
            normalize(&mut scope.attributes);
            for span in &scope_spans.spans {
                let good = |id: &[u8], length| id.len() == length && id.iter().any(|b| *b != 0);
                if !good(&span.trace_id, 16) || !good(&span.span_id, 8) {
                    rejected += 1;
                    continue;
                }
                let mut span = span.clone();
                if !good(&span.parent_span_id, 8) {
                    span.parent_span_id.clear();
                }
                // Numbers that OTLP does not know and that no byte holds mean nothing.
                let known = |number: i32| u8::try_from(number).map_or(0, i32::from);
                span.kind = known(span.kind);
                if let Some(status) = &mut span.status {
                    status.code = known(status.code);
                }
                span.status = span.status.filter(|status| *status != Status::default());
                normalize(&mut span.attributes);
                span.events.iter_mut().for_each(|event| normalize(&mut event.attributes));
                let links = span.links.len();
                span.links.retain(|it| good(&it.trace_id, 16) && good(&it.span_id, 8));
                span.dropped_links_count += (links - span.links.len()) as u32;
                span.links.iter_mut().for_each(|link| normalize(&mut link.attributes));
                let whole = ResourceSpans {
                    resource: Some(resource.clone()),
                    schema_url: resource_spans.schema_url.clone(),
                    scope_spans: vec![ScopeSpans {
                        scope: Some(scope.clone()),
                        schema_url: scope_spans.schema_url.clone(),
                        spans: vec![span],
                    }],
                };
                flat.insert(whole.encode_to_vec());
            }
        }
    }
    (flat, rejected)
}

fn normalize(attributes: &mut [KeyValue]) {
    for attribute in attributes.iter_mut() {
        attribute.value.get_or_insert_default();
        attribute.key_strindex = 0;
    }
    attributes.sort_by_key(|attribute| (attribute.key.clone(), attribute.encode_to_vec()));
}

fn lay_over(attributes: &mut Vec<KeyValue>, overlay: &Overlay) {
    let own: BTreeSet<String> = attributes.iter().map(|it| it.key.clone()).collect();
    let stamped: BTreeSet<String> =
        overlay.attributes.iter().map(|(name, _)| name.clone()).collect();
    if !overlay.honor {
        for attribute in attributes.iter_mut().filter(|it| stamped.contains(&it.key)) {
            while own.contains(&attribute.key) || stamped.contains(&attribute.key) {
                attribute.key = format!("exported_{}", attribute.key);
            }
        }
    }
    for (name, value) in &overlay.attributes {
        if !overlay.honor || !own.contains(name) {
            attributes.push(pair(name, Value::StringValue(value.clone())));
        }
    }
    for (name, value) in &overlay.defaults {
        if !own.contains(name) && !stamped.contains(name) {
            attributes.push(pair(name, Value::StringValue(value.clone())));
        }
    }
}
