//! Where images come from and go to.

use std::path::{Path, PathBuf};

use super::{BuildError, Builder, Built};
use crate::{
    archive::{ArchiveSink, ArchiveSource},
    image::{Delivery, Sink, Source, deliver},
    layout::{LayoutSink, LayoutSource},
    oci::Reference,
    recipe::Base,
};

/// Where an image goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An OCI layout, new or already there.
    Layout {
        /// The folder.
        folder: PathBuf,
        /// Name of the image in it.
        name: Option<String>,
    },
    /// An OCI archive.
    Archive {
        /// The file.
        file: PathBuf,
        /// Name of the image in it.
        name: Option<String>,
    },
    /// A repository of a registry, with a tag.
    Registry(Reference),
}

impl Builder {
    /// Brings a built image to `to`. Whoever reads there sees the old image or the new one.
    ///
    /// # Errors
    /// When the destination cannot be written; it is then as it was, apart from blobs that nothing names.
    pub async fn deliver(&self, built: &Built, to: &Destination) -> Result<Delivery, BuildError> {
        let sink: Box<dyn Sink> = match to {
            Destination::Layout { folder, name } => Box::new(LayoutSink::open(folder, name.clone())?),
            Destination::Archive { file, name } => Box::new(ArchiveSink::create(file, name.clone())?),
            Destination::Registry(reference) => Box::new(self.registry.sink(reference, &[])?),
        };
        self.stage("writing", to);
        let fail = |source| BuildError::Deliver { destination: to.to_string(), source };
        deliver(&built.index, &*sink).await.map_err(fail)
    }

    /// Opens the image that `base` names; relative paths start from `folder`.
    ///
    /// # Errors
    /// When it is `scratch`, or cannot be opened.
    pub fn source(&self, base: &Base, folder: &Path) -> Result<Box<dyn Source>, BuildError> {
        Ok(match base {
            Base::Scratch => return Err(BuildError::Scratch),
            Base::Registry(reference) => Box::new(self.registry.source(reference)?),
            Base::Layout { path, tag } => Box::new(LayoutSource::open(folder.join(path), tag.as_deref())?),
            Base::Archive { path, tag } => Box::new(ArchiveSource::open(folder.join(path), tag.as_deref())?),
        })
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (scheme, path, name) = match self {
            Self::Registry(reference) => return write!(formatter, "{reference}"),
            Self::Layout { folder, name } => ("oci", folder, name),
            Self::Archive { file, name } => ("oci-archive", file, name),
        };
        write!(formatter, "{scheme}:{}", path.display())?;
        name.as_ref().map_or(Ok(()), |name| write!(formatter, ":{name}"))
    }
}
