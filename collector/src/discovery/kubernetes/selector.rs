//! Selectors: which objects of a kind are asked for.

/// What narrows a list and a watch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector {
    /// Such as `app=cart,tier!=test`.
    pub label: Option<String>,
    /// Such as `spec.nodeName=node-1`.
    pub field: Option<String>,
}

/// A check of the shape, so that a slip is found at load and not by the API server.
pub(super) fn check(selector: &str) -> Result<(), &'static str> {
    let mut depth = 0usize;
    let mut part = String::new();
    for letter in selector.chars().chain([',']) {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or("a parenthesis is not opened")?,
            ',' if depth == 0 => {
                let name = part.trim_start_matches(['!', ' ']).trim();
                let end = name.find(['=', '!', ' ', '<', '>']).unwrap_or(name.len());
                let is_name =
                    |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
                if !selector.is_empty() && (end == 0 || !name[..end].chars().all(is_name)) {
                    return Err("a part of it has no valid key");
                }
                part.clear();
                continue;
            }
            _ => {}
        }
        part.push(letter);
    }
    if depth > 0 { Err("a parenthesis is not closed") } else { Ok(()) }
}
