//! Long polls, and the end of a process.

use super::{
    content::nothing_held,
    pull::{Ask, Buffer},
    report::Trouble,
    vectors::Vectors,
};
use futures::future::join_all;
use std::time::Duration;

/// "At once", with room for a slow machine.
const AT_ONCE: Duration = Duration::from_secs(2);
const LATE: Duration = Duration::from_secs(5);
/// Readers that wait at the same time: more than the four that a buffer must take.
const WAITING: usize = 6;

pub(super) async fn with_news(buffer: &Buffer) -> Result<String, Trouble> {
    let batch = match buffer.read("").await?.spans.is_empty() {
        true => return Err(nothing_held()),
        false => buffer.read("wait=10s").await?,
    };
    if batch.spans.is_empty() || batch.answer.took > AT_ONCE {
        return Err(batch.bad(
            &format!(" after {:?}", batch.answer.took),
            "With something to read, `wait` changes nothing: answer at once.",
        ));
    }
    Ok(format!("answered in {:?}", batch.answer.took))
}

pub(super) async fn in_vain(buffer: &Buffer) -> Result<String, Trouble> {
    let end = buffer.end().await?;
    let batch = buffer.read(&format!("cursor={}&wait=300ms", end.cursor)).await?;
    let took = batch.answer.took;
    if !batch.spans.is_empty() {
        return Ok(format!("a span came after {took:?}"));
    }
    if batch.stats.draining {
        return Err(Trouble::not_tried("the process is ending"));
    }
    if took < Duration::from_millis(250) || took > LATE {
        return Err(batch.bad(
            &format!(" after {took:?}"),
            "When nothing is new, wait=300ms is answered after 300 ms, empty and with the same cursor.",
        ));
    }
    Ok(format!("wait=300ms was answered after {took:?}, empty"))
}

pub(super) async fn for_a_span(buffer: &Buffer) -> Result<String, Trouble> {
    if !buffer.provokes() {
        return Err(Trouble::not_tried("no --provoke=URL was given"));
    }
    let end = buffer.end().await?;
    let query = format!("cursor={}&wait=10s", end.cursor);
    let provoking = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        buffer.provoke().await
    };
    let (read, provoked) = tokio::join!(buffer.read(&query), provoking);
    let (batch, provoked) = (read?, provoked?);
    if batch.spans.is_empty() || batch.answer.took > LATE {
        return Err(batch.bad(
            &format!(" after {:?}, though {provoked}", batch.answer.took),
            "A reader that waits is answered when a span is recorded.",
        ));
    }
    if batch.lost != Some(0) && batch.stats.overwritten == end.stats.overwritten {
        return Err(batch.bad(", with losses", "Nothing was overwritten: sigyn-lost is 0."));
    }
    Ok(format!("{provoked}; the reader had it after {:?}", batch.answer.took))
}

pub(super) async fn another_life(buffer: &Buffer, vectors: &Vectors) -> Result<String, Trouble> {
    for step in vectors.steps("wait: a cursor of another life is answered at once") {
        let answer = buffer.ask(Ask::get(step.query)).await?;
        if answer.status == 400 {
            return Err(Trouble::not_tried("cursors are of a form of their own"));
        }
        let batch = answer.into_batch()?;
        if batch.answer.took > AT_ONCE {
            return Err(batch.bad(
                &format!(" after {:?}", batch.answer.took),
                "That the epoch is another is news: answer at once.",
            ));
        }
    }
    Ok("answered at once".to_owned())
}

pub(super) async fn many(buffer: &Buffer) -> Result<String, Trouble> {
    let end = buffer.end().await?;
    let query = format!("cursor={}&wait=500ms", end.cursor);
    let answers = join_all((0..WAITING).map(|_| buffer.ask(Ask::get(&query)))).await;
    let (mut waited, mut sent_away) = (0, 0);
    for answer in answers {
        let answer = answer?;
        match (answer.status.as_u16(), answer.header("retry-after")) {
            (200, _) => waited += 1,
            (429, Some(after)) if after.parse::<u32>().is_ok() => sent_away += 1,
            (503, _) => sent_away += 1,
            _ => {
                return Err(Trouble::bad(
                    answer.came(),
                    "Readers beyond the limit are answered 429 with retry-after in seconds.",
                ));
            }
        }
    }
    if waited == 0 {
        return Err(Trouble::bad(
            format!("{WAITING} reads with wait=500ms at a time were all sent away"),
            "Let four readers wait at a time.",
        ));
    }
    Ok(format!("of {WAITING} at a time {waited} waited, {sent_away} were sent away for a moment"))
}

pub(super) async fn drain(buffer: &Buffer) -> Result<String, Trouble> {
    let plain = buffer.end().await?;
    if plain.stats.draining {
        // Saying so here would release it before its own reader came.
        return Err(Trouble::not_tried("the process is ending, and waits for its reader"));
    }
    let pages = buffer.read_all("drain=1").await?;
    let last = &pages[pages.len() - 1];
    let gone =
        plain.stats.held().saturating_sub(pages.iter().map(|page| page.spans.len() as u64).sum());
    if gone > last.stats.overwritten.saturating_sub(plain.stats.overwritten) && !last.more {
        return Err(last.bad(
            &format!(", {gone} fewer than are held"),
            "drain=1 says that the reader knows of the end; it reads like any other.",
        ));
    }
    let confirming = buffer.read(&format!("cursor={}&drain=1", last.cursor)).await?;
    if !confirming.spans.is_empty() && confirming.stats.recorded == last.stats.recorded {
        return Err(confirming.bad("", "The read that confirms the end is empty."));
    }
    Ok("read to the end with drain=1, the last answer empty".to_owned())
}
