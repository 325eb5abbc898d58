//! What a rule can look at and change.

/// Where an attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Span,
    Resource,
    Event,
    Link,
}

/// A span's own field, which is no attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intrinsic {
    Name,
    Kind,
    Status,
    StatusMessage,
    TraceId,
    SpanId,
    ParentId,
}

/// A name of a rule, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    Attribute(Scope, &'a str),
    Own(Intrinsic),
}

impl Scope {
    pub(super) const ALL: [Self; 4] = [Self::Span, Self::Resource, Self::Event, Self::Link];

    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Span => "span.",
            Self::Resource => "resource.",
            Self::Event => "event.",
            Self::Link => "link.",
        }
    }
}

impl Intrinsic {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Name, "name"),
        (Self::Kind, "kind"),
        (Self::Status, "status"),
        (Self::StatusMessage, "status_message"),
        (Self::TraceId, "trace_id"),
        (Self::SpanId, "span_id"),
        (Self::ParentId, "parent_id"),
    ];
}

impl<'a> Name<'a> {
    /// `None` for something that no span has.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        for scope in Scope::ALL {
            if let Some(key) = text.strip_prefix(scope.prefix()) {
                return (!key.is_empty()).then_some(Self::Attribute(scope, key));
            }
        }
        let own = Intrinsic::ALL.iter().find(|(_, name)| *name == text);
        own.map(|(intrinsic, _)| Self::Own(*intrinsic))
    }

    /// Whether a rule may set it for one span.
    pub(super) fn is_settable(self) -> bool {
        matches!(
            self,
            Self::Attribute(Scope::Span, _) | Self::Own(Intrinsic::Name | Intrinsic::StatusMessage)
        )
    }
}
