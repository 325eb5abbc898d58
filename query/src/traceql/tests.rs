//! The language by examples, and its properties.

use super::*;
use proptest::prelude::*;

#[test]
fn the_examples_hold() {
    let examples = include_str!("../../testdata/traceql.txt");
    let mut count = 0;
    let mut wrong = Vec::new();
    for (index, line) in examples.lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (what, rest) = line.split_once(' ').unwrap();
        let (text, expected) = rest.split_once(" ==> ").unwrap_or((rest, rest));
        let (text, expected) = (text.trim(), expected.trim());
        let kind = match what {
            "valid" => None,
            "parse" => Some(ParseErrorKind::Syntax),
            "validation" => Some(ParseErrorKind::Validation),
            _ => panic!("line {}: {what}?", index + 1),
        };
        let found = match parse(text) {
            Ok(query) => {
                assert_eq!(parse(&query.to_string()).as_ref(), Ok(&query), "{text}");
                (None, query.to_string())
            }
            Err(error) => (Some(error.kind), error.to_string()),
        };
        if found != (kind, expected.to_owned()) {
            wrong.push(format!("line {}: {text} ==> {}", index + 1, found.1));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 100, "only {count} examples were read");
}

#[test]
fn the_corpus_is_taken_and_refused_as_it_says() {
    let mut wrong = Vec::new();
    for line in include_str!("../../testdata/corpus.txt").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (what, text) = line.split_once(' ').unwrap();
        // An escape within a string has two backslashes, or is not one of these.
        let text = text.replace("\\n", "\n").replace("\\t", "\t");
        let found = match parse(&text) {
            Ok(query) => {
                let printed = query.to_string();
                if parse(&printed).as_ref() != Ok(&query) {
                    wrong.push(format!("{text} prints as {printed}"));
                }
                if query.is_metrics() { "metrics" } else { "search" }
            }
            Err(_) => "invalid",
        };
        if found != what {
            let why = parse(&text).err().map(|error| error.render(&text)).unwrap_or_default();
            wrong.push(format!("{text} should be {what}, is {found}: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn errors_point_into_the_line() {
    let text = "{ .a = 1 &&\n  .b = é 5 }";
    let error = parse(text).unwrap_err();
    assert_eq!((error.line, error.column), (2, 8));
    assert_eq!(
        error.render(text),
        "parse error at line 2, col 8: found `é`, expected a field or a value (attributes begin \
         with a scope or a dot, text stands in quotes)\n    .b = é 5 }\n         ^"
    );
}

#[test]
fn only_blanks_that_go_knows_part_tokens() {
    for blank in [' ', '\t', '\r', '\n'] {
        assert!(parse(&format!("{{{blank}.a{blank}={blank}1{blank}}}")).is_ok(), "{blank:?}");
    }
    for other in ['\u{a0}', '\u{b}', '\u{c}', '\u{2003}', '\u{feff}'] {
        for text in [format!("{{ .a ={other}1 }}"), format!("{other}{{ .a = 1 }}")] {
            assert!(parse(&text).is_err(), "{text:?}");
        }
    }
    // The micro sign is a unit, the Greek letter that looks like it is not.
    assert!(parse("{ .a = 5\u{b5}s }").is_ok());
    assert!(parse("{ .a = 5\u{3bc}s }").is_err());
}

#[test]
fn a_long_line_is_shown_in_part() {
    let text = format!("{{ {} 'x' }}", ".aaaaaaaa = 1 && ".repeat(1_000));
    let error = parse(&text).unwrap_err();
    assert!(error.render(&text).len() < 500);
}

#[test]
fn fields_are_parsed_alone() {
    let check = |text: &str, expected: &str| {
        assert_eq!(parse_field(text).unwrap().to_string(), expected, "{text}");
    };
    check("span.http.route", "span.http.route");
    check(".x", ".x");
    check("name", "name");
    check("trace:rootService", "rootServiceName");
    check("span.\"a b\"", "span.\"a b\"");
    for text in ["", "foo", "span.", "1", "name name", "\"x\"", "parent.x"] {
        assert!(parse_field(text).is_err(), "{text}");
    }
}

#[test]
fn nesting_ends_in_an_error_and_not_in_an_overflow() {
    // Nothing may depend on the main thread's large stack: queries are parsed on workers' stacks.
    let body = || {
        let limit = |text: String| {
            let error = parse(&text).unwrap_err();
            assert!(error.message.contains("nests deeper"), "{}", error.message);
        };
        for depth in [257, 20_000] {
            limit(format!("{{ {}.a{} }}", "(".repeat(depth), ")".repeat(depth)));
            limit(format!("{{ {}.a }}", "!".repeat(depth)));
            limit(format!("{{ {}.a = 1 }}", "-".repeat(depth)));
            limit(format!("{{ .a{} = 1 }}", " ^ .a".repeat(depth)));
            limit(format!("{{ .a{} = 1 }}", " + .a".repeat(depth)));
            limit(format!("{{ .a{} }}", " || .a && .a".repeat(depth / 2)));
            limit(format!("{{ }}{}", " > { }".repeat(depth)));
            limit(format!("{}{{ }}{}", "(".repeat(depth), ")".repeat(depth)));
        }
        // The deepest that is allowed is also walked by validation, printing and dropping.
        let deep = "(.a && .a = .a + .a * (.a ^ (-";
        let close = ")))";
        for levels in 1..=85 {
            let text = format!("{{ {}.a{} = 1 }}", deep.repeat(levels), close.repeat(levels));
            let Ok(query) = parse(&text) else { break };
            assert_eq!(parse(&query.to_string()), Ok(query));
        }
        // Signs one behind the other are as deep when they are printed.
        for sign in ["-", "!", "-!", "!--"] {
            for levels in 1..=256 / sign.len() {
                let Ok(query) = parse(&format!("{{ {}.a = 0 }}", sign.repeat(levels))) else {
                    break;
                };
                assert_eq!(parse(&query.to_string()), Ok(query));
            }
        }
        // A long list is not deep.
        let long = format!("{{ .a = 0{} }}", " || .a = 1".repeat(10_000));
        assert!(parse(&long).is_ok());
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(body).unwrap().join().unwrap();
}

#[test]
fn a_text_above_the_limit_is_refused() {
    let error = parse(&" ".repeat(TEXT_BYTES_MAX + 1)).unwrap_err();
    assert!(error.message.contains("131073 bytes"), "{}", error.message);
    // At once, and whatever is in it; the error can be shown as soon.
    for piece in ["{ .a } && ", "(", "{ .a =~ \"(a{1000}){1000}\" } || ", "!", "\n", "\"", "é"] {
        let text = piece.repeat(1_000_000 / piece.len());
        let begin = tokio::time::Instant::now();
        let error = parse(&text).unwrap_err();
        assert!(error.render(&text).len() < 1_000);
        assert!(begin.elapsed().as_millis() < 50, "{piece:?} took {:?}", begin.elapsed());
    }
}

#[test]
fn a_text_within_the_limit_is_read_soon() {
    let filled = |begin: &str, piece: &str, end: &str| {
        let count = (TEXT_BYTES_MAX - begin.len() - end.len()) / piece.len();
        format!("{begin}{}{end}", piece.repeat(count))
    };
    for text in [
        filled("", "(", ""),
        filled("", "(", "count() > 2"),
        filled(&format!("{}count", "(".repeat(255)), "(", ""),
        filled("{ ", "!", "}"),
        format!("{{ {}.a }}", "!".repeat(250)),
        format!("{{ {}.a = 1 }}", "!-".repeat(120)),
        format!("{{ {}.a{} }}", "(!".repeat(120), ")".repeat(120)),
        filled("{ .a = 1", " || .a = 1", " }"),
        filled("{ } ", "| { } ", "| rate()"),
        filled("{ .a =~ \"", "a{1000}", "\" }"),
        filled("{ .a = \"", "\\n", "\" }"),
        filled("{ } with(a=1", ",a=1", ")"),
    ] {
        let begin = tokio::time::Instant::now();
        drop(parse(&text));
        // Without optimisation, and beside other tests: what grows faster than the text takes hours.
        assert!(begin.elapsed().as_secs() < 30, "{} took {:?}", &text[..20], begin.elapsed());
    }
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        any::<String>().prop_map(Literal::String),
        any::<i64>().prop_map(Literal::Int),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Literal::Float),
        any::<bool>().prop_map(Literal::Bool),
        (-i64::MAX..).prop_map(Literal::Duration),
        (0usize..3).prop_map(|index| Literal::Status(StatusCode::ALL[index])),
        (0usize..6).prop_map(|index| Literal::Kind(SpanKind::ALL[index])),
        Just(Literal::Nil),
    ]
}

fn field() -> impl Strategy<Value = FieldRef> {
    let scope = prop::sample::select(vec![
        Scope::Any,
        Scope::Span,
        Scope::Resource,
        Scope::Event,
        Scope::Link,
        Scope::Instrumentation,
    ]);
    let intrinsics: Vec<Intrinsic> = Intrinsic::all().collect();
    prop_oneof![
        prop::sample::select(intrinsics).prop_map(FieldRef::Intrinsic),
        (scope, ".{1,6}").prop_map(|(scope, name)| FieldRef::Attribute { scope, name }),
    ]
}

/// Text of an expression, well-formed but not always valid.
fn expression_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        literal().prop_map(|literal| literal.to_string()),
        field().prop_map(|field| field.to_string()),
    ];
    let operators =
        prop::sample::select(vec!["&&", "||", "=", "!=", "<", ">=", "+", "-", "*", "/", "%", "^"]);
    leaf.prop_recursive(6, 40, 2, move |inner| {
        prop_oneof![
            6 => (inner.clone(), operators.clone(), inner.clone(), any::<[bool; 2]>()).prop_map(
                |(left, operator, right, wrap)| {
                    let side = |text, wrap| if wrap { format!("({text})") } else { text };
                    format!("{} {operator} {}", side(left, wrap[0]), side(right, wrap[1]))
                }
            ),
            1 => inner.clone().prop_map(|text| format!("!{text}")),
            1 => inner.prop_map(|text| format!("-{text}")),
        ]
    })
}

