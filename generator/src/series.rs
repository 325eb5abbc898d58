//! Series in memory, bounded in number, and the shape in which they are handed out.

use crate::histogram::HistogramValue;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Label names and values in the order of the family; empty values are left out.
pub type Labels = Vec<(Arc<str>, Arc<str>)>;

/// The label of the series that counts what found no room.
const OVERFLOW_LABEL: &str = "metric_overflow";

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
    /// Its value.
    pub value: Value,
}

/// What a series says.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter or gauge.
    Number(f64),
    /// Of a histogram.
    Histogram(Box<HistogramValue>),
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
}

struct Series<V> {
    values: Box<[Arc<str>]>,
    touched: Duration,
    value: V,
}

impl<V> Table<V> {
    pub(crate) fn new(names: Vec<Arc<str>>, series_max: usize) -> Self {
        Self {
            names,
            by_values: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            series_max,
            overflow: None,
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
            }
        }
    }

    /// Every series with its labels.
    pub(crate) fn points(&self, value_of: impl Fn(&V) -> Value) -> Vec<Point> {
        self.points_where(|value| Some(value_of(value)))
    }

    /// Every series that has this value, with its labels.
    pub(crate) fn points_where(&self, value_of: impl Fn(&V) -> Option<Value>) -> Vec<Point> {
        let series = self.slots.iter().enumerate();
        series
            .filter_map(|(place, slot)| {
                let series = slot.as_ref()?;
                let value = value_of(&series.value)?;
                let labels = if self.overflow == Some(place) {
                    vec![(OVERFLOW_LABEL.into(), "true".into())]
                } else {
                    let named = self.names.iter().cloned().zip(series.values.iter().cloned());
                    named.filter(|(_, value)| !value.is_empty()).collect()
                };
                Some(Point { labels, value })
            })
            .collect()
    }

    fn touch(&mut self, place: usize, now: Duration) {
        if let Some(series) = &mut self.slots[place] {
            series.touched = now;
        }
    }

    fn insert(&mut self, values: Box<[Arc<str>]>, now: Duration, value: V) -> usize {
        let series = Some(Series { values, touched: now, value });
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
        Table::new(vec!["a".into(), "b".into()], series_max)
    }

    fn add(table: &mut Table<u64>, values: [&str; 2], second: u64) {
        let values = values.map(Arc::from);
        let place = table.place(&values, Duration::from_secs(second), || 0);
        *table.at(place) += 1;
    }

    fn told(table: &Table<u64>) -> Vec<(String, f64)> {
        let points = table.points(|&value| Value::Number(value as f64));
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
    }
}
