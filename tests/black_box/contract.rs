//! Every path that is promised at the edge, on the real binary: that it is there, and answers in its shape.

use crate::{app::App, now_unix_nano, sigyn};
use prost::Message;
use serde_json::Value;
use sigyn_proto::{
    jaeger::{
        EmptyRequest, FindTracesRequest, GetCapabilitiesResponse, GetDependenciesRequest,
        GetOperationsRequest, GetServicesResponse, GetTraceParams, GetTraceRequest,
        GetTracesRequest, StorageFindRequest, StorageQueryParameters, Timestamp,
        TraceQueryParameters,
    },
    otlp::trace::v1::TracesData,
    tempo::{
        QueryInstantRequest, QueryRangeRequest, SearchRequest, SearchTagValuesRequest,
        SearchTagsRequest, TraceByIdResponse,
    },
};
use sigyn_rig::{Server, SpanMaker, eventually, grpc_streaming};
use std::{net::TcpListener, path::Path, time::Duration};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const PATIENCE: Duration = Duration::from_secs(30);
const PROTOBUF: &str = "application/protobuf";

/// A server that was told of one trace, and the trace.
struct Scene {
    server: Server,
    trace: String,
    now: u64,
}

impl Scene {
    fn start(folder: &Path) -> Self {
        let config = "metrics_generator:\n  span_metrics: {}\n  service_graphs: {}\n";
        let server = sigyn(folder).config(config).argument("--web.enable-lifecycle").start();
        let now = now_unix_nano();
        let mut maker = SpanMaker::new("checkout", 41, now - NANOS_PER_SECOND);
        let root = maker.root("place order");
        let child = maker.child(&root, "charge card");
        let trace = root.trace_id.iter().map(|byte| format!("{byte:02x}")).collect();
        let body = maker.request(vec![root, child]);
        let answer = server.otlp.post("/v1/traces", "application/x-protobuf", &[], body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        Self { server, trace, now }
    }

    /// JSON in which all of these pointers lead somewhere.
    #[track_caller]
    fn holds(&self, path: &str, pointers: &[&str]) -> Value {
        let answer = self.server.api.json(path);
        for pointer in pointers {
            assert!(answer.pointer(pointer).is_some(), "{path}: no {pointer} in {answer}");
        }
        answer
    }

    #[track_caller]
    fn status(&self, path: &str, accept: &str, status: u16, content_type: &str) -> Vec<u8> {
        let answer = self.server.api.try_get(path, &[("accept", accept)]).unwrap();
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.content_type.starts_with(content_type), "{path}: {}", answer.content_type);
        answer.body
    }

    #[track_caller]
    fn call(&self, method: &str, message: &impl Message) -> Vec<Vec<u8>> {
        let encoded = message.encode_to_vec();
        let messages = grpc_streaming(self.server.api.base(), &format!("/{method}"), &encoded);
        let messages = messages.unwrap_or_else(|status| panic!("{method}: {status}"));
        assert!(!messages.is_empty(), "{method} sends nothing");
        messages
    }

    fn moment(&self, after_seconds: i64) -> Option<Timestamp> {
        let seconds = i64::try_from(self.now / NANOS_PER_SECOND).unwrap() + after_seconds;
        Some(Timestamp { seconds, nanos: 0 })
    }
}

