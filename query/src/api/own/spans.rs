//! The spans that match, as rows for notebooks: Arrow, Parquet, CSV or JSON lines.

mod table;
mod writer;

use super::selection::bounded;
use crate::{
    api::{ApiState, Fault, guard::Turn, parameters::Parameters, parts::Parts, times},
    engine::SearchRequest,
    traceql::{self, FieldRef, Intrinsic, Query, QueryBody, Stage},
};
use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    response::Response,
};
use futures::{StreamExt, stream};
use http::{HeaderValue, StatusCode, header};
use std::{io, sync::Arc, time::Duration};
use table::{Column, Row};
use tokio::sync::mpsc;
use writer::{Format, Writer};

const TRACES_DEFAULT: usize = 10_000;
const TRACES_MAX: usize = 262_144;
const COLUMNS_MAX: usize = 200;
const PROGRESS_WAITING_MAX: usize = 4;
/// Rows that are written at a time.
const BATCH_ROWS: usize = 8_192;

/// `GET /api/sigyn/v1/spans?q=&columns=&format=`
pub(super) async fn spans(
    State(state): State<Arc<ApiState>>,
    Extension(turn): Extension<Turn>,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let format = Format::parse(parameters.get("format").unwrap_or("jsonl"))?;
    let columns = columns(&parameters)?;
    let query = traceql::parse(parameters.get("q").unwrap_or("{ }"))?;
    let (start_unix_nano, end_unix_nano) = times::open_range(&parameters)?;
    let request = SearchRequest {
        query: selecting(query, &columns)?,
        start_unix_nano,
        end_unix_nano,
        reach_nano: 0,
        limit: bounded(&parameters, "limit", TRACES_DEFAULT, TRACES_MAX)?,
        spans_per_span_set: usize::MAX,
    };
    let export = Export { state, request, columns, format, _turn: turn };
    let mut parts = Parts::new(|to| write(export, to));
    // The first part is waited for, so that what is wrong from the start has a status of its own.
    let first = parts.next().await.transpose()?.unwrap_or_default();
    let body = stream::once(async { Ok(first) }).chain(parts).map(|part: Result<Bytes, Fault>| {
        // An answer that ends early must not look whole: the connection breaks off.
        part.map_err(|fault| io::Error::other(fault.sentence))
    });
    let mut response = Response::new(Body::from_stream(body));
    let content_type = HeaderValue::from_static(format.content_type());
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

/// The fields of the parameter `columns`, with commas between them, or of several parameters `column`.
fn columns(parameters: &Parameters) -> Result<Vec<FieldRef>, Fault> {
    let list = parameters.get("columns").unwrap_or_default().split(',');
    let texts = list.chain(parameters.all("column")).map(str::trim).filter(|text| !text.is_empty());
    let mut columns: Vec<FieldRef> = Vec::new();
    for text in texts {
        let field = traceql::parse_field(text).map_err(|error| {
            Fault::bad_request(format!("{text:?} is not a TraceQL field: {error}"))
        })?;
        // These have columns of their own.
        let always = [Intrinsic::TraceId, Intrinsic::SpanId, Intrinsic::Name, Intrinsic::Duration];
        if !always.map(FieldRef::Intrinsic).contains(&field) && !columns.contains(&field) {
            columns.push(field);
        }
    }
    if columns.len() > COLUMNS_MAX {
        return Err(Fault::bad_request(format!("at most {COLUMNS_MAX} columns are possible")));
    }
    Ok(columns)
}

/// The search with the columns among what it tells.
fn selecting(query: Query, columns: &[FieldRef]) -> Result<Query, Fault> {
    let mut query = query.into_search();
    match &mut query.body {
        QueryBody::Search(pipeline) if !columns.is_empty() => {
            pipeline.stages.push(Stage::Select(columns.to_vec()));
        }
        QueryBody::Search(_) => {}
        QueryBody::Metrics(_) => return Err(Fault::bad_request("the query has no spans")),
    }
    Ok(query)
}

/// What an answer is made of.
struct Export {
    state: Arc<ApiState>,
    request: SearchRequest,
    columns: Vec<FieldRef>,
    format: Format,
    /// Held until the last row is written.
    _turn: Turn,
}

/// Writes rows as they are found, newest trace first; what was written is forgotten.
async fn write(export: Export, to: mpsc::Sender<Bytes>) -> Result<(), Fault> {
    let Export { state, request, columns, format, _turn } = export;
    let (sender, mut progress) = mpsc::channel(PROGRESS_WAITING_MAX);
    let searching = state.engine.search_out(request, sender);
    tokio::pin!(searching);
    let mut rows: Vec<Row> = Vec::new();
    let mut writer: Option<Writer> = None;
    let mut answer = None;
    loop {
        let news = tokio::select! {
            biased;
            news = progress.recv() => news,
            found = &mut searching, if answer.is_none() => {
                answer = Some(found?);
                continue;
            }
        };
        // The sender is gone once the search has ended and all that it told was received.
        let is_last = news.is_none();
        let traces = news.map(|news| news.traces).unwrap_or_default();
        rows.extend(traces.iter().flat_map(|found| table::rows(found, &columns)));
        if rows.len() >= BATCH_ROWS || is_last {
            let batch = std::mem::take(&mut rows);
            let writer = match &mut writer {
                Some(writer) => writer,
                // What the first rows hold decides the types.
                None => writer.insert(Writer::new(format, Column::of(&columns, &batch))?),
            };
            if !send(&to, writer.write(&batch)?, state.limits.query_timeout).await? {
                return Ok(());
            }
        }
        if is_last {
            break;
        }
    }
    if let Some(writer) = writer {
        send(&to, writer.finish()?, state.limits.query_timeout).await?;
    }
    match answer.and_then(|answer| answer.partial) {
        Some(reason) => Err(Fault::internal(&reason)),
        None => Ok(()),
    }
}

/// False when the client is gone, which has its reasons. One that does not read gives its turn to others.
async fn send(to: &mpsc::Sender<Bytes>, part: Vec<u8>, wait_max: Duration) -> Result<bool, Fault> {
    if part.is_empty() {
        return Ok(true);
    }
    match tokio::time::timeout(wait_max, to.send(part.into())).await {
        Ok(sent) => Ok(sent.is_ok()),
        Err(_) => {
            let sentence = "the client reads too slowly; ask for fewer columns or a shorter range";
            Err(Fault::new(StatusCode::GATEWAY_TIMEOUT, sentence))
        }
    }
}
