//! Runs rules over an OTLP body.

use super::{
    name::{Intrinsic, Name, Scope},
    view::Attributes,
    wire::{Field, Malformed, fields, put_bytes, put_number},
};
use crate::relabel::{Action, Rule};
use md5::{Digest, Md5};
use sigyn_store::Overlay;
use std::borrow::Cow;

/// What the rules made of a body.
#[derive(Debug)]
pub(crate) struct Relabeled {
    pub(crate) body: Vec<u8>,
    /// Spans that a rule dropped.
    pub(crate) dropped: u64,
}

const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
const STATUSES: [&str; 3] = ["unset", "ok", "error"];

/// Applies all rules in their order to each span; `None` when they change nothing. `overlay` holds
/// the labels of the target, which rules see as resource attributes. A body that is no OTLP gives
/// an error: what cannot be read cannot be redacted either.
pub(crate) fn apply(
    rules: &[Rule],
    overlay: &Overlay,
    body: &[u8],
) -> Result<Option<Relabeled>, String> {
    let mut run = Run::new(rules, overlay);
    let out = run.request(body).map_err(|Malformed| {
        "the body is not OTLP, so span_relabel_configs cannot be applied to it".to_owned()
    })?;
    let changed = run.changed || run.dropped > 0;
    Ok(changed.then_some(Relabeled { body: out, dropped: run.dropped }))
}

struct Run<'r> {
    rules: &'r [Rule],
    overlay: &'r Overlay,
    /// Some rule can change events or links.
    looks_inside: bool,
    changed: bool,
    dropped: u64,
    scratch: Vec<u8>,
    name: String,
}

/// One span while rules look at it.
struct View<'a, 'v> {
    fields: &'v [Field<'a>],
    attributes: Attributes<'a>,
    resource: &'v Attributes<'a>,
    overlay: &'v Overlay,
    name: Option<String>,
    status_message: Option<String>,
}

impl<'r> Run<'r> {
    fn new(rules: &'r [Rule], overlay: &'r Overlay) -> Self {
        let looks_inside = rules.iter().any(|rule| {
            matches!(rule.action, Action::LabelDrop | Action::LabelKeep | Action::Redact)
        });
        Self {
            rules,
            overlay,
            looks_inside,
            changed: false,
            dropped: 0,
            scratch: Vec::new(),
            name: String::new(),
        }
    }

    fn request(&mut self, body: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::with_capacity(body.len());
        for field in fields(body) {
            let field = field?;
            match field.number {
                1 => {
                    let inner = self.resource_spans(field.bytes()?)?;
                    put_bytes(&mut out, 1, &inner);
                }
                _ => out.extend_from_slice(field.raw),
            }
        }
        Ok(out)
    }

    fn resource_spans(&mut self, message: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut resource = Attributes::default();
        for field in fields(message) {
            let field = field?;
            if field.number == 1 {
                for inner in fields(field.bytes()?) {
                    let inner = inner?;
                    if inner.number == 1 {
                        resource.add(inner.bytes()?)?;
                    }
                }
            }
        }
        let mut out = Vec::with_capacity(message.len());
        for field in fields(message) {
            let field = field?;
            match field.number {
                1 => self.inside(&field, 1, Scope::Resource, &mut out)?,
                2 => {
                    let inner = self.scope_spans(field.bytes()?, &resource)?;
                    put_bytes(&mut out, 2, &inner);
                }
                _ => out.extend_from_slice(field.raw),
            }
        }
        Ok(out)
    }

