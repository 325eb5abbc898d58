//! Spans out to notebooks, in every format.

use crate::rig::{Rig, START_UNIX_NANO, TRACE, attribute, of_service, span, text, trace_id};
use arrow_array::{Array, RecordBatch, cast::AsArray, types::Int64Type};
use arrow_ipc::reader::StreamReader;
use http::StatusCode;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use serde_json::{Value as Json, json};
use sigyn_proto::otlp::common::v1::any_value::Value;
use std::io::Cursor;

const ASKED: &str = "q=%7B+kind+%3D+server+%7D\
                     &columns=resource.service.name,span.seat,status,rootName,span.%22a,b%22";

#[tokio::test]
async fn rows_as_json_lines() {
    let rig = Rig::with_shop().await;
    let path = "/api/sigyn/v1/spans?q=%7B+span.seat+%3D+12+%7D&columns=span.seat,resource.service.name,span.none";
    let answer = rig.get(path).await;
    assert_eq!(answer.headers["content-type"], "application/x-ndjson");
    let rows: Vec<Json> =
        answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = json!({
        "trace_id": TRACE, "span_id": "0000000000000002", "name": "hold seat",
        "start_unix_nano": START_UNIX_NANO + 5_000_000, "duration_nano": 300_000_000,
        "span.seat": 12, "resource.service.name": "seats",
    });
    assert_eq!(rows, [expected]);
}

#[tokio::test]
async fn rows_as_csv() {
    let rig = Rig::new().await;
    let mut said = span(1, 0, "say", 0, 1);
    said.attributes = vec![text("words", "so, \"he\"\nsaid")];
    rig.append(vec![of_service("seats", vec![said])]).await;
    let answer = rig.get("/api/sigyn/v1/spans?format=csv&columns=span.words,kind").await;
    let expected = format!(
        "trace_id,span_id,name,start_unix_nano,duration_nano,span.words,kind\r\n\
         {TRACE},0000000000000001,say,{START_UNIX_NANO},1000000,\"so, \"\"he\"\"\nsaid\",server\r\n"
    );
    assert_eq!(answer.text(), expected);
}

fn check_columns(batches: &[RecordBatch]) {
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 10_000);
    let schema = batches[0].schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let fixed = ["trace_id", "span_id", "name", "start_unix_nano", "duration_nano"];
    assert_eq!(names, [&fixed[..], &["span.number", "resource.service.name"]].concat());
    let sum: i64 = batches
        .iter()
        .flat_map(|batch| batch.column(5).as_primitive::<Int64Type>().iter().flatten())
        .sum();
    assert_eq!(sum, 9_999 * 10_000 / 2);
    let service = batches[0].column(6).as_string::<i32>();
    assert_eq!((service.value(0), service.null_count()), ("seats", 0));
}

#[tokio::test]
async fn many_rows_as_arrow_and_parquet() {
    let rig = Rig::new().await;
    let spans = (0..10_000_u64).map(|number| {
        let mut span = span(1, 0, "step", number, 1);
        span.trace_id = trace_id(&format!("{:x}", number / 10 + 1));
        span.span_id = (number + 1).to_be_bytes().to_vec();
        span.attributes = vec![attribute("number", Value::IntValue(number as i64))];
        span
    });
    rig.append(vec![of_service("seats", spans.collect())]).await;
    let columns = "columns=span.number,resource.service.name";
    let answer = rig.get(&format!("/api/sigyn/v1/spans?format=arrow&{columns}")).await;
    let reader = StreamReader::try_new(Cursor::new(answer.body), None).unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    check_columns(&batches);

    let answer = rig.get(&format!("/api/sigyn/v1/spans?format=parquet&{columns}")).await;
    let reader = ParquetRecordBatchReader::try_new(answer.body, 20_000).unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    check_columns(&batches);
}

#[tokio::test]
async fn what_is_no_export_is_refused() {
    let rig = Rig::with_shop().await;
    for parameters in ["format=xls", "q=%7B", "columns=foo", "limit=0", "start=x"] {
        let answer = rig.get(&format!("/api/sigyn/v1/spans?{parameters}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{parameters}");
        assert!(answer.json()["error"].is_string());
    }
    // Nothing found is no fault; each format says it in its way.
    for (format, length) in [("jsonl", 0), ("csv", 53)] {
        let path = format!("/api/sigyn/v1/spans?q=%7B+false+%7D&format={format}");
        assert_eq!(rig.get(&path).await.text().len(), length, "{format}");
    }
    for format in ["arrow", "parquet"] {
        let answer = rig.get(&format!("/api/sigyn/v1/spans?q=%7Bfalse%7D&format={format}")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.body.is_empty());
    }
    assert_eq!(
        rig.get(&format!("/api/sigyn/v1/spans?{ASKED}")).await.status,
        400,
        "a comma in quotes"
    );
}
