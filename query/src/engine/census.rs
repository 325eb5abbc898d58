//! How often each value of each field occurs, in several classes of spans at once.

use super::{
    EngineError,
    codes::Codes,
    column::{Column, Data, Scalar},
    operand::{Frame, field_columns},
    scan::Fold,
    view::View,
};
use crate::traceql::{FieldRef, Intrinsic, Scope};
use arrow_buffer::BooleanBuffer;
use rapidhash::RapidHashMap;
use sigyn_store::AttributeScope;
use std::sync::Arc;

/// Bytes of values that a census holds.
const BYTES_MAX: usize = 96 << 20;
/// Bytes that a value takes beside its text and its counts.
const VALUE_BYTES: usize = 96;

/// The class of each row of a view; rows of `None` count nowhere.
pub(super) type Classify =
    dyn Fn(&View, &BooleanBuffer) -> Result<Vec<u32>, EngineError> + Send + Sync;

/// What is counted.
pub(super) struct Question {
    /// `None`: every attribute that occurs, and what spans have by nature as far as it groups them.
    pub(super) fields: Option<Vec<FieldRef>>,
    /// Number of classes.
    pub(super) classes: usize,
    /// `None`: all are in class 0.
    pub(super) classify: Option<Box<Classify>>,
    /// Values kept of a field.
    pub(super) values_max: usize,
    /// Which values are kept.
    pub(super) keep: Keep,
}

/// Which values are kept when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// The smallest ones. Exact.
    First,
    /// The most frequent ones. What is kept is counted exactly as long as its parts are frequent.
    Frequent,
}

/// The values of one field.
#[derive(Default)]
pub(super) struct Counts {
    /// By class, spans that have the field.
    pub(super) present: Vec<u64>,
    pub(super) values: RapidHashMap<Vec<u8>, (Scalar, Vec<u64>)>,
    /// Values that were not kept.
    pub(super) forgotten: u64,
}

/// A census under way.
pub(super) struct Census {
    pub(super) question: Arc<Question>,
    /// By class.
    pub(super) spans: Vec<u64>,
    pub(super) fields: RapidHashMap<FieldRef, Counts>,
    bytes: usize,
}

impl Census {
    pub(super) fn new(question: &Arc<Question>) -> Self {
        Self {
            question: question.clone(),
            spans: vec![0; question.classes],
            fields: RapidHashMap::default(),
            bytes: 0,
        }
    }

    fn count(
        &mut self,
        name: &FieldRef,
        fields: &[FieldRef],
        view: &View,
        wanted: &BooleanBuffer,
        class_of: Option<&[u32]>,
    ) -> Result<(), EngineError> {
        let classes = self.question.classes;
        let class = |row: usize| class_of.map_or(0, |of| of[row] as usize);
        let mut columns: Vec<Column> = Vec::new();
        for field in fields {
            columns.extend(field_columns(field, Frame::rows(view))?);
        }
        // An array is given by its elements.
        columns.retain(|column| !matches!(column.data, Data::Encoded(_)));
        if columns.is_empty() {
            return Ok(());
        }
        let counts = self.fields.entry(name.clone()).or_default();
        counts.present.resize(classes, 0);
        let alone = columns.len() == 1;
        // Several columns of one field may speak of the same row.
        let mut present = (!alone).then(|| vec![false; view.len()]);
        for column in columns {
            let Column { data, fan } = column;
            let owners = fan.map(|fan| fan.owners);
            let entries = match &owners {
                None => wanted.clone(),
                Some(owners) => BooleanBuffer::collect_bool(owners.len(), |entry| {
                    wanted.value(owners.value(entry) as usize)
                }),
            };
            let codes = Codes::of_data(data, &entries);
            let mut table = vec![0u64; codes.len() * classes];
            // A span counts once for a value, however many of its events have it.
            let mut last = owners.is_some().then(|| vec![u32::MAX; codes.len()]);
            let mut last_present = u32::MAX;
            if owners.is_none() && class_of.is_none() && alone {
                table = codes.count(&entries);
                counts.present[0] += table[1..].iter().sum::<u64>();
            } else {
                for entry in entries.set_indices() {
                    let code = codes.code(entry) as usize;
                    if code == 0 {
                        continue;
                    }
                    let row = owners.as_ref().map_or(entry, |owners| owners.value(entry) as usize);
                    match &mut present {
                        Some(present) => {
                            let before = std::mem::replace(&mut present[row], true);
                            counts.present[class(row)] += u64::from(!before);
                        }
                        None if last_present != row as u32 => {
                            last_present = row as u32;
                            counts.present[class(row)] += 1;
                        }
                        None => {}
                    }
                    if let Some(last) = &mut last
                        && std::mem::replace(&mut last[code], row as u32) == row as u32
                    {
                        continue;
                    }
                    table[code * classes + class(row)] += 1;
                }
            }
            for (code, numbers) in table.chunks(classes).enumerate().skip(1) {
                if numbers.iter().any(|number| *number > 0)
                    && let Some(value) = codes.value(code as u32)
                {
                    self.bytes += counts.take(value, numbers);
                }
            }
        }
        self.bounded(name)
    }

