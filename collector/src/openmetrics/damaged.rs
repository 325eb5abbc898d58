//! The corpora with something changed: each text is read or refused, and it makes no difference what of it is known.

use super::{
    EXEMPLAR_CHARACTERS_MAX, Exposition, ParseError, parse_news, parse_protobuf, parse_version_2,
};
use crate::damage::{damage, damaged};
use proptest::prelude::*;
use prost::Message;
use sigyn_proto::prometheus::exposition::{
    Bucket, Counter, Exemplar, Histogram, LabelPair, Metric, MetricFamily, Timestamp,
};

type Parse = fn(&[u8], &mut dyn FnMut(u64) -> bool) -> Result<Exposition, ParseError>;

const TEXTS: [(&str, Parse); 2] = [
    (include_str!("../../testdata/openmetrics/cases.txt"), parse_news),
    (include_str!("../../testdata/openmetrics/version_2.txt"), parse_version_2),
];

/// A text of a corpus, without its heading.
fn text() -> impl Strategy<Value = (&'static str, Parse)> {
    prop::sample::select(TEXTS.to_vec()).prop_flat_map(|(all, parse)| {
        let texts = all.split("==== ").filter_map(|case| Some(case.split_once('\n')?.1));
        prop::sample::select(texts.collect::<Vec<_>>()).prop_map(move |text| (text, parse))
    })
}

/// All kinds of exemplars in one body.
fn protobuf() -> Vec<u8> {
    let pair = |name: &str, value: &str| LabelPair { name: name.into(), value: value.into() };
    let exemplar = |trace: &str| Exemplar {
        label: vec![pair("trace_id", trace), pair("span_id", "7")],
        value: 0.25,
        timestamp: Some(Timestamp { seconds: 1_766_400_000, nanos: 500_000_000 }),
    };
    let bucket = |upper_bound| Bucket {
        cumulative_count: 3,
        upper_bound,
        exemplar: Some(exemplar("4bf92f3577b34da6a3ce929d0e0e4736")),
    };
    let metric = Metric {
        label: vec![pair("route", "/"), pair("method", "GET")],
        counter: Some(Counter { value: 7.0, exemplar: Some(exemplar("a")) }),
        histogram: Some(Histogram {
            bucket: vec![bucket(0.5), bucket(f64::INFINITY)],
            exemplars: vec![exemplar("b"), exemplar("c")],
            ..Histogram::default()
        }),
        ..Metric::default()
    };
    let family = |name: &str| MetricFamily {
        name: name.into(),
        metric: vec![metric.clone()],
        ..MetricFamily::default()
    };
    let families = ["took_seconds", "hits_total"].map(family);
    families.iter().flat_map(Message::encode_length_delimited_to_vec).collect()
}

fn check(body: &[u8], parse: Parse) {
    let mut asked = 0;
    let all = parse(body, &mut |_| {
        asked += 1;
        true
    });
    let none = parse(body, &mut |_| false);
    match (all, none) {
        (Ok(all), Ok(none)) => {
            assert_eq!(all.samples.len(), asked, "what is new is kept");
            assert!(none.samples.is_empty());
            let counts = |it: &Exposition| (it.sample_count, it.over_budget);
            assert_eq!(counts(&all), counts(&none));
            for sample in all.samples {
                let labels = sample.exemplar.labels.iter();
                let characters =
                    labels.map(|(name, value)| name.chars().chain(value.chars()).count());
                assert!(characters.sum::<usize>() <= EXEMPLAR_CHARACTERS_MAX);
            }
        }
        (Err(error), Err(same)) => {
            assert_eq!(error, same);
            assert!(error.line > 0 && error.column > 0 && !error.what.is_empty(), "{error:?}");
        }
        (all, none) => panic!("{all:?}, but when all is known {none:?}"),
    }
}

#[test]
fn what_is_damaged_is_whole_at_first() {
    let exposition = parse_protobuf(&protobuf(), &mut |_| true).unwrap();
    assert!(exposition.samples.len() >= 4, "{exposition:?}");
}

proptest! {
    #[test]
    fn damaged_texts_are_read_or_refused((text, parse) in text(), changes in damage()) {
        check(&damaged(text.as_bytes(), &changes), parse);
    }

    #[test]
    fn damaged_protobuf_is_read_or_refused(changes in damage()) {
        check(&damaged(&protobuf(), &changes), parse_protobuf);
    }
}
