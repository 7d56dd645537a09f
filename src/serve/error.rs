//! Why the embedded registry could not start.

use std::{io, net::SocketAddr, path::PathBuf};

use crate::{
    hint::{Advise, Hint},
    image::TransferError,
    layout::LayoutError,
};

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
    /// Another server keeps its images there.
    #[error("another server is at work in {}", root.display())]
    InUse {
        /// The folder.
        root: PathBuf,
    },
    /// The layout cannot be read.
    #[error("the layout cannot be served")]
    Layout {
        /// Why.
        source: LayoutError,
    },
    /// A manifest in the layout cannot be read.
    #[error("what the layout lists cannot be served")]
    Shelf {
        /// Why.
        source: TransferError,
    },
    /// A line of the file of users is no user.
    #[error("line {line} of `{}` is no `user:` and bcrypt hash", path.display())]
    User {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// There is nobody who could log in.
    #[error("`{}` names no user", path.display())]
    NoUser {
        /// The file.
        path: PathBuf,
    },
    /// A certificate or key is of no use.
    #[error("`{}` cannot be used for TLS: {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
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
            Self::InUse { .. } => Some(Hint::new("stop the other one, or choose another folder")),
            Self::User { .. } | Self::NoUser { .. } => Some(Hint::new("make the file with `htpasswd -B -c FILE USER`")),
            Self::Tls { .. } => Some(Hint::new("name PEM files: the certificate with its chain, and its private key")),
            Self::Layout { source } => source.hint(),
            Self::Shelf { source } => source.hint(),
            Self::Listen { .. } => Some(Hint::new("name an address of this machine, and a port above 1023")),
            Self::Root { .. } => Some(Hint::new("name a folder where you may write, with room on the disk")),
        }
    }
}
