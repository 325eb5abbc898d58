//! Rows of lists, read directly, against the whole columns as the Parquet library reads them.

use super::{Shelf, runtime};
use crate::{
    block::{
        column_file::{FileId, Part},
        file::BlockFile,
        list_rows,
        pages::RowGroupPages,
    },
    simulation::Random,
    test_kit::{START_UNIX_NANO, pair, request},
};
use arrow_array::{ArrayRef, UInt32Array};
use arrow_schema::DataType;
use arrow_select::{concat::concat_batches, take::take};
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{
        Span,
        span::{Event, Link},
    },
};
use std::ops::Range;
use ulid::Ulid;

/// Up to so many attributes, of texts and numbers; of other kinds as well, if they are wanted.
fn attributes(random: &mut Random, max: u64, kinds: u64) -> Vec<KeyValue> {
    let attribute = |random: &mut Random| {
        let number = random.below(40);
        let value = match random.below(kinds) {
            0 => Value::StringValue(format!("text {number}")),
            1 => Value::IntValue(number as i64),
            2 => Value::DoubleValue(number as f64 / 3.0),
            3 => Value::BoolValue(number.is_multiple_of(2)),
            _ => Value::BytesValue(number.to_be_bytes().into()),
        };
        pair(&format!("rare {}", random.below(300)), value)
    };
    (0..random.below(max + 1)).map(|_| attribute(random)).collect()
}

/// Spans with events and links, of which stretches have none, as many as fill several pages.
fn requests(random: &mut Random, kinds: u64) -> ExportTraceServiceRequest {
    let mut all = request(&[]);
    let spans = &mut all.resource_spans[0].scope_spans[0].spans;
    for number in 1..=5000u64 {
        let is_rich = (number / 700).is_multiple_of(2);
        let times = |random: &mut Random| if is_rich { random.below(4) } else { 0 };
        let events = (0..times(random)).map(|at| Event {
            time_unix_nano: START_UNIX_NANO + random.below(1000),
            name: format!("event {}", random.below(9)),
            attributes: attributes(random, 3, kinds),
            dropped_attributes_count: at as u32 / 2,
        });
        let events = events.collect();
        let links = (0..times(random) / 2).map(|at| Link {
            trace_id: vec![7; 16],
            span_id: random.next().to_be_bytes().into(),
            trace_state: ["", "a=b"][at as usize].to_owned(),
            attributes: attributes(random, 2, kinds),
            flags: at as u32,
            ..Link::default()
        });
        let links = links.collect();
        spans.push(Span {
            trace_id: u128::from(number / 10 + 1).to_be_bytes().into(),
            span_id: number.to_be_bytes().into(),
            name: "step".to_owned(),
            start_time_unix_nano: START_UNIX_NANO + number,
            end_time_unix_nano: START_UNIX_NANO + number + 5,
            attributes: if is_rich { attributes(random, 2, kinds) } else { Vec::new() },
            events,
            links,
            ..Span::default()
        });
    }
    all
}

/// Some runs of rows, ascending and apart.
fn runs(random: &mut Random, rows: u64) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let (mut next, apart) = (random.below(rows), [3, 100, 3000][random.below(3) as usize]);
    while next < rows && runs.len() < 20 {
        let length_max = [2, 40, 3000][random.below(3) as usize];
        let end = rows.min(next + 1 + random.below(length_max));
        runs.push(next as usize..end as usize);
        next = end + 1 + random.below(apart);
    }
    runs
}

/// Compares all lists of a block; how many are read directly.
fn check(seed: u64, kinds: u64) -> usize {
    runtime().block_on(async {
        let mut random = Random::new(seed);
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::new(folder.path()).await;
        let block = shelf.write(&[requests(&mut random, kinds)]).await.unwrap();
        let mut scan = block.scan(0).unwrap();
        let batches: Vec<_> = scan.read(None, 70_000).unwrap().map(Result::unwrap).collect();
        let whole = concat_batches(&batches[0].schema(), &batches).unwrap();
        let name = block.meta().block;
        let pages = RowGroupPages {
            file: BlockFile::Local {
                path: folder.path().join(name.to_string()).join("spans.parquet"),
                size_bytes: block.meta().spans_file_bytes,
            },
            footer: block.footer().unwrap(),
            id: FileId { block: Ulid(1), part: Part::Spans },
            row_group: 0,
            cache: None,
            keeps_pages: false,
        };
        let mut direct = 0;
        for (at, field) in whole.schema().fields().iter().enumerate() {
            if !matches!(field.data_type(), DataType::List(_)) {
                continue;
            }
            let leaf = pages.footer.first_leaf(at).unwrap();
            assert!(pages.locations(leaf).unwrap().len() > 2, "{} has several pages", field.name());
            let mut is_direct = true;
            for round in 0..60 {
                let runs = runs(&mut random, whole.num_rows() as u64);
                let found = list_rows::read(&pages, leaf, field.data_type(), &runs).unwrap();
                let Some(found) = found else {
                    is_direct = false;
                    continue;
                };
                let rows: UInt32Array =
                    runs.iter().cloned().flatten().map(|it| it as u32).collect();
                let expected: ArrayRef = take(whole.column(at), &rows, None).unwrap();
                assert_eq!(&found, &expected, "seed {seed}, round {round}: {}", field.name());
            }
            direct += usize::from(is_direct);
        }
        direct
    })
}

#[test]
fn rows_of_lists_are_those_of_the_whole_columns() {
    for seed in 0..4 {
        // The attributes of spans that have no column, events and links.
        assert_eq!(check(seed, 2), 3);
        assert_eq!(check(seed, 3), 3);
    }
}

#[test]
fn lists_with_values_of_other_kinds_are_told_apart() {
    for seed in 0..2 {
        assert_eq!(check(seed, 5), 0);
    }
}
