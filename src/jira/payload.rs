//! The bytes of a file on their way to Jira: in memory, or read piece by piece from where they are kept. Knows no HTTP.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};

/// What an upload uploads.
#[derive(Debug, Clone)]
pub enum Payload {
    /// A small file, in memory.
    Held(Bytes),
    /// A large one, which is read while it is sent.
    Streamed(Streamed),
}

/// A file that is read while it is sent.
#[derive(Clone)]
pub struct Streamed {
    /// Bytes in all, known before the first is read: Jira is told ahead.
    pub size: u64,
    /// Begins reading; anew for a request that is sent once more.
    pub open: Arc<dyn Fn() -> BoxStream<'static, io::Result<Bytes>> + Send + Sync>,
}

impl Payload {
    /// Bytes in all.
    pub fn size(&self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::Streamed(streamed) => streamed.size,
        }
    }

    /// The bytes from the first on.
    pub fn stream(&self) -> BoxStream<'static, io::Result<Bytes>> {
        match self {
            Self::Held(bytes) => stream::iter([Ok(bytes.clone())]).boxed(),
            Self::Streamed(streamed) => (streamed.open)(),
        }
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::Held(bytes)
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streamed").field("size", &self.size).finish_non_exhaustive()
    }
}
