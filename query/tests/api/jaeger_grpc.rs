//! gRPC `jaeger.api_v3` and `jaeger.storage.v2`, frame by frame.

use crate::{
    rig::{Rig, TRACE, shop, text, trace_id},
    streaming::call_of,
};
use prost::Message;
use sigyn_proto::{
    jaeger::{
        AttributeReference, Call, DependenciesResponse, Dependency, Duration, EmptyRequest,
        Expression, FindTraceIdsResponse, FindTraceSummariesResponse, FindTracesRequest,
        GetCapabilitiesResponse, GetDependenciesRequest, GetOperationsRequest,
        GetOperationsResponse, GetServicesResponse, GetTraceParams, GetTraceRequest,
        GetTracesRequest, Scalar, StorageFindRequest, StorageQueryParameters, Term, Timestamp,
        TraceQueryParameters,
    },
    otlp::trace::v1::TracesData,
};

const QUERY: &str = "jaeger.api_v3.QueryService";
const READER: &str = "jaeger.storage.v2.TraceReader";

const FROM: Option<Timestamp> = Some(Timestamp { seconds: 1_789_999_990, nanos: 0 });
const TO: Option<Timestamp> = Some(Timestamp { seconds: 1_790_000_010, nanos: 0 });

fn all_of(range: Option<(Option<Timestamp>, Option<Timestamp>)>) -> TraceQueryParameters {
    let (start_time_min, start_time_max) = range.unwrap_or_default();
    TraceQueryParameters { start_time_min, start_time_max, ..Default::default() }
}

fn names(traces: &[TracesData]) -> Vec<&str> {
    let scopes = traces.iter().flat_map(|it| &it.resource_spans).flat_map(|it| &it.scope_spans);
    let mut names: Vec<_> =
        scopes.flat_map(|it| &it.spans).map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    names
}

async fn good<M: Message + Default>(
    rig: &Rig,
    service: &str,
    method: &str,
    asked: &impl Message,
) -> Vec<M> {
    let (messages, status, sentence) = call_of(rig, service, method, asked).await;
    assert_eq!((status.as_str(), sentence.as_str()), ("0", ""), "{service}/{method}");
    messages
}

#[tokio::test]
async fn services_operations_and_dependencies() {
    let rig = Rig::new().await;
    let mut spans = shop();
    spans[0].scope_spans[0].spans[0].kind = 3;
    rig.append(spans).await;
    for service in [QUERY, READER] {
        let [found] =
            &good::<GetServicesResponse>(&rig, service, "GetServices", &EmptyRequest {}).await[..]
        else {
            panic!("a unary call has one answer")
        };
        assert_eq!(found.services, ["kiosk", "seats"]);
        for (span_kind, count) in [("", 1), ("server", 1), ("client", 0)] {
            let asked =
                GetOperationsRequest { service: "seats".into(), span_kind: span_kind.into() };
            let found = good::<GetOperationsResponse>(&rig, service, "GetOperations", &asked).await;
            assert_eq!(found[0].operations.len(), count, "{span_kind}");
        }
        let (_, status, sentence) = call_of::<GetOperationsResponse>(
            &rig,
            service,
            "GetOperations",
            &GetOperationsRequest::default(),
        )
        .await;
        assert_eq!((status.as_str(), sentence.as_str()), ("3", "the service is required"));
    }
    let asked = GetDependenciesRequest { start_time: FROM, end_time: TO };
    for service in [QUERY, "jaeger.storage.v2.DependencyReader"] {
        let found = good::<DependenciesResponse>(&rig, service, "GetDependencies", &asked).await;
        let call = Dependency {
            parent: "kiosk".into(),
            child: "seats".into(),
            call_count: 1,
            source: String::new(),
        };
        assert_eq!(found[0].dependencies, [call]);
    }
    let (_, status, _) = call_of::<DependenciesResponse>(
        &rig,
        QUERY,
        "GetDependencies",
        &GetDependenciesRequest::default(),
    )
    .await;
    assert_eq!(status, "3");
}

#[tokio::test]
async fn a_trace_by_its_id() {
    let rig = Rig::with_shop().await;
    let asked =
        |trace_id: &str| GetTraceRequest { trace_id: trace_id.into(), ..Default::default() };
    let found = good::<TracesData>(&rig, QUERY, "GetTrace", &asked(TRACE)).await;
    assert_eq!(names(&found), ["POST /hold", "hold seat"]);
    let (none, status, sentence) =
        call_of::<TracesData>(&rig, QUERY, "GetTrace", &asked("abc")).await;
    assert_eq!((none.len(), status.as_str(), sentence.as_str()), (0, "5", "trace not found"));
    let (_, status, _) = call_of::<TracesData>(&rig, QUERY, "GetTrace", &asked("xyz")).await;
    assert_eq!(status, "3");
    // Of several, those that are not there are passed over.
    let of = |trace_id: Vec<u8>| GetTraceParams { trace_id, ..Default::default() };
    let asked = GetTracesRequest { query: vec![of(trace_id("abc")), of(trace_id(TRACE))] };
    let found = good::<TracesData>(&rig, READER, "GetTraces", &asked).await;
    assert_eq!(names(&found), ["POST /hold", "hold seat"]);
    let asked = GetTracesRequest { query: vec![of(vec![1, 2])] };
    let (_, status, sentence) = call_of::<TracesData>(&rig, READER, "GetTraces", &asked).await;
    assert_eq!((status.as_str(), sentence.as_str()), ("3", "a trace ID has 2 bytes, not 16"));
}