fn query_text() -> impl Strategy<Value = String> {
    let filter = expression_text().prop_map(|text| format!("{{ {text} }}"));
    let operators = prop::sample::select(vec![
        "&&", "||", ">", "<", ">>", "<<", "~", "!>", "!<", "!>>", "!<<", "!~", "&>", "&~", "|",
    ]);
    filter.prop_recursive(4, 12, 2, move |inner| {
        prop_oneof![
            3 => (inner.clone(), operators.clone(), inner.clone())
                .prop_map(|(left, operator, right)| format!("{left} {operator} {right}")),
            1 => inner.clone().prop_map(|text| format!("({text})")),
            1 => (inner.clone(), field())
                .prop_map(|(left, field)| format!("{left} | by({field}) | count() > 2")),
            1 => (inner.clone(), inner)
                .prop_map(|(left, right)| format!("({left} | coalesce()) >> ({right})")),
        ]
    })
}

proptest! {
    #[test]
    fn print_then_parse_gives_the_same_tree(text in query_text()) {
        // Not through `parse`: trees that make no sense must print as well as those that do.
        let Ok(query) = parser::parse_query(&text) else { return Ok(()) };
        let printed = query.to_string();
        prop_assert_eq!(parser::parse_query(&printed), Ok(query), "{}", printed);
    }

    #[test]
    fn any_text_gives_a_query_or_an_error_that_renders(text in "\\PC{0,60}|[{}()|&<>!=~a.\" -]{0,60}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.render(&text).contains('^'));
        }
    }

    #[test]
    fn fields_print_as_they_parse(field in field()) {
        prop_assert_eq!(parse_field(&field.to_string()), Ok(field));
    }
}
