//! Which content coding an answer gets.

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
    /// The best that `accept-encoding` allows: zstd, else gzip, else none. Any weight above 0 will do.
    pub(crate) fn choose(accept_encoding: &str) -> Self {
        let allowed = |name: &str| {
            accept_encoding.split(',').any(|item| {
                let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
                coding.trim().eq_ignore_ascii_case(name) && !is_weight_zero(parameters)
            })
        };
        if allowed("zstd") {
            Self::Zstd
        } else if allowed("gzip") || allowed("x-gzip") {
            Self::Gzip
        } else {
            Self::Identity
        }
    }

    /// The value of `content-encoding`.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }
}

fn is_weight_zero(parameters: &str) -> bool {
    let weight =
        parameters.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weight.is_some_and(|(_, value)| value.trim().parse::<f32>().is_ok_and(|value| value <= 0.0))
}

#[cfg(test)]
mod tests {
    use super::Coding;

    #[test]
    fn zstd_is_preferred_and_refusals_are_kept() {
        for (accept, coding) in [
            ("", Coding::Identity),
            ("gzip", Coding::Gzip),
            ("gzip, zstd", Coding::Zstd),
            ("zstd;q=0.1, gzip;q=1.0", Coding::Zstd),
            ("zstd; q=0, GZIP", Coding::Gzip),
            ("zstd;q=0.000", Coding::Identity),
            ("br, deflate", Coding::Identity),
        ] {
            assert_eq!(Coding::choose(accept), coding, "{accept}");
        }
    }
}
