//! Names and values of attributes among selected spans.

use super::{
    EngineError, Value, ValueCount,
    census::{Census, Keep, Question},
    column::Scalar,
    occurrences::{Occurrences, services_of},
    operand::{Frame, field_columns},
    scan::{Fold, News, Scan},
    view::View,
};
use crate::traceql::{
    ComparisonOperator, FieldExpression, FieldRef, Intrinsic, Literal, Pipeline, Scope, Span,
    SpanKind, SpansetExpression, Stage, StatusCode,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;
use parking_lot::Mutex;
use rapidhash::RapidHashSet;
use sigyn_store::AttributeScope;
use std::{collections::BTreeSet, sync::Arc};

/// Names of a scope that are kept at most.
const NAMES_MAX: usize = 100_000;

const SCOPES: [(AttributeScope, Scope); 5] = [
    (AttributeScope::Span, Scope::Span),
    (AttributeScope::Resource, Scope::Resource),
    (AttributeScope::Event, Scope::Event),
    (AttributeScope::Link, Scope::Link),
    (AttributeScope::Instrumentation, Scope::Instrumentation),
];

type Known = Arc<Mutex<RapidHashSet<(AttributeScope, String)>>>;

/// Names found; what one thread has found, others need not look for.
struct Names {
    found: BTreeSet<(AttributeScope, String)>,
    known: Known,
    /// Services of which each span is of one, where the question says so.
    services: Option<Arc<[String]>>,
    occurrences: Arc<Occurrences>,
}

impl Fold for Names {
    const COUNTS: bool = false;

    fn add(&mut self, view: &View, wanted: &BooleanBuffer) -> Result<(), EngineError> {
        let all = view.is_whole() && wanted.count_set_bits() == wanted.len();
        let of_services = match &self.services {
            Some(services) if view.is_whole() && !all => {
                let of = self.occurrences.of(&**view.source(), view.cancellation())?;
                of.map(|of| (of, services.clone()))
            }
            _ => None,
        };
        for (scope, word) in SCOPES {
            for name in view.attribute_names(scope)? {
                let key = (scope, name);
                if self.known.lock().contains(&key) || self.known.lock().len() > NAMES_MAX {
                    continue;
                }
                if let Some((of, services)) = &of_services
                    && !of.has(services, scope, &key.1)
                {
                    continue;
                }
                let occurs = all || {
                    if !matches!(scope, AttributeScope::Event | AttributeScope::Link) {
                        // No need to look into arrays.
                        let arrays = view.attribute(scope, &key.1)?;
                        if arrays.iter().any(|array| any_valid(array, wanted)) {
                            self.known.lock().insert(key.clone());
                            self.found.insert(key);
                        }
                        continue;
                    }
                    let field = FieldRef::attribute(word, &key.1);
                    let columns = field_columns(&field, Frame::rows(view))?;
                    columns
                        .iter()
                        .any(|column| (&column.presence(view.len()) & wanted).count_set_bits() > 0)
                };
                if occurs {
                    self.known.lock().insert(key.clone());
                    self.found.insert(key);
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, later: Self) -> Result<(), EngineError> {
        self.found.extend(later.found);
        Ok(())
    }
}

fn any_valid(array: &ArrayRef, wanted: &BooleanBuffer) -> bool {
    match array.nulls() {
        Some(nulls) => (nulls.inner() & wanted).count_set_bits() > 0,
        None => wanted.count_set_bits() > 0,
    }
}

/// By scope, sorted.
pub(super) async fn names(
    scan: &Scan,
    occurrences: Arc<Occurrences>,
) -> Result<Vec<(AttributeScope, Vec<String>)>, EngineError> {
    let known = Known::default();
    let services = services_of(scan.necessary()).map(Arc::from);
    let make = move || Names {
        found: BTreeSet::new(),
        known: known.clone(),
        services: services.clone(),
        occurrences: occurrences.clone(),
    };
    let found = scan.run(make, None::<&News<Names, ()>>).await?.fold.found;
    let of = |scope| found.iter().filter(move |(of, _)| *of == scope).map(|(_, name)| name.clone());
    Ok(SCOPES.into_iter().map(|(scope, _)| (scope, of(scope).collect())).collect())
}

/// Sorted by type, then value; the first `limit` of them. Status and kind give all their words, durations nothing.
pub(super) async fn values(
    scan: &Scan,
    pipeline: Pipeline,
    field: &FieldRef,
    limit: usize,
) -> Result<Vec<ValueCount>, EngineError> {
    let is_all = pipeline.stages.is_empty();
    let (pipeline, field) = match field {
        FieldRef::Intrinsic(intrinsic) => match intrinsic {
            Intrinsic::Duration
            | Intrinsic::TraceDuration
            | Intrinsic::EventTimeSinceStart
            | Intrinsic::ChildCount
            | Intrinsic::NestedSetLeft
            | Intrinsic::NestedSetRight
            | Intrinsic::NestedSetParent => return Ok(Vec::new()),
            // A root's name is a name, and its service a service: those of all roots.
            Intrinsic::RootName if is_all => (roots(), Intrinsic::Name.into()),
            Intrinsic::RootService if is_all => {
                (roots(), FieldRef::attribute(Scope::Resource, "service.name"))
            }
            _ => (pipeline, field.clone()),
        },
        FieldRef::Attribute { .. } => (pipeline, field.clone()),
    };
    let plan = super::plan::Plan::of_pipeline(pipeline).reading(std::iter::once(&field));
    let question = Arc::new(Question {
        fields: Some(vec![field.clone()]),
        classes: 1,
        classify: None,
        values_max: limit.max(1),
        keep: Keep::First,
    });
    let make = move || Census::new(&question);
    let scanned = scan.with_plan(plan).run(make, None::<&News<Census, ()>>).await?;
    let counts = scanned.fold.into_values().pop().map(|(_, counts)| counts.sorted(Keep::First));
    let mut counts = counts.unwrap_or_default();
    let words: Vec<Scalar> = match field {
        FieldRef::Intrinsic(Intrinsic::Status) => {
            StatusCode::ALL.into_iter().map(|status| Scalar::Status(status as u8)).collect()
        }
        FieldRef::Intrinsic(Intrinsic::Kind) => {
            SpanKind::ALL.into_iter().map(|kind| Scalar::Kind(kind as u8)).collect()
        }
        _ => Vec::new(),
    };
    for word in words {
        if counts.iter().all(|(value, _)| *value != word) {
            counts.push((word, vec![0]));
        }
    }
    counts.sort_by(|a, b| a.0.order(&b.0));
    counts.truncate(limit);
    Ok(counts.into_iter().map(counted).collect())
}

pub(super) fn counted((scalar, counts): (Scalar, Vec<u64>)) -> ValueCount {
    let value: Value = scalar.into_value();
    ValueCount { value, count: counts.first().copied().unwrap_or(0) }
}

fn roots() -> Pipeline {
    let place = Span::default();
    let is_root = FieldExpression::Comparison {
        operator: ComparisonOperator::Equal,
        left: Box::new(FieldExpression::Field(Intrinsic::ParentId.into(), place)),
        right: Box::new(FieldExpression::Literal(Literal::Nil, place)),
        span: place,
    };
    Pipeline { stages: vec![Stage::Spanset(SpansetExpression::Filter(Some(is_root)))] }
}