#[tokio::test]
async fn searches() {
    let rig = Rig::with_shop().await;
    let base = all_of(Some((FROM, TO)));
    let seconds = |seconds| Some(Duration { seconds, nanos: 0 });
    let equal = |value: &str| Call {
        op: "eq".into(),
        args: vec![
            Expression {
                term: Some(Term::Attribute(AttributeReference {
                    key: "fare.class".into(),
                    level: "span".into(),
                })),
            },
            Expression {
                term: Some(Term::Scalar(Scalar { value: value.into(), ..Default::default() })),
            },
        ],
    };
    let seat = |value: &str| [("seat".to_owned(), value.to_owned())].into_iter().collect();
    for (query, count) in [
        (base.clone(), 1),
        (TraceQueryParameters { service_name: "seats".into(), ..base.clone() }, 1),
        (TraceQueryParameters { service_name: "nobody".into(), ..base.clone() }, 0),
        (TraceQueryParameters { operation_name: "hold seat".into(), ..base.clone() }, 1),
        (TraceQueryParameters { attributes: seat("12"), ..base.clone() }, 1),
        (TraceQueryParameters { attributes: seat("13"), ..base.clone() }, 0),
        (TraceQueryParameters { duration_min: seconds(1), ..base.clone() }, 0),
        (TraceQueryParameters { duration_max: seconds(1), search_depth: -1, ..base.clone() }, 1),
        (TraceQueryParameters { filter: Some(equal("first")), ..base.clone() }, 1),
        (TraceQueryParameters { filter: Some(equal("second")), ..base.clone() }, 0),
        (TraceQueryParameters { start_time_min: Some(Timestamp::default()), ..base.clone() }, 1),
        // The end does not belong to the range.
        (
            TraceQueryParameters {
                start_time_max: Some(Timestamp { seconds: 1_790_000_000, nanos: 0 }),
                ..base.clone()
            },
            0,
        ),
    ] {
        let asked = FindTracesRequest { query: Some(query.clone()) };
        let found = good::<TracesData>(&rig, QUERY, "FindTraces", &asked).await;
        assert_eq!(found.len(), count, "{query:?}");
        let found =
            good::<FindTraceSummariesResponse>(&rig, QUERY, "FindTraceSummaries", &asked).await;
        assert_eq!(found.iter().map(|it| it.summaries.len()).sum::<usize>(), count, "{query:?}");
        if let Some(answer) = found.first() {
            let summary = &answer.summaries[0];
            assert_eq!(summary.trace_id, TRACE.as_bytes());
            assert_eq!((summary.span_count, summary.error_span_count), (2, 1));
        }
    }
    for query in [None, Some(all_of(None)), Some(all_of(Some((TO, FROM))))] {
        let asked = FindTracesRequest { query };
        let (_, status, sentence) = call_of::<TracesData>(&rig, QUERY, "FindTraces", &asked).await;
        assert_eq!(status, "3", "{sentence}");
    }
}

#[tokio::test]
async fn a_storage_is_searched_with_typed_attributes() {
    use sigyn_proto::otlp::common::v1::any_value::Value;
    let rig = Rig::with_shop().await;
    let base =
        StorageQueryParameters { start_time_min: FROM, start_time_max: TO, ..Default::default() };
    for (attributes, count) in [
        (vec![text("seat", "12")], 1),
        (vec![crate::rig::attribute("seat", Value::IntValue(12))], 1),
        (vec![crate::rig::attribute("seat", Value::IntValue(12)), text("fare.class", "second")], 0),
        (vec![text("error", "true")], 1),
    ] {
        let asked = StorageFindRequest {
            query: Some(StorageQueryParameters { attributes, ..base.clone() }),
        };
        let found = good::<FindTraceIdsResponse>(&rig, READER, "FindTraceIDs", &asked).await;
        assert_eq!(found[0].trace_ids.len(), count, "{asked:?}");
        let traces = good::<TracesData>(&rig, READER, "FindTraces", &asked).await;
        assert_eq!(traces.len(), count);
        let sums =
            good::<FindTraceSummariesResponse>(&rig, READER, "FindTraceSummaries", &asked).await;
        assert_eq!(sums.len(), count);
        if let Some(found) = found[0].trace_ids.first() {
            assert_eq!(found.trace_id, trace_id(TRACE));
            assert_eq!(found.start, Some(Timestamp { seconds: 1_790_000_000, nanos: 0 }));
            assert_eq!(sums[0].summaries[0].trace_id, trace_id(TRACE));
        }
    }
    let found = good::<GetCapabilitiesResponse>(
        &rig,
        "jaeger.storage.v2.Capabilities",
        "GetCapabilities",
        &EmptyRequest {},
    )
    .await;
    let search = found[0].search.as_ref().unwrap();
    assert!(search.without_service_name && search.same_span_conjunction);
    assert!(search.filter.as_ref().unwrap().operators.contains(&"some".to_owned()));
}

#[tokio::test]
async fn a_method_that_is_not_there_is_unimplemented() {
    let rig = Rig::new().await;
    for (service, method) in [(QUERY, "ArchiveTrace"), (READER, "WriteSpan")] {
        let (_, status, sentence) =
            call_of::<EmptyRequest>(&rig, service, method, &EmptyRequest {}).await;
        assert_eq!(status, "12");
        assert_eq!(sentence, format!("{service} has no method {method}"));
    }
}
