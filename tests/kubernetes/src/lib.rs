//! A small Kubernetes API server for tests: enough of it for a client that lists and watches.
//!
//! It is: lists (all namespaces or one, label and field selectors, paging), watches (JSON lines,
//! resource versions, bookmarks), `410 Gone` as an answer and inside a watch, refusals (401, 403) of
//! everything or of one kind, slow lists, watches that fall silent, and a server that dies and comes
//! back on the same port, or cuts its watches.
//!
//! It is not: a check of objects. They are JSON values and are handed out as they were put in.
//!
//! Everything listens on loopback and ends when the [`FakeKubernetes`] is dropped.

mod cluster;
mod event;
mod selector;
mod server;
mod shop;

pub use cluster::Resource;
pub use server::FakeKubernetes;
pub use shop::{odd, shop};
