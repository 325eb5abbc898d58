//! Relabeling by rules that are put together at random, the same in every run.

use std::fmt::Write;

const JOBS: u64 = 150;

const PATTERNS: [&str; 34] = [
    "(.*)",
    "",
    ".+",
    "f(o+)",
    r"(\w+)-(\d*)",
    "[[:alpha:]]+",
    r"[\w-.]+",
    r"\Qa.b\E.*",
    "(?i)FOO.*",
    "a{,2}",
    "(?P<n>.)(.*)",
    r"\d+",
    "é.*",
    "(?s).*",
    "(a|ab)(c|bcd)?.*",
    r"[^\x00-\x{7F}]*.*",
    r"\pL+",
    r"\101.*",
    "fo{1,3}?",
    "(?U)(a+)(.*)",
    r"^foo$",
    "(?:foo|bar);.*",
    "[a-f]+.*",
    r"\S+\s\S+",
    r".*\bb\b.*",
    "(?i:BAR)|baz",
    r"(\p{Greek}*)(.*)",
    "x*",
    r"[[:^digit:]]*",
    r"(\D*)(\d*)(.*)",
    r"[&&~~]+-?",
    "(foo)?(bar)?",
    "a|b|c|l_.*",
    r".\n.",
];
const TEMPLATES: [&str; 16] = [
    "$1",
    "${1}x",
    "$1x",
    "$$1",
    "$2-$1",
    "${n}",
    "",
    "plain",
    "a$",
    "$01",
    "${1",
    "${a-b}",
    "é$1",
    "$0$0",
    "$_",
    "${2}_${1}",
];
const LABELS: [&str; 7] = ["a", "b", "c", "d", "none", "__address__", "job"];
const TARGETS: [&str; 7] = ["a", "b", "e", "l_$1", "${1}", "l_${2}_x", "__tmp_x"];
const SEPARATORS: [&str; 4] = [";", "", "-", "::"];
/// No line ends: since Prometheus 3 the dot matches them, in 2.42 it does not.
const VALUES: [&str; 14] = [
    "foo",
    "bar",
    "a.b",
    "foo-42",
    "é",
    "αβγ x",
    "two lines",
    "ABC",
    "aab",
    "abcd",
    "10",
    "&~-",
    "Straße",
    "ab bc",
];

/// A linear congruential generator.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.below(all.len())]
    }
}

/// Jobs with three targets and up to four rules each.
pub(super) fn config() -> String {
    let mut dice = Dice(42);
    let mut out = String::new();
    for job in 0..JOBS {
        write!(out, "- job_name: rules-{job}\n  metrics_path: /m\n  static_configs:\n").unwrap();
        for target in 0..3 {
            writeln!(
                out,
                "  - {{targets: ['127.0.0.1:{}'], labels: {{a: \"{}\", b: \"{}\", c: \"{}\"}}}}",
                target + 1,
                dice.of(&VALUES),
                dice.of(&VALUES),
                dice.of(&VALUES),
            )
            .unwrap();
        }
        out += "  relabel_configs:\n";
        for _ in 0..=dice.below(4) {
            out += &rule(&mut dice);
        }
    }
    out
}

fn rule(dice: &mut Dice) -> String {
    let quoted = |text: &str| format!("'{text}'");
    let sources = |dice: &mut Dice| {
        let count = dice.below(3);
        let labels: Vec<&str> = (0..count).map(|_| dice.of(&LABELS)).collect();
        format!(
            "source_labels: [{}], separator: {}",
            labels.join(", "),
            quoted(dice.of(&SEPARATORS))
        )
    };
    let sources = sources(dice);
    let regex = quoted(dice.of(&PATTERNS));
    let replacement = quoted(dice.of(&TEMPLATES));
    let plain = ["a", "b", "e"][dice.below(3)];
    let what = match dice.below(14) {
        0..=4 => {
            let target = quoted(dice.of(&TARGETS));
            format!("{sources}, regex: {regex}, replacement: {replacement}, target_label: {target}")
        }
        5 => format!("{sources}, regex: {regex}, action: keep"),
        6 => format!("{sources}, regex: {regex}, action: Drop"),
        7 => format!(
            "{sources}, modulus: {}, target_label: {plain}, action: hashmod",
            dice.below(900) + 1
        ),
        8 => {
            let name = ["l_$1", "m_${1}", "x_${2}", "${0}_y"][dice.below(4)];
            format!("regex: {regex}, replacement: '{name}', action: labelmap")
        }
        9 => format!(
            "regex: {}, action: labeldrop",
            quoted(["a|b", "l_.*", "e", ".*_x"][dice.below(4)])
        ),
        10 => "regex: '__.*|a|job|instance', action: labelkeep".to_owned(),
        11 => format!("{sources}, target_label: {plain}, action: lowercase"),
        12 => format!("{sources}, target_label: {plain}, action: uppercase"),
        _ => {
            let action = ["keepequal", "dropequal"][dice.below(2)];
            let from = dice.of(&LABELS);
            format!("source_labels: [{from}], target_label: {plain}, action: {action}")
        }
    };
    format!("  - {{{what}}}\n")
}
