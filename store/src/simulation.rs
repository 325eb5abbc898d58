//! The store on a machine that fails: a disk and an object store in memory with faults drawn from a seed.

mod disk;
mod fleet;
mod objects;
mod power;
mod seeds;
mod spans;

pub(crate) use disk::SimulatedDisk;
pub(crate) use objects::SimulatedObjects;
pub(crate) use power::{Faults, Power, Random};

mod tests;
