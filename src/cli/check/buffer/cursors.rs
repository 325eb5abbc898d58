//! The life of a cursor.

use super::{
    content::nothing_held,
    pull::{Ask, Batch, Buffer, Key},
    report::Trouble,
    vectors::Vectors,
};
use std::collections::BTreeSet;

/// Reads of a busy app until one meets no new span.
const QUIET_TRIES: usize = 20;
/// How far ahead a cursor is set, to be ahead of any buffer.
const AHEAD: u64 = 1 << 40;

fn keys(batches: &[Batch]) -> BTreeSet<Key> {
    batches.iter().flat_map(|batch| batch.spans.iter().map(|span| span.key.clone())).collect()
}

fn overwritten(batches: &[Batch]) -> u64 {
    batches.last().map_or(0, |batch| batch.stats.overwritten)
}

pub(super) async fn reading_changes_nothing(buffer: &Buffer) -> Result<String, Trouble> {
    let before = buffer.read_all("").await?;
    let (one, other) = tokio::join!(buffer.read_all(""), buffer.read_all(""));
    let seen = keys(&before);
    if seen.is_empty() {
        return Err(nothing_held());
    }
    for after in [one?, other?] {
        let gone = seen.difference(&keys(&after)).count() as u64;
        let may_be_gone =
            overwritten(&after) - before[0].stats.overwritten.min(overwritten(&after));
        if gone > may_be_gone {
            return Err(after[0].bad(
                &format!(", and {gone} span(s) of the read before were gone"),
                "A read takes nothing out: any number may read, each from the cursor that it brings.",
            ));
        }
    }
    Ok(format!("three reads from the oldest span on gave the same {} span(s)", seen.len()))
}

pub(super) async fn each_span_once(buffer: &Buffer) -> Result<String, Trouble> {
    let first = buffer.read("").await?;
    let page_bytes = (first.stats.bytes / 64).max(4096);
    let pages = buffer.read_all(&format!("max_bytes={page_bytes}")).await?;
    let mut seen = BTreeSet::new();
    let mut lost = 0;
    for page in &pages {
        for span in &page.spans {
            if !seen.insert(span.key.clone()) {
                return Err(page.bad(
                    ", one of which came before",
                    "From cursor to cursor each span comes once; the cursor points behind the last one sent.",
                ));
            }
        }
        let Some(page_lost) = page.lost else {
            return Err(page.bad(
                ", with sigyn-lost: unknown",
                "`unknown` is for a cursor of another life of the process; this one was just given out.",
            ));
        };
        lost += page_lost;
    }
    let last = &pages[pages.len() - 1];
    let overwritten = last.stats.overwritten.saturating_sub(pages[0].stats.overwritten);
    if lost > overwritten {
        return Err(last.bad(
            &format!(", where the reads before called {lost} span(s) lost and {overwritten} were overwritten"),
            "sigyn-lost counts what was overwritten between the cursor given and this read, and nothing else.",
        ));
    }
    if seen.is_empty() {
        return Err(nothing_held());
    }
    let stood_still = pages[0].stats.recorded == last.stats.recorded && !last.more;
    let held = last.stats.held();
    let whole = held.saturating_sub(last.stats.damaged);
    let is_all = (whole..=held + last.stats.kept).contains(&(seen.len() as u64));
    if stood_still && overwritten == 0 && !is_all {
        return Err(last.bad(
            &format!(", {} in all, where sigyn-buffer says that {held} are held", seen.len()),
            "What was recorded and not overwritten is sent, once; `recorded` and `overwritten` count spans.",
        ));
    }
    Ok(format!("{} span(s) in {} read(s), none twice, {lost} lost", seen.len(), pages.len()))
}

pub(super) async fn nothing_new(buffer: &Buffer) -> Result<String, Trouble> {
    let mut before = buffer.end().await?;
    for _ in 0..QUIET_TRIES {
        let after = buffer.read(&format!("cursor={}", before.cursor)).await?;
        if after.stats.recorded > before.stats.recorded {
            before = after;
            continue;
        }
        if !after.spans.is_empty() || !after.answer.body.is_empty() {
            return Err(after.bad(
                ", though nothing was recorded since",
                "Behind the last span the body is empty.",
            ));
        }
        if after.cursor != before.cursor || after.lost != Some(0) || after.more {
            return Err(after.bad(
                &format!(", sigyn-lost {:?}, another cursor: {}", after.lost, after.cursor != before.cursor),
                "When nothing is new the cursor stays as it was, sigyn-lost is 0 and sigyn-more is 0.",
            ));
        }
        return Ok("a read at the end was empty and gave the same cursor".to_owned());
    }
    Err(Trouble::not_tried("new spans came with every read"))
}

