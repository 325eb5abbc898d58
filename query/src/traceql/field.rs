//! Fields of a span: intrinsics and attributes.

/// A field of a span: an intrinsic or a scoped attribute. Prints in its canonical spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldRef {
    /// What every span, trace, event, link or instrumentation scope has by its nature.
    Intrinsic(Intrinsic),
    /// What somebody attached.
    Attribute {
        /// Where to look.
        scope: Scope,
        /// The name without the scope.
        name: String,
    },
}

/// Where an attribute is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// `.x`: span, resource, event, link, instrumentation; the first that has it wins.
    Any,
    /// `span.x`
    Span,
    /// `resource.x`
    Resource,
    /// `event.x`
    Event,
    /// `link.x`
    Link,
    /// `instrumentation.x`
    Instrumentation,
}

/// The intrinsic fields. Both spellings of one mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Intrinsic {
    /// `name`, `span:name`
    Name,
    /// `statusMessage`, `span:statusMessage`
    StatusMessage,
    /// `duration`, `span:duration`
    Duration,
    /// `status`, `span:status`
    Status,
    /// `kind`, `span:kind`
    Kind,
    /// `span:id`
    SpanId,
    /// `span:parentID`
    ParentId,
    /// `span:childCount`
    ChildCount,
    /// `traceDuration`, `trace:duration`
    TraceDuration,
    /// `trace:id`
    TraceId,
    /// `rootName`, `trace:rootName`
    RootName,
    /// `rootServiceName`, `trace:rootService`
    RootService,
    /// `event:name`
    EventName,
    /// `event:timeSinceStart`
    EventTimeSinceStart,
    /// `link:traceID`
    LinkTraceId,
    /// `link:spanID`
    LinkSpanId,
    /// `instrumentation:name`
    InstrumentationName,
    /// `instrumentation:version`
    InstrumentationVersion,
    /// `nestedSetParent`
    NestedSetParent,
    /// `nestedSetLeft`
    NestedSetLeft,
    /// `nestedSetRight`
    NestedSetRight,
}

/// Type of an intrinsic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IntrinsicType {
    String,
    Int,
    Duration,
    Status,
    Kind,
}

use Intrinsic::*;

/// Intrinsic, old spelling, colon spelling.
const SPELLINGS: [(Intrinsic, Option<&str>, Option<&str>); 21] = [
    (Name, Some("name"), Some("span:name")),
    (StatusMessage, Some("statusMessage"), Some("span:statusMessage")),
    (Duration, Some("duration"), Some("span:duration")),
    (Status, Some("status"), Some("span:status")),
    (Kind, Some("kind"), Some("span:kind")),
    (SpanId, None, Some("span:id")),
    (ParentId, None, Some("span:parentID")),
    (ChildCount, None, Some("span:childCount")),
    (TraceDuration, Some("traceDuration"), Some("trace:duration")),
    (TraceId, None, Some("trace:id")),
    (RootName, Some("rootName"), Some("trace:rootName")),
    (RootService, Some("rootServiceName"), Some("trace:rootService")),
    (EventName, None, Some("event:name")),
    (EventTimeSinceStart, None, Some("event:timeSinceStart")),
    (LinkTraceId, None, Some("link:traceID")),
    (LinkSpanId, None, Some("link:spanID")),
    (InstrumentationName, None, Some("instrumentation:name")),
    (InstrumentationVersion, None, Some("instrumentation:version")),
    (NestedSetParent, Some("nestedSetParent"), None),
    (NestedSetLeft, Some("nestedSetLeft"), None),
    (NestedSetRight, Some("nestedSetRight"), None),
];

impl Intrinsic {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Intrinsic> {
        SPELLINGS.iter().map(|(intrinsic, _, _)| *intrinsic)
    }

    /// Every spelling: the old one first where there is one.
    pub fn spellings(self) -> impl Iterator<Item = &'static str> {
        let (_, old, new) = SPELLINGS[self as usize];
        old.into_iter().chain(new)
    }

    /// The name in answers: the old spelling where one exists, else the new one.
    pub fn name(self) -> &'static str {
        self.spellings().next().expect("every intrinsic has a spelling")
    }

    /// Reads either spelling.
    pub fn from_spelling(text: &str) -> Option<Self> {
        SPELLINGS
            .iter()
            .find(|(_, old, new)| *old == Some(text) || *new == Some(text))
            .map(|(intrinsic, _, _)| *intrinsic)
    }

    pub(crate) fn value_type(self) -> IntrinsicType {
        match self {
            Duration | TraceDuration | EventTimeSinceStart => IntrinsicType::Duration,
            Status => IntrinsicType::Status,
            Kind => IntrinsicType::Kind,
            ChildCount | NestedSetParent | NestedSetLeft | NestedSetRight => IntrinsicType::Int,
            Name
            | StatusMessage
            | SpanId
            | ParentId
            | TraceId
            | RootName
            | RootService
            | EventName
            | LinkTraceId
            | LinkSpanId
            | InstrumentationName
            | InstrumentationVersion => IntrinsicType::String,
        }
    }

    /// True when the value depends on other spans of the trace.
    pub fn is_trace_level(self) -> bool {
        matches!(
            self,
            ChildCount
                | TraceDuration
                | RootName
                | RootService
                | NestedSetParent
                | NestedSetLeft
                | NestedSetRight
        )
    }
}

impl Scope {
    /// The word before the dot; empty for [`Scope::Any`].
    pub fn word(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::Span => "span",
            Self::Resource => "resource",
            Self::Event => "event",
            Self::Link => "link",
            Self::Instrumentation => "instrumentation",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Span, Self::Resource, Self::Event, Self::Link, Self::Instrumentation]
            .into_iter()
            .find(|scope| scope.word() == word)
    }
}

impl FieldRef {
    /// An attribute.
    pub fn attribute(scope: Scope, name: impl Into<String>) -> Self {
        Self::Attribute { scope, name: name.into() }
    }

    /// The key under which a search answer gives the field: no scope, intrinsics by their name.
    pub fn key(&self) -> &str {
        match self {
            Self::Intrinsic(intrinsic) => intrinsic.name(),
            Self::Attribute { name, .. } => name,
        }
    }
}

impl From<Intrinsic> for FieldRef {
    fn from(intrinsic: Intrinsic) -> Self {
        Self::Intrinsic(intrinsic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_spellings_is_in_the_order_of_the_enum() {
        for (index, (intrinsic, old, new)) in SPELLINGS.iter().enumerate() {
            assert_eq!(*intrinsic as usize, index);
            for spelling in old.iter().chain(new) {
                assert_eq!(Intrinsic::from_spelling(spelling), Some(*intrinsic));
            }
        }
    }
}
