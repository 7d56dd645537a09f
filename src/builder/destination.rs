//! Where images come from and go to.

use std::path::{Path, PathBuf};

use super::{BuildError, Builder, Built, Made};
use crate::{
    archive::{ArchiveSink, ArchiveSource},
    hint::Hint,
    image::{Delivery, Sink, Source, TransferError, deliver},
    layout::{LayoutSink, LayoutSource},
    oci::Reference,
    recipe::Base,
};

/// Layers of more bytes are warned of before they are pushed.
const GIANT: u64 = 2_000_000_000;

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
        if matches!(to, Destination::Registry(_)) {
            self.warn_of_giants(built);
        }
        let delivered = deliver(&built.index, &*sink).await;
        if let Err(error) = &delivered {
            self.registry.tidy().await;
            self.remove_damaged(built, error).await;
        }
        delivered.map_err(|source| BuildError::Deliver { destination: to.to_string(), source })
    }

    /// Some registries give an upload ten minutes, whatever its size.
    fn warn_of_giants(&self, built: &Built) {
        for layer in built.layers.iter().filter(|layer| layer.size > GIANT && layer.made != Made::Base) {
            let message = format!("layer {} has {:.1} GB in one upload", layer.name, gigabytes(layer.size));
            let hint = Hint::new("name what is in it under `layers.own`, if the registry gives it too little time");
            self.warn(&message, Some(&hint));
        }
    }

    /// Throws away what a layer turned out to be made of wrongly, so that the next run fetches it anew.
    async fn remove_damaged(&self, built: &Built, error: &TransferError) {
        let TransferError::Corrupt { digest, .. } = error else { return };
        let mut layers = built.index.images.iter().flat_map(|image| &image.layers);
        let Some(layer) = layers.find(|layer| layer.blob.descriptor().digest == *digest).cloned() else {
            return;
        };
        if tokio::task::spawn_blocking(move || layer.blob.distrust()).await.unwrap_or(false) {
            let hint = Hint::new("run the same again");
            self.warn("the store held damaged files, which are removed now", Some(&hint));
        }
    }

    /// Cancels the uploads that were given up, because a delivery failed or its future was dropped.
    pub async fn tidy(&self) {
        self.registry.tidy().await;
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

#[expect(clippy::cast_precision_loss, reason = "shown with one digit after the point")]
fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}
