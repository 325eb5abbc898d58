//! Blocks against each other: merged ones against one that was written at once.

use super::{Block, Blocks, shelf::Merged};
use crate::{
    AttributeScope, Field, Overlay, TextColumn, TextTest, TraceId, TraceSpans, Via,
    generations::Generations,
    objects::BlockPlace,
    otlp,
    simulation::Random,
    test_kit::{START_UNIX_NANO, any_request, check_choices, flattened, request},
};
use arrow_array::{
    Array, ArrayRef, RecordBatch, UInt32Array, UInt64Array,
    cast::AsArray,
    types::{Int64Type, UInt64Type},
};
use arrow_buffer::{BooleanBuffer, ScalarBuffer};
use arrow_cast::cast;
use arrow_schema::DataType;
use arrow_select::{
    concat::{concat, concat_batches},
    take::take,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use prost::Message;
use sigyn_proto::otlp::collector::trace::v1::ExportTraceServiceRequest;
use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};
use ulid::Ulid;

mod layouts;
mod lists;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A place for blocks, and how many there are.
struct Shelf {
    blocks: Blocks,
    count: u64,
}

impl Shelf {
    async fn new(folder: &Path) -> Self {
        Self { blocks: Blocks::open(BlockPlace::Folder, folder, None).await.unwrap(), count: 0 }
    }

    async fn write(&mut self, requests: &[ExportTraceServiceRequest]) -> Option<Arc<Block>> {
        let head = Generations::default();
        for request in requests {
            let body = request.encode_to_vec();
            self.count += 1;
            head.add(self.count, &body, &Overlay::default(), Via::Otlp, Duration::ZERO).unwrap();
        }
        let generation = head.cut()?;
        self.blocks.write(generation, Ulid::from_parts(1, 1), START_UNIX_NANO).await.unwrap()
    }

    async fn merge(
        &mut self,
        blocks: &[Arc<Block>],
        keep: impl Fn(&TraceId) -> bool + Send + 'static,
    ) -> Option<Arc<Block>> {
        self.count += 1;
        let name = Ulid::from_parts(2, u128::from(self.count));
        let about = Merged { writer: Ulid(1), level: 1, pinned: None };
        let merged =
            self.blocks.merge(blocks.to_vec(), move |id| Ok(keep(id)), name, about).await.unwrap();
        if let Some(merged) = &merged {
            // And what these have replaced.
            let names = blocks.iter().map(|block| block.meta());
            let names = names.flat_map(|meta| meta.replaces.iter().chain([&meta.block]));
            assert_eq!(merged.meta().replaces, names.copied().collect::<Vec<_>>());
        }
        merged
    }
}

/// A column of all row groups.
fn column(block: &Arc<Block>, field: Field) -> ArrayRef {
    let sources = Arc::clone(block).sources();
    let arrays: Vec<_> = sources.iter().map(|source| source.field(field).unwrap()).collect();
    concat(&arrays.iter().map(|array| &**array).collect::<Vec<_>>()).unwrap()
}

