//! The layout of Jaeger's client for Go: trace ID (high, low), span ID, parent ID, flags, baggage; big-endian.

use super::BAGGAGE_ITEMS_MAX;
use crate::context::{Baggage, DEBUG, SAMPLED, SpanContext};
use std::sync::Arc;

pub(crate) fn inject_binary(context: &SpanContext) -> Vec<u8> {
    let mut out = Vec::with_capacity(37);
    out.extend_from_slice(&context.trace_id.to_be_bytes());
    out.extend_from_slice(&context.span_id.to_be_bytes());
    out.extend_from_slice(&[0; 8]);
    out.push(context.flags & (SAMPLED | DEBUG));
    let items: Vec<_> = context.baggage_items().take(BAGGAGE_ITEMS_MAX).collect();
    out.extend_from_slice(&(items.len() as i32).to_be_bytes());
    for text in items.into_iter().flat_map(|(key, value)| [key, value]) {
        out.extend_from_slice(&(text.len() as i32).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out
}

pub(crate) fn extract_binary(carrier: &[u8]) -> Option<SpanContext> {
    let mut rest = carrier;
    let trace_id = u128::from_be_bytes(take(&mut rest)?);
    let span_id = u64::from_be_bytes(take(&mut rest)?);
    take::<8>(&mut rest)?;
    let [flags] = take(&mut rest)?;
    let count = usize::try_from(i32::from_be_bytes(take(&mut rest)?)).ok()?;
    if trace_id == 0 || span_id == 0 || count > BAGGAGE_ITEMS_MAX {
        return None;
    }
    let mut baggage = Baggage::default();
    for _ in 0..count {
        baggage.set(text(&mut rest)?, text(&mut rest)?);
    }
    Some(SpanContext {
        trace_id,
        span_id,
        flags: flags & (SAMPLED | DEBUG),
        trace_state: "".into(),
        is_remote: true,
        baggage: Arc::new(baggage),
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(i32::from_be_bytes(take(rest)?)).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    String::from_utf8(text.to_vec()).ok()
}
