//! The HTTP client that a block of the configuration describes: its TLS, its credentials, its
//! proxy, its redirects. Scrape pools and discovery share it.

mod client;
mod error;
mod oauth2;
mod proxy;
mod tls;

pub use client::Client;
pub use error::HttpError;
pub(crate) use error::root;
pub(crate) use tls::check as check_tls;