fn traces_file(folder: &Path, block: &Block) -> RecordBatch {
    let path = folder.join(block.meta().block.to_string()).join("traces.parquet");
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

fn trace_ids(block: &Arc<Block>) -> BTreeSet<TraceId> {
    let ids = column(block, Field::TraceId);
    let ids = ids.as_fixed_size_binary();
    (0..ids.len()).map(|row| TraceId(ids.value(row).try_into().unwrap())).collect()
}

fn contents(block: &Arc<Block>) -> BTreeSet<Vec<u8>> {
    let mut spans = BTreeSet::new();
    for id in trace_ids(block) {
        let chunk = block.trace(&id).unwrap().unwrap();
        let rows = (0..chunk.len() as u32).collect();
        spans.extend(flattened(&otlp::traces_data([(&chunk, rows)])));
    }
    spans
}

/// Sorted, and the same in every respect.
fn check_equal(folder: &Path, merged: &Arc<Block>, expected: &Arc<Block>) {
    assert_eq!(merged.meta().spans, expected.meta().spans);
    assert_eq!(merged.meta().traces, expected.meta().traces);
    for field in [Field::TraceId, Field::StartUnixNano, Field::SpanId, Field::ParentSpanId] {
        assert_eq!(&column(merged, field), &column(expected, field), "{field:?}");
    }
    assert_eq!(traces_file(folder, merged), traces_file(folder, expected));
    assert_eq!(contents(merged), contents(expected));
    let (ids, starts) = (column(merged, Field::TraceId), column(merged, Field::StartUnixNano));
    let (ids, starts) = (ids.as_fixed_size_binary(), starts.as_primitive::<UInt64Type>());
    assert!((0..ids.len()).map(|row| (ids.value(row), starts.value(row))).is_sorted());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..Default::default() })]

    #[test]
    fn merged_blocks_are_one_block_of_all_spans(
        lists in proptest::collection::vec(proptest::collection::vec(any_request(), 1..3), 1..4),
        repeated in any::<bool>(),
        kept in 0..4u8,
    ) {
        runtime().block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut shelf = Shelf::new(folder.path()).await;
            let mut all: Vec<_> = lists.concat();
            let mut blocks = Vec::new();
            for list in &lists {
                blocks.extend(shelf.write(list).await);
            }
            if repeated {
                // Two collectors have read the same buffers.
                blocks.extend(shelf.write(&lists[0]).await);
            }
            // Traces whose last byte is below this go.
            let keep = move |id: &TraceId| id.0[15] >= kept;
            for request in &mut all {
                for spans in request.resource_spans.iter_mut().flat_map(|it| &mut it.scope_spans) {
                    spans.spans.retain(|span| span.trace_id.get(15).is_none_or(|&it| it >= kept));
                }
            }
            let expected = shelf.write(&all).await;
            let merged = shelf.merge(&blocks, keep).await;
            assert_eq!(merged.is_some(), expected.is_some());
            if let (Some(merged), Some(expected)) = (merged, expected) {
                check_equal(folder.path(), &merged, &expected);
                for source in [merged, expected].into_iter().flat_map(Block::sources) {
                    check_choices(&*source);
                }
            }
        });
    }
}

#[test]
fn a_merge_of_many_row_groups_keeps_whole_traces_together() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::new(folder.path()).await;
        // One trace is larger than a row group; its spans point at each other from end to end.
        let requests: Vec<_> = (0..3u64)
            .map(|part| {
                let spans: Vec<_> = (0..40_000u64)
                    .map(|span| {
                        let trace = if span % 8 == 0 { (span % 251) as u8 } else { 200 };
                        (trace.max(1), 1 + span * 3 + part)
                    })
                    .collect();
                let mut request = request(&spans);
                for span in &mut request.resource_spans[0].scope_spans[0].spans {
                    let id = u64::from_be_bytes(span.span_id[..].try_into().unwrap());
                    span.parent_span_id = (120_000 - id).to_be_bytes().to_vec();
                }
                request
            })
            .collect();
        let mut blocks = Vec::new();
        for request in &requests {
            blocks.extend(shelf.write(std::slice::from_ref(request)).await);
        }
        let expected = shelf.write(&requests).await.unwrap();
        let merged = shelf.merge(&blocks, |_| true).await.unwrap();
        assert!(merged.meta().row_groups.len() > 1);
        assert_eq!(merged.meta().spans, 120_000);
        for field in [Field::TraceId, Field::StartUnixNano, Field::SpanId, Field::ParentSpanId] {
            assert_eq!(&column(&merged, field), &column(&expected, field), "{field:?}");
        }
        assert_eq!(traces_file(folder.path(), &merged), traces_file(folder.path(), &expected));
        let borders = merged.meta().row_groups.windows(2);
        let split = borders.filter(|pair| pair[0].trace_id_max == pair[1].trace_id_min);
        assert!(split.count() <= 1, "only the large trace is in two row groups");
        let sources = Arc::clone(&merged).sources();
        assert!(sources.iter().all(|source| source.field(Field::ParentSpanId).is_ok()));
    });
}

