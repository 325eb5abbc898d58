//! A small Kubernetes API server for tests: list with paging, watch, bookmarks, 410, 401 and 403,
//! dropped connections, death and return on the same port.
//!
//! It is not a cluster: it keeps objects as JSON, as a test gives them, and tells watchers what changed.
//!
//! ```no_run
//! let kubernetes = sigyn_fake_kubernetes::FakeKubernetes::start();
//! kubernetes.apply("pods", sigyn_fake_kubernetes::pod("shop", "cart-0", "127.0.0.1", 8080));
//! kubernetes.write_kubeconfig("kubeconfig.yml".as_ref());
//! kubernetes.terminate("pods", "shop", "cart-0");
//! kubernetes.delete("pods", "shop", "cart-0");
//! ```

mod answer;
mod objects;
mod pod;
mod selector;
mod server;

pub use pod::pod;
pub use server::FakeKubernetes;
