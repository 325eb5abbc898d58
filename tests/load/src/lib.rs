//! What the bench program and the tests of the whole binary share.

pub mod hit_ratio;
