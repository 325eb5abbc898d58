use super::*;
use crate::traceql;

fn traceql_of(json: &str) -> Result<String, Fault> {
    Call::parse(json)?.to_traceql()
}

#[track_caller]
fn check(json: &str, expected: &str) {
    let text = traceql_of(json).map_err(|fault| fault.sentence);
    assert_eq!(text.as_deref(), Ok(expected), "{json}");
    traceql::parse(expected).unwrap();
}

#[test]
fn filters_become_traceql() {
    check(
        r#"{"op":"eq","args":[{"attr":{"key":"http.status_code"}},{"scalar":{"value":"500"}}]}"#,
        r#"{ (span.http.status_code = "500" || span.http.status_code = 500 || resource.http.status_code = "500" || resource.http.status_code = 500) }"#,
    );
    check(
        r#"{"op":"and","args":[
            {"call":{"op":"gt","args":[{"field":{"name":"duration","level":"span"}},{"scalar":{"value":"2s"}}]}},
            {"call":{"op":"not","args":[{"call":{"op":"eq","args":[{"field":{"name":"status","level":"span"}},{"scalar":{"value":"error"}}]}}]}}]}"#,
        "{ (duration > 2s && !(status = error)) }",
    );
    check(
        r#"{"op":"lt","args":[{"scalar":{"value":"5"}},{"attr":{"key":"size","level":"resource"}}]}"#,
        "{ resource.size > 5 }",
    );
    check(
        r#"{"op":"not_in","args":[{"attr":{"key":"a","level":"span"}},{"list":{"values":["x","7"],"type":"string"}}]}"#,
        r#"{ (span.a != nil && !((span.a = "x" || span.a = "7"))) }"#,
    );
    check(
        r#"{"op":"regex","args":[{"field":{"name":"kind","level":"span"}},{"scalar":{"value":"er"}}]}"#,
        "{ (kind = internal || kind = server || kind = producer || kind = consumer) }",
    );
    check(
        r#"{"op":"regex","args":[{"attr":{"key":"url","level":"span"}},{"scalar":{"value":"a|b"}}]}"#,
        r#"{ span.url =~ "(?s:.*)(?:a|b)(?s:.*)" }"#,
    );
    check(
        r#"{"op":"exists","args":[{"field":{"name":"parentSpanID","level":"span"}}]}"#,
        "{ span:parentID != nil }",
    );
    check(
        r#"{"op":"gt","args":[{"attr":{"key":"after","level":"span"}},{"attr":{"key":"before","level":"span"}}]}"#,
        "{ span.after > span.before }",
    );
}

#[test]
fn what_some_binds_is_one_event() {
    check(
        r#"{"op":"some","args":[{"nested":{"level":"event"}},{"call":{"op":"and","args":[
            {"call":{"op":"eq","args":[{"field":{"name":"name","level":"event"}},{"scalar":{"value":"exception"}}]}},
            {"call":{"op":"gt","args":[{"field":{"name":"timeSinceStart","level":"event"}},{"scalar":{"value":"50us"}}]}}]}}]}"#,
        r#"{ !(!((event:name = "exception" && event:timeSinceStart > 50us))) }"#,
    );
    check(
        r#"{"op":"and","args":[
            {"call":{"op":"eq","args":[{"attr":{"key":"a","level":"event"}},{"scalar":{"value":"x"}}]}},
            {"call":{"op":"exists","args":[{"field":{"name":"name","level":"event"}}]}}]}"#,
        r#"{ (!(!(event.a = "x")) && !(!(event:name != nil))) }"#,
    );
    check(
        r#"{"op":"not","args":[{"call":{"op":"some","args":[{"nested":{"level":"event"}},{"call":{"op":"not","args":[
            {"call":{"op":"eq","args":[{"field":{"name":"name","level":"event"}},{"scalar":{"value":"a"}}]}}]}}]}}]}"#,
        r#"{ !(!(!((event:name != "a")))) }"#,
    );
    check(
        r#"{"op":"some","args":[{"nested":{"level":"event"}},{"call":{"op":"ne","args":[{"attr":{"key":"n","level":"event"}},{"scalar":{"value":"7"}}]}}]}"#,
        r#"{ !(!(((event.n != "7") || (event.n != 7) || (event.n = true || event.n != true)))) }"#,
    );
}

#[test]
fn faults_say_what_is_wrong() {
    let attribute = r#"{"attr":{"key":"a"}}"#;
    let seven = r#"{"scalar":{"value":"7"}}"#;
    for (json, status, part) in [
        ("[".to_owned(), 400, "query.filter is no filter"),
        (r#"{"op":"eq","args":[],"x":1}"#.to_owned(), 400, "unknown field"),
        (r#"{"op":"like","args":[]}"#.to_owned(), 400, "the operator \"like\""),
        (format!(r#"{{"op":"eq","args":[{attribute}]}}"#), 400, "two arguments"),
        (format!(r#"{{"op":"and","args":[{attribute}]}}"#), 400, "two or more predicates"),
        (format!(r#"{{"op":"eq","args":[{seven},{seven}]}}"#), 501, "without a reference"),
        (
            format!(r#"{{"op":"eq","args":[{{"attr":{{"key":"a","level":"trace"}}}},{seven}]}}"#),
            400,
            "the level \"trace\"",
        ),
        (
            format!(
                r#"{{"op":"eq","args":[{{"field":{{"name":"size","level":"span"}}}},{seven}]}}"#
            ),
            400,
            "the field \"size\"",
        ),
        (
            format!(
                r#"{{"op":"gt","args":[{{"field":{{"name":"startTime","level":"span"}}}},{seven}]}}"#
            ),
            501,
            "span.startTime",
        ),
        (
            format!(
                r#"{{"op":"gt","args":[{{"field":{{"name":"duration","level":"span"}}}},{seven}]}}"#
            ),
            400,
            "a duration such as",
        ),
        (
            r#"{"op":"gt","args":[{"field":{"name":"kind","level":"span"}},{"scalar":{"value":"server"}}]}"#
                .to_owned(),
            400,
            "no order",
        ),
        (
            format!(r#"{{"op":"in","args":[{attribute},{{"list":{{"values":[]}}}}]}}"#),
            400,
            "no values",
        ),
        (
            format!(r#"{{"op":"regex","args":[{attribute},{{"scalar":{{"value":"^a"}}}}]}}"#),
            400,
            "an anchor",
        ),
        (
            format!(r#"{{"op":"regex","args":[{attribute},{{"scalar":{{"value":"(?i)a"}}}}]}}"#),
            400,
            "a flag",
        ),
        (
            format!(r#"{{"op":"eq","args":[{attribute},{{"scalar":{{"value":"7","type":"uint"}}}}]}}"#),
            400,
            "of type \"uint\"",
        ),
        (
            r#"{"op":"some","args":[{"nested":{"level":"event"}},{"call":{"op":"not","args":[{"call":{"op":"exists","args":[{"attr":{"key":"a","level":"event"}}]}}]}}]}"#
                .to_owned(),
            501,
            "what one event or link does not have",
        ),
    ] {
        let fault = traceql_of(&json).unwrap_err();
        assert!(fault.sentence.contains(part), "{json}: {}", fault.sentence);
        assert_eq!(fault.status.as_u16(), status, "{json}");
    }
}
