//! The SQL of docs/format/block.md, run by DuckDB and chDB against blocks that this test writes: they find what we find.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is a test from end to end")]

#[path = "../kit/pypi.rs"]
mod pypi;

use prometheus_client::registry::Registry;
use prost::Message;
use serde_json::Value;
use sigyn_proto::otlp::{
    common::v1::{KeyValue, any_value},
    trace::v1::{Span, TracesData},
};
use sigyn_store::{Batch, Clock, Config, Overlay, Store, TraceId, Via};
use sigyn_workload::Workload;
use std::{collections::BTreeMap, fs, path::Path, process::Command, sync::Arc, time::Duration};

const START_UNIX_NANO: u64 = 1_800_000_000_000_000_000;
/// Of these, some thousand spans, a few of `checkout` fail.
const TRACES: u64 = 600;
/// An engine that reads Parquet, as a package of Python.
struct Engine {
    package: &'static str,
    /// Reads SQL, and prints an array of rows as JSON, bytes in hex.
    program: &'static str,
}

const DUCKDB: Engine = Engine {
    package: "duckdb==2.0.0",
    program: "
import duckdb, json, sys
rows = duckdb.connect().execute(sys.stdin.read()).fetchall()
print(json.dumps(rows, default=lambda value: value.hex()))
",
};

/// ClickHouse in a process.
const CHDB: Engine = Engine {
    package: "chdb-core==26.9.0",
    program: "
import chdb, sys
rows = chdb.query(sys.stdin.read(), 'JSONCompactEachRow').data()
print('[' + ','.join(rows.split('\\n')).rstrip(',') + ']')
",
};

struct Still;

impl Clock for Still {
    fn now_unix_nano(&self) -> u64 {
        START_UNIX_NANO
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

#[tokio::test]
async fn duckdb_finds_what_we_find() {
    let documented = documented_sql();
    compare(&DUCKDB, [&documented[0], &documented[1], &documented[2]]).await;
}

/// Its package has 180 MB, and more than 500 MB when it is installed: too much for every run.
#[tokio::test]
async fn chdb_finds_what_we_find() {
    if std::env::var_os("SIGYN_SOAK").is_some() {
        let documented = documented_sql();
        compare(&CHDB, [&documented[3], &documented[4], &documented[5]]).await;
    }
}

async fn compare(engine: &Engine, [slowest, pods, parents]: [&str; 3]) {
    let installed = match pypi::install(engine.package) {
        Ok(folder) => folder,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "{} is required here: {why}", engine.package);
            println!("the SQL of docs/format/block.md is not tested: {why}");
            return;
        }
    };
    let ask = |folder: &Path, sql: &str| ask(engine, &installed, folder, sql);
    let folder = tempfile::tempdir().unwrap();
    let spans = write_and_read_back(folder.path()).await;

    let answer = ask(folder.path(), slowest);
    let expected = slowest_operations(&spans);
    assert!(expected.len() > 1, "the workload has what the example looks for");
    assert_eq!(answer.len(), expected.len());
    for (row, (name, count, p99_ms)) in answer.iter().zip(&expected) {
        assert_eq!((row[0].as_str(), row[1].as_u64()), (Some(&**name), Some(*count)));
        let found = row[2].as_f64().unwrap();
        assert!((found - p99_ms).abs() <= p99_ms * 1e-9, "{name}: {found} instead of {p99_ms}");
    }

    let block = fs::read_dir(folder.path().join("blocks")).unwrap().next().unwrap().unwrap();
    let ask_block = |sql: &str| {
        ask(folder.path(), &sql.replace("01KAN4…", block.file_name().to_str().unwrap()))
    };
    let answer = ask_block(pods);
    let expected = busiest_pods(&spans);
    assert_eq!(expected.len(), 10, "the workload has what the example looks for");
    let answer: Vec<_> =
        answer.iter().map(|row| (row[0].as_str().unwrap(), row[1].as_u64().unwrap())).collect();
    assert_eq!(answer, expected);

