//! The store on a machine that fails: a disk and an object store in memory with faults drawn from a seed.

mod disk;
mod objects;
mod power;

pub(crate) use disk::SimulatedDisk;
pub(crate) use objects::SimulatedObjects;
pub(crate) use power::{Faults, Power, Random};

mod tests;
