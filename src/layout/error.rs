//! What can go wrong with a layout.

use std::{io, path::PathBuf};

use super::ContentsError;
use crate::{
    hint::{Advise, Hint},
    image::{ManifestError, TransferError},
};

/// Why a layout cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// The folder holds something else.
    #[error("`{path}` is not an OCI layout: it has no usable `oci-layout` file")]
    NotALayout {
        /// The folder.
        path: PathBuf,
    },
    /// A folder of the layout is a link, which may lead anywhere.
    #[error("`{path}` is a symbolic link, and nothing is written through it")]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Its `index.json` is unusable, or does not list what was asked for.
    #[error("cannot use `index.json` of the layout `{path}`")]
    Contents {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: ContentsError,
    },
    /// A blob that should be a manifest is none.
    #[error("the layout `{path}` holds a broken manifest")]
    Manifest {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// A file of the layout cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the layout cannot be written.
    #[error("cannot write `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Advise for LayoutError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NotALayout { .. } => Some(Hint::new("name a folder that is new, empty or an OCI layout")),
            Self::Link { .. } => Some(Hint::new("put a folder in its place, or name the folder that it leads to")),
            Self::Contents { source, .. } => source.hint(),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some(Hint::new("check the path after `oci:`, and that the layout was copied whole"))
            }
            Self::Read { .. } => Some(Hint::new("see that you may read the layout, and that it was copied whole")),
            Self::Manifest { .. } => Some(Hint::new("have the layout written anew, or name another")),
            Self::Write { .. } => Some(Hint::new("name a folder where you may write, with room on the disk")),
        }
    }
}

impl From<LayoutError> for TransferError {
    fn from(error: LayoutError) -> Self {
        Self::room(error)
    }
}