#[test]
fn every_http_path_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::start(folder.path());
    let trace = &scene.trace;

    // The UI and its deep links.
    for path in [
        "/",
        "/search?q=%7B%7D",
        &format!("/trace/{trace}?span=1"),
        "/services",
        "/targets",
        "/service-discovery",
        "/exemplars",
    ] {
        let page = scene.status(path, "text/html", 200, "text/html");
        assert!(String::from_utf8_lossy(&page).contains("<script"), "{path}");
    }

    // Prometheus'.
    assert_eq!(scene.status("/-/healthy", "*/*", 200, "text/plain"), b"Sigyn is Healthy.\n");
    assert_eq!(scene.status("/-/ready", "*/*", 200, "text/plain"), b"Sigyn is Ready.\n");
    assert_eq!(scene.status("/ready", "*/*", 200, "text/plain"), b"Sigyn is Ready.\n");
    scene.status("/-/reload", "*/*", 405, "");
    scene.status("/-/quit", "*/*", 405, "");
    assert_eq!(scene.server.api.post("/-/reload", "", &[], vec![]).unwrap().status, 200);
    scene.status("/metrics", "*/*", 200, "application/openmetrics-text");
    scene.status("/metrics/spans", "*/*", 200, "");
    scene.status("/version", "*/*", 200, "");
    scene.holds("/api/v1/targets", &["/data/activeTargets", "/data/droppedTargets"]);
    scene.holds("/api/v1/scrape_pools", &["/data/scrapePools"]);
    scene.status("/api/v1/targets/relabel_steps", "*/*", 400, "application/json");
    scene.holds("/api/v1/status/config", &["/data/yaml"]);
    scene.holds("/api/v1/status/flags", &["/data/storage.path"]);
    scene.holds("/api/v1/status/runtimeinfo", &["/data/startTime"]);
    scene.holds("/api/v1/status/buildinfo", &["/data/version"]);
    let range = format!(
        "start={}&end={}",
        scene.now / NANOS_PER_SECOND - 60,
        scene.now / NANOS_PER_SECOND + 60
    );
    scene.holds(&format!("/api/v1/query_exemplars?query=up&{range}"), &["/data"]);

    // Tempo's.
    assert_eq!(scene.status("/api/echo", "*/*", 200, "text/plain"), b"echo");
    let json = "application/json";
    let found = scene.holds(&format!("/api/traces/{trace}"), &["/batches/0/scopeSpans/0/spans/0"]);
    assert!(found.get("data").is_none(), "Jaeger's shape lives below /jaeger");
    scene.holds(&format!("/api/v2/traces/{trace}"), &["/trace/resourceSpans/0"]);
    scene.status("/api/traces/abc", json, 404, "");
    let body = scene.status(&format!("/api/v2/traces/{trace}"), PROTOBUF, 200, PROTOBUF);
    let answer = TraceByIdResponse::decode(&body[..]).unwrap();
    assert!(!answer.trace.unwrap().is_empty());
    let body = scene.status(&format!("/api/traces/{trace}"), PROTOBUF, 200, PROTOBUF);
    assert_eq!(TracesData::decode(&body[..]).unwrap().resource_spans.len(), 1);
    scene.holds("/api/search?q=%7B%7D", &["/traces/0/traceID", "/traces/0/spanSets/0/spans/0"]);
    scene.holds("/api/v2/search/tags", &["/scopes/0/tags/0"]);
    scene.holds("/api/search/tags", &["/tagNames/0"]);
    scene.holds("/api/v2/search/tag/resource.service.name/values", &["/tagValues/0/value"]);
    // What is half typed narrows nothing.
    let half_typed = "/api/v2/search/tag/resource.service.name/values?q=%7B+resource.service.name";
    scene.holds(half_typed, &["/tagValues/0/value"]);
    scene.holds("/api/search/tag/service.name/values", &["/tagValues/0"]);
    let rate = "q=%7B%7D%20%7C%20rate()";
    scene.holds(&format!("/api/metrics/query_range?{rate}&{range}"), &["/series/0/samples/0"]);
    scene.holds(&format!("/api/metrics/query?{rate}&{range}"), &["/series/0/value"]);
    scene.holds("/api/status/buildinfo", &["/version", "/goVersion"]);

    // Jaeger's.
    scene.holds("/jaeger/api/services", &["/data/0", "/errors"]);
    scene.holds("/jaeger/api/services/checkout/operations", &["/data/0"]);
    scene.holds("/jaeger/api/operations?service=checkout", &["/data/0/name"]);
    scene.holds("/jaeger/api/traces?service=checkout", &["/data/0/spans/1"]);
    scene.holds(&format!("/jaeger/api/traces/{trace}"), &["/data/0/processes/p1"]);
    scene.holds("/jaeger/api/dependencies", &["/data"]);
    scene.holds("/jaeger/api/v3/services", &["/services/0"]);
    scene.holds("/jaeger/api/v3/operations?service=checkout", &["/operations/0/spanKind"]);
    let of_all = "query.startTimeMin=2020-01-01T00:00:00Z&query.startTimeMax=2100-01-01T00:00:00Z";
    let first = "/result/resourceSpans/0/scopeSpans/0/spans/0/traceId";
    scene.holds(&format!("/jaeger/api/v3/traces?{of_all}"), &[first]);
    scene.holds(&format!("/jaeger/api/v3/traces/{trace}"), &[first]);
    scene.holds(&format!("/jaeger/api/v3/trace-summaries?{of_all}"), &["/summaries/0/traceId"]);

    // Zipkin's.
    scene.holds("/zipkin/api/v2/services", &["/0"]);
    scene.holds("/zipkin/api/v2/spans?serviceName=checkout", &["/1"]);
    assert_eq!(
        scene.holds("/zipkin/api/v2/remoteServices?serviceName=checkout", &[]),
        Value::Array(vec![])
    );
    scene.holds("/zipkin/api/v2/traces", &["/0/0/traceId"]);
    scene.holds(&format!("/zipkin/api/v2/trace/{trace}"), &["/0/id", "/1/parentId"]);
    scene.status(&format!("/zipkin/api/v2/traceMany?traceIds={trace}"), json, 400, "text/plain");
    scene.holds(&format!("/zipkin/api/v2/traceMany?traceIds={trace},1"), &["/0/0/id"]);
    let end_ms = scene.now / 1_000_000 + 60_000;
    scene.holds(&format!("/zipkin/api/v2/dependencies?endTs={end_ms}"), &[]);
    scene.holds("/zipkin/api/v2/autocompleteKeys", &[]);
    scene.holds("/zipkin/api/v2/autocompleteValues?key=x", &[]);

    // Our own: every path that its description names and that takes no more than a range.
    scene.holds(
        "/api/sigyn/v1/search?order=duration",
        &["/traces/0/traceId", "/traces/0/durationNanos", "/next", "/stats"],
    );
    let described = scene.holds("/api/sigyn/v1/openapi.json", &["/openapi", "/paths"]);
    let mut tried = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        // Notebooks are there when somebody has written one.
        let path = match path.contains("notebook") {
            true => path.clone(),
            false => path.replace("{id}", trace).replace("{trace_id}", trace),
        };
        if methods.get("get").is_none() || path.contains('{') {
            continue;
        }
        let answer = scene.server.api.get(&path);
        let is_answered = [200, 400].contains(&answer.status);
        assert!(is_answered, "{path}: {} {}", answer.status, answer.text());
        tried += 1;
    }
    assert!(tried > 8, "{tried}");

    // What is not there is told in the words of the family.
    for (path, part) in [
        ("/api/v1/nothing", "\"errorType\":\"not_found\""),
        ("/jaeger/api/nothing", "\"errors\":[{\"code\":404"),
        ("/jaeger/api/v3/nothing", "\"httpCode\":404"),
        ("/zipkin/api/v2/nothing", "there is no API at"),
        ("/api/sigyn/v1/nothing", "\"error\":"),
    ] {
        let body = scene.status(path, "*/*", 404, "");
        assert!(String::from_utf8_lossy(&body).contains(part), "{path}");
    }
    let quit = scene.server.api.post("/-/quit", "", &[], vec![]).unwrap();
    assert_eq!(quit.status, 200);
}

