//! YAML as a tree in which every node knows its place.
//!
//! Deserialising straight into structs would stop at the first fault; a tree lets the reader go on
//! and report all of them. The YAML itself is parsed by serde-saphyr's event parser.

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span};
use std::{collections::HashMap, rc::Rc};

/// Nodes of one document, aliases counted each time they are used: an alias bomb ends here.
const NODES_MAX: usize = 1 << 20;

/// Nesting of lists and maps.
const DEPTH_MAX: usize = 64;

/// Where something stands in its file, both from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// A YAML node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    /// This node and all below it.
    nodes: usize,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    /// The text as written (`8080` stays `8080`), after YAML's own escapes.
    Scalar(String),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Rc<Node>,
}

/// A fault of the YAML itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) place: Place,
    pub(crate) message: String,
}

impl Node {
    fn new(place: Place, kind: Kind) -> Self {
        let below = match &kind {
            Kind::Null | Kind::Scalar(_) => 0,
            Kind::List(items) => items.iter().map(|item| item.nodes).sum(),
            Kind::Map(entries) => entries.iter().map(|entry| entry.value.nodes).sum(),
        };
        Self { place, kind, nodes: below.saturating_add(1) }
    }

    /// An empty document.
    pub(crate) fn null() -> Self {
        Self::new(Place::default(), Kind::Null)
    }

    /// What it is, for messages.
    pub(crate) fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }
}

/// Parses one document; an empty text is null. Duplicate keys are reported beside the tree, in
/// which the first of them stands.
pub(crate) fn parse(text: &str) -> Result<(Node, Vec<SyntaxError>), SyntaxError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| SyntaxError {
            place: Place { line: error.marker().line(), column: error.marker().col() + 1 },
            message: error.info(),
        })?;
        builder.take(event, place_of(span))?;
    }
    let root = builder.root.unwrap_or_else(|| Rc::new(Node::null()));
    builder.anchors.clear();
    let root = Rc::try_unwrap(root).unwrap_or_else(|shared| Node {
        place: shared.place,
        kind: match &shared.kind {
            Kind::Null => Kind::Null,
            Kind::Scalar(text) => Kind::Scalar(text.clone()),
            Kind::List(items) => Kind::List(items.clone()),
            Kind::Map(entries) => Kind::Map(entries.clone()),
        },
        nodes: shared.nodes,
    });
    Ok((root, builder.duplicates))
}

fn place_of(span: Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
    duplicates: Vec<SyntaxError>,
    nodes: usize,
}

/// A list or map whose end has not come yet.
struct Open {
    place: Place,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Rc<Node>>),
    Map { entries: Vec<Entry>, key: Option<(String, Place)>, merged: Vec<Entry> },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), SyntaxError> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                let kind = match &*text {
                    "" | "~" | "null" | "Null" | "NULL"
                        if style == ScalarStyle::Plain && !is_text =>
                    {
                        Kind::Null
                    }
                    _ => Kind::Scalar(text.into_owned()),
                };
                self.add(anchor, Node::new(place, kind))
            }
            Event::SequenceStart(_, anchor, _) => {
                self.enter(place, anchor, Content::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, _) => {
                let content = Content::Map { entries: Vec::new(), key: None, merged: Vec::new() };
                self.enter(place, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return Ok(()) };
                let kind = match open.content {
                    Content::List(items) => Kind::List(items),
                    Content::Map { mut entries, merged, .. } => {
                        for entry in merged {
                            if entries.iter().all(|have| have.key != entry.key) {
                                entries.push(entry);
                            }
                        }
                        Kind::Map(entries)
                    }
                };
                self.add(open.anchor, Node::new(open.place, kind))
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => self.put(Rc::clone(node), place),
                None => fault(place, "an alias cannot stand inside what it stands for"),
            },
            Event::DocumentStart(..) if self.root.is_some() => {
                fault(place, "a second YAML document is not allowed")
            }
            _ => Ok(()),
        }
    }

    fn enter(&mut self, place: Place, anchor: usize, content: Content) -> Result<(), SyntaxError> {
        if self.open.len() >= DEPTH_MAX {
            return fault(place, "nested too deep");
        }
        if let Some(Open { content: Content::Map { key: None, .. }, .. }) = self.open.last() {
            return fault(place, "a key must be a text, not a list or a map");
        }
        self.open.push(Open { place, anchor, content });
        Ok(())
    }

    fn add(&mut self, anchor: usize, node: Node) -> Result<(), SyntaxError> {
        let place = node.place;
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.put(node, place)
    }

    /// Puts a finished node where it belongs.
    fn put(&mut self, node: Rc<Node>, place: Place) -> Result<(), SyntaxError> {
        self.nodes = self.nodes.saturating_add(node.nodes);
        if self.nodes > NODES_MAX * 4 || node.nodes > NODES_MAX {
            return fault(place, "the document is too large once its aliases are followed");
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, key, merged } => match key.take() {
                None => match &node.kind {
                    Kind::Scalar(text) => *key = Some((text.clone(), place)),
                    Kind::Null => *key = Some(("null".into(), place)),
                    _ => return fault(place, "a key must be a text, not a list or a map"),
                },
                Some((name, key_place)) if name == "<<" => merge(&node, key_place, merged)?,
                Some((name, key_place)) => match entries.iter().find(|entry| entry.key == name) {
                    None => entries.push(Entry { key: name, place: key_place, value: node }),
                    Some(first) => self.duplicates.push(SyntaxError {
                        place: key_place,
                        message: format!(
                            "the key `{name}` stands here a second time; the first is in line {}",
                            first.place.line
                        ),
                    }),
                },
            },
        }
        Ok(())
    }
}

