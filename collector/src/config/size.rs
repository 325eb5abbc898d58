//! Sizes in bytes with a unit, powers of two (`10MB`).

use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};

/// A number of bytes. `KB` and `KiB` are both 1024, as in Prometheus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, &str, u32); 7] = [
    ("EB", "EiB", 60),
    ("PB", "PiB", 50),
    ("TB", "TiB", 40),
    ("GB", "GiB", 30),
    ("MB", "MiB", 20),
    ("KB", "KiB", 10),
    ("B", "B", 0),
];

/// Says what a size looks like.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a size; write a number with a unit, such as 512KB, 10MB or 1GB")]
pub struct SizeError(String);

impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let error = || SizeError(text.to_owned());
        if text == "0" {
            return Ok(Self(0));
        }
        let (mut rest, mut total) = (text, 0u64);
        loop {
            let is_number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
            let (number, after) = rest.split_at(rest.bytes().take_while(is_number).count());
            let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, after) = after.split_at(letters);
            let shift = UNITS
                .iter()
                .find(|(short, long, _)| *short == unit || *long == unit)
                .ok_or_else(error)?
                .2;
            let part = match number.parse::<u64>() {
                Ok(number) => number.checked_mul(1 << shift).ok_or_else(error)?,
                Err(_) => {
                    let bytes =
                        number.parse::<f64>().map_err(|_| error())? * (1u64 << shift) as f64;
                    if !(0.0..9.0e18).contains(&bytes) {
                        return Err(error());
                    }
                    bytes as u64
                }
            };
            total = total.checked_add(part).ok_or_else(error)?;
            if after.is_empty() {
                return Ok(Self(total));
            }
            rest = after;
        }
    }
}

impl fmt::Display for ByteSize {
    /// In the largest unit that divides it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, _, shift) in UNITS {
            if self.0 >= 1 << shift && self.0.trailing_zeros() >= shift {
                return write!(f, "{}{unit}", self.0 >> shift);
            }
        }
        f.write_str("0")
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_powers_of_two() {
        let check = |text: &str, bytes: u64, printed: &str| {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, printed), "{text}");
        };
        check("0", 0, "0");
        check("10MB", 10 << 20, "10MB");
        check("10MiB", 10 << 20, "10MB");
        check("1536B", 1536, "1536B");
        check("1.5KB", 1536, "1536B");
        check("1KB512B", 1536, "1536B");
        check("1024KB", 1 << 20, "1MB");
    }

    #[test]
    fn a_size_without_unit_is_refused() {
        for text in ["", "10", "MB", "10 MB", "10mb", "10M", "-1MB", "99999999EB", "1..5KB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(bytes: u64) {
            prop_assert_eq!(ByteSize(bytes).to_string().parse::<ByteSize>().unwrap().0, bytes);
        }
    }
}