#[test]
fn every_grpc_method_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::start(folder.path());

    let tempo = |method: &str| format!("tempopb.StreamingQuerier/{method}");
    let search = SearchRequest { query: "{}".into(), ..SearchRequest::default() };
    scene.call(&tempo("Search"), &search);
    let tags = SearchTagsRequest::default();
    scene.call(&tempo("SearchTags"), &tags);
    scene.call(&tempo("SearchTagsV2"), &tags);
    let values = SearchTagValuesRequest {
        tag_name: "service.name".into(),
        ..SearchTagValuesRequest::default()
    };
    scene.call(&tempo("SearchTagValues"), &values);
    let values = SearchTagValuesRequest { tag_name: "name".into(), ..values };
    scene.call(&tempo("SearchTagValuesV2"), &values);
    let (start, end) = (scene.now - 60 * NANOS_PER_SECOND, scene.now + 60 * NANOS_PER_SECOND);
    let query = "{} | rate()".to_owned();
    let range =
        QueryRangeRequest { query: query.clone(), start, end, ..QueryRangeRequest::default() };
    scene.call(&tempo("MetricsQueryRange"), &range);
    let instant = QueryInstantRequest { query, start, end };
    scene.call(&tempo("MetricsQueryInstant"), &instant);

    let (from, to) = (scene.moment(-60), scene.moment(60));
    for service in ["jaeger.api_v3.QueryService", "jaeger.storage.v2.TraceReader"] {
        let services = scene.call(&format!("{service}/GetServices"), &EmptyRequest {});
        let services = GetServicesResponse::decode(&services[0][..]).unwrap();
        assert_eq!(services.services, ["checkout"]);
        let operations =
            GetOperationsRequest { service: "checkout".into(), ..GetOperationsRequest::default() };
        scene.call(&format!("{service}/GetOperations"), &operations);
    }
    let jaeger = |method: &str| format!("jaeger.api_v3.QueryService/{method}");
    let asked = GetTraceRequest { trace_id: scene.trace.clone(), ..GetTraceRequest::default() };
    let found = scene.call(&jaeger("GetTrace"), &asked);
    assert_eq!(TracesData::decode(&found[0][..]).unwrap().resource_spans.len(), 1);
    let query = TraceQueryParameters {
        start_time_min: from,
        start_time_max: to,
        ..TraceQueryParameters::default()
    };
    let asked = FindTracesRequest { query: Some(query) };
    scene.call(&jaeger("FindTraces"), &asked);
    scene.call(&jaeger("FindTraceSummaries"), &asked);
    let dependencies = GetDependenciesRequest { start_time: from, end_time: to };
    scene.call(&jaeger("GetDependencies"), &dependencies);
    scene.call("jaeger.storage.v2.DependencyReader/GetDependencies", &dependencies);

    let reader = |method: &str| format!("jaeger.storage.v2.TraceReader/{method}");
    let query = StorageQueryParameters {
        start_time_min: from,
        start_time_max: to,
        ..StorageQueryParameters::default()
    };
    let asked = StorageFindRequest { query: Some(query) };
    for method in ["FindTraces", "FindTraceIDs", "FindTraceSummaries"] {
        scene.call(&reader(method), &asked);
    }
    let id = u128::from_str_radix(&scene.trace, 16).unwrap().to_be_bytes().to_vec();
    let asked = GetTracesRequest {
        query: vec![GetTraceParams { trace_id: id, ..GetTraceParams::default() }],
    };
    scene.call(&reader("GetTraces"), &asked);
    let found = scene.call("jaeger.storage.v2.Capabilities/GetCapabilities", &EmptyRequest {});
    assert!(GetCapabilitiesResponse::decode(&found[0][..]).unwrap().search.is_some());
}

