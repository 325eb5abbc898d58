//! Series in memory, bounded in number, and the shape in which they are handed out.

use crate::histogram::HistogramValue;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Label names and values in the order of the family; empty values are left out. Cheap to clone.
pub type Labels = Arc<[(Arc<str>, Arc<str>)]>;

/// The label of the series that counts what found no room.
const OVERFLOW_LABEL: &str = "metric_overflow";

/// Series that have ended and wait to be told; of those beyond, nobody is told.
const ENDED_MAX: usize = 100_000;

/// All series of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Without a suffix such as `_total`.
    pub name: &'static str,
    /// One line for people.
    pub help: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// Its series.
    pub points: Vec<Point>,
}

/// Kinds of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows; its series is named with `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// One series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Without `__name__`.
    pub labels: Labels,
    /// When it was first counted, on the clock of whoever counts.
    pub created: Duration,
    /// Its value.
    pub value: Value,
}

/// What a series says.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter or gauge.
    Number(f64),
    /// Of a histogram. Shared with the table, which copies it when it counts on.
    Histogram(Arc<HistogramValue>),
}

/// Which series are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// Those that are counted.
    Live,
    /// Those that ended since somebody last asked for them.
    Ended,
}

/// Series with the same label names.
pub(crate) struct Table<V> {
    names: Vec<Arc<str>>,
    by_values: HashMap<Box<[Arc<str>]>, usize, rapidhash::fast::RandomState>,
    slots: Vec<Option<Series<V>>>,
    free: Vec<usize>,
    series_max: usize,
    /// What found no room.
    overflow: Option<usize>,
    /// Series that have ended, when somebody wants to know.
    ended: Option<Vec<Series<V>>>,
}

/// A series of a table.
pub(crate) struct Series<V> {
    /// Of all labels; empty for the overflow.
    pub(crate) values: Box<[Arc<str>]>,
    labels: Labels,
    created: Duration,
    pub(crate) touched: Duration,
    pub(crate) value: V,
}

impl<V> Table<V> {
    pub(crate) fn new(names: Vec<Arc<str>>, series_max: usize, keep_ended: bool) -> Self {
        Self {
            names,
            by_values: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            series_max,
            overflow: None,
            ended: keep_ended.then(Vec::new),
        }
    }

    /// The place of a series; a new one is made by `make`. Places stay until [`Table::expire`].
    pub(crate) fn place(
        &mut self,
        values: &[Arc<str>],
        now: Duration,
        make: impl FnOnce() -> V,
    ) -> usize {
        if let Some(&place) = self.by_values.get(values) {
            self.touch(place, now);
            return place;
        }
        if self.by_values.len() >= self.series_max {
            let place = match self.overflow {
                Some(place) => place,
                None => {
                    let place = self.insert(Box::default(), now, make());
                    self.overflow = Some(place);
                    place
                }
            };
            self.touch(place, now);
            return place;
        }
        let values: Box<[Arc<str>]> = values.into();
        let place = self.insert(values.clone(), now, make());
        self.by_values.insert(values, place);
        place
    }

    pub(crate) fn at(&mut self, place: usize) -> &mut V {
        &mut self.slots[place].as_mut().expect("a place stays until it is expired").value
    }

    /// Number of series, without that of the overflow.
    pub(crate) fn len(&self) -> usize {
        self.by_values.len()
    }

    /// True when something found no room.
    pub(crate) fn has_overflowed(&self) -> bool {
        self.overflow.is_some()
    }

    /// Removes what was not touched since `before`.
    pub(crate) fn expire(&mut self, before: Duration) {
        for (place, slot) in self.slots.iter_mut().enumerate() {
            let is_stale = slot.as_ref().is_some_and(|series| series.touched < before);
            if is_stale && let Some(series) = slot.take() {
                self.free.push(place);
                if self.overflow == Some(place) {
                    self.overflow = None;
                } else {
                    self.by_values.remove(&series.values);
                }
                if let Some(ended) = &mut self.ended
                    && ended.len() < ENDED_MAX
                {
                    ended.push(series);
                }
            }
        }
    }

    /// Every series that has this value, with its labels.
    pub(crate) fn points(
        &self,
        selection: Selection,
        value_of: impl Fn(&V) -> Option<Value>,
    ) -> Vec<Point> {
        let (live, ended) = match selection {
            Selection::Live => (&*self.slots, &[][..]),
            Selection::Ended => (&[][..], self.ended.as_deref().unwrap_or_default()),
        };
        let all = live.iter().flatten().chain(ended);
        all.filter_map(|series| {
            let value = value_of(&series.value)?;
            Some(Point { labels: Arc::clone(&series.labels), created: series.created, value })
        })
        .collect()
    }

