//! Keys that a copied Prometheus configuration may hold and that mean nothing for spans: they are
//! accepted, and the author is told.

use crate::config::{Dialect, Fields, Reading};

/// Takes these keys out and gives one warning for each.
pub(crate) fn warn_unused(
    reading: &mut Reading<'_>,
    fields: &mut Fields<'_>,
    keys: &[&'static str],
) {
    for key in keys {
        let taken = fields.take_all(|have| have == *key);
        // Somebody else's configuration is not to be commented on.
        if reading.dialect == Dialect::Prometheus {
            continue;
        }
        for (key, place, field) in taken {
            reading.warn_at(
                place,
                &field.path,
                format!("`{key}` has no use for spans; it does nothing"),
            );
        }
    }
}
