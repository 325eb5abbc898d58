//! `links`: where whoever looks at a trace can go on to. The pages fill in the templates.

use crate::config::{
    Field, Reading,
    print::{Printed, PrintedMap},
};

/// One of `links`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What readers see.
    pub name: String,
    /// What it leads on from.
    pub of: LinkOrigin,
    /// A URL with fields in braces, such as `{traceId}`; docs/using/ui.md has them all.
    pub url: String,
}

/// What a link leads on from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkOrigin {
    /// A span.
    #[default]
    Span,
    /// A series that has an exemplar.
    Series,
}

impl LinkOrigin {
    /// As it stands in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Span => "span",
            Self::Series => "series",
        }
    }
}

impl Link {
    pub(crate) fn read(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Self> {
        let mut fields = reading.map(field)?;
        let of = match fields.take("of") {
            Some(field) => read_origin(reading, &field),
            None => Some(LinkOrigin::default()),
        };
        let name = fields.take("name").and_then(|field| reading.text(&field));
        let url = match fields.take("url") {
            Some(field) => read_template(reading, &field),
            None => {
                reading.error(field, "a link needs a `url`");
                None
            }
        };
        fields.finish(reading);
        let url = url?;
        Some(Self { name: name.unwrap_or_else(|| url.clone()), of: of?, url })
    }

    pub(crate) fn print(&self) -> Printed {
        let mut map = PrintedMap::default();
        map.add("of", Printed::text(self.of.name()))
            .add("name", Printed::text(&self.name))
            .add("url", Printed::text(&self.url));
        map.done()
    }
}

fn read_origin(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<LinkOrigin> {
    let text = reading.text(field)?;
    let found = [LinkOrigin::Span, LinkOrigin::Series].into_iter().find(|it| it.name() == text);
    if found.is_none() {
        reading.error(field, format!("{text:?} is neither `span` nor `series`"));
    }
    found
}

/// Other schemes than these would be a way to run a script in the reader's browser.
fn read_template(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<String> {
    let text = reading.text(field)?;
    if ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme)) {
        return Some(text);
    }
    reading.error(field, format!("{text:?} does not begin with http:// or https://"));
    None
}
