//! Notebooks: pages of questions and their answers, written in the UI, kept in the store's index.
//!
//! Two people may have one open. Whoever saves says which version they saw, and if it is not the newest any more, nothing is
//! overwritten: the answer is 409 and says what to do.

use crate::api::{ApiState, Fault, parameters::Parameters, parameters::Segment, trace};
use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use sigyn_store::{Notebook, NotebookChange};
use std::sync::Arc;

const NOTEBOOK_BYTES_MAX: usize = 512 * 1024;
const CELLS_MAX: usize = 200;
const TITLE_CHARS_MAX: usize = 200;
const ID_CHARS_MAX: usize = 64;

/// A cell: something to read, or a question whose answer is asked for when the page is opened.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Cell {
    Markdown { text: String },
    Search { query: String },
    Metrics { query: String },
    Table { query: String, columns: Vec<String> },
}

/// What a notebook holds beside its title.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    /// The time that all cells ask about, as it stands in links of the UI: `1h`, or two Unix times.
    range: String,
    cells: Vec<Cell>,
}

/// What a save says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Save {
    /// The version that the author saw; 0 for a new notebook.
    version: u64,
    title: String,
    range: String,
    cells: Vec<Cell>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: String,
    version: u64,
    saved_unix_nano: String,
    title: String,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    entry: Entry,
    #[serde(flatten)]
    content: Content,
}

#[derive(Serialize)]
pub(super) struct List {
    notebooks: Vec<Entry>,
}

/// `GET /api/sigyn/v1/notebooks`: the last saved first.
pub(super) async fn list(State(state): State<Arc<ApiState>>) -> Result<Json<List>, Fault> {
    let mut notebooks = state.store.notebooks().await?;
    notebooks.sort_by_key(|notebook| std::cmp::Reverse(notebook.saved_unix_nano));
    Ok(Json(List { notebooks: notebooks.into_iter().map(entry).collect() }))
}

/// `GET /api/sigyn/v1/notebooks/{id}`
pub(super) async fn read(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
) -> Result<Response, Fault> {
    let id = checked(id)?;
    let found = state.store.notebook(id.clone()).await?;
    shown(found.ok_or_else(|| absent(&id))?)
}

/// `PUT /api/sigyn/v1/notebooks/{id}`
pub(super) async fn save(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Fault> {
    let id = checked(id)?;
    let body = body.map_err(|rejection| Fault::new(rejection.status(), rejection.body_text()))?;
    if body.len() > NOTEBOOK_BYTES_MAX {
        return Err(Fault::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a notebook takes at most {} KiB; make two of it", NOTEBOOK_BYTES_MAX / 1024),
        ));
    }
    let save: Save = serde_json::from_slice(&body)
        .map_err(|error| Fault::bad_request(format!("this is no notebook: {error}")))?;
    if save.cells.len() > CELLS_MAX {
        return Err(Fault::bad_request(format!("a notebook has at most {CELLS_MAX} cells")));
    }
    let title = save.title.trim();
    if title.is_empty() || title.chars().count() > TITLE_CHARS_MAX {
        let sentence = format!("the title of a notebook has 1 to {TITLE_CHARS_MAX} characters");
        return Err(Fault::bad_request(sentence));
    }
    let content = Content { range: save.range, cells: save.cells };
    let notebook = Notebook {
        id: id.clone(),
        version: 0,
        saved_unix_nano: 0,
        title: title.to_owned(),
        body: serde_json::to_string(&content).map_err(|error| Fault::internal(&error))?,
    };
    match state.store.save_notebook(notebook, save.version).await? {
        NotebookChange::Done(saved) => shown(saved),
        NotebookChange::Conflict(now) => Err(conflict(&id, save.version, now)),
        NotebookChange::TooMany => Err(Fault::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "there are as many notebooks as are kept; delete one that nobody needs",
        )),
    }
}

/// `DELETE /api/sigyn/v1/notebooks/{id}?version=`
pub(super) async fn remove(
    State(state): State<Arc<ApiState>>,
    Segment(id): Segment,
    parameters: Parameters,
) -> Result<Response, Fault> {
    let id = checked(id)?;
    parameters.required("version")?;
    let version = parameters.number("version", "a whole number")?.unwrap_or(0);
    match state.store.remove_notebook(id.clone(), version).await? {
        NotebookChange::Done(_) => Ok(StatusCode::NO_CONTENT.into_response()),
        NotebookChange::Conflict(None) => Err(absent(&id)),
        NotebookChange::Conflict(now) => Err(conflict(&id, version, now)),
        NotebookChange::TooMany => Err(Fault::internal(&"removing made a notebook")),
    }
}

fn shown(notebook: Notebook) -> Result<Response, Fault> {
    let content = serde_json::from_str(&notebook.body).map_err(|error| Fault::internal(&error))?;
    let json = trace::to_json(&Shown { entry: entry(notebook), content })?;
    let mut response = trace::json_response(json);
    // Two people look at it: what a browser kept is never the newest.
    let no_store = http::HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

fn entry(notebook: Notebook) -> Entry {
    Entry {
        id: notebook.id,
        version: notebook.version,
        saved_unix_nano: notebook.saved_unix_nano.to_string(),
        title: notebook.title,
    }
}

/// IDs stand in links and in file names.
fn checked(id: String) -> Result<String, Fault> {
    let is_plain = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    if !id.is_empty() && id.len() <= ID_CHARS_MAX && id.chars().all(is_plain) {
        return Ok(id);
    }
    Err(Fault::bad_request(format!(
        "the ID of a notebook has 1 to {ID_CHARS_MAX} characters, of a–z, 0–9 and -"
    )))
}

fn absent(id: &str) -> Fault {
    Fault::not_found(format!("there is no notebook {id}; somebody may have deleted it"))
}

fn conflict(id: &str, seen: u64, now: Option<u64>) -> Fault {
    let sentence = match now {
        Some(_) if seen == 0 => format!("there is a notebook {id} already; save under another ID"),
        Some(now) => format!(
            "somebody else saved the notebook {id}: it has version {now}, and this is made from version {seen}; \
             load it again, or save yours as a copy"
        ),
        None => format!("the notebook {id} was deleted meanwhile; save yours as a copy"),
    };
    Fault::new(StatusCode::CONFLICT, sentence)
}
