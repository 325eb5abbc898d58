//! One copy of texts that many objects share: label names, images, node names, values of labels.

use std::{collections::HashSet, sync::Arc};

/// Longer texts are hardly ever shared and not worth hashing.
const SHARED_BYTES_MAX: usize = 256;

/// Gives equal texts the same memory. What nobody holds any more is forgotten from time to time.
#[derive(Debug, Default)]
pub(super) struct Interner {
    known: HashSet<Arc<str>>,
    sweep_at: usize,
}

impl Interner {
    pub(super) fn share(&mut self, text: &str) -> Arc<str> {
        if text.len() > SHARED_BYTES_MAX {
            return text.into();
        }
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.sweep_at {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.sweep_at = (self.known.len() * 2).max(1024);
        }
        let shared: Arc<str> = text.into();
        self.known.insert(Arc::clone(&shared));
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_share_memory_and_unused_ones_are_forgotten() {
        let mut interner = Interner::default();
        let first = interner.share("app");
        assert!(Arc::ptr_eq(&first, &interner.share("app")));
        for number in 0..100_000 {
            interner.share(&number.to_string());
        }
        assert!(interner.known.len() <= 2048, "{}", interner.known.len());
        assert!(Arc::ptr_eq(&first, &interner.share("app")));
    }
}
