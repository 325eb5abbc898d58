//! One accumulator for each series and interval.

use super::sketch::Sketch;
use crate::engine::EngineError;

/// Accumulators of one metrics function, by group and interval.
pub(super) enum Cells {
    Counts(Vec<u64>),
    /// NaN: nothing yet.
    Least(Vec<f64>),
    Greatest(Vec<f64>),
    /// Sum and number of values.
    Sums(Vec<(f64, u64)>),
    Sketches(Vec<Sketch>),
}

/// Memory that the points of one query may take.
const BYTES_MAX: usize = 96 << 20;

impl Cells {
    /// Of the same kind, with nothing in it.
    pub(super) fn resized(&mut self, cells: usize) -> Result<(), EngineError> {
        let size = match self {
            Self::Counts(_) | Self::Least(_) | Self::Greatest(_) => 8,
            Self::Sums(_) => 16,
            Self::Sketches(_) => std::mem::size_of::<Sketch>(),
        };
        if cells.saturating_mul(size) > BYTES_MAX {
            return Err(too_many());
        }
        match self {
            Self::Counts(counts) => counts.resize(cells, 0),
            Self::Least(values) | Self::Greatest(values) => values.resize(cells, f64::NAN),
            Self::Sums(sums) => sums.resize(cells, (0.0, 0)),
            Self::Sketches(sketches) => sketches.resize(cells, Sketch::default()),
        }
        Ok(())
    }

    /// Takes numbers in, each for a cell; NaN is none.
    pub(super) fn add(&mut self, numbers: impl Iterator<Item = (u32, f64)>) {
        match self {
            Self::Counts(counts) => numbers.for_each(|(cell, _)| counts[cell as usize] += 1),
            Self::Least(values) => {
                numbers.for_each(|(cell, value)| {
                    values[cell as usize] = values[cell as usize].min(value);
                });
            }
            Self::Greatest(values) => {
                numbers.for_each(|(cell, value)| {
                    values[cell as usize] = values[cell as usize].max(value);
                });
            }
            Self::Sums(sums) => {
                for (cell, value) in numbers.filter(|(_, value)| !value.is_nan()) {
                    let (sum, count) = &mut sums[cell as usize];
                    (*sum, *count) = (*sum + value, *count + 1);
                }
            }
            Self::Sketches(sketches) => {
                numbers.for_each(|(cell, value)| sketches[cell as usize].add(value));
            }
        }
    }

    /// Takes in the cells of another of the same kind, from one place to another.
    pub(super) fn merge(
        &mut self,
        other: Self,
        places: impl Fn(usize) -> usize,
    ) -> Result<(), EngineError> {
        match (self, other) {
            (Self::Counts(own), Self::Counts(other)) => {
                let some = other.into_iter().enumerate().filter(|(_, count)| *count > 0);
                some.for_each(|(at, count)| own[places(at)] += count);
            }
            (Self::Least(own), Self::Least(other)) => {
                for (at, value) in other.into_iter().enumerate() {
                    let own = &mut own[places(at)];
                    *own = own.min(value);
                }
            }
            (Self::Greatest(own), Self::Greatest(other)) => {
                for (at, value) in other.into_iter().enumerate() {
                    let own = &mut own[places(at)];
                    *own = own.max(value);
                }
            }
            (Self::Sums(own), Self::Sums(other)) => {
                for (at, (sum, count)) in other.into_iter().enumerate() {
                    let own = &mut own[places(at)];
                    *own = (own.0 + sum, own.1 + count);
                }
            }
            (Self::Sketches(own), Self::Sketches(other)) => {
                for (at, sketch) in other.into_iter().enumerate() {
                    if !sketch.is_empty() {
                        own[places(at)].merge(sketch);
                    }
                }
                if own.iter().map(Sketch::bytes).sum::<usize>() > BYTES_MAX {
                    return Err(too_many());
                }
            }
            _ => unreachable!("parts of one query have cells of one kind"),
        }
        Ok(())
    }
}

fn too_many() -> EngineError {
    EngineError::Stopped(format!(
        "the query gives more points than fit into {} MiB; group by fewer values, use a greater step or a shorter range",
        BYTES_MAX >> 20
    ))
}
