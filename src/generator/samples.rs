//! Families of the generator as the series of remote write.

use super::exemplars::Shown;
use sigyn_collector::remote_write::{Exemplar, Kind, STALE, Series, Value};
use sigyn_generator::{self as generator, ExemplarPoint, Family, HistogramValue, Labels, Point};
use sigyn_proto::prometheus::{exposition::BucketSpan, write_v1::Histogram};
use std::{collections::HashSet, time::Duration};

/// The moments of a collection.
pub(super) struct Moments {
    /// Of this one, milliseconds since the Unix epoch.
    pub(super) now_unix_milli: i64,
    /// Of the one before, on the clock that says when a series was created. A series that is younger was 0 then.
    pub(super) before: Duration,
    /// When that was.
    pub(super) before_unix_milli: i64,
}

/// What becomes of a value before it is sent.
#[derive(Clone, Copy)]
enum Fate {
    /// It was sent before and is now this.
    Known,
    /// It was 0 at the last collection: a rate needs that sample to see the first increase.
    New,
    Ended,
}

/// Says every series, and that those which ended have done so.
pub(super) fn for_each(
    live: &[Family],
    ended: &[Family],
    moments: &Moments,
    sent: &Shown,
    say: &mut impl FnMut(&Series<'_>),
) {
    for family in live {
        for point in &family.points {
            let is_new = point.created > moments.before && family.kind != generator::Kind::Gauge;
            let fate = if is_new { Fate::New } else { Fate::Known };
            Writer { family, moments, sent, fate }.point(point, say);
        }
    }
    if ended.is_empty() {
        return;
    }
    // One that ended and came again goes on.
    let is_live: HashSet<(&str, &Labels)> = live
        .iter()
        .flat_map(|family| family.points.iter().map(|point| (family.name, &point.labels)))
        .collect();
    for family in ended {
        for point in family.points.iter().filter(|it| !is_live.contains(&(family.name, &it.labels)))
        {
            Writer { family, moments, sent, fate: Fate::Ended }.point(point, say);
        }
    }
}

struct Writer<'a> {
    family: &'a Family,
    moments: &'a Moments,
    sent: &'a Shown,
    fate: Fate,
}

impl Writer<'_> {
    fn point(&self, point: &Point, say: &mut impl FnMut(&Series<'_>)) {
        match (&point.value, self.family.kind) {
            (generator::Value::Number(number), generator::Kind::Counter) => {
                self.number("_total", &point.labels, None, *number, None, say);
            }
            (generator::Value::Number(number), _) => {
                self.number("", &point.labels, None, *number, None, say);
            }
            (generator::Value::Histogram(histogram), _) => {
                self.histogram(&point.labels, histogram, say);
            }
        }
    }

    fn histogram(
        &self,
        labels: &Labels,
        histogram: &HistogramValue,
        say: &mut impl FnMut(&Series<'_>),
    ) {
        let mut cumulative = 0;
        for (at, count) in histogram.counts.iter().enumerate() {
            cumulative += count;
            let bound = histogram.bounds.get(at).map_or("+Inf".to_owned(), f64::to_string);
            let point = self.news(histogram, at);
            self.number("_bucket", labels, Some(&bound), cumulative as f64, point, say);
        }
        if !histogram.counts.is_empty() {
            self.number("_count", labels, None, histogram.count as f64, None, say);
            self.number("_sum", labels, None, histogram.sum, None, say);
        }
        let Some(native) = &histogram.native else { return };
        let (spans, deltas) = native.spans_and_deltas();
        let spans = spans.iter().map(|it| BucketSpan { offset: it.offset, length: it.length });
        let whole = Histogram {
            count_int: histogram.count,
            sum: histogram.sum,
            schema: native.schema,
            zero_threshold: native.zero_threshold,
            zero_count_int: native.zero_count,
            positive_spans: spans.collect(),
            positive_deltas: deltas,
            timestamp: 0,
        };
        let empty = |sum| {
            let (schema, zero_threshold) = (native.schema, native.zero_threshold);
            Value::Histogram(Histogram { schema, zero_threshold, sum, ..Histogram::default() })
        };
        let values = self.values(Value::Histogram(whole), empty(0.0), empty(STALE));
        // With classic buckets, exemplars go with those.
        let with_native =
            |at: usize| self.news(histogram, at).filter(|_| histogram.counts.is_empty());
        let points: Vec<_> = (0..=histogram.bounds.len()).filter_map(with_native).collect();
        self.say("", labels, None, &values, &points, say);
    }

    /// The exemplar of a bucket, unless it was sent.
    fn news<'h>(&self, histogram: &'h HistogramValue, at: usize) -> Option<&'h ExemplarPoint> {
        let point = histogram.exemplar(at)?;
        let is_ended = matches!(self.fate, Fate::Ended);
        (!is_ended && !self.sent.has(self.family.name, at, point)).then_some(point)
    }

    fn number(
        &self,
        suffix: &str,
        labels: &Labels,
        bound: Option<&str>,
        value: f64,
        point: Option<&ExemplarPoint>,
        say: &mut impl FnMut(&Series<'_>),
    ) {
        let values = self.values(Value::Number(value), Value::Number(0.0), Value::Number(STALE));
        let points: Vec<_> = point.into_iter().collect();
        self.say(suffix, labels, bound, &values, &points, say);
    }

    fn values(&self, value: Value, zero: Value, stale: Value) -> Vec<(i64, Value)> {
        let now = self.moments.now_unix_milli;
        match self.fate {
            Fate::Known => vec![(now, value)],
            // After the end of a series of the same labels, which may have been sent with the last collection.
            Fate::New if self.moments.before_unix_milli + 1 < now => {
                vec![(self.moments.before_unix_milli + 1, zero), (now, value)]
            }
            Fate::New => vec![(now, value)],
            Fate::Ended => vec![(now, stale)],
        }
    }

    fn say(
        &self,
        suffix: &str,
        labels: &Labels,
        bound: Option<&str>,
        values: &[(i64, Value)],
        points: &[&ExemplarPoint],
        say: &mut impl FnMut(&Series<'_>),
    ) {
        let name = format!("{}{suffix}", self.family.name);
        let mut all: Vec<(&str, &str)> = vec![("__name__", &name)];
        all.extend(labels.iter().map(|(name, value)| (&**name, &**value)));
        all.extend(bound.map(|bound| ("le", bound)));
        let ids: Vec<[(&str, String); 2]> = points
            .iter()
            .map(|it| [("traceID", it.trace_id.to_string()), ("spanID", it.span_id.to_string())])
            .collect();
        let exemplars: Vec<Exemplar<'_>> = points
            .iter()
            .zip(&ids)
            .map(|(point, labels)| Exemplar {
                labels,
                value: point.value,
                timestamp_unix_milli: (point.timestamp_unix_nano / 1_000_000) as i64,
            })
            .collect();
        say(&Series {
            labels: &all,
            metric: self.family.name,
            help: self.family.help,
            kind: match self.family.kind {
                generator::Kind::Counter => Kind::Counter,
                generator::Kind::Gauge => Kind::Gauge,
                generator::Kind::Histogram => Kind::Histogram,
            },
            values,
            exemplars: &exemplars,
        });
    }
}
