//! One connection: request, answer, request, answer.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::{Method, Response, StatusCode};
use tokio::time::Instant;

use super::head::{HEAD_BYTES_MAX, Head};
use crate::SpanBuffer;
use crate::http::PATH;
use crate::http::answer::Pull;
use crate::http::body::PullBody;
use crate::http::timer::{ThreadTimer, block_on};

/// Between two requests; longer than the usual scrape interval.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// From the first byte of a request to its empty line.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// For a whole answer; a reader that is slower holds a copy of the ring for too long.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// For what a reader still sends after the last answer of a connection.
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);
const LINGER_READS_MAX: usize = 64;

pub(super) struct Connection {
    stream: TcpStream,
    buffer: SpanBuffer,
    /// What came and is not yet a whole request.
    received: Vec<u8>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, buffer: SpanBuffer) -> Self {
        Self { stream, buffer, received: Vec::new() }
    }

    /// Says that there is no thread for this connection.
    pub(super) fn turn_away(mut self) -> io::Result<()> {
        let text = "as many connections as this server allows are open: try again later\n";
        self.write(sentence(StatusCode::SERVICE_UNAVAILABLE, text), false, true)
    }

    /// Answers until the reader has enough, is too slow, or `stop` is set.
    pub(super) fn serve(mut self, stop: &AtomicBool) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        while let Some(head) = self.receive()? {
            let Some(head) = Head::parse(&head) else {
                let text = "this is not a request of HTTP/1.1 that can be understood\n";
                self.write(sentence(StatusCode::BAD_REQUEST, text), false, true)?;
                return self.linger();
            };
            let Some(response) = self.answer(&head, stop) else {
                return Ok(());
            };
            self.write(response, head.method == Method::HEAD, !head.keep_alive)?;
            if !head.keep_alive {
                return self.linger();
            }
        }
        Ok(())
    }

    fn answer(&self, head: &Head, stop: &AtomicBool) -> Option<Response<PullBody>> {
        if head.uri.path() != PATH {
            return Some(sentence(StatusCode::NOT_FOUND, "spans are at /debug/spans\n"));
        }
        match Pull::parse(&head.method, &head.uri, &head.headers) {
            Ok(pull) => {
                let timer = ThreadTimer::default();
                block_on(&timer, stop, pull.answer(&self.buffer, &timer))
            }
            Err(refusal) => Some(refusal.into_response()),
        }
    }

    /// The next head, or `None` when the reader closed the connection between requests.
    fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut deadline = Instant::now() + IDLE_TIMEOUT;
        let mut chunk = [0; 2048];
        loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = self.received[..end].to_vec();
                self.received.drain(..end + 4);
                return Ok(Some(head));
            }
            if self.received.len() > HEAD_BYTES_MAX {
                let text = "the head of the request is larger than 8 KiB\n";
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                self.write(sentence(status, text), false, true)?;
                self.linger()?;
                return Ok(None);
            }
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            let count = self.stream.read(&mut chunk)?;
            if count == 0 {
                return Ok(None);
            }
            if self.received.is_empty() {
                deadline = Instant::now() + HEAD_TIMEOUT;
            }
            self.received.extend_from_slice(&chunk[..count]);
        }
    }

    /// Ends the answer and takes in what still comes, because closing a socket with unread bytes
    /// makes the other side lose the answer.
    fn linger(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        let deadline = Instant::now() + LINGER_TIMEOUT;
        let mut chunk = [0; 2048];
        for _ in 0..LINGER_READS_MAX {
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            if self.stream.read(&mut chunk)? == 0 {
                break;
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        response: Response<PullBody>,
        head_only: bool,
        close: bool,
    ) -> io::Result<()> {
        let (parts, mut body) = response.into_parts();
        let mut out = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
        for (name, value) in &parts.headers {
            out.extend_from_slice(name.as_str().as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if close {
            out.extend_from_slice(b"connection: close\r\n");
        }
        let deadline = Instant::now() + WRITE_TIMEOUT;
        if head_only {
            out.extend_from_slice(b"\r\n");
            return self.send(&out, deadline);
        }
        // Compressed, the length is known only at the end; it is what the limit on bodies bounds.
        let mut compressed = Vec::new();
        let length = body.content_length().unwrap_or_else(|| {
            while let Some(piece) = body.next_piece() {
                compressed.extend_from_slice(&piece);
            }
            compressed.len() as u64
        });
        write!(out, "content-length: {length}\r\n\r\n")?;
        self.send(&out, deadline)?;
        self.send(&compressed, deadline)?;
        while let Some(piece) = body.next_piece() {
            self.send(&piece, deadline)?;
        }
        Ok(())
    }

    fn send(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(left(deadline)?))?;
            match self.stream.write(bytes)? {
                0 => return Err(ErrorKind::WriteZero.into()),
                count => bytes = &bytes[count..],
            }
        }
        Ok(())
    }
}

/// What is left until the deadline; never zero, which a socket would take for "for ever".
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

fn sentence(status: StatusCode, text: &str) -> Response<PullBody> {
    let mut response = Response::new(PullBody::text(text.into()));
    *response.status_mut() = status;
    let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert("content-type", plain);
    response
}
