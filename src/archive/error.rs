//! What can go wrong with an archive.

use std::{io, path::PathBuf};

use crate::{
    hint::{Advise, Hint},
    image::{ManifestError, TransferError},
    layout::ContentsError,
    oci::Digest,
};

/// Why an archive cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The tar holds no layout.
    #[error("`{path}` is not an OCI archive: it has no `{member}`")]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What is missing.
        member: &'static str,
    },
    /// Its `index.json` is unusable, or does not list what was asked for.
    #[error("cannot use `index.json` of the archive `{path}`")]
    Contents {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ContentsError,
    },
    /// A blob that should be a manifest is none.
    #[error("the archive `{path}` holds a broken manifest")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// The file cannot be read.
    #[error("cannot read `{path}` as a tar file")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no tar. What a reader of tars says of that would quote it.
    #[error("`{path}` is no tar file, or a damaged one")]
    NotATar {
        /// The file.
        path: PathBuf,
    },
    /// A folder stands where a file is meant.
    #[error("`{path}` is a folder, and no archive")]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file has more entries than an image could need.
    #[error("`{path}` has more than {limit} entries")]
    TooManyEntries {
        /// The file.
        path: PathBuf,
        /// How many are read.
        limit: usize,
    },
    /// The file cannot be written.
    #[error("cannot write `{path}`")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is nothing that an engine could run.
    #[error("{digest} lists no image that a container engine could load")]
    NoImage {
        /// The image index.
        digest: Digest,
    },
    /// A manifest on its way into the archive is malformed.
    #[error("{digest} cannot be listed for container engines")]
    Malformed {
        /// The manifest or index.
        digest: Digest,
        /// Why.
        source: ManifestError,
    },
    /// An earlier blob failed, or the archive was published already.
    #[error("`{path}` takes no more blobs")]
    Closed {
        /// The file.
        path: PathBuf,
    },
}

impl Advise for ArchiveError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NotAnArchive { .. } => {
                Some(Hint::new("export the image in OCI form: `skopeo copy … oci-archive:FILE` makes one"))
            }
            Self::Contents { source, .. } => source.hint(),
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some(Hint::new("check the path of the archive"))
            }
            Self::Read { .. } => Some(Hint::new("see that you may read the archive, and that it was copied whole")),
            Self::NotATar { .. } => Some(Hint::new("decompress the file first if it is compressed")),
            Self::Folder { path } => Some(Hint::new(format!("name a layout as `oci:{}`, or a file", path.display()))),
            Self::Manifest { .. } | Self::TooManyEntries { .. } => {
                Some(Hint::new("have the archive written anew, or name another"))
            }
            Self::Write { .. } | Self::Closed { .. } => {
                Some(Hint::new("name a file where you may write, with room on the disk"))
            }
            Self::NoImage { .. } => Some(Hint::new("name an image that has a platform, or write `oci-archive:FILE`")),
            Self::Malformed { .. } => Some(Hint::new("push the image anew from where it was made, or name another")),
        }
    }
}

impl From<ArchiveError> for TransferError {
    fn from(error: ArchiveError) -> Self {
        Self::room(error)
    }
}