/// The merge key `<<`: what stands in the map itself wins, then the first of the merged maps.
fn merge(node: &Rc<Node>, place: Place, merged: &mut Vec<Entry>) -> Result<(), SyntaxError> {
    match &node.kind {
        Kind::Map(entries) => merged.extend(entries.iter().cloned()),
        Kind::List(items) => {
            for item in items {
                match &item.kind {
                    Kind::Map(entries) => merged.extend(entries.iter().cloned()),
                    _ => return fault(place, "`<<` needs a map or a list of maps"),
                }
            }
        }
        _ => return fault(place, "`<<` needs a map or a list of maps"),
    }
    Ok(())
}

fn fault<T>(place: Place, message: &str) -> Result<T, SyntaxError> {
    Err(SyntaxError { place, message: message.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault_of(text: &str) -> String {
        match parse(text) {
            Err(error) => format!("{}:{} {}", error.place.line, error.place.column, error.message),
            Ok((_, duplicates)) => duplicates
                .iter()
                .map(|error| {
                    format!("{}:{} {}", error.place.line, error.place.column, error.message)
                })
                .collect(),
        }
    }

    #[test]
    fn nodes_know_their_place() {
        let (root, _) = parse("a:\n  - b: 1\n").unwrap();
        let Kind::Map(entries) = &root.kind else { panic!("{root:?}") };
        let Kind::List(items) = &entries[0].value.kind else { panic!("{root:?}") };
        let Kind::Map(inner) = &items[0].kind else { panic!("{root:?}") };
        assert_eq!(inner[0].value.place, Place { line: 2, column: 8 });
    }

    #[test]
    fn a_duplicate_key_names_both_lines() {
        assert_eq!(
            fault_of("a: 1\nb: 2\na: 3\n"),
            "3:1 the key `a` stands here a second time; the first is in line 1"
        );
    }

    #[test]
    fn a_merged_map_gives_way_to_own_keys() {
        let (root, duplicates) = parse("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\n").unwrap();
        assert!(duplicates.is_empty());
        let Kind::Map(entries) = &root.kind else { panic!("{root:?}") };
        let Kind::Map(y) = &entries[1].value.kind else { panic!("{root:?}") };
        let texts: Vec<_> = y
            .iter()
            .map(|entry| match &entry.value.kind {
                Kind::Scalar(text) => format!("{}={text}", entry.key),
                _ => panic!("{entry:?}"),
            })
            .collect();
        assert_eq!(texts, ["b=3", "a=1"]);
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            text += &format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", "));
        }
        assert!(fault_of(&text).contains("too large"), "{}", fault_of(&text));
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(parse(&"[".repeat(100_000)).is_err());
        let text = "[".repeat(DEPTH_MAX + 1) + &"]".repeat(DEPTH_MAX + 1);
        assert!(fault_of(&text).contains("nested too deep"));
    }
}