pub(super) async fn the_same_cursor_again(buffer: &Buffer) -> Result<String, Trouble> {
    let first = buffer.read("max_bytes=1").await?;
    let query = format!("cursor={}&max_bytes=1", first.cursor);
    let second = buffer.read(&query).await?;
    if second.spans.is_empty() {
        return Err(Trouble::not_tried("the buffer holds too little for two reads"));
    }
    buffer.read(&format!("cursor={}", second.cursor)).await?;
    let again = buffer.read(&query).await?;
    let gone = second.keys().difference(&again.keys()).count() as u64;
    if gone > again.stats.overwritten.saturating_sub(first.stats.overwritten) {
        return Err(again.bad(
            &format!(", and {gone} span(s) of the first time were gone"),
            "After a failed read a reader comes back with its old cursor: answer it as before.",
        ));
    }
    let empty = buffer.read("cursor=&max_bytes=1").await?;
    if empty.lost != Some(0) || empty.spans.is_empty() {
        return Err(
            empty.bad(" for an empty cursor", "An empty cursor is none: from the oldest span.")
        );
    }
    Ok("an old cursor gave the same spans again; an empty one began with the oldest".to_owned())
}

/// Whether cursors are written as this project's buffers write them. Others may not be taken apart.
fn is_known_form(cursor: &str) -> bool {
    let mut fields = cursor.split('.');
    let is_hex =
        |field: &str| !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_hexdigit());
    fields.next() == Some("1")
        && fields.next().is_some_and(|epoch| epoch.len() == 32 && is_hex(epoch))
        && fields.clone().next().is_some()
        && fields.all(is_hex)
}

pub(super) async fn another_life(buffer: &Buffer, vectors: &Vectors) -> Result<String, Trouble> {
    let first = buffer.read("").await?;
    if !is_known_form(&first.cursor) {
        return Err(Trouble::not_tried(
            "cursors are of a form of their own: restart the app and read with an old cursor by hand, sigyn-lost must be `unknown`",
        ));
    }
    let cases = ["an epoch of nobody's", "an epoch of nobody's, from a buffer with shards"];
    for step in cases.iter().flat_map(|case| vectors.steps(case)) {
        let batch = buffer.read(step.query).await?;
        if batch.lost.is_some() || (batch.spans.is_empty() && batch.stats.held() > 0) {
            return Err(batch.bad(
                &format!(", sigyn-lost {:?}", batch.lost),
                "A cursor of another epoch is answered from the oldest span on, with sigyn-lost: unknown.",
            ));
        }
    }
    Ok("answered from the oldest span on, sigyn-lost: unknown".to_owned())
}

pub(super) async fn ahead(buffer: &Buffer) -> Result<String, Trouble> {
    let end = buffer.end().await?;
    if !is_known_form(&end.cursor) {
        return Err(Trouble::not_tried("cursors are of a form of their own"));
    }
    let mut fields: Vec<String> = end.cursor.split('.').map(str::to_owned).collect();
    for position in &mut fields[2..] {
        let reached = u64::from_str_radix(position, 16).unwrap_or_default();
        *position = format!("{:x}", reached.saturating_add(AHEAD));
    }
    for cursor in [fields.join("."), format!("{}.0", end.cursor)] {
        let query = format!("cursor={cursor}");
        let answer = buffer.ask(Ask::get(&query)).await?;
        if answer.status != 400 || answer.body.is_empty() {
            return Err(Trouble::bad(
                answer.came(),
                "A cursor of this life that points past what was recorded is answered 400 with a sentence.",
            ));
        }
    }
    Ok("answered 400 with a sentence".to_owned())
}

pub(super) async fn no_cursor(buffer: &Buffer, vectors: &Vectors) -> Result<String, Trouble> {
    let known = is_known_form(&buffer.read("").await?.cursor);
    let steps = vectors.steps("what is no cursor");
    for step in &steps {
        let answer = buffer.ask(Ask::get(step.query)).await?;
        let refused = answer.status.as_u16() == step.status && !answer.body.is_empty();
        // In another form these could be cursors, though of no life that there was.
        let strange = !known && answer.header("sigyn-lost") == Some("unknown");
        if !refused && !strange {
            return Err(Trouble::bad(
                answer.came(),
                "What is no cursor is answered 400 and a sentence that says so, never with spans.",
            ));
        }
    }
    Ok(format!("{} malformed cursors were refused", steps.len()))
}

#[cfg(test)]
mod tests {
    use super::is_known_form;

    #[test]
    fn the_form_of_our_cursors_is_known() {
        assert!(is_known_form("1.9c1d7a0652e44b3f8a901f6bd2c3e475.1.0"));
        for other in [
            "",
            "1",
            "1.9c1d7a0652e44b3f8a901f6bd2c3e475",
            "2.9c1d7a0652e44b3f8a901f6bd2c3e475.1",
            "abc-7",
        ] {
            assert!(!is_known_form(other), "{other}");
        }
    }
}
