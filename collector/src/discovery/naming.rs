//! Names of labels and addresses, as all mechanisms build them.

use std::fmt::Display;

/// Every character outside `[a-zA-Z0-9_]` becomes one `_`.
pub(super) fn clean(key: &str) -> String {
    let keep = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    key.chars().map(|letter| if keep(letter) { letter } else { '_' }).collect()
}

/// With brackets around an IPv6 address.
pub(super) fn host_and_port(host: &str, port: impl Display) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
