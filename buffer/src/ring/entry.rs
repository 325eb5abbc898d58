//! How a span lies in the ring:
//!
//! ```text
//! ┌────────────────┬─────────────┬────────────────────┬──────────────┬────────────┬─────────┐
//! │ payload  u32le │ scope u16le │ inline scope u16le │ inline scope │ OTLP span  │ 0–7 pad │
//! └────────────────┴─────────────┴────────────────────┴──────────────┴────────────┴─────────┘
//! ```

use crate::origin::Origin;

/// Entries begin at multiples of this, so that a header never wraps.
pub(crate) const ALIGN_BYTES: usize = 8;
/// The frame in front of a payload.
pub(crate) const HEADER_BYTES: usize = 8;
/// The scope number that says "the scope stands in front of the span".
pub(crate) const INLINE_SCOPE: u16 = u16::MAX;
/// The same for a Resource and a scope of another process: the Resource's size (u16le), the Resource, the scope.
pub(crate) const INLINE_ORIGIN: u16 = u16::MAX - 1;

/// One recorded span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    /// Number in the scope table, or [`INLINE_SCOPE`].
    pub(crate) scope: u16,
    /// How much of the payload is the scope itself.
    pub(crate) inline_scope_bytes: u16,
    /// The scope, if it is inline, then the span.
    pub(crate) payload: &'a [u8],
}

impl<'a> Entry<'a> {
    /// What stands for a span that was damaged: its sequence number is taken, but nothing is there.
    pub(crate) const HOLE: Entry<'static> = Entry { scope: 0, inline_scope_bytes: 0, payload: &[] };

    pub(crate) fn is_hole(&self) -> bool {
        self.payload.is_empty()
    }

    /// Where the span comes from, if that stands in front of it.
    pub(crate) fn inline_origin(&self) -> Option<Origin> {
        let inline = &self.payload[..usize::from(self.inline_scope_bytes)];
        match self.scope {
            INLINE_SCOPE => Some(Origin::own(inline.into())),
            INLINE_ORIGIN => {
                let (length, rest) = inline.split_first_chunk()?;
                let (resource, scope) =
                    rest.split_at_checked(u16::from_le_bytes(*length).into())?;
                Some(Origin::from_fields(resource, scope))
            }
            _ => None,
        }
    }

    pub(crate) fn span(&self) -> &'a [u8] {
        &self.payload[usize::from(self.inline_scope_bytes)..]
    }

    /// The first field of an encoded span is its trace ID.
    pub(crate) fn trace_id(&self) -> Option<[u8; 16]> {
        self.span().strip_prefix(&[0x0a, 16])?.first_chunk().copied()
    }

    pub(super) fn header(&self) -> [u8; HEADER_BYTES] {
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&(self.payload.len() as u32).to_le_bytes());
        header[4..6].copy_from_slice(&self.scope.to_le_bytes());
        header[6..].copy_from_slice(&self.inline_scope_bytes.to_le_bytes());
        header
    }
}

/// What an entry takes of the ring.
pub(super) fn framed_bytes(payload_bytes: usize) -> usize {
    HEADER_BYTES + payload_bytes.next_multiple_of(ALIGN_BYTES)
}

/// The payload's size, read from a header.
pub(super) fn payload_bytes(header: &[u8]) -> usize {
    u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize
}

/// Walks entries that [`Ring::copy`](super::Ring::copy) copied out.
pub(crate) fn entries(mut copied: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    std::iter::from_fn(move || {
        if copied.is_empty() {
            return None;
        }
        let (header, rest) = copied.split_at(HEADER_BYTES);
        let payload_bytes = payload_bytes(header);
        let entry = Entry {
            scope: u16::from_le_bytes([header[4], header[5]]),
            inline_scope_bytes: u16::from_le_bytes([header[6], header[7]]),
            payload: &rest[..payload_bytes],
        };
        copied = &copied[framed_bytes(payload_bytes)..];
        Some(entry)
    })
}
