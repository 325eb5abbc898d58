use super::super::{Exposition, parse_as, parse_version_2};

const CASES: &str = include_str!("../../../testdata/openmetrics/version_2.txt");
const PAGE: &str = include_str!("../../../../docs/using/exemplars.md");

fn read(text: &str) -> Result<Exposition, String> {
    parse_version_2(text.as_bytes(), &mut |_| true).map_err(|error| error.to_string())
}

/// A text a case: its name, and behind `: ` a part of what is wrong, where something is.
#[test]
fn the_corpus_is_judged_as_the_specification_says() {
    let cases = CASES.trim_end().split("\n==== ").skip(1);
    let (mut count, mut faulty) = (0, 0);
    for case in cases {
        let (head, text) = case.split_once('\n').unwrap_or((case, ""));
        let (name, expected) = head.split_once(": ").unwrap_or((head, ""));
        let text = text.replace('␍', "\r");
        let text = match text.strip_suffix('␃') {
            Some(cut) => cut.to_owned(),
            None => format!("{text}\n"),
        };
        match read(&text) {
            Ok(_) => assert_eq!(expected, "", "{name} is taken:\n{text}"),
            Err(error) => {
                assert!(
                    !expected.is_empty() && error.contains(expected),
                    "{name}: {error}\n{text}"
                );
            }
        }
        count += 1;
        faulty += usize::from(!expected.is_empty());
    }
    let told = format!("{count} texts, {faulty} of them with a fault");
    assert!(PAGE.contains(&told), "the page about exemplars says how many: {told}");
}

/// Name, `le` and trace of each exemplar.
fn told(text: &str) -> Vec<(String, String, String)> {
    let samples = read(text).unwrap().samples.into_iter();
    samples
        .map(|sample| {
            let label = |name: &str| {
                let found = sample.labels.iter().find(|(have, _)| have == name);
                found.map_or_else(String::new, |(_, value)| value.clone())
            };
            (sample.name.clone(), label("le"), sample.exemplar.labels[0].1.clone())
        })
        .collect()
}

#[test]
fn exemplars_belong_to_the_series_that_prometheus_has() {
    let row = |name: &str, le: &str, trace: &str| (name.into(), le.into(), trace.into());
    assert_eq!(
        told(
            "# TYPE hits_total counter\n\
             hits_total{a=\"b\"} 17.0 1520879607.789 st@1520430000.123 # {trace_id=\"a\"} 0.67 1520879606.1\n# EOF"
        ),
        [row("hits_total", "", "a")]
    );
    let exemplars = "# {trace_id=\"a\"} 0.67 1 # {trace_id=\"b\"} 3 2.5 # {trace_id=\"c\"} 0.5 3";
    assert_eq!(
        told(&format!(
            "# TYPE took histogram\ntook {{count:17,sum:3.3,bucket:[0.5:5,1:8,+Inf:17]}} st@1 {exemplars}\n# EOF\n"
        )),
        [
            row("took_bucket", "1.0", "a"),
            row("took_bucket", "+Inf", "b"),
            row("took_bucket", "0.5", "c")
        ]
    );
    let native =
        "schema:0,zero_threshold:1e-4,zero_count:0,positive_spans:[0:2],positive_buckets:[5,12]";
    assert_eq!(
        told(&format!(
            "# TYPE took histogram\ntook {{count:17,sum:3.3,{native}}} # {{trace_id=\"a\"}} 0.67 1\n# EOF\n"
        )),
        [row("took", "", "a")]
    );
    assert_eq!(
        told(&format!(
            "# TYPE took histogram\ntook {{count:17,sum:3.3,{native},bucket:[1:5,+Inf:17]}} # {{trace_id=\"a\"}} 0.67 1\n# EOF\n"
        )),
        [row("took_bucket", "1.0", "a"), row("took", "", "a")]
    );
}

#[test]
fn an_exemplar_is_read_whole_and_once() {
    let text = "{\"took.seconds\",\"fare class\"=\"fi\\\"rst\"} 3 # {trace_id=\"ab\",span_id=\"c\"} -0.5 1766400000.125\n# EOF\n";
    let sample = read(text).unwrap().samples.remove(0);
    assert_eq!(sample.name, "took.seconds");
    assert_eq!(sample.labels, [("fare class".to_owned(), "fi\"rst".to_owned())]);
    assert_eq!(sample.exemplar.labels[0], ("span_id".to_owned(), "c".to_owned()));
    assert_eq!(
        (sample.exemplar.value, sample.exemplar.timestamp_seconds),
        (-0.5, Some(1_766_400_000.125))
    );
    let mut known = std::collections::HashSet::new();
    let mut count = || {
        let found = parse_version_2(text.as_bytes(), &mut |hash| known.insert(hash)).unwrap();
        found.samples.len()
    };
    assert_eq!((count(), count()), (1, 0));
}

#[test]
fn the_version_decides_which_grammar_holds() {
    let of_2 = "# TYPE a summary\na {count:1,sum:2,quantile:[]}\n# EOF";
    let read = |version: &str| {
        let content_type =
            format!("application/openmetrics-text; version={version}; charset=utf-8");
        parse_as(&content_type, of_2.as_bytes(), &mut |_| true).unwrap()
    };
    assert!(read("2.0.0").is_ok());
    assert!(read("2.0.0-rc0").is_ok());
    assert!(read("1.0.0").is_err());
}

#[test]
fn too_much_text_costs_one_exemplar() {
    let long = "x".repeat(128);
    let text = format!("a_total 1 # {{trace_id=\"{long}\"}} 1 1 # {{trace_id=\"b\"}} 1 2\n# EOF\n");
    let found = read(&text).unwrap();
    assert_eq!((found.samples.len(), found.over_budget), (1, 1));
}

proptest::proptest! {
    #[test]
    fn no_near_miss_makes_it_panic(body in "[#a{}\\[\\]\" =,:@\\\\\n1.eE+ TYPEOFücountsmbk-]{0,80}") {
        let _ = read(&body);
    }

    #[test]
    fn no_value_makes_it_panic(body in "(g?count|sum|bucket|schema|[,:\\[\\]{}]|[0-9.+-]{1,3}|Inf|zero_threshold|zero_count|positive_spans|positive_buckets){0,20}") {
        let _ = read(&format!("# TYPE a histogram\na {{{body}\n# EOF\n"));
    }
}
