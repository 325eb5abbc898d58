//! `q` of a trace by its ID: which of its spans come back.
//!
//! The engine says which spans match; what is kept around them is a walk over the tree here.

use crate::{
    api::{ApiState, Fault, parameters::Parameters, trace},
    engine::SpanMatch,
    traceql::{self, FieldRef, Intrinsic, Query, QueryBody, SpansetExpression, Stage},
};
use rapidhash::{RapidHashMap, RapidHashSet};
use sigyn_proto::otlp::trace::v1::{Span, TracesData};
use sigyn_store::TraceId;

/// Which spans of a trace to give back.
pub(super) struct TraceFilter {
    /// One `{ … }`.
    query: Query,
    /// Levels of descendants of each match that are kept as well.
    match_depth: usize,
    /// Levels of ancestors of each match that are kept as well.
    ancestor_depth: usize,
}

impl TraceFilter {
    /// Reads `q`, `match_depth`, `keep_hierarchy` and `ancestor_depth`; `None` when there is nothing to filter by.
    pub(super) fn of(parameters: &Parameters) -> Result<Option<Self>, Fault> {
        let keep_hierarchy = match parameters.get("keep_hierarchy") {
            None | Some("false" | "False" | "FALSE" | "f" | "F" | "0") => false,
            Some("true" | "True" | "TRUE" | "t" | "T" | "1") => true,
            Some(other) => return Err(Fault::parameter("keep_hierarchy", other, "true or false")),
        };
        let match_depth = depth(parameters, "match_depth", 0)?;
        let ancestor_depth =
            if keep_hierarchy { depth(parameters, "ancestor_depth", usize::MAX)? } else { 0 };
        let text = parameters.get("q").unwrap_or_default();
        if text.trim().is_empty() {
            return Ok(None);
        }
        let query = traceql::parse(text)?;
        validate(&query)?;
        Ok(Some(Self { query, match_depth, ancestor_depth }))
    }

    /// The trace without what is not wanted, and a sentence that says so where something is missing.
    pub(super) async fn apply(
        self,
        state: &ApiState,
        id: TraceId,
        decoded: TracesData,
    ) -> Result<(TracesData, Option<String>), Fault> {
        let matches = state.engine.spans_of_trace(id, self.query).await?;
        let depths = (self.match_depth, self.ancestor_depth);
        trace::on_blocking_thread(move || Ok(cut(decoded, &matches, depths))).await
    }
}

/// What is left of a trace, and a sentence where that is not all of it.
fn cut(
    mut decoded: TracesData,
    matches: &[SpanMatch],
    (match_depth, ancestor_depth): (usize, usize),
) -> (TracesData, Option<String>) {
    let spans: Vec<&Span> = trace::spans_of(&decoded.resource_spans).collect();
    let count = spans.len();
    let matching = places(&spans, matches);
    let mut kept = vec![false; count];
    matching.iter().for_each(|&at| kept[at] = true);
    if match_depth > 0 {
        let mut children: RapidHashMap<&[u8], Vec<usize>> = RapidHashMap::default();
        for (at, span) in spans.iter().enumerate() {
            children.entry(&span.parent_span_id).or_default().push(at);
        }
        let below = |at: usize| children.get(&spans[at].span_id[..]);
        walk(&matching, match_depth, &mut kept, below);
    }
    if ancestor_depth > 0 {
        let mut by_id: RapidHashMap<&[u8], Vec<usize>> = RapidHashMap::default();
        for (at, span) in spans.iter().enumerate() {
            by_id.entry(&span.span_id).or_default().push(at);
        }
        let above = |at: usize| by_id.get(&spans[at].parent_span_id[..]);
        walk(&matching, ancestor_depth, &mut kept, above);
    }
    let left = kept.iter().filter(|kept| **kept).count();
    if left == count {
        return (decoded, None);
    }
    retain(&mut decoded, &kept);
    let matched = matching.len();
    let sentence = format!("{matched} of {count} spans match the filter q; {left} are shown");
    (decoded, Some(sentence))
}

/// A number of levels; −1 is all of them.
fn depth(parameters: &Parameters, name: &str, default: usize) -> Result<usize, Fault> {
    let expected = "a number of levels from 0, or -1 for all";
    match parameters.number::<i64>(name, expected)? {
        None => Ok(default),
        Some(-1) => Ok(usize::MAX),
        Some(levels) => usize::try_from(levels)
            .map_err(|_| Fault::parameter(name, &levels.to_string(), expected)),
    }
}

/// Only what a span says of itself can choose spans of a trace.
fn validate(query: &Query) -> Result<(), Fault> {
    let one_filter = "q must be one filter such as { status = error }";
    let QueryBody::Search(pipeline) = &query.body else {
        return Err(Fault::bad_request(format!(
            "{one_filter}; a metrics query is not possible here"
        )));
    };
    let [Stage::Spanset(SpansetExpression::Filter(condition))] = &pipeline.stages[..] else {
        return Err(Fault::bad_request(format!(
            "{one_filter}; pipelines and operators between filters are not possible here"
        )));
    };
    let mut of_trace = None;
    if let Some(condition) = condition {
        condition.visit_fields(&mut |field| {
            if is_of_trace(field) {
                of_trace = Some(field.to_string());
            }
        });
    }
    match of_trace {
        None => Ok(()),
        Some(field) => Err(Fault::bad_request(format!(
            "{field} is the same for all spans of a trace; q must ask for fields of single spans"
        ))),
    }
}

fn is_of_trace(field: &FieldRef) -> bool {
    use Intrinsic::{RootName, RootService, TraceDuration};
    matches!(field, FieldRef::Intrinsic(TraceDuration | RootName | RootService))
}

/// Where the spans that the engine found stand. Two spans may share an ID (Zipkin's client and server do), but not the name and the
/// start as well.
fn places(spans: &[&Span], matches: &[SpanMatch]) -> Vec<usize> {
    let found: RapidHashSet<(&[u8], u64, &str)> = matches
        .iter()
        .map(|span| (&span.span_id.0[..], span.start_unix_nano, span.name.as_str()))
        .collect();
    let is_found = |span: &Span| {
        found.contains(&(&span.span_id[..], span.start_time_unix_nano, &span.name[..]))
    };
    (0..spans.len()).filter(|&at| is_found(spans[at])).collect()
}

/// Marks what can be reached from some spans in a number of steps. Each span is entered once, so circles end.
fn walk<'a>(
    from: &[usize],
    levels: usize,
    kept: &mut [bool],
    next: impl Fn(usize) -> Option<&'a Vec<usize>>,
) {
    let mut entered = vec![false; kept.len()];
    from.iter().for_each(|&at| entered[at] = true);
    let mut level = from.to_vec();
    for _ in 0..levels {
        let mut further = Vec::new();
        for &at in level.iter().filter_map(|&at| next(at)).flatten() {
            if !entered[at] {
                entered[at] = true;
                kept[at] = true;
                further.push(at);
            }
        }
        if further.is_empty() {
            return;
        }
        level = further;
    }
}

/// Leaves only the spans that are kept, and no resource or scope without any.
fn retain(decoded: &mut TracesData, kept: &[bool]) {
    let mut kept = kept.iter();
    for resource in &mut decoded.resource_spans {
        for scope in &mut resource.scope_spans {
            scope.spans.retain(|_| *kept.next().expect("there is a mark for each span"));
        }
        resource.scope_spans.retain(|scope| !scope.spans.is_empty());
    }
    decoded.resource_spans.retain(|resource| !resource.scope_spans.is_empty());
}
