//! The pull protocol's words: what is asked in the URL and what the answer's headers say.

use axum::http::{HeaderMap, HeaderName};
use std::time::Duration;

/// A buffer is asked for at most this much at once.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// No cursor is longer.
const CURSOR_BYTES_MAX: usize = 4 << 10;

/// What is asked of a span buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) cursor: Option<&'a str>,
    pub(super) max_bytes: usize,
    /// Long-poll: the buffer may wait this long for a span.
    pub(super) wait: Option<Duration>,
    /// The target is ending, and we know it.
    pub(super) drain: bool,
}

impl Question<'_> {
    pub(super) fn url(&self, base: &reqwest::Url) -> reqwest::Url {
        let mut url = base.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(cursor) = self.cursor {
                query.append_pair("cursor", cursor);
            }
            query.append_pair("max_bytes", &self.max_bytes.to_string());
            if let Some(wait) = self.wait {
                query.append_pair("wait", &format!("{}ms", wait.as_millis()));
            }
            if self.drain {
                query.append_pair("drain", "1");
            }
        }
        url
    }
}

/// What the headers of an answer say. All is absent for an untracked endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reply {
    /// Where to continue; `None`: the endpoint is untracked.
    pub(super) cursor: Option<String>,
    pub(super) lost: Lost,
    pub(super) more: bool,
    pub(super) time_unix_nano: Option<u64>,
    pub(super) uid: Option<String>,
    pub(super) fill: Fill,
}

/// Spans overwritten since the cursor that was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lost {
    #[default]
    None,
    Exactly(u64),
    /// The buffer began a new life.
    Unknown,
}

/// The header `sigyn-buffer`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Fill {
    /// Spans that could not be recorded at all, since the buffer began.
    pub(super) dropped: Option<u64>,
    pub(super) bytes: Option<f64>,
    pub(super) capacity: Option<f64>,
    pub(super) overwrite_seconds: Option<f64>,
}

impl Reply {
    /// Reads the headers; the error is a sentence about the one that breaks the protocol.
    pub(super) fn parse(headers: &HeaderMap) -> Result<Self, String> {
        let Some(cursor) = text(headers, "sigyn-cursor")? else { return Ok(Self::default()) };
        let fits = cursor.len() <= CURSOR_BYTES_MAX
            && !cursor.is_empty()
            && cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte));
        if !fits {
            return Err("the header sigyn-cursor is not a cursor".to_owned());
        }
        let lost = match text(headers, "sigyn-lost")? {
            None | Some("0") => Lost::None,
            Some("unknown") => Lost::Unknown,
            Some(number) => match number.parse() {
                Ok(0) => Lost::None,
                Ok(spans) => Lost::Exactly(spans),
                Err(_) => {
                    return Err(format!(
                        "the header sigyn-lost is {number:?}, neither a number nor `unknown`"
                    ));
                }
            },
        };
        Ok(Self {
            cursor: Some(cursor.to_owned()),
            lost,
            more: text(headers, "sigyn-more")? == Some("1"),
            time_unix_nano: text(headers, "sigyn-time")?.and_then(|nano| nano.parse().ok()),
            uid: text(headers, "sigyn-uid")?.filter(|uid| !uid.is_empty()).map(str::to_owned),
            fill: text(headers, "sigyn-buffer")?.map(Fill::parse).unwrap_or_default(),
        })
    }
}

impl Fill {
    /// `key=number, key=number`; unknown keys and what is not a number are left out.
    fn parse(text: &str) -> Self {
        let mut fill = Self::default();
        for (key, value) in text.split(',').filter_map(|pair| pair.trim().split_once('=')) {
            let number = value.trim().parse::<f64>().ok().filter(|number| *number >= 0.0);
            match key.trim() {
                "dropped" => fill.dropped = number.map(|number| number as u64),
                "bytes" => fill.bytes = number,
                "capacity" => fill.capacity = number,
                "overwrite_seconds" => fill.overwrite_seconds = number,
                _ => {}
            }
        }
        fill
    }

    /// 0 to 1.
    pub(super) fn ratio(&self) -> Option<f64> {
        let (bytes, capacity) = (self.bytes?, self.capacity?);
        (capacity > 0.0).then(|| (bytes / capacity).min(1.0))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, String> {
    let Some(value) = headers.get(HeaderName::from_static(name)) else { return Ok(None) };
    value
        .to_str()
        .map(|text| Some(text.trim()))
        .map_err(|_| format!("the header {name} is not text"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_full_answer_is_read() {
        let reply = Reply::parse(&headers(&[
            ("sigyn-cursor", "v1.a~b_c-9"),
            ("sigyn-lost", "12"),
            ("sigyn-more", "1"),
            ("sigyn-time", "1766400000000000000"),
            ("sigyn-uid", "abc"),
            ("sigyn-buffer", "recorded=10, overwritten=3, dropped=2, bytes=50, capacity=200, overwrite_seconds=inf, new=x"),
        ]))
        .unwrap();
        assert_eq!(reply.cursor.as_deref(), Some("v1.a~b_c-9"));
        assert_eq!((reply.lost, reply.more), (Lost::Exactly(12), true));
        assert_eq!(reply.time_unix_nano, Some(1_766_400_000_000_000_000));
        assert_eq!(reply.uid.as_deref(), Some("abc"));
        assert_eq!(reply.fill.dropped, Some(2));
        assert_eq!(reply.fill.ratio(), Some(0.25));
        assert_eq!(reply.fill.overwrite_seconds, Some(f64::INFINITY));
    }

    #[test]
    fn an_answer_without_cursor_is_untracked() {
        assert_eq!(Reply::parse(&headers(&[("sigyn-more", "1")])).unwrap(), Reply::default());
    }

    #[test]
    fn what_breaks_the_protocol_is_named() {
        let error = Reply::parse(&headers(&[("sigyn-cursor", "a b")])).unwrap_err();
        assert_eq!(error, "the header sigyn-cursor is not a cursor");
        let error =
            Reply::parse(&headers(&[("sigyn-cursor", "a"), ("sigyn-lost", "-1")])).unwrap_err();
        assert_eq!(error, "the header sigyn-lost is \"-1\", neither a number nor `unknown`");
    }

    #[test]
    fn the_question_stands_in_the_url_beside_the_params() {
        let base = "http://10.0.0.1:8080/debug/spans?tenant=a".parse().unwrap();
        let question = Question {
            cursor: Some("v1.x"),
            max_bytes: 100,
            wait: Some(Duration::from_secs(2)),
            drain: true,
        };
        assert_eq!(
            question.url(&base).as_str(),
            "http://10.0.0.1:8080/debug/spans?tenant=a&cursor=v1.x&max_bytes=100&wait=2000ms&drain=1"
        );
    }
}
