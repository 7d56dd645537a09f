//! Why the embedded registry could not start.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::hint::{Advise, Hint};

/// The embedded registry could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// Address and port.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The folder cannot be made or written.
    #[error("cannot keep images in {}", root.display())]
    Root {
        /// The folder.
        root: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Advise for ServeError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some(Hint::new("choose another port, or port 0 for any free one"))
            }
            _ => None,
        }
    }
}