    let mut answer: Vec<[Option<String>; 3]> = ask_block(parents)
        .iter()
        .map(|row| [0, 1, 2].map(|column| row[column].as_str().map(str::to_owned)))
        .collect();
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let maybe = |id: &[u8]| (!id.is_empty()).then(|| hex(id));
    let expected = spans.iter().map(|Row { span, .. }| {
        [Some(hex(&span.trace_id)), Some(hex(&span.span_id)), maybe(&span.parent_span_id)]
    });
    let mut expected: Vec<_> = expected.collect();
    answer.sort();
    expected.sort();
    assert!(expected.iter().any(|row| row[2].is_some()));
    assert!(answer == expected, "IDs of parents differ");
}

struct Row {
    service: String,
    pod: String,
    span: Span,
}

/// Writes one block, and returns its spans, as a look-up by ID tells them.
async fn write_and_read_back(folder: &Path) -> Vec<Row> {
    let (bodies, ids) = Workload::bodies(5, TRACES, START_UNIX_NANO, 60_000_000_000);
    let store =
        Store::open(Config::at(folder), Arc::new(Still), &mut Registry::default()).await.unwrap();
    for body in bodies {
        let batch = Batch {
            via: Via::Otlp,
            body: body.bytes.into(),
            compressed: None,
            overlay: Arc::new(Overlay::default()),
            reach: None,
            gap: None,
        };
        store.append(batch).await.unwrap();
    }
    store.flush().await.unwrap();
    let mut spans = Vec::new();
    for id in ids {
        let data = store.trace(TraceId(id)).await.unwrap().unwrap();
        for of_resource in TracesData::decode(data).unwrap().resource_spans {
            let attributes = &of_resource.resource.as_ref().unwrap().attributes;
            let text = |key: &str| match value(attributes, key) {
                Some(any_value::Value::StringValue(text)) => text.clone(),
                other => panic!("a resource without {key}: {other:?}"),
            };
            let of_scopes = of_resource.scope_spans.into_iter().flat_map(|it| it.spans);
            spans.extend(of_scopes.map(|span| Row {
                service: text("service.name"),
                pod: text("k8s.pod.name"),
                span,
            }));
        }
    }
    store.close().await.unwrap();
    spans
}

/// The blocks of SQL in the documentation.
fn documented_sql() -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/format/block.md");
    let page = fs::read_to_string(page).unwrap();
    let fences = page.split("```sql\n").skip(1);
    fences.map(|it| it.split("```").next().unwrap().to_owned()).collect()
}

/// Runs SQL in the store's folder, where the paths of the documentation begin.
fn ask(engine: &Engine, installed: &Path, folder: &Path, sql: &str) -> Vec<Value> {
    use std::{io::Write, process::Stdio};
    let mut python = Command::new("python3")
        .args(["-c", engine.program])
        .env("PYTHONPATH", installed)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{} refuses:\n{sql}", engine.package);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The first example in Rust: name, spans, p99 in ms.
fn slowest_operations(spans: &[Row]) -> Vec<(String, u64, f64)> {
    let mut durations: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for Row { service, span, .. } in spans {
        let status = value(&span.attributes, "http.response.status_code");
        if service == "checkout"
            && matches!(status, Some(any_value::Value::IntValue(status)) if *status >= 500)
        {
            let duration = span.end_time_unix_nano - span.start_time_unix_nano;
            durations.entry(&span.name).or_default().push(duration as f64);
        }
    }
    let quantile = |mut sorted: Vec<f64>| {
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len() - 1) as f64 * 0.99;
        let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
        low + (high - low) * at.fract()
    };
    let rows = durations.into_iter().map(|(name, durations)| {
        (name.to_owned(), durations.len() as u64, quantile(durations) / 1e6)
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|one, other| other.2.total_cmp(&one.2));
    rows.truncate(10);
    rows
}

/// The second example in Rust: pod, spans.
fn busiest_pods(spans: &[Row]) -> Vec<(&str, u64)> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    spans.iter().for_each(|row| *counts.entry(&row.pod).or_default() += 1);
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|&(pod, count)| (std::cmp::Reverse(count), pod));
    rows.truncate(10);
    rows
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a any_value::Value> {
    attributes.iter().find(|it| it.key == key)?.value.as_ref()?.value.as_ref()
}
