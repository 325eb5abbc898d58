//! The few ways in which answers in XML are read.

use roxmltree::{Document, Node};

/// A document whose root must not be an error.
pub(super) fn parse(text: &str) -> Result<Document<'_>, String> {
    Document::parse(text).map_err(|error| format!("the answer is not XML: {error}"))
}

/// What a service says when it refuses.
pub(super) fn refusal(text: &str) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let find = |name: &str| document.descendants().find(|node| node.tag_name().name() == name);
    let text = |name: &str| find(name).and_then(|node| node.text()).unwrap_or_default();
    let (code, message) = (text("Code"), text("Message"));
    (!code.is_empty()).then(|| format!("{code}: {message}"))
}

/// The text of a child, empty when it is absent.
pub(super) fn text<'d>(node: Node<'d, '_>, name: &str) -> &'d str {
    child(node, name).and_then(|child| child.text()).unwrap_or_default()
}

/// The first child of a name.
pub(super) fn child<'d, 'i>(node: Node<'d, 'i>, name: &str) -> Option<Node<'d, 'i>> {
    node.children().find(|child| child.tag_name().name() == name)
}

/// The items of a list that is a child.
pub(super) fn items<'d, 'i>(node: Node<'d, 'i>, name: &str) -> impl Iterator<Item = Node<'d, 'i>> {
    child(node, name)
        .into_iter()
        .flat_map(|list| list.children())
        .filter(|child| child.tag_name().name() == "item")
}
