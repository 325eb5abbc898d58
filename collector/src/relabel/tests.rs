use super::*;
use crate::Labels;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().copied().collect()
}

fn rule(action: Action, source: &[&str], target: &str) -> Rule {
    Rule {
        action,
        source_labels: source.iter().map(|name| (*name).into()).collect(),
        target_label: target.into(),
        ..Rule::default()
    }
}

fn regex(rule: Rule, pattern: &str, replacement: &str) -> Rule {
    Rule { regex: Pattern::new(pattern).unwrap(), replacement: replacement.into(), ..rule }
}

/// The labels after one rule; `None` when it dropped them.
fn after(rule: Rule, before: &[(&str, &str)]) -> Option<String> {
    let mut outcome = apply(&[rule], labels(before));
    assert!(outcome.kept.len() <= 1);
    outcome.kept.pop().map(|labels| labels.to_string())
}

fn check(rule: Rule, before: &[(&str, &str)], expected: &[(&str, &str)]) {
    assert_eq!(after(rule, before), Some(labels(expected).to_string()));
}

const ABC: &[(&str, &str)] = &[("a", "foo"), ("b", "bar"), ("c", "baz")];

#[test]
fn replace_sets_deletes_or_does_nothing() {
    use Action::Replace;
    check(
        regex(rule(Replace, &["a", "b"], "d"), "f(.*);(.*)r", "ch${1}-$2"),
        ABC,
        &[("a", "foo"), ("b", "bar"), ("c", "baz"), ("d", "choo-ba")],
    );
    check(regex(rule(Replace, &["a"], "b"), "nothing", "x"), ABC, ABC);
    check(regex(rule(Replace, &["a"], "b"), "f.*", ""), ABC, &[("a", "foo"), ("c", "baz")]);
    // A template in the name; an empty name is not one.
    check(
        regex(rule(Replace, &["a"], "${1}_x"), "f(.*)", "v"),
        ABC,
        &[("a", "foo"), ("b", "bar"), ("c", "baz"), ("oo_x", "v")],
    );
    check(regex(rule(Replace, &["a"], "$9"), "f(.*)", "v"), ABC, ABC);
    // An absent label is the empty text.
    check(rule(Replace, &["none"], "b"), ABC, &[("a", "foo"), ("c", "baz")]);
}

#[test]
fn names_are_checked_by_the_scheme() {
    let named = |legacy_names| Rule {
        legacy_names,
        ..regex(rule(Action::Replace, &["a"], "${1}-é"), "(.*)", "v")
    };
    check(named(false), &[("a", "x")], &[("a", "x"), ("x-é", "v")]);
    check(named(true), &[("a", "x")], &[("a", "x")]);
}

#[test]
fn keep_and_drop() {
    use Action::{Drop, Keep};
    assert!(after(regex(rule(Keep, &["a"], ""), "fo", "$1"), ABC).is_none());
    check(regex(rule(Keep, &["a"], ""), "fo+", "$1"), ABC, ABC);
    assert!(after(regex(rule(Drop, &["a", "b"], ""), "foo;bar", "$1"), ABC).is_none());
    check(regex(rule(Drop, &["a", "b"], ""), "foobar", "$1"), ABC, ABC);
    assert!(after(regex(rule(Drop, &["none"], ""), "", "$1"), ABC).is_none());
}

#[test]
fn keepequal_and_dropequal() {
    use Action::{DropEqual, KeepEqual};
    let pair = &[("a", "x"), ("b", "x"), ("c", "y")];
    check(rule(KeepEqual, &["a"], "b"), pair, pair);
    assert!(after(rule(KeepEqual, &["a"], "c"), pair).is_none());
    assert!(after(rule(DropEqual, &["a"], "b"), pair).is_none());
    check(rule(DropEqual, &["a"], "c"), pair, pair);
    // Both absent are equal.
    assert!(after(rule(DropEqual, &["none"], "neither"), pair).is_none());
}

#[test]
fn hashmod_is_that_of_prometheus() {
    let modulo = |modulus| Rule { modulus, ..rule(Action::HashMod, &["__address__"], "shard") };
    let address = &[("__address__", "10.0.0.1:8080")];
    check(modulo(1000), address, &[("__address__", "10.0.0.1:8080"), ("shard", "260")]);
    check(modulo(1), address, &[("__address__", "10.0.0.1:8080"), ("shard", "0")]);
}

