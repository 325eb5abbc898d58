//! Where spans come from, encoded once and numbered, so that a span holds two bytes instead of one.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, TryLockError};

use opentelemetry::InstrumentationScope;

use crate::origin::Origin;
use crate::otlp::encode_scope;
use crate::ring::{INLINE_ORIGIN, INLINE_SCOPE};

/// Programs have a few scopes; what makes one per request is a fault that must not cost memory.
const SCOPES_MAX: usize = 256;
/// A relay meets each life of each process anew.
const RELAYED_MAX: usize = 1_024;
/// As many as one thread meets in most programs.
const CACHED_MAX: usize = 8;

/// The scopes of one buffer, bounded. A span of a scope that finds no place carries it along instead.
#[derive(Default)]
pub(crate) struct ScopeTable {
    inner: RwLock<Numbered>,
}

#[derive(Default)]
struct Numbered {
    numbers: HashMap<Arc<[u8]>, u16>,
    relayed: HashMap<Origin, u16>,
    origins: Vec<Origin>,
}

impl ScopeTable {
    /// The number of `scope`. When that is [`INLINE_SCOPE`], the encoded scope has been appended to `out`.
    ///
    /// Never waits: when another thread is just adding a scope, this span carries its own.
    pub(crate) fn number(
        &self,
        epoch: u128,
        scope: &InstrumentationScope,
        cache: &mut ScopeCache,
        out: &mut Vec<u8>,
    ) -> u16 {
        if let Some(number) = cache.get(epoch, scope) {
            return number;
        }
        let start = out.len();
        encode_scope(scope, out);
        let number = self.look_up_or_add(&out[start..]);
        if number != INLINE_SCOPE {
            out.truncate(start);
            cache.insert(epoch, scope, number);
        }
        number
    }

    fn look_up_or_add(&self, encoded: &[u8]) -> u16 {
        match self.inner.try_read() {
            Ok(inner) => match inner.numbers.get(encoded) {
                Some(number) => return *number,
                None if inner.numbers.len() == SCOPES_MAX => return INLINE_SCOPE,
                None => {}
            },
            Err(_) => return INLINE_SCOPE,
        }
        let mut inner = match self.inner.try_write() {
            Ok(inner) => inner,
            Err(TryLockError::Poisoned(_) | TryLockError::WouldBlock) => return INLINE_SCOPE,
        };
        if let Some(number) = inner.numbers.get(encoded) {
            return *number;
        }
        if inner.numbers.len() == SCOPES_MAX {
            return INLINE_SCOPE;
        }
        let number = inner.origins.len() as u16;
        let encoded: Arc<[u8]> = encoded.into();
        inner.numbers.insert(encoded.clone(), number);
        inner.origins.push(Origin::own(encoded));
        number
    }

    /// The number of another process's origin, or [`INLINE_ORIGIN`]. For the one who relays, who may wait.
    pub(crate) fn number_relayed(&self, origin: &Origin) -> u16 {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = inner.relayed.get(origin) {
            return *number;
        }
        if inner.relayed.len() == RELAYED_MAX {
            return INLINE_ORIGIN;
        }
        let number = inner.origins.len() as u16;
        inner.relayed.insert(origin.clone(), number);
        inner.origins.push(origin.clone());
        number
    }

    /// The origin with a number that was given out here.
    pub(crate) fn origin(&self, number: u16) -> Origin {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.origins[usize::from(number)].clone()
    }
}

/// What one thread remembers, so that a span costs a comparison instead of a look-up.
#[derive(Default)]
pub(crate) struct ScopeCache {
    entries: Vec<CachedScope>,
}

struct CachedScope {
    /// Which buffer the number belongs to.
    epoch: u128,
    scope: InstrumentationScope,
    number: u16,
}

impl ScopeCache {
    fn get(&self, epoch: u128, scope: &InstrumentationScope) -> Option<u16> {
        let mut entries = self.entries.iter();
        let same = |entry: &&CachedScope| entry.epoch == epoch && is_same(&entry.scope, scope);
        entries.find(same).map(|entry| entry.number)
    }

    /// Makes place by forgetting a scope of another buffer only: with more scopes than places,
    /// replacing would mean an allocation for every span.
    fn insert(&mut self, epoch: u128, scope: &InstrumentationScope, number: u16) {
        let entry = || CachedScope { epoch, scope: scope.clone(), number };
        if self.entries.len() < CACHED_MAX {
            self.entries.push(entry());
        } else if let Some(other) = self.entries.iter_mut().find(|other| other.epoch != epoch) {
            *other = entry();
        }
    }
}

/// `InstrumentationScope`'s own comparison sorts attributes, which allocates.
fn is_same(one: &InstrumentationScope, other: &InstrumentationScope) -> bool {
    one.name() == other.name()
        && one.version() == other.version()
        && one.schema_url() == other.schema_url()
        && one.attributes().eq(other.attributes())
}