#[test]
fn a_damaged_block_is_an_error_and_never_a_panic() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::new(folder.path()).await;
        let (bodies, _) = sigyn_workload::Workload::bodies(3, 12, START_UNIX_NANO, 1_000_000_000);
        let requests: Vec<_> = bodies
            .iter()
            .map(|body| ExportTraceServiceRequest::decode(&body.bytes[..]).unwrap())
            .collect();
        let block = shelf.write(&requests).await.unwrap();
        let files = ["spans.parquet", "resources.parquet"].map(|file| {
            let path = folder.path().join(block.meta().block.to_string()).join(file);
            (std::fs::read(&path).unwrap(), path)
        });
        let ids = trace_ids(&block);
        let mut random = 0x9e37_79b9_7f4a_7c15u64;
        let (mut refused, mut rounds) = (0, 0);
        while rounds < 200 {
            rounds += 1;
            let (good, path) = &files[rounds / 2 % 2];
            let mut bytes = good.clone();
            for _ in 0..1 + rounds % 3 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Every other one hits the footer, where damage reaches farthest.
                let last = if rounds % 2 == 0 { bytes.len() / 8 } else { bytes.len() };
                let at = bytes.len() - 1 - (random >> 33) as usize % last;
                bytes[at] = (random >> 20) as u8;
            }
            if rounds % 10 == 0 {
                bytes.truncate((random >> 33) as usize % good.len());
            }
            std::fs::write(path, bytes).unwrap();
            // A place of its own, so that nothing is remembered.
            let place = Shelf::new(folder.path()).await;
            let (blocks, _) = place.blocks.load(Ulid::from_parts(1, 1)).await.unwrap();
            refused += usize::from(!reads_whole(&blocks[0], &ids));
            std::fs::write(path, good).unwrap();
        }
        assert!(refused > rounds / 4, "damage is noticed: {refused} of {rounds}");
        let place = Shelf::new(folder.path()).await;
        let (blocks, _) = place.blocks.load(Ulid::from_parts(1, 1)).await.unwrap();
        assert!(reads_whole(&blocks[0], &ids));
    });
}

/// Requests of the reference workload, of more spans than a page has.
fn workload() -> Vec<ExportTraceServiceRequest> {
    let (bodies, _) = sigyn_workload::Workload::bodies(5, 900, START_UNIX_NANO, 1_000_000_000);
    let decode = |body: &[u8]| ExportTraceServiceRequest::decode(body).unwrap();
    bodies.iter().map(|body| decode(&body.bytes)).collect()
}

/// A block of them, in which one span ends before it starts, and how long each row lasts.
async fn lasting(shelf: &mut Shelf) -> (Arc<Block>, ScalarBuffer<i64>) {
    let mut requests = workload();
    let span = &mut requests[0].resource_spans[0].scope_spans[0].spans[0];
    span.end_time_unix_nano = span.start_time_unix_nano - 1;
    let block = shelf.write(&requests).await.unwrap();
    let durations = Arc::clone(&block).sources().remove(0).field(Field::DurationNano).unwrap();
    (block, durations.as_primitive::<Int64Type>().values().clone())
}

#[test]
fn spans_that_last_long_are_those_whose_durations_say_so() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::new(folder.path()).await;
        let (block, durations) = lasting(&mut shelf).await;
        let source = block.sources().remove(0);
        let mut sorted = durations.to_vec();
        sorted.sort_unstable();
        let longest = sorted[sorted.len() - 1];
        let few = sorted[sorted.len() - 3];
        for min in [few, longest, longest + 1, sorted[sorted.len() - 200], sorted[0], i64::MIN] {
            // The second time it is remembered.
            for _ in 0..2 {
                let Some(found) = source.rows_lasting(min).unwrap() else {
                    assert!(min < few, "few spans lie in few pages");
                    continue;
                };
                assert!(min > 0, "all pages would have to be read");
                let expected =
                    BooleanBuffer::collect_bool(durations.len(), |at| durations[at] >= min);
                assert_eq!(found, expected, "{min}");
            }
        }
    });
}

