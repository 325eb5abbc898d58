//! A trace by its ID with `q`: only the spans that match, and what is kept around them.

use crate::rig::{Rig, TRACE, of_service, span};
use http::StatusCode;
use prost::Message;
use serde_json::Value as Json;
use sigyn_proto::{otlp::trace::v1::TracesData, tempo::TraceByIdResponse};

/// 1 ─ 2 ─ 3 ─ 4 ─ 5, and 6 below 1; a 9 whose parent is missing.
async fn rig() -> Rig {
    let rig = Rig::new().await;
    let one = vec![span(1, 0, "one", 0, 90), span(2, 1, "two", 1, 80), span(6, 1, "six", 2, 5)];
    let other = vec![span(3, 2, "three", 3, 70), span(4, 3, "four", 4, 60)];
    // In two batches, so that the trace lies in several sources.
    rig.append(vec![of_service("kiosk", one)]).await;
    rig.append(vec![of_service("seats", other)]).await;
    rig.append(vec![of_service(
        "seats",
        vec![span(5, 4, "five", 5, 50), span(9, 8, "nine", 6, 1)],
    )])
    .await;
    rig
}

fn path(query: &str, more: &str) -> String {
    let escaped: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
    format!("/api/v2/traces/{TRACE}?q={escaped}{more}")
}

fn names(answer: &Json) -> String {
    let resources = answer["trace"]["resourceSpans"].as_array().unwrap();
    let scopes = resources.iter().flat_map(|it| it["scopeSpans"].as_array().unwrap());
    let spans = scopes.flat_map(|it| it["spans"].as_array().unwrap());
    let mut names: Vec<&str> = spans.map(|span| span["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    names.join(" ")
}

#[tokio::test]
async fn only_what_matches_and_what_is_asked_for_around_it_comes_back() {
    let rig = rig().await;
    for (query, more, expected) in [
        ("{ name = \"three\" }", "", "three"),
        ("{ name = \"three\" }", "&match_depth=1", "four three"),
        ("{ name = \"three\" }", "&match_depth=-1", "five four three"),
        ("{ name = \"three\" }", "&keep_hierarchy=true", "one three two"),
        ("{ name = \"three\" }", "&keep_hierarchy=true&ancestor_depth=1", "three two"),
        ("{ name = \"three\" }", "&keep_hierarchy=true&ancestor_depth=0", "three"),
        ("{ name = \"three\" }", "&ancestor_depth=1", "three"),
        ("{ name = \"three\" }", "&keep_hierarchy=1&match_depth=1", "four one three two"),
        ("{ name = \"nine\" }", "&keep_hierarchy=true&match_depth=-1", "nine"),
        ("{ resource.service.name = \"kiosk\" && span:duration < 10ms }", "", "six"),
        ("{ name =~ \"(one|three)\" }", "&match_depth=1", "four one six three two"),
        ("{ name = \"seven\" }", "&match_depth=-1&keep_hierarchy=true", ""),
    ] {
        let answer = rig.json(&path(query, more)).await;
        assert_eq!(names(&answer), expected, "{query} {more}");
        assert_eq!(answer["status"], "PARTIAL", "{query} {more}");
        assert!(answer["message"].as_str().unwrap().contains("of 7 spans match"), "{answer}");
    }
}

#[tokio::test]
async fn what_leaves_nothing_out_is_the_whole_trace() {
    let rig = rig().await;
    for query in ["", "  ", "{ }", "{ kind = server }"] {
        let answer = rig.json(&path(query, "")).await;
        assert_eq!(names(&answer), "five four nine one six three two", "{query:?}");
        assert!(answer.get("status").is_none() && answer.get("message").is_none(), "{answer}");
    }
}

#[tokio::test]
async fn protobuf_says_that_it_is_a_part() {
    let rig = rig().await;
    for (query, count, status) in [("{ name = \"two\" }", 1, 1), ("{ }", 7, 0), ("{ false }", 0, 1)]
    {
        let answer = rig.get_as(&path(query, ""), "application/protobuf").await;
        let response = TraceByIdResponse::decode(answer.body).unwrap();
        let trace = TracesData::decode(response.trace.unwrap()).unwrap();
        let scopes = trace.resource_spans.iter().flat_map(|it| &it.scope_spans);
        assert_eq!(scopes.map(|scope| scope.spans.len()).sum::<usize>(), count, "{query}");
        assert_eq!((response.status, !response.message.is_empty()), (status, status == 1));
    }
}

#[tokio::test]
async fn circles_of_parents_end() {
    let rig = Rig::new().await;
    rig.append(vec![of_service("seats", vec![span(1, 2, "a", 0, 1), span(2, 1, "b", 1, 1)])]).await;
    let answer = rig.json(&path("{ name = \"a\" }", "&match_depth=-1&keep_hierarchy=true")).await;
    assert_eq!(names(&answer), "a b");
}

#[tokio::test]
async fn what_is_no_filter_of_spans_is_refused() {
    let rig = rig().await;
    for query in [
        "{ name = ",
        "{ status = error } | count() > 2",
        "{ } | select(name)",
        "{ } | rate()",
        "{ name = \"a\" } && { name = \"b\" }",
        "{ name = \"a\" } >> { name = \"b\" }",
        "{ trace:duration > 1s }",
        "{ name = \"a\" || rootServiceName = \"kiosk\" }",
        "{ trace:rootName = \"a\" }",
    ] {
        let answer = rig.get(&path(query, "")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.text());
    }
    for more in ["&match_depth=-2", "&match_depth=x", "&keep_hierarchy=yes"] {
        let answer = rig.get(&path("{ }", more)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{more}");
    }
    let answer = rig.get(&path("{ }", "&keep_hierarchy=true&ancestor_depth=-2")).await;
    let sentence =
        "the parameter ancestor_depth=\"-2\" is not a number of levels from 0, or -1 for all";
    assert_eq!(answer.text(), sentence);
}
