//! What one answer holds: headers, spans, its coding.

use super::{
    pull::{Answer, Ask, Batch, Buffer},
    report::Trouble,
    vectors::Vectors,
};
use crate::clock::SystemClock;
use sigyn_store::Clock;

/// A larger difference is no clock that is off: it is another unit.
const CLOCK_SECONDS_MAX: f64 = 86_400.0;
/// A body smaller than this gains little by a coding; a buffer may leave it as it is.
const PLAIN_BYTES_MAX: usize = 1 << 10;

/// The first read; nothing else is tried when this fails.
pub(super) async fn answer(buffer: &Buffer) -> Result<Batch, Trouble> {
    buffer.read("").await
}

pub(super) fn headers(first: &Batch) -> Result<String, Trouble> {
    if first.lost != Some(0) {
        return Err(first.bad(
            ", where sigyn-lost is not 0",
            "Without a cursor nothing can have been lost: say 0.",
        ));
    }
    let stats = first.stats;
    if stats.bytes > stats.capacity || stats.overwritten > stats.recorded {
        return Err(first.bad(
            &format!(", where sigyn-buffer says {stats:?}"),
            "`bytes` are held of `capacity`, and of `recorded` spans some are `overwritten`.",
        ));
    }
    let clock = first.answer.header("sigyn-time").and_then(|time| time.parse::<u64>().ok());
    let Some(time_unix_nano) = clock else {
        return Err(first.bad(
            &format!(", where sigyn-time is {:?}", first.answer.header("sigyn-time")),
            "sigyn-time is the process's clock in nanoseconds since 1970.",
        ));
    };
    let now_unix_nano = SystemClock::new().now_unix_nano();
    let off_seconds = (i128::from(time_unix_nano) - i128::from(now_unix_nano)) as f64 / 1e9;
    if off_seconds.abs() > CLOCK_SECONDS_MAX {
        return Err(first.bad(
            &format!(", where sigyn-time is {off_seconds:.0} s from this machine's clock"),
            "sigyn-time is in nanoseconds since 1970.",
        ));
    }
    if first.answer.header("sigyn-uid") == Some("") {
        return Err(first.bad(", where sigyn-uid is empty", "Leave sigyn-uid away if unknown."));
    }
    Ok(format!(
        "{} recorded, {} overwritten, {} of {} bytes held, clock {off_seconds:+.3} s from ours",
        stats.recorded, stats.overwritten, stats.bytes, stats.capacity
    ))
}

pub(super) fn spans(first: &Batch) -> Result<String, Trouble> {
    if first.spans.is_empty() && first.stats.held() > 0 {
        return Err(first.bad(
            &format!(", though sigyn-buffer says that {} are held", first.stats.held()),
            "A read without a cursor begins with the oldest span held, whoever read it before.",
        ));
    }
    if first.spans.is_empty() {
        return Err(nothing_held());
    }
    for span in &first.spans {
        let (trace, id, kind) = &span.key;
        let is_id =
            |id: &[u8], length: usize| id.len() == length && id.iter().any(|byte| *byte != 0);
        if !is_id(trace, 16) || !is_id(id, 8) {
            return Err(first.bad(
                &format!(", one with trace ID {trace:02x?} and span ID {id:02x?}"),
                "A trace ID has 16 bytes and a span ID 8, not all of them zero; others are not stored.",
            ));
        }
        if !(0..=5).contains(kind) || span.ends_before_start {
            return Err(first.bad(
                &format!(", one of kind {kind} or that ends before it starts"),
                "Kinds are 0 to 5, and a span ends after its start, in nanoseconds since 1970.",
            ));
        }
    }
    let service = match &first.service_name {
        // A sidecar holds spans of several processes.
        Some(name) if first.resources > 1 => format!("of {name} and others"),
        Some(name) => format!("of {name}"),
        None => "without service.name (discovery's job will stand for it)".to_owned(),
    };
    Ok(format!("{} span(s) {service}, decoded as OTLP", first.spans.len()))
}

/// A reader that would like JSON gets what it can decode, too.
pub(super) async fn accept(buffer: &Buffer) -> Result<String, Trouble> {
    let mut said = Vec::new();
    for accept in ["application/x-protobuf", "application/json", "*/*"] {
        let batch = buffer.ask(Ask { accept: Some(accept), ..Ask::get("") }).await?.into_batch()?;
        let content_type = batch.answer.header("content-type").unwrap_or_default().to_owned();
        let is_protobuf = content_type.starts_with("application/x-protobuf");
        if accept != "application/json" && !is_protobuf {
            return Err(batch.bad(
                &format!(" as {content_type}"),
                "The body is application/x-protobuf, unless a reader asks for JSON.",
            ));
        }
        said.push(format!("{accept} gets {content_type}"));
    }
    Ok(said.join(", "))
}

pub(super) async fn encodings(buffer: &Buffer, vectors: &Vectors) -> Result<String, Trouble> {
    let mut codings = Vec::new();
    let end = buffer.end().await?;
    for step in vectors.steps("encodings") {
        let query = step.query.replace("{cursor}", &end.cursor);
        let ask = Ask { accept_encoding: step.accept_encoding, ..Ask::get(&query) };
        let batch = buffer.ask(ask).await?.into_batch()?;
        let coding = batch.answer.header("content-encoding").map(str::to_owned);
        let is_small = coding.is_none() && batch.answer.body.len() <= PLAIN_BYTES_MAX;
        // New spans may have come behind the end.
        let has_news = query.contains("cursor") && !batch.spans.is_empty();
        if !step.encodings.contains(&coding.as_deref()) && !is_small && !has_news {
            return Err(batch.bad(
                &format!(", packed as {}", coding.as_deref().unwrap_or("nothing")),
                "accept-encoding chooses: zstd before gzip before none, and nothing that was not asked for.",
            ));
        }
        codings.extend(coding);
    }
    codings.sort();
    codings.dedup();
    match codings.is_empty() {
        true if end.stats.bytes as usize > 4 * PLAIN_BYTES_MAX => Err(Trouble::bad(
            "no read with accept-encoding: gzip was packed",
            "Offer gzip: spans shrink to a sixth.",
        )),
        true => Ok("bodies are small, and sent as they are".to_owned()),
        false => Ok(format!("{} when asked for, else none", codings.join(" and "))),
    }
}

/// Who has credentials to give is protected by them.
pub(super) async fn credentials(buffer: &Buffer) -> Result<String, Trouble> {
    if !buffer.has_credentials() {
        return Err(Trouble::not_tried("no --bearer-token or --header was given"));
    }
    let answer: Answer =
        buffer.ask(Ask { with_credentials: false, ..Ask::get("max_bytes=1") }).await?;
    match answer.status.as_u16() {
        401 | 403 => Ok(answer.came()),
        _ => Err(Trouble::bad(
            answer.came(),
            "Spans hold what users do: answer 401 to who does not show the token.",
        )),
    }
}

pub(super) fn nothing_held() -> Trouble {
    Trouble::not_tried(
        "the buffer holds no span: send the app a request, or name one with --provoke=URL",
    )
}
