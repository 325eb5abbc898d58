//! `trace_id`, where the buffer knows it.

use super::{
    content::nothing_held,
    pull::{Ask, Buffer},
    report::Trouble,
};
use std::collections::BTreeSet;

const NOT_KNOWN: &str =
    "the buffer does not know trace_id; its readers pick what they want themselves";

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) async fn held(buffer: &Buffer) -> Result<String, Trouble> {
    let all = buffer.read("").await?;
    // The newest, which stays longest.
    let Some(wanted) = all.spans.last().map(|span| span.key.0.clone()) else {
        return Err(nothing_held());
    };
    let found = buffer.read(&format!("trace_id={}", hex(&wanted))).await?;
    if found.answer.header("sigyn-filter").is_none() {
        return Err(Trouble::not_tried(NOT_KNOWN));
    }
    if found.answer.header("sigyn-cursor").is_some() || found.answer.header("sigyn-lost").is_some()
    {
        return Err(found.bad(
            ", with a cursor",
            "An answer to trace_id is no place to go on from: it has no sigyn-cursor and no sigyn-lost.",
        ));
    }
    if found.spans.iter().any(|span| span.key.0 != wanted) {
        return Err(found.bad(", some of other traces", "Only spans of the trace asked for come."));
    }
    let expected: BTreeSet<_> = all.keys().into_iter().filter(|key| key.0 == wanted).collect();
    let missing = expected.difference(&found.keys()).count() as u64;
    if missing > found.stats.overwritten.saturating_sub(all.stats.overwritten) {
        return Err(found.bad(
            &format!(", {missing} of the trace missing"),
            "All that is held of the trace comes, wherever readers stand.",
        ));
    }
    Ok(format!("{found}, all of that trace"))
}

pub(super) async fn unknown(buffer: &Buffer) -> Result<String, Trouble> {
    let nobodys = "d1ce".repeat(8);
    let found = buffer.ask(Ask::get(&format!("trace_id={nobodys}"))).await?;
    if found.header("sigyn-filter").is_none() {
        return Err(Trouble::not_tried(NOT_KNOWN));
    }
    let found = found.into_batch()?;
    if !found.answer.body.is_empty() {
        return Err(found.bad("", "Of a trace that is not held nothing comes: an empty body."));
    }
    for query in ["trace_id=", "trace_id=xyz", "trace_id=0"] {
        let answer = buffer.ask(Ask::get(query)).await?;
        if answer.status != 400 {
            return Err(Trouble::bad(
                answer.came(),
                "trace_id is 1 to 32 hexadecimal digits and not zero; else the answer is 400.",
            ));
        }
    }
    Ok("nothing for an unknown trace, 400 for what is no ID".to_owned())
}
