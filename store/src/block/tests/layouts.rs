//! Merges of blocks whose columns differ, against a model that knows nothing of columns: a set of spans.

use super::{Shelf, contents, runtime};
use crate::{
    Overlay,
    simulation::Random,
    test_kit::{START_UNIX_NANO, expected, pair, request},
};
use proptest::prelude::*;
use sigyn_proto::otlp::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{
        Span,
        span::{Event, Link},
    },
};
use std::collections::BTreeSet;

const KEYS: [&str; 7] = ["a", "b", "c", "http.method", "id", "number", "z"];

/// How one block has one attribute.
#[derive(Clone, Copy)]
struct Habit {
    kind: usize,
    /// One in so many spans has it: of 100 in some blocks, which is too rare for a column.
    one_in: u64,
    /// Few values, or hardly one twice.
    repeats: bool,
    /// One in so many of them has a value of another kind.
    other_kind_one_in: u64,
    /// One in so many of them comes twice.
    twice_one_in: u64,
}

/// Spans of one block, drawn.
struct Draw<'a> {
    random: &'a mut Random,
    habits: Vec<Option<Habit>>,
}

impl<'a> Draw<'a> {
    fn new(random: &'a mut Random) -> Self {
        let habit = |random: &mut Random| Habit {
            kind: below(random, 5),
            one_in: [1, 1, 3, 40, 100][below(random, 5)],
            repeats: random.once_in(2),
            other_kind_one_in: [9, 1_000_000][below(random, 2)],
            twice_one_in: [7, 1_000_000, 1_000_000][below(random, 3)],
        };
        let habits = KEYS.map(|_| (!random.once_in(4)).then(|| habit(random)));
        Self { random, habits: habits.into() }
    }

    fn value(&mut self, kind: usize, repeats: bool) -> Value {
        let number = if repeats { self.random.below(4) } else { self.random.next() };
        match kind {
            0 => Value::StringValue(format!("text {number}")),
            1 => Value::IntValue(number as i64),
            2 => Value::DoubleValue(number as f64 / 3.0),
            3 => Value::BoolValue(number % 2 == 0),
            _ => Value::BytesValue(number.to_be_bytes().into()),
        }
    }

    fn attributes(&mut self) -> Vec<KeyValue> {
        let mut attributes = Vec::new();
        for (at, key) in KEYS.into_iter().enumerate() {
            let Some(habit) = self.habits[at] else { continue };
            if !self.random.once_in(habit.one_in) {
                continue;
            }
            let times = 1 + usize::from(self.random.once_in(habit.twice_one_in));
            for _ in 0..times {
                let other = self.random.once_in(habit.other_kind_one_in);
                let kind = if other { below(self.random, 5) } else { habit.kind };
                attributes.push(pair(key, self.value(kind, habit.repeats)));
            }
        }
        attributes
    }

    fn span(&mut self) -> Span {
        let mut span = Span {
            trace_id: vec![1 + self.random.below(12) as u8; 16],
            // Few enough that some come again with other content.
            span_id: (1 + self.random.below(2000)).to_be_bytes().into(),
            name: format!("operation {}", self.random.below(5)),
            start_time_unix_nano: START_UNIX_NANO + self.random.below(3),
            end_time_unix_nano: START_UNIX_NANO + 5,
            attributes: self.attributes(),
            ..Span::default()
        };
        if !self.random.once_in(3) {
            // Of another trace mostly, or nobody's.
            span.parent_span_id = (1 + self.random.below(2000)).to_be_bytes().into();
        }
        if self.random.once_in(20) {
            let attributes = self.attributes();
            span.events.push(Event { name: "event".into(), attributes, ..Event::default() });
        }
        if self.random.once_in(50) {
            let (trace_id, span_id) = (vec![9; 16], vec![9; 8]);
            let attributes = self.attributes();
            span.links.push(Link { trace_id, span_id, attributes, ..Link::default() });
        }
        span
    }

    fn request(&mut self, spans: usize, others: &[Span]) -> ExportTraceServiceRequest {
        let mut request = request(&[]);
        let list = &mut request.resource_spans[0].scope_spans[0].spans;
        for _ in 0..spans {
            let again = [others, &list[..]][below(self.random, 2)];
            if again.is_empty() || !self.random.once_in(10) {
                list.push(self.span());
                continue;
            }
            // A span that was taken in before, in this block or another; now and then it says something else.
            let mut span = again[below(self.random, again.len())].clone();
            if self.random.once_in(4) {
                span.attributes = self.attributes();
            }
            list.push(span);
        }
        request
    }
}

fn below(random: &mut Random, end: usize) -> usize {
    random.below(end as u64) as usize
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 0, ..Default::default() })]

    #[test]
    fn whatever_columns_blocks_have_a_merge_keeps_each_span_once(seed in any::<u64>()) {
        runtime().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut shelf = Shelf::new(folder.path()).await;
            let (mut random, mut all) = (Random::new(seed), Vec::new());
            let (mut blocks, mut model) = (Vec::new(), BTreeSet::new());
            for _ in 0..2 + random.below(3) {
                let spans = [3, 120, 300][below(&mut random, 3)];
                let request = Draw::new(&mut random).request(spans, &all);
                model.extend(expected(&request, &Overlay::default()).0);
                all.extend(request.resource_spans[0].scope_spans[0].spans.clone());
                blocks.extend(shelf.write(&[request]).await);
            }
            let last = blocks.pop().unwrap();
            let merged = shelf.merge(&blocks, |_| true).await.unwrap();
            // And once more, with one that was not merged before.
            let merged = shelf.merge(&[merged, last], |_| true).await.unwrap();
            assert!(contents(&merged) == model, "seed {seed}");
            assert_eq!(merged.meta().spans, model.len() as u64, "seed {seed}");
        });
    }
}
