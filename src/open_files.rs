//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. The soft one is often 1,024, for programs that still call
/// `select`; each target that is read needs a connection.
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        tracing::info!(limit = shown(maximum), "open files");
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => {
            tracing::info!(limit = shown(maximum), before = shown(current), "open files");
        }
        Err(error) => tracing::warn!(
            limit = shown(current),
            %error,
            "the limit of open files cannot be raised; it bounds how many targets can be read"
        ),
    }
}

fn shown(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".to_owned(), |limit| limit.to_string())
}
