//! A published image made again from what is attached to it, and held against it layer by layer. Nothing of it is
//! believed: recipe and lock must be what the provenance names, and every byte of a layer must follow from them.

mod error;
mod evidence;
mod made;
mod sample;

use std::path::{Path, PathBuf};

pub use error::ProofError;
pub use sample::Sample;

use super::{BuildError, Builder, verifying::listed};
use crate::{
    base::EntryDifference,
    image::{Manifest, Source, TransferError, platform_of, read_whole},
    layout::DOCUMENT_LIMIT,
    oci::{Digest, Platform},
    pypi,
    recipe::Base,
};
use evidence::Found;

/// What shall be proved, and how.
#[derive(Clone, Debug)]
pub struct Prove {
    /// The image.
    pub image: Base,
    /// Only the images for these platforms; all of them when empty.
    pub platforms: Vec<Platform>,
    /// How many of the layers are made again.
    pub sample: Sample,
    /// The package index that wheels come from, in place of all that the recipe knows.
    pub against: Option<pypi::Location>,
    /// The recipe's folder, in place of the files that are attached.
    pub context: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The name of the recipe's file.
    pub recipe: String,
    /// Of the lock.
    pub lock: Digest,
    /// Platform by platform.
    pub images: Vec<ProvedImage>,
}

/// What came of the image for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvedImage {
    /// The platform.
    pub platform: Platform,
    /// The manifest.
    pub manifest: Digest,
    /// Layers of the image's own.
    pub layers: usize,
    /// How many of them were made again.
    pub made: usize,
    /// How many of these came to the same bytes.
    pub reproduced: usize,
    /// Bytes of those.
    pub bytes: u64,
    /// How the base's layers were held against the base.
    pub base: BaseProof,
    /// What differs first; nothing where all is the same.
    pub difference: Option<Difference>,
}

/// What is known of the layers below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseProof {
    /// There is none.
    Absent,
    /// So many layers are, by their digests, those of the base that the lock names; and the image's configuration
    /// follows from the base's.
    Same(usize),
    /// The base is nowhere to be had: neither its layers nor the image's configuration were held against it.
    Unknown,
}

/// The first thing about an image that does not follow from recipe and lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// It has another number of layers.
    Layers {
        /// So many are there.
        published: usize,
        /// So many follow.
        made: usize,
    },
    /// A layer of the base is another one.
    Base {
        /// Which, counted from one.
        number: usize,
        /// What is there.
        published: Digest,
        /// What the base has.
        locked: Digest,
    },
    /// A layer has another file. Of the two, the first is the published one.
    File {
        /// The layer.
        layer: String,
        /// The file, and what about it.
        entry: EntryDifference,
    },
    /// A layer has the same files, and its bytes are others.
    Bytes {
        /// The layer.
        layer: String,
        /// What is there.
        published: Digest,
        /// What follows.
        made: Digest,
    },
    /// Manifest or configuration say something else.
    Document {
        /// What in which of them, as a JSON pointer.
        place: String,
        /// What is there.
        published: String,
        /// What follows.
        made: String,
    },
}

impl Proof {
    /// Whether everything that was made again is what was published.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.images.iter().all(|image| image.difference.is_none())
    }
}

/// The image for one platform, as it was published.
pub(super) struct Published {
    pub(super) platform: Platform,
    pub(super) manifest: Manifest,
    pub(super) config: serde_json::Value,
}

impl Builder {
    /// Makes the image that `order` names again, from what is attached to it, and says whether it came to the same.
    /// Relative paths count from `folder`.
    ///
    /// # Errors
    /// When nothing is attached, or what is attached does not belong to the image, and when something that the lock
    /// names cannot be had.
    pub async fn prove(&self, order: &Prove, folder: &Path) -> Result<Proof, BuildError> {
        let fail = |source| BuildError::Fetch { source };
        let source = self.source(&order.image, folder)?;
        let root = source.root().await.map_err(fail)?;
        let images = published(&*source, &root, &order.platforms).await?;
        let found = self.evidence(order, (&*source, &root, &images)).await?;
        let mut failed = None;
        for Found { carried, statements } in &found {
            match self.prove_by(order, &*source, &images, (carried, statements)).await {
                Ok(proof) if proof.holds() => return Ok(proof),
                other => drop(failed.get_or_insert(other)),
            }
        }
        failed.unwrap_or_else(|| Err(ProofError::Nothing { image: order.image.clone() }.into()))
    }
}

/// The images that are meant.
async fn published(source: &dyn Source, root: &Manifest, wanted: &[Platform]) -> Result<Vec<Published>, BuildError> {
    let fail = |source: TransferError| BuildError::Fetch { source };
    let mut images = Vec::new();
    for (platform, manifest) in listed(source, root.clone()).await.map_err(fail)? {
        let descriptor = manifest.config().map_err(|error| fail(error.into()))?;
        let config = read_whole(&*source.blob(&descriptor), DOCUMENT_LIMIT).await.map_err(fail)?;
        let platform = platform.or_else(|| platform_of(&config));
        let platform = platform.ok_or(BuildError::NoPlatform { digest: manifest.descriptor().digest })?;
        let config = serde_json::from_slice(&config).unwrap_or_default();
        images.push(Published { platform, manifest, config });
    }
    for platform in wanted {
        if !images.iter().any(|image| image.platform == *platform) {
            let available = images.into_iter().map(|image| image.platform).collect();
            return Err(BuildError::OtherPlatforms { platform: platform.clone(), available });
        }
    }
    images.retain(|image| wanted.is_empty() || wanted.contains(&image.platform));
    Ok(images)
}
