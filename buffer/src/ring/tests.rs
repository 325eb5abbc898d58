use std::collections::VecDeque;

use proptest::prelude::*;

use super::{Entry, Ring, entries};

/// The naive ring: entries as they are, evicted by the same arithmetic.
struct Model {
    capacity_bytes: usize,
    held: VecDeque<(u64, u16, Vec<u8>)>,
    next: u64,
}

impl Model {
    fn bytes(&self) -> usize {
        self.held.iter().map(|(_, _, payload)| framed(payload)).sum()
    }

    fn push(&mut self, scope: u16, payload: Vec<u8>) {
        while self.bytes() + framed(&payload) > self.capacity_bytes {
            self.held.pop_front();
        }
        self.held.push_back((self.next, scope, payload));
        self.next += 1;
    }
}

fn framed(payload: &[u8]) -> usize {
    8 + payload.len().div_ceil(8) * 8
}

#[derive(Clone, Debug)]
enum Step {
    Push { scope: u16, bytes: usize, fill: u8 },
    Copy { back: u64, ahead: u64, bytes_max: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let push = (0..5u16, prop_oneof![0..40usize, 300..500usize, 2000..4000usize], any::<u8>())
        .prop_map(|(scope, bytes, fill)| Step::Push { scope, bytes, fill });
    let copy = (0..300u64, 0..300u64, 0..20_000usize)
        .prop_map(|(back, ahead, bytes_max)| Step::Copy { back, ahead, bytes_max });
    prop::collection::vec(prop_oneof![4 => push, 1 => copy], 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_ring_holds_what_the_model_holds(steps in steps(), capacity_bytes in 8_192..40_000usize) {
        let mut ring = Ring::new(capacity_bytes);
        let mut model = Model {
            capacity_bytes: ring.capacity_bytes(),
            held: VecDeque::new(),
            next: 0,
        };
        for step in steps {
            match step {
                Step::Push { scope, bytes, fill } => {
                    let payload = vec![fill; bytes];
                    ring.push(Entry { scope, inline_scope_bytes: 0, payload: &payload });
                    model.push(scope, payload);
                }
                Step::Copy { back, ahead, bytes_max } => {
                    let sequence = model.next.saturating_sub(back);
                    let until = (sequence + ahead).min(model.next);
                    let mut out = Vec::new();
                    let range = ring.copy(sequence, until, bytes_max, &mut out);
                    let got: Vec<_> = entries(&out)
                        .zip(range.clone())
                        .map(|(entry, sequence)| (sequence, entry.scope, entry.payload.to_vec()))
                        .collect();
                    prop_assert_eq!(got.len() as u64, range.end - range.start);
                    prop_assert!(out.len() <= bytes_max || got.len() == 1);
                    let expected: Vec<_> = model
                        .held
                        .iter()
                        .filter(|(held, _, _)| range.contains(held))
                        .cloned()
                        .collect();
                    prop_assert_eq!(got, expected);
                    // It stops early only for the byte limit.
                    if range.end < until {
                        prop_assert!(!out.is_empty());
                    }
                }
            }
            prop_assert_eq!(ring.next(), model.next);
            prop_assert_eq!(ring.first(), model.held.front().map_or(model.next, |held| held.0));
            prop_assert_eq!(ring.held_bytes() as usize, model.bytes());
            prop_assert!(ring.marks.len() <= ring.marks.capacity());
        }
    }
}

#[test]
fn marks_are_bounded_by_the_capacity_they_were_made_for() {
    let mut ring = Ring::new(64 << 10);
    let before = ring.marks.capacity();
    for _ in 0..100_000 {
        ring.push(Entry { scope: 0, inline_scope_bytes: 0, payload: &[7; 100] });
    }
    assert_eq!(ring.marks.capacity(), before);
}