/// Metrics with labels are there once there is something to say.
#[test]
fn every_promised_metric_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let app = App::listen("cart", listener, 64 << 10);
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n\
         \x20 - job_name: apps\n    static_configs: [{{targets: ['{}']}}]\n\
         \x20 - job_name: away\n    http_sd_configs: [{{url: 'http://127.0.0.1:1/', refresh_interval: 1s}}]\n\
         \x20 - job_name: wrong\n    static_configs: [{{targets: ['a:1']}}]\n    relabel_configs: [{{target_label: __scheme__, replacement: ftp}}]\n",
        app.address
    );
    let server = sigyn(folder.path()).config(&config).start();
    app.span("first");
    let has_lost = || {
        // More than the buffer holds between two reads.
        (0..3_000).for_each(|_| drop(app.span("later")));
        let lost = server.api.metric_sum("sigyn_lost_spans_total");
        if lost > 0.0 { Ok(()) } else { Err(format!("{lost} lost")) }
    };
    eventually(PATIENCE, has_lost);
    server.api.search("{ }");
    let names = [
        ("sigyn_ingested_spans", "counter"),
        ("sigyn_ingested_bytes", "counter"),
        ("sigyn_lost_spans", "counter"),
        ("sigyn_target_up", "gauge"),
        ("sigyn_target_scrape_duration_seconds", "gauge"),
        ("sigyn_target_scraped_spans", "counter"),
        ("sigyn_target_buffer_fill_ratio", "gauge"),
        ("sigyn_target_seconds_to_overwrite", "gauge"),
        ("sigyn_target_clock_offset_seconds", "gauge"),
        ("sigyn_discovered_targets", "gauge"),
        ("sigyn_sd_refresh_failures", "counter"),
        ("sigyn_target_sync_failed", "counter"),
        ("sigyn_store_head_spans", "gauge"),
        ("sigyn_store_head_bytes", "gauge"),
        ("sigyn_store_journal_bytes", "gauge"),
        ("sigyn_store_blocks", "gauge"),
        ("sigyn_store_block_bytes", "gauge"),
        ("sigyn_store_pinned_traces", "gauge"),
        ("sigyn_exemplars_seen", "counter"),
        ("sigyn_exemplars_resolved_ratio", "gauge"),
        ("sigyn_query_duration_seconds", "histogram"),
    ];
    let metrics = eventually(PATIENCE, || {
        let metrics = server.api.get("/metrics").text();
        let missing: Vec<&str> = names
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !metrics.contains(&format!("# HELP {name} ")))
            .collect();
        if missing.is_empty() { Ok(metrics) } else { Err(format!("{missing:?}")) }
    });
    for (name, kind) in names {
        assert!(metrics.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
        for unit in ["seconds", "bytes", "ratio", "spans"] {
            if name.ends_with(&format!("_{unit}")) {
                assert!(metrics.contains(&format!("# UNIT {name} {unit}\n")), "{name} in {unit}");
            }
        }
    }
    assert!(metrics.contains("sigyn_ingested_spans_total{via=\"scrape\"}"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
}