    fn bounded(&mut self, name: &FieldRef) -> Result<(), EngineError> {
        let Some(counts) = self.fields.get_mut(name) else { return Ok(()) };
        if counts.values.len() > 2 * self.question.values_max {
            let before = counts.values.len();
            counts.keep(self.question.keep, self.question.values_max);
            let share = (before - counts.values.len()) as f64 / before as f64;
            self.bytes -= (self.bytes as f64 * share / self.fields.len() as f64) as usize;
        }
        if self.bytes > BYTES_MAX {
            return Err(EngineError::Stopped(format!(
                "the spans have more different values than fit into {} MiB; narrow the query by time or service",
                BYTES_MAX >> 20
            )));
        }
        Ok(())
    }

    /// The counts of a field, cut to what is kept, in the order of what is kept.
    pub(super) fn into_values(self) -> Vec<(FieldRef, Counts)> {
        let mut fields: Vec<_> = self.fields.into_iter().collect();
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        fields
    }
}

impl Counts {
    /// Adds to a value; how many bytes that took.
    fn take(&mut self, value: Scalar, numbers: &[u64]) -> usize {
        let mut key = Vec::new();
        value.write_key(&mut key);
        let bytes = VALUE_BYTES + 2 * key.len() + 8 * numbers.len();
        match self.values.get_mut(&key) {
            Some((_, own)) => {
                own.iter_mut().zip(numbers).for_each(|(own, number)| *own += number);
                0
            }
            None => {
                self.values.insert(key, (value, numbers.to_vec()));
                bytes
            }
        }
    }

    fn keep(&mut self, keep: Keep, count: usize) {
        if self.values.len() <= count {
            return;
        }
        let mut all: Vec<_> = std::mem::take(&mut self.values).into_iter().collect();
        self.forgotten += (all.len() - count) as u64;
        all.sort_by(|(_, a), (_, b)| by(keep, a, b));
        all.truncate(count);
        self.values = all.into_iter().collect();
    }

    /// The values in the order of what is kept.
    pub(super) fn sorted(self, keep: Keep) -> Vec<(Scalar, Vec<u64>)> {
        let mut values: Vec<_> = self.values.into_values().collect();
        values.sort_by(|a, b| by(keep, a, b));
        values
    }
}

fn by(keep: Keep, a: &(Scalar, Vec<u64>), b: &(Scalar, Vec<u64>)) -> std::cmp::Ordering {
    let total = |it: &(Scalar, Vec<u64>)| it.1.iter().sum::<u64>();
    match keep {
        Keep::First => a.0.order(&b.0),
        Keep::Frequent => total(b).cmp(&total(a)).then_with(|| a.0.order(&b.0)),
    }
}

impl Fold for Census {
    fn add(&mut self, view: &View, wanted: &BooleanBuffer) -> Result<(), EngineError> {
        let question = self.question.clone();
        let classes = match &question.classify {
            Some(classify) => Some(classify(view, wanted)?),
            None => None,
        };
        match &classes {
            Some(classes) => {
                wanted.set_indices().for_each(|row| self.spans[classes[row] as usize] += 1);
            }
            None => self.spans[0] += wanted.count_set_bits() as u64,
        }
        match &question.fields {
            Some(fields) => {
                for field in fields {
                    let of = scopes(field);
                    self.count(field, &of, view, wanted, classes.as_deref())?;
                }
            }
            None => {
                for field in occurring(view)? {
                    let of = std::slice::from_ref(&field);
                    self.count(&field, of, view, wanted, classes.as_deref())?;
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, later: Self) -> Result<(), EngineError> {
        self.spans.iter_mut().zip(later.spans).for_each(|(own, other)| *own += other);
        for (field, counts) in later.fields {
            let own = self.fields.entry(field.clone()).or_default();
            own.present.resize(self.question.classes, 0);
            own.present.iter_mut().zip(&counts.present).for_each(|(own, other)| *own += other);
            own.forgotten += counts.forgotten;
            for (value, numbers) in counts.values.into_values() {
                self.bytes += own.take(value, &numbers);
            }
            self.bounded(&field)?;
        }
        Ok(())
    }
}

/// Without a scope all scopes count, also those that another one hides.
fn scopes(field: &FieldRef) -> Vec<FieldRef> {
    match field {
        FieldRef::Attribute { scope: Scope::Any, name } => {
            [Scope::Span, Scope::Resource, Scope::Event, Scope::Link, Scope::Instrumentation]
                .map(|scope| FieldRef::attribute(scope, name))
                .to_vec()
        }
        other => vec![other.clone()],
    }
}

/// Every attribute of a view's source, and the intrinsics that group spans.
fn occurring(view: &View) -> Result<Vec<FieldRef>, EngineError> {
    let mut fields: Vec<FieldRef> = [
        Intrinsic::Name,
        Intrinsic::Status,
        Intrinsic::StatusMessage,
        Intrinsic::Kind,
        Intrinsic::InstrumentationName,
        Intrinsic::InstrumentationVersion,
        Intrinsic::EventName,
    ]
    .map(FieldRef::from)
    .to_vec();
    if view.trace_fields.is_some() {
        fields.extend([Intrinsic::RootName, Intrinsic::RootService].map(FieldRef::from));
    }
    let all = [
        (AttributeScope::Span, Scope::Span),
        (AttributeScope::Resource, Scope::Resource),
        (AttributeScope::Event, Scope::Event),
        (AttributeScope::Link, Scope::Link),
        (AttributeScope::Instrumentation, Scope::Instrumentation),
    ];
    for (scope, word) in all {
        let names = view.attribute_names(scope)?;
        fields.extend(names.into_iter().map(|name| FieldRef::attribute(word, name)));
    }
    Ok(fields)
}
