use super::*;
use proptest::prelude::*;

#[track_caller]
fn check_fault(text: &str, expected: &str) {
    let error = parse(text.as_bytes()).expect_err(text).to_string();
    assert_eq!(error, expected, "{text}");
}

#[track_caller]
fn only_sample(line: &str) -> ExemplarSample {
    let mut exposition = parse(format!("{line}\n# EOF\n").as_bytes()).unwrap();
    assert_eq!(exposition.samples.len(), 1, "{line}");
    exposition.samples.remove(0)
}

#[test]
fn a_bucket_with_an_exemplar_is_read_whole() {
    let sample = only_sample(
        r#"http_request_seconds_bucket{le="0.5",code="200"} 17 1766400001 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736",span_id="00f067aa0ba902b7"} 0.43 1766400000.125"#,
    );
    assert_eq!(sample.name, "http_request_seconds_bucket");
    assert_eq!(
        sample.labels,
        [("code".to_owned(), "200".to_owned()), ("le".to_owned(), "0.5".to_owned())]
    );
    assert_eq!(sample.value, 17.0);
    assert_eq!(sample.timestamp_seconds, Some(1_766_400_001.0));
    assert_eq!(sample.exemplar.labels[1].1, "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(sample.exemplar.value, 0.43);
    assert_eq!(sample.exemplar.timestamp_seconds, Some(1_766_400_000.125));
}

#[test]
fn the_grammar_is_taken_whole() {
    let text = "# TYPE foo_seconds counter\n# UNIT foo_seconds seconds\n# HELP foo_seconds A \"help\" \\n text\n\
        foo_seconds_total 1e3\nfoo_seconds_created 1.5e+9 123.5\n\
        # TYPE up gauge\n# HELP up \nup{} +Inf\nup{a=\"\"} -inf\nup{a=\"\\\\ \\\" \\n \\x ü\"} NaN\n\
        # TYPE \"dotted.name\" info\n{\"dotted.name\",\"label.x\"=\"y\"} 1\nup{a=\"b\",} .5\n# EOF";
    let exposition = parse(text.as_bytes()).unwrap();
    assert_eq!(exposition.sample_count, 7);
    assert!(exposition.samples.is_empty());
}

#[test]
fn exemplars_may_stand_on_any_sample_and_names_may_be_quoted() {
    let sample = only_sample(r#"{"http.duration","user agent"="x"} 1 # {"trace.id"="1"} -Inf"#);
    assert_eq!(sample.name, "http.duration");
    assert_eq!(sample.labels, [("user agent".to_owned(), "x".to_owned())]);
    assert_eq!(sample.exemplar.labels, [("trace.id".to_owned(), "1".to_owned())]);
    assert_eq!(sample.exemplar.value, f64::NEG_INFINITY);
    assert_eq!(sample.exemplar.timestamp_seconds, None);
    let last = only_sample(r#"{"user agent"="x","http.duration"} 1 # {trace_id="1"} 1"#);
    assert_eq!((last.name, last.labels), (sample.name, sample.labels), "the name may stand last");
}

#[test]
fn only_the_exemplar_over_budget_is_dropped() {
    let exact = format!("a_total 1 # {{a=\"{}\"}} 1", "ü".repeat(127));
    let over = format!("a_total 1 # {{a=\"{}\"}} 1", "ü".repeat(128));
    let exposition = parse(format!("{over}\n{exact}\n{over}\n# EOF\n").as_bytes()).unwrap();
    assert_eq!((exposition.samples.len(), exposition.over_budget), (1, 2));
}

#[test]
fn faults_say_where_and_what() {
    check_fault(
        "",
        "line 1, column 1: expected `# EOF`: the text is cut off, or is not OpenMetrics",
    );
    check_fault(
        "a 1\n",
        "line 2, column 1: expected `# EOF`: the text is cut off, or is not OpenMetrics",
    );
    check_fault("a 1", "line 1, column 4: the last line has no line feed: the text is cut off");
    check_fault("a 1\n\n# EOF\n", "line 2, column 1: empty lines are not allowed");
    check_fault("# EOF\na 1\n", "line 2, column 1: expected nothing after `# EOF`");
    check_fault("a  1\n# EOF\n", "line 1, column 3: \"\" is not a number");
    check_fault("a 0x1p3\n# EOF\n", "line 1, column 3: \"0x1p3\" is not a number");
    check_fault("a 1_000\n# EOF\n", "line 1, column 3: \"1_000\" is not a number");
    check_fault("a 1 NaN\n# EOF\n", "line 1, column 5: \"NaN\" is not a timestamp in seconds");
    check_fault("a 1 1e999\n# EOF\n", "line 1, column 5: \"1e999\" is not a timestamp in seconds");
    check_fault("ü 1\n# EOF\n", "line 1, column 1: expected the name of a metric, found 'ü'");
    check_fault(
        "a{b=\"ü\"c=\"d\"} 1\n# EOF\n",
        "line 1, column 8: expected `,` or `}` after the label, found 'c'",
    );
    check_fault(
        "a{b=\"c} 1\n# EOF\n",
        "line 1, column 5: the string that begins here has no closing double quote",
    );
    check_fault(
        "a{b='c'} 1\n# EOF\n",
        "line 1, column 5: expected a label value in double quotes, found '\\''",
    );
    check_fault("a{,} 1\n# EOF\n", "line 1, column 3: expected a label name, found ','");
    check_fault(
        "a{b:c=\"d\"} 1\n# EOF\n",
        "line 1, column 4: expected `=` after the label's name, found ':'",
    );
    check_fault(
        "a 1 # {b=\"c\"}\n# EOF\n",
        "line 1, column 14: expected one space, found the end of the line",
    );
    check_fault(
        "a 1 # b\n# EOF\n",
        "line 1, column 7: expected `{` and the labels of the exemplar, found 'b'",
    );
    check_fault(
        "a 1 # {} 1 inf\n# EOF\n",
        "line 1, column 12: \"inf\" is not a timestamp in seconds",
    );
    check_fault(
        "a 1 # {} 1 1 # {} 1\n# EOF\n",
        "line 1, column 13: expected the end of the line after the exemplar, found ' '",
    );
    check_fault(
        "a{b=\"1\",b=\"2\"} 1 # {} 1\n# EOF\n",
        "line 1, column 2: the label \"b\" stands twice",
    );
    check_fault(
        "# TYPE a counters\n# EOF\n",
        "line 1, column 10: expected a metric type, one of counter, gauge, histogram, gaugehistogram, stateset, info, summary, unknown",
    );
    check_fault(
        "# UNIT a_seconds bytes\n# EOF\n",
        "line 1, column 18: the unit is not the last part of the name",
    );
    check_fault(
        "# a comment\n# EOF\n",
        "line 1, column 1: expected `# TYPE`, `# HELP`, `# UNIT` or `# EOF`",
    );
    let error = parse(b"a 1\nb{c=\"\xff\"} 1\n# EOF\n").unwrap_err();
    assert_eq!(error.to_string(), "line 2, column 6: this byte is not UTF-8");
}

#[test]
fn content_types_are_told_apart() {
    assert!(is_openmetrics("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(!is_openmetrics("text/plain; version=0.0.4"));
    let protobuf = "application/vnd.google.protobuf";
    let parts = "; proto=io.prometheus.client.MetricFamily; encoding=";
    assert!(is_protobuf(&format!("{protobuf}{parts}delimited")));
    assert!(!is_protobuf(&format!("{protobuf}{parts}text")));
    assert!(!is_protobuf(protobuf));
    assert!(parse_as("text/plain", b"a 1\n", &mut |_| true).is_none());
}

#[test]
fn what_is_known_is_not_copied() {
    let mut known = std::collections::HashSet::new();
    let mut news = |text: &str| {
        let found = parse_news(text.as_bytes(), &mut |hash| known.insert(hash)).unwrap();
        found.samples.into_iter().map(|sample| sample.name).collect::<Vec<_>>()
    };
    let page = |value: u32, trace: &str| {
        format!(
            "a_total {value} # {{trace_id=\"{trace}\"}} 1 5\nb_total {value} {value} # {{trace_id=\"1\"}} 1\n# EOF\n"
        )
    };
    assert_eq!(news(&page(1, "1")), ["a_total", "b_total"]);
    assert!(news(&page(2, "1")).is_empty(), "only the samples changed");
    assert_eq!(news(&page(2, "2")), ["a_total"]);
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn render_labels(labels: &[(String, String)]) -> String {
    let all: Vec<_> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", all.join(","))
}

fn render(sample: &ExemplarSample) -> String {
    let time = |seconds: Option<f64>| seconds.map(|at| format!(" {at}")).unwrap_or_default();
    format!(
        "{}{} {}{} # {} {}{}\n",
        sample.name,
        render_labels(&sample.labels),
        sample.value,
        time(sample.timestamp_seconds),
        render_labels(&sample.exemplar.labels),
        sample.exemplar.value,
        time(sample.exemplar.timestamp_seconds),
    )
}

fn labels() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,8}", "\\PC{0,6}[\\\\\"\n]?", 0..4)
        .prop_map(|all| all.into_iter().collect())
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("NaN is not equal to itself", |value| !value.is_nan()),
        (-1000i32..1000).prop_map(f64::from),
    ]
}

fn seconds() -> impl Strategy<Value = Option<f64>> {
    proptest::option::of((0u32..2_000_000_000).prop_map(|millis| f64::from(millis) / 1000.0))
}

proptest! {
    #[test]
    fn what_is_rendered_is_read_back(
        samples in proptest::collection::vec(
            ("[a-zA-Z_:][a-zA-Z0-9_:]{0,12}", labels(), number(), seconds(), labels(), number(), seconds()),
            0..6,
        )
    ) {
        let samples: Vec<_> = samples
            .into_iter()
            .map(|(name, labels, value, at, exemplar_labels, exemplar_value, exemplar_at)| {
                ExemplarSample {
                    name, labels, value, timestamp_seconds: at,
                    exemplar: ExemplarPoint {
                        labels: exemplar_labels, value: exemplar_value, timestamp_seconds: exemplar_at,
                    },
                }
            })
            .collect();
        let text: String = samples.iter().map(render).collect::<String>() + "# EOF\n";
        prop_assert_eq!(parse(text.as_bytes()).unwrap().samples, samples);
    }

    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&body);
    }

    #[test]
    fn no_near_miss_makes_it_panic(body in "[#a{}\" =,\\\\\n1.eE+ TYPEOFü-]{0,60}") {
        let _ = parse(body.as_bytes());
    }
}
