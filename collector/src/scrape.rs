//! Scraping: pools of targets by job, one loop a target, and what the loops learn.
//!
//! The [`Manager`] follows discovery and configuration. Each target has a loop that never
//! overlaps itself: it reads the span buffer from where it stood, hands batch and cursor to the
//! store as one, and goes on. A second loop reads the same target's exemplars where that is asked
//! for. Nothing waits for a slow target but its own loop.

mod clock_offset;
mod context;
mod exemplar_loop;
mod exemplars;
mod failure_log;
mod fetch;
mod limits;
mod manager;
mod metrics;
mod overlay;
mod phase;
mod pool;
mod position;
mod read_error;
mod reader;
mod reply;
mod seeker;
mod span_loop;
mod state;
mod status;
#[cfg(test)]
mod tests;
mod trace_read;
mod trace_request;

pub use manager::{Manager, Options};
pub use phase::Seed;
pub use status::{BufferStatus, DroppedTarget, Health, TargetStatus};
