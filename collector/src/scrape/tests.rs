//! Loops against the real store, the real span buffer, and servers that misbehave.

mod buffers;
mod exemplars;
mod faults;
mod life;
mod live_fetch;
mod manager;
pub(super) mod rig;
mod tls;
mod ways;
