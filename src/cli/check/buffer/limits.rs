//! Sizes, parameters and methods.

use super::{
    content::nothing_held,
    pull::{Ask, Batch, Buffer},
    report::Trouble,
    vectors::Vectors,
};
use reqwest::Method;
use std::collections::BTreeMap;

/// What an answer may need beside the Resource, however small the limit: a scope and a span that was cut down.
const REST_BYTES_MAX: usize = 2048;
/// Reads of a walk with the smallest answers.
const SMALL_READS: usize = 8;

/// What a body of this limit may have.
fn allowed_bytes(batch: &Batch, limit_bytes: usize) -> usize {
    limit_bytes.max(REST_BYTES_MAX + batch.resource_bytes)
}

pub(super) async fn pages(buffer: &Buffer) -> Result<String, Trouble> {
    let mut largest = 0;
    for limit_bytes in [4096, 65_536, 4 << 20] {
        let first = buffer.read(&format!("max_bytes={limit_bytes}")).await?;
        let second =
            buffer.read(&format!("max_bytes={limit_bytes}&cursor={}", first.cursor)).await?;
        for page in [first, second] {
            if page.answer.body.len() > allowed_bytes(&page, limit_bytes) {
                return Err(page.bad("", "A body has at most max_bytes before compression."));
            }
            largest = largest.max(page.answer.body.len());
        }
    }
    let whole = buffer.read("").await?;
    if whole.answer.body.len() > 4 << 20 {
        return Err(whole.bad("", "Without max_bytes a body has at most 4 MiB."));
    }
    if largest == 0 {
        return Err(nothing_held());
    }
    Ok(format!("kept for 4 KiB, 64 KiB and 4 MiB; the largest body had {largest} bytes"))
}

/// The first few of the smallest answers that there are.
async fn small(buffer: &Buffer) -> Result<Vec<Batch>, Trouble> {
    let mut batches = vec![buffer.read("max_bytes=1").await?];
    while let Some(last) = batches.last().filter(|last| last.more) {
        if batches.len() == SMALL_READS || last.spans.is_empty() {
            break;
        }
        let query = format!("max_bytes=1&cursor={}", last.cursor);
        batches.push(buffer.read(&query).await?);
    }
    Ok(batches)
}

pub(super) async fn too_small(buffer: &Buffer) -> Result<String, Trouble> {
    let batches = small(buffer).await?;
    if batches[0].spans.is_empty() && batches[0].stats.held() == 0 {
        return Err(nothing_held());
    }
    for batch in &batches {
        if batch.more && batch.spans.is_empty() {
            return Err(batch.bad(
                ", though there is more",
                "A max_bytes too small for one span is raised until one fits, or no reader gets on.",
            ));
        }
        if batch.answer.body.len() > allowed_bytes(batch, 1) {
            return Err(batch.bad(
                "",
                "A max_bytes that is too small is raised to Resource, a scope and the rest of one cut-down span.",
            ));
        }
    }
    Ok(format!("max_bytes=1 is raised: {}", batches[0]))
}

pub(super) async fn marked(buffer: &Buffer) -> Result<String, Trouble> {
    let whole: BTreeMap<_, _> = buffer
        .read_all("")
        .await?
        .into_iter()
        .flat_map(|batch| batch.spans)
        .map(|span| (span.key.clone(), span))
        .collect();
    let mut cut = 0;
    for batch in small(buffer).await? {
        for span in &batch.spans {
            let Some(full) = whole.get(&span.key).filter(|full| full.bytes > span.bytes) else {
                continue;
            };
            cut += 1;
            if !span.is_marked {
                return Err(batch.bad(
                    &format!(
                        ", one cut from {} to {} bytes without a mark",
                        full.bytes, span.bytes
                    ),
                    "A span that is cut down carries the attribute sigyn.truncated = true.",
                ));
            }
        }
    }
    match cut {
        0 => Err(Trouble::not_tried("the oldest spans held are small enough for any limit")),
        _ => Ok(format!("{cut} span(s) cut down to a small max_bytes carry sigyn.truncated")),
    }
}

pub(super) async fn bad_parameters(buffer: &Buffer, vectors: &Vectors) -> Result<String, Trouble> {
    let steps = vectors.steps("parameters with a fault are named");
    for step in &steps {
        let answer = buffer.ask(Ask::get(step.query)).await?;
        let name = step.query.split('=').next().unwrap_or_default();
        let names_it = String::from_utf8_lossy(&answer.body).contains(name);
        if answer.status.as_u16() != step.status || !names_it {
            return Err(Trouble::bad(
                answer.came(),
                format!("A malformed {name} is answered 400 with a sentence that names it."),
            ));
        }
    }
    Ok(format!("{} faults were answered 400, and named", steps.len()))
}

pub(super) async fn good_parameters(buffer: &Buffer, vectors: &Vectors) -> Result<String, Trouble> {
    let holds = !buffer.read("").await?.spans.is_empty();
    let steps = vectors.steps("parameters that are good");
    // With nothing to read these would wait as long as they say.
    let tried = steps.iter().filter(|step| holds || !step.query.starts_with("wait="));
    let mut count = 0;
    for step in tried {
        let batch = buffer.read(step.query).await?;
        if batch.spans.is_empty() && holds {
            return Err(batch.bad("", "This is a read from the oldest span on like any other."));
        }
        count += 1;
    }
    Ok(format!("{count} spellings were taken, unknown parameters ignored"))
}

pub(super) async fn methods(buffer: &Buffer, vectors: &Vectors) -> Result<String, Trouble> {
    let mut names = Vec::new();
    for step in vectors.steps("other methods") {
        let method = Method::from_bytes(step.method.as_bytes()).expect("the file names methods");
        let answer = buffer.ask(Ask { method, ..Ask::get(step.query) }).await?;
        if answer.status.as_u16() != step.status {
            return Err(Trouble::bad(
                answer.came(),
                "Any method but GET and HEAD is answered 405.",
            ));
        }
        names.push(step.method);
    }
    Ok(format!("{} answered 405", names.join(" and ")))
}

pub(super) async fn head(buffer: &Buffer) -> Result<String, Trouble> {
    let answer = buffer.ask(Ask { method: Method::HEAD, ..Ask::get("") }).await?;
    let has_headers = ["sigyn-cursor", "sigyn-lost", "sigyn-more", "sigyn-buffer"]
        .iter()
        .all(|name| answer.header(name).is_some());
    if answer.status != 200 || !has_headers || !answer.body.is_empty() {
        return Err(Trouble::bad(answer.came(), "HEAD gives the headers of GET, and no body."));
    }
    Ok(answer.came())
}