    fn scope_spans<'a>(
        &mut self,
        message: &'a [u8],
        resource: &Attributes<'a>,
    ) -> Result<Vec<u8>, Malformed> {
        let mut out = Vec::with_capacity(message.len());
        let mut span_fields = Vec::new();
        let mut attributes = Attributes::default();
        for field in fields(message) {
            let field = field?;
            if field.number != 2 {
                out.extend_from_slice(field.raw);
                continue;
            }
            span_fields.clear();
            attributes.clear();
            for inner in fields(field.bytes()?) {
                let inner = inner?;
                if inner.number == 9 {
                    attributes.add(inner.bytes()?)?;
                }
                span_fields.push(inner);
            }
            let mut view = View {
                fields: &span_fields,
                attributes,
                resource,
                overlay: self.overlay,
                name: None,
                status_message: None,
            };
            let kept = self.span(&mut view)?;
            if kept {
                self.write_span(&field, &view, &mut out)?;
            } else {
                self.dropped += 1;
            }
            attributes = view.attributes;
        }
        Ok(out)
    }

    /// False when a rule drops the span.
    fn span(&mut self, view: &mut View<'_, '_>) -> Result<bool, Malformed> {
        for rule in self.rules {
            match rule.action {
                Action::Keep if !rule.regex.is_match(&view.joined(rule)) => return Ok(false),
                Action::Drop if rule.regex.is_match(&view.joined(rule)) => return Ok(false),
                Action::KeepEqual if view.joined(rule) != view.get(&rule.target_label) => {
                    return Ok(false);
                }
                Action::DropEqual if view.joined(rule) == view.get(&rule.target_label) => {
                    return Ok(false);
                }
                Action::Keep | Action::Drop | Action::KeepEqual | Action::DropEqual => {}
                Action::Replace => {
                    let value = view.joined(rule).into_owned();
                    if let Some(captures) = rule.regex.captures(&value) {
                        view.set(
                            &rule.target_label,
                            rule.regex.expand(&rule.replacement, &captures),
                        );
                    }
                }
                Action::HashMod => {
                    let digest: [u8; 16] = Md5::digest(view.joined(rule).as_bytes()).into();
                    let last: [u8; 8] = digest[8..].try_into().expect("MD5 has 16 bytes");
                    let share = u64::from_be_bytes(last) % rule.modulus.max(1);
                    view.set(&rule.target_label, share.to_string());
                }
                Action::Lowercase => {
                    let value = view.joined(rule).to_lowercase();
                    view.set(&rule.target_label, value);
                }
                Action::Uppercase => {
                    let value = view.joined(rule).to_uppercase();
                    view.set(&rule.target_label, value);
                }
                Action::LabelMap => {
                    let name = &mut self.name;
                    view.attributes.copy(|key| {
                        let captures = rule.regex.captures(qualified(name, Scope::Span, key))?;
                        let new = rule.regex.expand(&rule.replacement, &captures);
                        let new = new.strip_prefix(Scope::Span.prefix())?;
                        (!new.is_empty()).then(|| new.to_owned())
                    });
                }
                Action::LabelDrop | Action::LabelKeep | Action::Redact => {
                    change(rule, Scope::Span, &mut view.attributes, &mut self.name)?;
                    if rule.action == Action::Redact {
                        view.redact_own(rule);
                    }
                }
                // No rule for spans is read with it.
                Action::Split => {}
            }
        }
        Ok(true)
    }

    fn write_span(
        &mut self,
        span: &Field<'_>,
        view: &View<'_, '_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let own = view.attributes.changed || view.name.is_some() || view.status_message.is_some();
        let has_inside = view.fields.iter().any(|field| matches!(field.number, 11 | 13));
        let may_change_inside = self.looks_inside && has_inside;
        if !own && !may_change_inside {
            out.extend_from_slice(span.raw);
            return Ok(());
        }
        let mut inner = Vec::with_capacity(span.raw.len() + 64);
        for field in view.fields {
            match field.number {
                5 if view.name.is_some() => {}
                9 => {}
                11 => self.inside(field, 3, Scope::Event, &mut inner)?,
                13 => self.inside(field, 4, Scope::Link, &mut inner)?,
                15 if view.status_message.is_some() => {}
                _ => inner.extend_from_slice(field.raw),
            }
        }
        if let Some(name) = &view.name {
            put_bytes(&mut inner, 5, name.as_bytes());
        }
        if let Some(message) = &view.status_message {
            let mut status = Vec::new();
            put_bytes(&mut status, 2, message.as_bytes());
            put_number(&mut status, 3, view.status_code());
            put_bytes(&mut inner, 15, &status);
        }
        view.attributes.write(&mut inner, 9, &mut self.scratch);
        self.changed |= own;
        put_bytes(out, 2, &inner);
        Ok(())
    }

    /// A resource, an event or a link, whose attributes stand in the fields of one number.
    fn inside(
        &mut self,
        field: &Field<'_>,
        attribute_number: u64,
        scope: Scope,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        if !self.looks_inside {
            out.extend_from_slice(field.raw);
            return Ok(());
        }
        let message = field.bytes()?;
        let mut attributes = Attributes::default();
        for inner in fields(message) {
            let inner = inner?;
            if inner.number == attribute_number {
                attributes.add(inner.bytes()?)?;
            }
        }
        for rule in self.rules {
            change(rule, scope, &mut attributes, &mut self.name)?;
        }
        if !attributes.changed {
            out.extend_from_slice(field.raw);
            return Ok(());
        }
        let mut new = Vec::with_capacity(message.len());
        for inner in fields(message) {
            let inner = inner?;
            if inner.number != attribute_number {
                new.extend_from_slice(inner.raw);
            }
        }
        attributes.write(&mut new, attribute_number, &mut self.scratch);
        put_bytes(out, field.number, &new);
        self.changed = true;
        Ok(())
    }
}

