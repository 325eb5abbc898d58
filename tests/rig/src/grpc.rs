//! One gRPC call by hand: HTTP/2 with prior knowledge, length-prefixed messages.

use std::time::Duration;

/// Calls a unary method; `Err` is the status as `CODE: message`.
pub fn grpc_unary(base: &str, method: &str, message: &[u8]) -> Result<(), String> {
    let messages = grpc_streaming(base, method, message)?;
    if messages.is_empty() { Err("no message came back".to_owned()) } else { Ok(()) }
}

/// Calls a method whose answer is a stream, and gives its messages; `Err` is the status as `CODE: message`.
pub fn grpc_streaming(base: &str, method: &str, message: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let client = reqwest::blocking::Client::builder()
        .http2_prior_knowledge()
        .timeout(Duration::from_secs(30))
        .no_proxy()
        // Loopback is plain: a machine without CA certificates runs the tests as well.
        .tls_certs_only([])
        .build()
        .expect("a plain client builds");
    let length = u32::try_from(message.len()).expect("test messages are small");
    let mut frame = vec![0];
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(message);
    let answer = client
        .post(format!("{base}{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(frame)
        .send()
        .map_err(|error| error.to_string())?;
    // A refusal without a message stands in the headers; an answer has a body and its status in
    // the trailers, which this client does not show.
    let header = |name: &str| {
        answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    match header("grpc-status").as_deref() {
        None | Some("0") => {}
        Some(code) => {
            return Err(format!("{code}: {}", header("grpc-message").unwrap_or_default()));
        }
    }
    let body = answer.bytes().map_err(|error| error.to_string())?;
    let (mut messages, mut rest) = (Vec::new(), &body[..]);
    while let [0, a, b, c, d, more @ ..] = rest {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let (message, more) = more.split_at_checked(length).ok_or("a message breaks off")?;
        messages.push(message.to_vec());
        rest = more;
    }
    if rest.is_empty() { Ok(messages) } else { Err("the answer is not whole messages".to_owned()) }
}
