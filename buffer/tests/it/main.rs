//! The span buffer as apps and readers see it.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy cannot know")]

mod content;
mod delivery;
mod http;
mod keep;
mod relay;
mod sdk;
mod server;
mod stress;
mod support;