#[test]
fn a_block_that_was_made_ready_knows_names_services_durations_and_traces() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::new(folder.path()).await;
        let (block, durations) = lasting(&mut shelf).await;
        let source = Arc::clone(&block).sources().remove(0);
        let texts = |column: TextColumn<'_>| {
            ["GET /api/cart", "cart", "nothing"].map(|wanted| {
                let passes = |text: &str| text == wanted;
                let test = TextTest { name: wanted, passes: &passes };
                source.rows_where(column, test).unwrap().unwrap()
            })
        };
        let of_columns = || [TextColumn::Name, TextColumn::Resource("service.name")].map(texts);
        let expected = of_columns();
        assert!(expected[0][0].count_set_bits() > 0 && expected[1][1].count_set_bits() > 0);

        let ids = source.field(Field::TraceId).unwrap();
        let starts = source.field(Field::StartUnixNano).unwrap();
        let starts = starts.as_primitive::<UInt64Type>().values().clone();
        let marked = &expected[1][1];
        let mut traces: Vec<TraceSpans> = Vec::new();
        for (row, id) in ids.as_fixed_size_binary().iter().enumerate() {
            let id = TraceId(id.unwrap().try_into().unwrap());
            if traces.last().is_none_or(|trace| trace.id != id) {
                traces.push(TraceSpans { id, spans: 0, start_unix_nano: u64::MAX });
            }
            let trace = traces.last_mut().unwrap();
            trace.spans += u64::from(marked.value(row));
            trace.start_unix_nano = trace.start_unix_nano.min(starts[row]);
        }
        traces.retain(|trace| trace.spans > 0);
        assert_eq!(source.traces_with(marked), None, "nobody has looked");

        block.let_go();
        block.make_ready(true).unwrap();
        assert_eq!(source.traces_with(marked), Some(traces));
        let mut sorted = durations.to_vec();
        sorted.sort_unstable();
        let some = (1..10).map(|tenth| sorted[sorted.len() * tenth / 10]);
        for min in some.flat_map(|min| [min, min + 1]).chain([i64::MIN, 0, i64::MAX]) {
            let lasting = BooleanBuffer::collect_bool(durations.len(), |at| durations[at] >= min);
            assert_eq!(source.rows_lasting(min).unwrap(), Some(lasting), "{min}");
        }
        std::fs::remove_dir_all(folder.path().join(block.meta().block.to_string())).unwrap();
        assert_eq!(of_columns(), expected, "without its files");
        let some = UInt32Array::from_iter_values((0..starts.len() as u32).step_by(3));
        let of_some = UInt64Array::from_iter_values(starts.iter().copied().step_by(3));
        let found = source.field_at(Field::StartUnixNano, &some).unwrap();
        assert_eq!(found.as_primitive::<UInt64Type>(), &of_some, "without its files");
        let statement = |text: &str| source.may_have(AttributeScope::Span, "db.query.text", text);
        assert!(!statement("DROP TABLE carts").unwrap(), "its dictionary is known");
    });
}

#[test]
fn a_block_that_was_made_ready_says_where_traces_are_without_its_files() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::new(folder.path()).await;
        let block = shelf.write(&[request(&[(1, 1), (2, 2)])]).await.unwrap();
        block.make_ready(true).unwrap();
        std::fs::remove_dir_all(folder.path().join(block.meta().block.to_string())).unwrap();
        assert!(block.may_hold(0, &TraceId([1; 16])).unwrap());
        assert!(!block.may_hold(0, &TraceId([9; 16])).unwrap());
        assert_eq!(block.rows_of(0, &TraceId([2; 16])).unwrap(), 1..2);
        assert!(block.resource_table(0).unwrap().is_some());
        assert!(block.trace(&TraceId([1; 16])).is_err(), "the spans were not read");
        shelf.blocks.delete(block.meta().block).await.unwrap();
        assert!(block.may_hold(0, &TraceId([1; 16])).is_err(), "nothing of it is kept");

        let other = shelf.write(&[request(&[(1, 1), (2, 2)])]).await.unwrap();
        other.make_ready(true).unwrap();
        std::fs::remove_dir_all(folder.path().join(other.meta().block.to_string())).unwrap();
        other.let_go();
        assert!(other.may_hold(0, &TraceId([1; 16])).is_err(), "nothing of this either");
    });
}

