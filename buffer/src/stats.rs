//! The buffer's own account.

/// What a buffer has done so far and how full it is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Spans written into the ring since the start.
    pub recorded: u64,
    /// Of these, spans overwritten by newer ones, read or not.
    pub overwritten: u64,
    /// Spans that could not be written, because every shard was busy.
    pub dropped: u64,
    /// Of the spans that an earlier life recorded, those that could not be read any more. A relay's only.
    pub damaged: u64,
    /// Bytes that the spans held now take, frames included.
    pub held_bytes: u64,
    /// Bytes that there are in all; never changes.
    pub capacity_bytes: u64,
    /// Spans that exemplars point at, kept until a reader had them, whether they are still in the ring or not.
    pub kept: u64,
    /// Of these, spans that were given up because they took more than their share.
    pub kept_given_up: u64,
    /// How long new spans need to fill the whole ring at the present rate; infinite when none come.
    pub overwrite_seconds: f64,
}

impl Stats {
    /// Spans that can be read now.
    pub fn held(&self) -> u64 {
        self.recorded - self.overwritten
    }
}

/// The value of the header `sigyn-buffer`.
impl std::fmt::Display for Stats {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { recorded, overwritten, dropped, held_bytes, capacity_bytes, .. } = self;
        write!(
            formatter,
            "recorded={recorded}, overwritten={overwritten}, dropped={dropped}, bytes={held_bytes}, \
             capacity={capacity_bytes}, overwrite_seconds="
        )?;
        match self.overwrite_seconds {
            seconds if seconds.is_infinite() => formatter.write_str("inf"),
            seconds if seconds < 10.0 => write!(formatter, "{seconds:.3}"),
            seconds => write!(formatter, "{seconds:.1}"),
        }?;
        if self.damaged > 0 {
            write!(formatter, ", damaged={}", self.damaged)?;
        }
        match self {
            Self { kept: 0, kept_given_up: 0, .. } => Ok(()),
            Self { kept, kept_given_up, .. } => {
                write!(formatter, ", kept={kept}, kept_given_up={kept_given_up}")
            }
        }
    }
}
