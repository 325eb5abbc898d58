//! What a watch says.

use serde_json::{Value, json};

/// One change, kept so that a watch can start in the past.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) version: u64,
    pub(crate) kind: EventKind,
    pub(crate) object: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Added,
    Modified,
    Deleted,
}

impl Event {
    pub(crate) fn line(&self) -> String {
        let kind = match self.kind {
            EventKind::Added => "ADDED",
            EventKind::Modified => "MODIFIED",
            EventKind::Deleted => "DELETED",
        };
        format!("{}\n", json!({"type": kind, "object": self.object}))
    }
}

/// Tells a watch how far the server is, so that it can go on from there.
pub(crate) fn bookmark(kind: &str, api_version: &str, version: u64) -> String {
    let object = json!({
        "kind": kind, "apiVersion": api_version, "metadata": {"resourceVersion": version.to_string()},
    });
    format!("{}\n", json!({"type": "BOOKMARK", "object": object}))
}

/// An error inside a watch.
pub(crate) fn error(code: u16) -> String {
    format!("{}\n", json!({"type": "ERROR", "object": status(code, "the watch")}))
}

/// The body of a refusal.
pub(crate) fn status(code: u16, what: &str) -> Value {
    let (reason, message) = match code {
        401 => ("Unauthorized", "Unauthorized".to_owned()),
        403 => ("Forbidden", format!("{what} is forbidden: the account cannot list it")),
        404 => ("NotFound", "the server could not find the requested resource".to_owned()),
        410 => ("Expired", "too old resource version".to_owned()),
        _ => ("InternalError", "an error on the server".to_owned()),
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}