#[test]
fn a_few_rows_are_those_of_the_whole_column_however_often_they_are_asked() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::new(folder.path()).await;
        shelf.write(&workload()).await.unwrap();
        let load = async || {
            let place = Shelf::new(folder.path()).await;
            place.blocks.load(Ulid::from_parts(1, 1)).await.unwrap().0.remove(0)
        };
        let (one, another) = (load().await, load().await);
        let rows = one.meta().row_groups[0].spans;
        assert!(rows > 16_384, "there is more than one page");
        let mut random = Random::new(5);
        let mut scan = another.scan(0).unwrap();
        let batches: Vec<_> = scan.read(None, 70_000).unwrap().map(Result::unwrap).collect();
        let whole = concat_batches(&batches[0].schema(), &batches).unwrap();
        for (field, whole) in whole.schema().fields().iter().zip(whole.columns()) {
            let name = field.name().as_str();
            for round in 0..16 {
                // Some rows here and there, with runs among them that may reach from one page into the next.
                let starts = (0..3).map(|_| random.next() % rows);
                let length = [1, 40, 300][round % 3];
                let mut few: Vec<u32> = starts
                    .flat_map(|start| start..rows.min(start + length))
                    .map(|it| it as u32)
                    .collect();
                few.sort_unstable();
                few.dedup();
                let few = UInt32Array::from(few);
                let found = one.column(0, name, Some(&few)).unwrap().unwrap();
                let expected = take(whole, &few, None).unwrap();
                let plain = |it: &ArrayRef| match it.data_type() {
                    DataType::Dictionary(_, values) => cast(it, values).unwrap(),
                    _ => Arc::clone(it),
                };
                assert_eq!(&plain(&found), &plain(&expected), "{name}");
            }
        }
    });
}

#[test]
fn a_damaged_footer_is_told_before_it_is_parsed() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut shelf = Shelf::new(folder.path()).await;
        let block = shelf.write(&[request(&[(1, 1), (2, 2)])]).await.unwrap();
        let ends = block.meta().ends.unwrap();
        for (file, end) in [("spans.parquet", ends.spans), ("resources.parquet", ends.resources)] {
            let path = folder.path().join(block.meta().block.to_string()).join(file);
            let good = std::fs::read(&path).unwrap();
            assert!(end.bytes > 100 && end.bytes < good.len() as u64, "{file}: {end:?}");
            for from_end in (1..=end.bytes as usize).step_by(7).chain([end.bytes as usize]) {
                let mut bytes = good.clone();
                let at = bytes.len() - from_end;
                bytes[at] ^= 1;
                std::fs::write(&path, bytes).unwrap();
                let place = Shelf::new(folder.path()).await;
                let (blocks, _) = place.blocks.load(Ulid::from_parts(1, 1)).await.unwrap();
                let error = blocks[0].trace(&TraceId([1; 16])).err().unwrap().to_string();
                assert!(error.contains("its footer is not as it was written"), "{error}");
            }
            std::fs::write(&path, good).unwrap();
        }
    });
}

/// Asks a block for everything; false when something was refused.
fn reads_whole(block: &Arc<Block>, ids: &BTreeSet<TraceId>) -> bool {
    let mut good = true;
    for source in Arc::clone(block).sources() {
        for field in Field::ALL {
            good &= source.field(field).is_ok_and(|array| array.len() == source.rows());
        }
        for scope in [AttributeScope::Span, AttributeScope::Resource] {
            for name in source.attribute_names(scope).unwrap_or_default() {
                good &= source.attribute(scope, &name).is_ok();
            }
        }
        for scope in [AttributeScope::Event, AttributeScope::Link] {
            good &= source.attribute_names(scope).is_ok() && source.children(scope).is_ok();
        }
    }
    good & ids.iter().all(|id| block.trace(id).is_ok())
}
