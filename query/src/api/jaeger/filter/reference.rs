//! What a filter looks at: attributes and built-in fields, as TraceQL names them.

use super::{Attribute, Field, LEVELS, beyond};
use crate::api::{Fault, traceql_text as text};

/// What a field holds, and so what it is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An attribute: whatever was stored.
    Any,
    Text,
    Duration,
    /// One of some words, in no order.
    Words(&'static [&'static str]),
}

/// Something to look at.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    /// The fields that it may be found in.
    pub(super) fields: Vec<String>,
    pub(super) kind: Kind,
    /// `event` or `link`: a span has many of it.
    pub(super) many: Option<&'static str>,
    /// Whether each span (event, link) has it.
    pub(super) is_always_there: bool,
}

const KINDS: &[&str] = &["unspecified", "internal", "server", "client", "producer", "consumer"];
const STATUSES: &[&str] = &["unset", "ok", "error"];

fn level_of(level: &str) -> Result<&'static str, Fault> {
    LEVELS.into_iter().find(|known| *known == level).ok_or_else(|| {
        Fault::bad_request(format!(
            "the filter names the level {level:?}; there are {}",
            LEVELS.join(", ")
        ))
    })
}

/// `event` and `link`, of which a span has many.
pub(super) fn many(level: &str) -> Option<&'static str> {
    ["event", "link"].into_iter().find(|many| *many == level)
}

impl Reference {
    pub(super) fn attribute(attribute: &Attribute) -> Result<Self, Fault> {
        if attribute.key.is_empty() {
            return Err(Fault::bad_request("an attribute of the filter has no key"));
        }
        let scopes: &[&str] = match attribute.level.as_str() {
            "" => &["span", "resource"],
            level => match level_of(level)? {
                "scope" => &["instrumentation"],
                "span" => &["span"],
                "resource" => &["resource"],
                "event" => &["event"],
                _ => &["link"],
            },
        };
        let fields = scopes.iter().map(|scope| text::attribute(scope, &attribute.key)).collect();
        let many = many(&attribute.level);
        Ok(Self { fields, kind: Kind::Any, many, is_always_there: false })
    }

    pub(super) fn field(field: &Field) -> Result<Self, Fault> {
        let level = level_of(&field.level)?;
        let (name, kind, is_always_there) = match (level, field.name.as_str()) {
            ("span", "traceID") => ("trace:id", Kind::Text, true),
            ("span", "spanID") => ("span:id", Kind::Text, true),
            ("span", "parentSpanID") => ("span:parentID", Kind::Text, false),
            ("span", "name") => ("name", Kind::Text, true),
            ("span", "kind") => ("kind", Kind::Words(KINDS), true),
            ("span", "status") => ("status", Kind::Words(STATUSES), true),
            ("span", "statusMessage") => ("statusMessage", Kind::Text, true),
            ("span", "duration") => ("duration", Kind::Duration, true),
            ("resource", "service") => ("resource.service.name", Kind::Text, false),
            ("scope", "name") => ("instrumentation:name", Kind::Text, false),
            ("scope", "version") => ("instrumentation:version", Kind::Text, false),
            ("event", "name") => ("event:name", Kind::Text, true),
            ("event", "timeSinceStart") => ("event:timeSinceStart", Kind::Duration, true),
            ("link", "traceID") => ("link:traceID", Kind::Text, true),
            ("link", "spanID") => ("link:spanID", Kind::Text, true),
            (
                "span" | "resource" | "scope" | "event" | "link",
                "traceState" | "startTime" | "endTime" | "schemaURL" | "time",
            ) => {
                return Err(beyond(format_args!("{level}.{}", field.name)));
            }
            (_, name) => {
                return Err(Fault::bad_request(format!(
                    "the filter names the field {name:?}, which the level {level} does not have"
                )));
            }
        };
        Ok(Self { fields: vec![name.to_owned()], kind, many: many(level), is_always_there })
    }

    /// Where there is a value at all.
    pub(super) fn presence(&self) -> String {
        if self.is_always_there && self.many.is_none() {
            return "true".to_owned();
        }
        let all: Vec<String> = self.fields.iter().map(|field| format!("{field} != nil")).collect();
        text::any_of(&all)
    }
}
