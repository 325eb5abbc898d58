//! The head of an HTTP/1 request.

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

/// A cursor of the largest buffer and some headers fit four times.
pub(super) const HEAD_BYTES_MAX: usize = 8 << 10;
const HEADERS_MAX: usize = 64;

pub(super) struct Head {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    /// Whether another request may follow on the connection.
    pub(super) keep_alive: bool,
}

impl Head {
    /// Reads everything before the empty line; `None` when that is not HTTP/1.
    pub(super) fn parse(head: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(head).ok()?.split("\r\n");
        let mut request = lines.next()?.split(' ');
        let method = Method::from_bytes(request.next()?.as_bytes()).ok()?;
        let uri: Uri = request.next()?.parse().ok()?;
        let version = request.next()?;
        if request.next().is_some() {
            return None;
        }
        let headers = lines
            .map(|line| {
                let (name, value) = line.split_once(':')?;
                let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                Some((name, HeaderValue::from_str(value.trim_matches([' ', '\t'])).ok()?))
            })
            .take(HEADERS_MAX + 1)
            .collect::<Option<Vec<_>>>()?;
        if headers.len() > HEADERS_MAX {
            return None;
        }
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        let keep_alive = match version {
            "HTTP/1.1" => !has_token(&map, "close"),
            "HTTP/1.0" => has_token(&map, "keep-alive"),
            _ => return None,
        };
        // A body is not read, so nothing behind it can be.
        let length = map.get(CONTENT_LENGTH).map_or(b"0".as_slice(), HeaderValue::as_bytes);
        let keep_alive = keep_alive && length == b"0" && !map.contains_key(TRANSFER_ENCODING);
        Some(Self { method, uri, headers: map, keep_alive })
    }
}

fn has_token(headers: &HeaderMap, token: &str) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Head;

    #[test]
    fn the_connection_stays_open_as_http_says() {
        for (head, keep_alive) in [
            ("GET / HTTP/1.1\r\nhost: a", true),
            ("GET / HTTP/1.1\r\nConnection: Close", false),
            ("GET / HTTP/1.0", false),
            ("GET / HTTP/1.0\r\nconnection: keep-alive, x", true),
            ("POST / HTTP/1.1\r\ncontent-length: 5", false),
            ("GET / HTTP/1.1\r\ntransfer-encoding: chunked", false),
        ] {
            assert_eq!(Head::parse(head.as_bytes()).unwrap().keep_alive, keep_alive, "{head}");
        }
    }

    #[test]
    fn what_is_not_http_is_refused() {
        for head in [
            "",
            "GET",
            "GET /",
            "GET / HTTP/2.0",
            "GET /  HTTP/1.1",
            "GET / HTTP/1.1 x",
            "GET / HTTP/1.1\r\nno colon",
            "GET / HTTP/1.1\r\n folded: x",
            "GET / HTTP/1.1\r\na b: x",
        ] {
            assert!(Head::parse(head.as_bytes()).is_none(), "{head}");
        }
        let many = format!("GET / HTTP/1.1{}", "\r\na: b".repeat(65));
        assert!(Head::parse(many.as_bytes()).is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(head in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Head::parse(&head);
        }
    }
}
