//! Some rows of a source are those rows of all of it, in the head and in blocks.

use super::{config, open};
use crate::{
    AttributeScope, Batch, Field, Overlay, Source,
    test_kit::{START_UNIX_NANO, check_choices},
};
use arrow_array::{Array, ArrayRef, UInt32Array, cast::AsArray, types::UInt32Type};
use arrow_select::take::take;
use sigyn_workload::Workload;
use std::sync::Arc;

const SCOPES: [AttributeScope; 3] =
    [AttributeScope::Span, AttributeScope::Resource, AttributeScope::Instrumentation];

/// Chosen rows: a run, scattered ones, roots only, none.
fn choices(source: &dyn Source) -> Vec<UInt32Array> {
    let rows = source.rows() as u32;
    let parents = source.field(Field::ParentSpanId).unwrap();
    let roots = (0..rows).filter(|&row| parents.is_null(row as usize));
    vec![
        (rows / 2..rows / 2 + 20).collect::<Vec<_>>().into(),
        (0..rows).step_by(rows as usize / 7).collect::<Vec<_>>().into(),
        (0..rows).filter(|row| row % 3 == 1).collect::<Vec<_>>().into(),
        roots.take(2).collect::<Vec<_>>().into(),
        UInt32Array::from(Vec::<u32>::new()),
    ]
}

/// What a row has under an attribute is never denied, and what nobody has is, where a dictionary tells.
fn check_texts(source: &dyn Source, is_block: bool) -> usize {
    let mut denied = 0;
    for scope in [AttributeScope::Span, AttributeScope::Resource] {
        for name in source.attribute_names(scope).unwrap() {
            // Asked before and after the column is read and kept.
            for _ in 0..2 {
                denied += usize::from(!source.may_have(scope, &name, "nobody has this").unwrap());
                for array in source.attribute(scope, &name).unwrap() {
                    let Some(texts) = array.as_dictionary_opt::<UInt32Type>() else { continue };
                    let values = texts.values().as_string::<i32>();
                    let some = texts.keys().iter().flatten().step_by(3_001);
                    for text in some.map(|key| values.value(key as usize)) {
                        assert!(source.may_have(scope, &name, text).unwrap(), "{name} = {text}");
                    }
                }
            }
        }
    }
    assert!(is_block || denied == 0, "the head says nothing");
    denied
}

/// Dictionaries may differ in values that no row has.
fn plain(array: &ArrayRef) -> ArrayRef {
    match array.as_any_dictionary_opt() {
        Some(dictionary) => take(dictionary.values(), dictionary.keys(), None).unwrap(),
        None => Arc::clone(array),
    }
}

fn filled(arrays: Vec<ArrayRef>) -> Vec<ArrayRef> {
    let filled = arrays.iter().filter(|array| array.null_count() < array.len());
    filled.map(plain).collect()
}

fn check(source: &dyn Source) {
    for rows in choices(source) {
        for field in Field::ALL {
            let some = source.field_at(field, &rows).unwrap();
            let all = take(&source.field(field).unwrap(), &rows, None).unwrap();
            assert_eq!(&plain(&some), &plain(&all), "{field:?} of {rows:?}");
        }
        for scope in SCOPES {
            for name in source.attribute_names(scope).unwrap() {
                let some = source.attribute_at(scope, &name, &rows).unwrap();
                let all = source.attribute(scope, &name).unwrap();
                let all = all.iter().map(|array| take(array, &rows, None).unwrap());
                assert_eq!(filled(some), filled(all.collect()), "{scope:?} {name} of {rows:?}");
            }
        }
    }
    let ids = source.field(Field::TraceId).unwrap();
    let ids = ids.as_fixed_size_binary();
    for row in (0..source.rows()).step_by(997) {
        let id = crate::TraceId(ids.value(row).try_into().unwrap());
        assert!(source.may_hold(&id).unwrap());
        assert!(source.rows_of(&id).unwrap().values().contains(&(row as u32)));
    }
}

#[tokio::test]
async fn some_rows_are_those_rows_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(config(folder.path())).await;
    let (bodies, _) = Workload::bodies(11, 1_500, START_UNIX_NANO, 60_000_000_000);
    for body in bodies {
        let empty = super::batch(&Default::default(), Overlay::default());
        let batch = Batch { body: body.bytes.into(), ..empty };
        store.append(batch).await.unwrap();
    }
    let snapshot = store.snapshot();
    check(&*snapshot.sources[0]);
    check_texts(&*snapshot.sources[0], false);
    store.flush().await.unwrap();
    let denied: usize =
        store.snapshot().sources.iter().map(|source| check_texts(&**source, true)).sum();
    assert!(denied > 20, "dictionaries tell: {denied}");
    let offered: usize =
        store.snapshot().sources.iter().map(|source| check_choices(&**source)).sum();
    assert!(offered > 100, "codes tell: {offered}");
    // Once as they are read from the file, once as they are kept.
    for _ in 0..2 {
        let snapshot = store.snapshot();
        let largest = snapshot.sources.iter().max_by_key(|source| source.rows()).unwrap();
        assert!(largest.rows() > 20_000, "several pages a column");
        check(&**largest);
    }
    store.close().await.unwrap();
}
