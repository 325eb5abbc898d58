//! Values that must not be shown, and where they come from.

use serde::{Serialize, Serializer};
use std::{fmt, io, path::PathBuf};

/// A secret text. It prints and serialises as `<secret>`.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("<secret>")
    }
}

/// A secret that stands in the configuration, or in a file that is read on every use, so that it
/// can be rotated without a reload.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretSource {
    /// Written in the configuration.
    Inline(Secret),
    /// In a file; the path is already resolved against the configuration's folder.
    File(PathBuf),
}

/// No credential is longer; what is longer is the wrong file.
const SECRET_FILE_BYTES_MAX: u64 = 1 << 20;

impl SecretSource {
    /// The secret as it is now. White space around a file's content is not part of it.
    pub async fn read(&self) -> io::Result<Secret> {
        match self {
            Self::Inline(secret) => Ok(secret.clone()),
            Self::File(path) => {
                let size_bytes = tokio::fs::metadata(path).await?.len();
                if size_bytes > SECRET_FILE_BYTES_MAX {
                    return Err(io::Error::new(
                        io::ErrorKind::FileTooLarge,
                        format!("{} is too large for a secret", path.display()),
                    ));
                }
                let text = tokio::fs::read_to_string(path).await?;
                Ok(Secret::new(text.trim()))
            }
        }
    }
}