#[test]
fn labelmap_copies_names_in_sorted_order() {
    let map = regex(rule(Action::LabelMap, &[], ""), "__meta_(?:a_|b_)(.+)", "$1");
    check(
        map,
        &[("__meta_a_x", "1"), ("__meta_b_x", "2"), ("y", "3")],
        &[("__meta_a_x", "1"), ("__meta_b_x", "2"), ("x", "2"), ("y", "3")],
    );
    // On a snapshot: what it makes is not mapped again.
    check(
        regex(rule(Action::LabelMap, &[], ""), "(x+)", "${1}x"),
        &[("x", "1")],
        &[("x", "1"), ("xx", "1")],
    );
}

#[test]
fn labeldrop_and_labelkeep_touch_hidden_labels_too() {
    let before = &[("__address__", "h"), ("a", "1"), ("ab", "2")];
    check(
        regex(rule(Action::LabelDrop, &[], ""), "a", "$1"),
        before,
        &[("__address__", "h"), ("ab", "2")],
    );
    check(regex(rule(Action::LabelKeep, &[], ""), "a", "$1"), before, &[("a", "1")]);
}

#[test]
fn case_changes_letter_by_letter() {
    check(rule(Action::Lowercase, &["a"], "b"), &[("a", "ÀßX")], &[("a", "ÀßX"), ("b", "àßx")]);
    check(rule(Action::Uppercase, &["a"], "b"), &[("a", "àßx")], &[("a", "àßx"), ("b", "ÀßX")]);
}

#[test]
fn split_makes_one_target_of_each_part() {
    let by_comma = |pattern| Rule {
        separator: ",".into(),
        ..regex(rule(Action::Split, &["ports"], "port"), pattern, "$1")
    };
    let outcome = apply(&[by_comma("(.*)")], labels(&[("ports", "8080, 9090,")]));
    let ports: Vec<_> = outcome.kept.iter().map(|labels| labels.get("port")).collect();
    assert_eq!(ports, ["8080", "9090"]);

    // Later rules see each part; what they drop says so.
    let keep = regex(rule(Action::Keep, &["port"], ""), "80.*", "$1");
    let outcome = apply(&[by_comma("(.*)"), keep], labels(&[("ports", "8080,9090")]));
    assert_eq!(outcome.kept.len(), 1);
    assert_eq!((outcome.dropped[0].rule, outcome.dropped.len()), (1, 1));
    assert_eq!(outcome.dropped[0].labels_before.get("port"), "9090");

    // Nothing to split leaves the target alone.
    assert_eq!(apply(&[by_comma("(.*)")], labels(&[("a", "b")])).kept, [labels(&[("a", "b")])]);
    // Only parts that match.
    assert_eq!(apply(&[by_comma("(8.*)")], labels(&[("ports", "8080,9090")])).kept.len(), 1);
}

#[test]
fn split_is_bounded() {
    let split = Rule { separator: ",".into(), ..rule(Action::Split, &["p"], "a") };
    let rules = [split.clone(), split];
    let outcome = apply(&rules, labels(&[("p", &vec!["x"; 2000].join(","))]));
    assert_eq!(outcome.kept.len(), TARGETS_PER_TARGET_MAX);
}

proptest::proptest! {
    /// A shard is below its modulus and every target has exactly one.
    #[test]
    fn shards_partition_targets(address in ".{0,20}", modulus in 1u64..100) {
        let hash = Rule { modulus, ..rule(Action::HashMod, &["__address__"], "shard") };
        let outcome = apply(&[hash], labels(&[("__address__", &address)]));
        let shard: u64 = outcome.kept[0].get("shard").parse().unwrap();
        proptest::prop_assert!(shard < modulus);
    }

    /// Keep and drop with the same rule never agree; trace and apply always do.
    #[test]
    fn keep_is_the_opposite_of_drop(value in "[ab]{0,3}", pattern in "[ab]{0,2}[.*+?]?") {
        let Ok(regex) = Pattern::new(&pattern) else { return Ok(()) };
        let keep = Rule { regex, ..rule(Action::Keep, &["x"], "") };
        let drop = Rule { action: Action::Drop, ..keep.clone() };
        let before = labels(&[("x", &value)]);
        let kept = apply(std::slice::from_ref(&keep), before.clone()).kept.len();
        let not_dropped = apply(std::slice::from_ref(&drop), before.clone()).kept.len();
        proptest::prop_assert_eq!(kept + not_dropped, 1);
        proptest::prop_assert_eq!(trace(&[keep], &before)[0].keep, kept == 1);
    }
}
