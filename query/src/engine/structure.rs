//! The tree that a trace's spans make, and how two spans stand in it.

use crate::traceql::{SpansetOperator, Structure};
use rapidhash::RapidHashMap;
use sigyn_store::SpanId;
use std::collections::hash_map::Entry;

const SERVER: u8 = 2;
const CONSUMER: u8 = 5;

/// The spans of one trace as a forest, by position. Spans that no root reaches (their parent is
/// missing, or parents go round in a circle) are disconnected: they have no relatives.
pub(super) struct Tree {
    /// By position: parent's position; `None` for roots and disconnected spans.
    parents: Vec<Option<u32>>,
    /// Roots and what is below them, parents before children.
    order: Vec<u32>,
    connected: Vec<bool>,
    pub(super) child_counts: Vec<i64>,
    /// Nested set numbers from 1; 0 for disconnected spans.
    pub(super) lefts: Vec<i64>,
    pub(super) rights: Vec<i64>,
    /// The parent's left number, -1 for roots, 0 for disconnected spans.
    pub(super) nested_parents: Vec<i64>,
    /// The earliest root.
    pub(super) root: Option<u32>,
}

impl Tree {
    /// Spans in order of start. An ID may come twice, once for a client and once for the server that it called (Zipkin): then
    /// the server is a child of the client, and what names the ID as its parent is below the server.
    ///
    /// `None` as parent marks a root; kinds (OTLP's, by position) are only asked where an ID comes twice.
    pub(super) fn new(spans: &[(SpanId, Option<SpanId>)], kind: &dyn Fn(usize) -> u8) -> Self {
        let count = spans.len();
        let mut positions: RapidHashMap<SpanId, u32> = RapidHashMap::default();
        // By position of a shared ID's lower span, that of the upper one.
        let mut upper: RapidHashMap<u32, u32> = RapidHashMap::default();
        for (at, (id, _)) in spans.iter().enumerate() {
            match positions.entry(*id) {
                Entry::Vacant(vacant) => {
                    vacant.insert(at as u32);
                }
                Entry::Occupied(mut first) => {
                    let other = *first.get();
                    let is_called = |kind| kind == SERVER || kind == CONSUMER;
                    let (own, others) = (is_called(kind(at)), is_called(kind(other as usize)));
                    if own && !others {
                        upper.insert(at as u32, other);
                        first.insert(at as u32);
                    } else if others && !own {
                        upper.entry(other).or_insert(at as u32);
                    }
                }
            }
        }
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); count];
        let mut linked = vec![None; count];
        let mut roots = Vec::new();
        let mut child_counts = vec![0; count];
        for (at, (_, parent)) in spans.iter().enumerate() {
            let parent = match upper.get(&(at as u32)) {
                Some(upper) => Some(Some(*upper)),
                None => parent.map(|parent| positions.get(&parent).copied()),
            };
            match parent {
                None => roots.push(at as u32),
                Some(None) => {}
                Some(Some(parent)) => {
                    linked[at] = Some(parent);
                    children[parent as usize].push(at as u32);
                    child_counts[parent as usize] += 1;
                }
            }
        }
        let mut tree = Self {
            parents: vec![None; count],
            order: Vec::with_capacity(count),
            connected: vec![false; count],
            child_counts,
            lefts: vec![0; count],
            rights: vec![0; count],
            nested_parents: vec![0; count],
            root: roots.first().copied(),
        };
        // A stack of our own: a trace may be a chain of a hundred thousand spans.
        let mut number = 0;
        for root in roots {
            tree.nested_parents[root as usize] = -1;
            let mut stack = vec![(root, 0usize)];
            while let Some((at, next)) = stack.last_mut() {
                let span = *at as usize;
                if *next == 0 {
                    number += 1;
                    tree.lefts[span] = number;
                    tree.connected[span] = true;
                    tree.order.push(*at);
                }
                match children[span].get(*next) {
                    Some(&child) => {
                        *next += 1;
                        tree.parents[child as usize] = linked[child as usize];
                        tree.nested_parents[child as usize] = tree.lefts[span];
                        stack.push((child, 0));
                    }
                    None => {
                        number += 1;
                        tree.rights[span] = number;
                        stack.pop();
                    }
                }
            }
        }
        tree
    }

    /// Spans of `candidates` that stand to some span of `others` as `structure` says
    /// (`Child`: the candidate is a child of another).
    fn related(&self, structure: Structure, others: &[bool], candidates: &[bool]) -> Vec<bool> {
        let count = self.parents.len();
        let mut related = vec![false; count];
        match structure {
            Structure::Child => {
                for (at, parent) in self.parents.iter().enumerate() {
                    related[at] = parent.is_some_and(|parent| others[parent as usize]);
                }
            }
            Structure::Parent => {
                for (at, parent) in self.parents.iter().enumerate() {
                    if let Some(parent) = parent {
                        related[*parent as usize] |= others[at];
                    }
                }
            }
            Structure::Descendant => {
                for &at in &self.order {
                    let Some(parent) = self.parents[at as usize] else { continue };
                    related[at as usize] = others[parent as usize] || related[parent as usize];
                }
            }
            Structure::Ancestor => {
                for &at in self.order.iter().rev() {
                    let Some(parent) = self.parents[at as usize] else { continue };
                    related[parent as usize] |= others[at as usize] || related[at as usize];
                }
            }
            Structure::Sibling => {
                // Roots are siblings of each other; they share the key `None`.
                let mut others_below: RapidHashMap<Option<u32>, usize> = RapidHashMap::default();
                for &at in &self.order {
                    if others[at as usize] {
                        *others_below.entry(self.parents[at as usize]).or_default() += 1;
                    }
                }
                for &at in &self.order {
                    let around = others_below.get(&self.parents[at as usize]).copied().unwrap_or(0);
                    related[at as usize] = around > usize::from(others[at as usize]);
                }
            }
        }
        for ((related, candidate), connected) in
            related.iter_mut().zip(candidates).zip(&self.connected)
        {
            *related &= *candidate && *connected;
        }
        related
    }

    /// The spans that `left operator right` keeps.
    pub(super) fn evaluate(
        &self,
        operator: SpansetOperator,
        left: &[bool],
        right: &[bool],
    ) -> Vec<bool> {
        let either = || left.iter().zip(right).map(|(a, b)| *a || *b).collect::<Vec<bool>>();
        let is_empty = |side: &[bool]| !side.contains(&true);
        match operator {
            SpansetOperator::And if is_empty(left) || is_empty(right) => vec![false; left.len()],
            SpansetOperator::And | SpansetOperator::Or => either(),
            SpansetOperator::Structural(structure) => self.related(structure, left, right),
            SpansetOperator::NotStructural(structure) => {
                let related = self.related(structure, left, right);
                right.iter().zip(related).map(|(right, related)| *right && !related).collect()
            }
            SpansetOperator::UnionStructural(structure) => {
                let mut kept = self.related(structure, left, right);
                let back = self.related(opposite(structure), right, left);
                kept.iter_mut().zip(back).for_each(|(kept, back)| *kept |= back);
                kept
            }
        }
    }
}

fn opposite(structure: Structure) -> Structure {
    match structure {
        Structure::Child => Structure::Parent,
        Structure::Parent => Structure::Child,
        Structure::Descendant => Structure::Ancestor,
        Structure::Ancestor => Structure::Descendant,
        Structure::Sibling => Structure::Sibling,
    }
}
