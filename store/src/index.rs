//! The index: small values under keys that are looked up, in sled.
//!
//! Nothing is acknowledged on the strength of it alone, and if it will not open, it is set aside and the store
//! goes on with an empty one.

mod batch;
mod catalogue;
mod exemplar_text;
mod exemplars;
mod gaps;
#[cfg(test)]
mod loss;
mod newest;
mod notebooks;
mod open;
mod pins;
mod upgrade;
mod value;

pub(crate) use open::Index;

#[cfg(test)]
mod tests;