/// The actions that change attributes wherever they are.
fn change(
    rule: &Rule,
    scope: Scope,
    attributes: &mut Attributes<'_>,
    name: &mut String,
) -> Result<(), Malformed> {
    match rule.action {
        Action::LabelDrop | Action::LabelKeep => {
            let keeps_matching = rule.action == Action::LabelKeep;
            attributes
                .retain(|key| rule.regex.is_match(qualified(name, scope, key)) == keeps_matching);
        }
        Action::Redact => {
            let wanted = |key: &str| {
                rule.source_labels.is_empty()
                    || rule
                        .source_labels
                        .iter()
                        .any(|name| Name::parse(name) == Some(Name::Attribute(scope, key)))
            };
            attributes.redact(&rule.regex, &rule.replacement, wanted)?;
        }
        _ => {}
    }
    Ok(())
}

fn qualified<'n>(name: &'n mut String, scope: Scope, key: &str) -> &'n str {
    name.clear();
    name.push_str(scope.prefix());
    name.push_str(key);
    name
}

impl View<'_, '_> {
    /// The values of the source labels with the separator between them.
    fn joined(&self, rule: &Rule) -> Cow<'_, str> {
        if let [one] = &rule.source_labels[..] {
            return self.get(one);
        }
        let mut out = String::new();
        for (index, name) in rule.source_labels.iter().enumerate() {
            if index > 0 {
                out.push_str(&rule.separator);
            }
            out.push_str(&self.get(name));
        }
        Cow::Owned(out)
    }

    /// `""` when absent.
    fn get(&self, name: &str) -> Cow<'_, str> {
        let found = match Name::parse(name) {
            Some(Name::Attribute(Scope::Span, key)) => self.attributes.text(key),
            Some(Name::Attribute(Scope::Resource, key)) => self.of_resource(key),
            Some(Name::Own(own)) => self.own(own),
            _ => None,
        };
        found.unwrap_or_default()
    }

    /// The labels of the target are laid over the resource when the span is stored; rules see the
    /// same.
    fn of_resource(&self, key: &str) -> Option<Cow<'_, str>> {
        let find = |all: &'_ [(String, String)]| {
            let found = all.iter().find(|(name, _)| name == key);
            found.map(|(_, value)| Cow::Owned(value.clone()))
        };
        let of_target = find(&self.overlay.attributes);
        let sent = self.resource.text(key);
        let (first, second) = match self.overlay.honor {
            true => (sent, of_target),
            false => (of_target, sent),
        };
        first.or(second).or_else(|| find(&self.overlay.defaults))
    }

    fn field(&self, number: u64) -> Option<&Field<'_>> {
        self.fields.iter().rev().find(|field| field.number == number)
    }

    fn own(&self, own: Intrinsic) -> Option<Cow<'_, str>> {
        let text = |number| {
            let bytes = self.field(number)?.bytes().ok()?;
            std::str::from_utf8(bytes).ok().map(Cow::Borrowed)
        };
        let id = |number| {
            let bytes = self.field(number)?.bytes().ok()?;
            Some(Cow::Owned(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
        };
        match own {
            Intrinsic::Name => self.name.as_deref().map(Cow::Borrowed).or_else(|| text(5)),
            Intrinsic::Kind => {
                let kind = self.field(6).map_or(0, Field::number) as usize;
                KINDS.get(kind).copied().map(Cow::Borrowed)
            }
            Intrinsic::Status => {
                STATUSES.get(self.status_code() as usize).copied().map(Cow::Borrowed)
            }
            Intrinsic::StatusMessage => match &self.status_message {
                Some(message) => Some(Cow::Borrowed(message)),
                None => {
                    let status = self.field(15)?.bytes().ok()?;
                    let message = fields(status).flatten().find(|field| field.number == 2)?;
                    std::str::from_utf8(message.bytes().ok()?).ok().map(Cow::Borrowed)
                }
            },
            Intrinsic::TraceId => id(1),
            Intrinsic::SpanId => id(2),
            Intrinsic::ParentId => id(4),
        }
    }

    fn status_code(&self) -> u64 {
        let status = self.field(15).and_then(|field| field.bytes().ok()).unwrap_or_default();
        let code = fields(status).flatten().find(|field| field.number == 3);
        code.map_or(0, |field| field.number())
    }

    fn set(&mut self, name: &str, value: String) {
        match Name::parse(name) {
            Some(Name::Attribute(Scope::Span, key))
                if self.attributes.text(key).as_deref() != Some(&*value) =>
            {
                self.attributes.set(key, value);
            }
            // A span without a name is worse than one with its old name.
            Some(Name::Own(Intrinsic::Name)) if !value.is_empty() => self.name = Some(value),
            Some(Name::Own(Intrinsic::StatusMessage)) => self.status_message = Some(value),
            _ => {}
        }
    }

    /// The name and the status message are texts, too.
    fn redact_own(&mut self, rule: &Rule) {
        for own in ["name", "status_message"] {
            if rule.source_labels.is_empty() || rule.source_labels.iter().any(|it| it == own) {
                let redacted = rule.regex.replace_all(&self.get(own), &rule.replacement);
                if let Some(redacted) = redacted {
                    self.set(own, redacted);
                }
            }
        }
    }
}
