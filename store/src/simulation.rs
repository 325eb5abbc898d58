//! The store on a machine that fails: a disk and an object store in memory with faults drawn from a seed.

mod disk;
#[allow(dead_code, reason = "the simulation of the whole store is about to use all of it")]
mod power;

pub(crate) use disk::SimulatedDisk;
pub(crate) use power::{Faults, Power, Random};