    /// Whoever asked for the series that ended has them.
    pub(crate) fn forget_ended(&mut self) {
        self.ended.iter_mut().for_each(Vec::clear);
    }

    /// Every live series.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Series<V>> {
        self.slots.iter().flatten()
    }

    /// Takes over a series of an earlier life; without values it is the overflow.
    pub(crate) fn restore(&mut self, values: &[Arc<str>], touched: Duration, value: V) {
        let place = if values.is_empty() {
            let place = self.insert(Box::default(), Duration::ZERO, value);
            self.overflow = Some(place);
            place
        } else {
            let place = self.insert(values.into(), Duration::ZERO, value);
            self.by_values.insert(values.into(), place);
            place
        };
        self.touch(place, touched);
    }

    fn labels_of(&self, values: &[Arc<str>]) -> Labels {
        if values.is_empty() {
            return [(OVERFLOW_LABEL.into(), "true".into())].into();
        }
        let named = self.names.iter().cloned().zip(values.iter().cloned());
        named.filter(|(_, value)| !value.is_empty()).collect()
    }

    fn touch(&mut self, place: usize, now: Duration) {
        if let Some(series) = &mut self.slots[place] {
            series.touched = now;
        }
    }

    fn insert(&mut self, values: Box<[Arc<str>]>, now: Duration, value: V) -> usize {
        let labels = self.labels_of(&values);
        let series = Some(Series { values, labels, created: now, touched: now, value });
        match self.free.pop() {
            Some(place) => {
                self.slots[place] = series;
                place
            }
            None => {
                self.slots.push(series);
                self.slots.len() - 1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(series_max: usize) -> Table<u64> {
        Table::new(vec!["a".into(), "b".into()], series_max, true)
    }

    fn add(table: &mut Table<u64>, values: [&str; 2], second: u64) {
        let values = values.map(Arc::from);
        let place = table.place(&values, Duration::from_secs(second), || 0);
        *table.at(place) += 1;
    }

    fn told(table: &Table<u64>) -> Vec<(String, f64)> {
        let points = table.points(Selection::Live, |&value| Some(Value::Number(value as f64)));
        let mut told: Vec<_> = points
            .into_iter()
            .map(|point| {
                let labels = point.labels.iter().map(|(name, value)| format!("{name}={value}"));
                let Value::Number(number) = point.value else { panic!("a number") };
                (labels.collect::<Vec<_>>().join(","), number)
            })
            .collect();
        told.sort_by(|a, b| a.0.cmp(&b.0));
        told
    }

    #[test]
    fn equal_labels_are_one_series_and_empty_ones_are_left_out() {
        let mut table = table(10);
        add(&mut table, ["x", "y"], 1);
        add(&mut table, ["x", "y"], 1);
        add(&mut table, ["x", ""], 1);
        assert_eq!(told(&table), [("a=x".into(), 1.0), ("a=x,b=y".into(), 2.0)]);
    }

    #[test]
    fn what_finds_no_room_is_counted_all_the_same() {
        let mut table = table(1);
        for name in ["x", "y", "z", "x"] {
            add(&mut table, [name, ""], 1);
        }
        assert!(table.has_overflowed());
        assert_eq!(told(&table), [("a=x".into(), 2.0), ("metric_overflow=true".into(), 2.0)]);
    }

    #[test]
    fn the_stale_make_room() {
        let mut table = table(1);
        add(&mut table, ["x", ""], 1);
        add(&mut table, ["y", ""], 2);
        table.expire(Duration::from_secs(2));
        add(&mut table, ["z", ""], 3);
        assert_eq!(told(&table), [("a=z".into(), 1.0), ("metric_overflow=true".into(), 1.0)]);
        table.expire(Duration::from_secs(9));
        assert_eq!((told(&table), table.len()), (vec![], 0));
        assert!(!table.has_overflowed());

        // Those that have gone are told once.
        let number = |&value: &u64| Some(Value::Number(value as f64));
        assert_eq!(table.points(Selection::Ended, number).len(), 3);
        table.forget_ended();
        assert_eq!(table.points(Selection::Ended, number), []);
    }
}
