//! The base under a finished image, swapped for another: the image's own layers are named, not made.

mod error;
mod swap;

use std::path::Path;

pub use error::RebaseError;
use serde_json::Value;

use super::{BuildError, Builder, Depth, kept_documents::KeptDocuments, verifying};
use crate::{
    base::{BaseError, BaseImage, image_for, read_base},
    image::{
        BASE_DIGEST, BASE_NAME, BaseName, Bytes, Graph, Index, Layer, Manifest, Source, TransferError, platform_of,
        read_whole, rebase_index,
    },
    layout::DOCUMENT_LIMIT,
    oci::{Digest, Platform},
    recipe::Base,
    verify::Report,
};

/// What shall be put on which base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebase {
    /// The image.
    pub image: Base,
    /// The base that it shall have.
    pub base: Base,
    /// The base that it has; none where the image says so itself.
    pub from: Option<Base>,
    /// Only the images for these platforms; all of them when empty.
    pub platforms: Vec<Platform>,
    /// How thoroughly it is made sure that the image fits there; none for not at all.
    pub depth: Option<Depth>,
}

/// An image on another base, not yet brought anywhere.
#[derive(Clone)]
pub struct Rebased {
    /// All of it.
    pub graph: Graph,
    /// Each platform's image.
    pub images: Vec<RebasedImage>,
    /// What is wrong with it that was not wrong before.
    pub report: Report,
}

/// What was done to the image for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RebasedImage {
    /// The platform.
    pub platform: Platform,
    /// The manifest of the base that it had.
    pub old: Digest,
    /// The manifest of the base that it has.
    pub new: Digest,
    /// Layers of its own.
    pub layers: usize,
    /// Bytes of those, compressed.
    pub size: u64,
}

/// An image for one platform, with both of its bases.
struct Candidate {
    platform: Platform,
    manifest: Manifest,
    config: Value,
    /// All of its layers.
    layers: Vec<Layer>,
    old: BaseImage,
    new: BaseImage,
}

impl Builder {
    /// Puts an image on another base; relative paths start from `folder`. Nothing is written outside the
    /// store, and no layer of the image is made anew.
    ///
    /// # Errors
    /// When the image or one of the bases cannot be read, when it was not built on the old base, and when
    /// something in it would not work on the new one.
    pub async fn rebase(&self, order: &Rebase, folder: &Path) -> Result<Rebased, BuildError> {
        let source = self.source(&order.image, folder)?;
        let root = source.root().await.map_err(unreadable)?;
        let mut candidates = Vec::new();
        for (platform, manifest, config) in chosen(&*source, &root, &order.platforms).await? {
            let document = serde_json::from_slice(&config).unwrap_or_default();
            let layers = verifying::layers(&*source, &manifest, &document)?;
            let (old, new) = tokio::try_join!(
                self.old_base(order, folder, (&platform, &manifest, &document)),
                self.base_of(&order.base, folder, &platform)
            )?;
            candidates.push(Candidate { platform, manifest, config: document, layers, old, new });
        }
        // One after the other: they may share layers, and those are read once.
        let mut swapped = Vec::new();
        for candidate in &candidates {
            swapped.push(self.swap(order, candidate).await?);
        }
        let mut indexes = candidates.iter().map(|candidate| candidate.new.index);
        let index = indexes.next().flatten().filter(|first| indexes.all(|other| other == Some(*first)));
        let index = index.filter(|_| name_of(&order.base).is_some());
        let named = index.map(|digest| BaseName { name: name_of(&order.base), digest });
        let mut report = Report::default();
        let (mut images, mut told, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
        for (candidate, (image, row, found)) in candidates.iter().zip(swapped) {
            replaced.push((candidate.manifest.descriptor().digest, image.manifest.clone()));
            images.push(image);
            told.push(row);
            report.extend(found);
        }
        let manifest = rebase_index(&root, &replaced, named.as_ref());
        let graph = Graph::of_index(&Index { manifest, images });
        let alone = !root.is_index() || order.platforms.len() == 1;
        Ok(Rebased {
            graph: if alone { graph.without_root() } else { graph },
            images: told,
            report: report.settled(&[]),
        })
    }

    /// The base on which an image says that it was built, or on which the user does.
    async fn old_base(
        &self,
        order: &Rebase,
        folder: &Path,
        (platform, manifest, config): (&Platform, &Manifest, &Value),
    ) -> Result<BaseImage, BuildError> {
        let said = match &order.from {
            Some(from) => from.clone(),
            None => stated(manifest, config).ok_or_else(|| RebaseError::UnknownBase { platform: platform.clone() })?,
        };
        let fail = |error| RebaseError::OldBase { base: said.to_string(), source: Box::new(error) };
        Ok(self.base_of(&said, folder, platform).await.map_err(fail)?)
    }

    async fn base_of(&self, base: &Base, folder: &Path, platform: &Platform) -> Result<BaseImage, BuildError> {
        let mut source = self.source(base, folder)?;
        if let Base::Registry(reference) = base
            && let Some(digest) = reference.digest()
        {
            source = Box::new(KeptDocuments::new(source, self.settings.store.clone(), *digest));
        }
        let fail = |source| BuildError::Base { platform: platform.clone(), source };
        read_base(&*source, platform).await.map_err(fail)
    }
}

/// The images below `root` that are meant, each with its config.
async fn chosen(
    source: &dyn Source,
    root: &Manifest,
    platforms: &[Platform],
) -> Result<Vec<(Platform, Manifest, Bytes)>, BuildError> {
    let mut chosen = Vec::new();
    for platform in platforms {
        let found = image_for(source, root.clone(), platform).await.map_err(|error| match error {
            BaseError::NoPlatform { available, .. } => {
                let available = available.iter().filter_map(|name| name.parse().ok()).collect();
                BuildError::OtherPlatforms { platform: platform.clone(), available }
            }
            source => BuildError::Base { platform: platform.clone(), source },
        });
        let (manifest, config) = found?;
        chosen.push((platform.clone(), manifest, config));
    }
    if !platforms.is_empty() {
        return Ok(chosen);
    }
    for (listed, manifest) in verifying::listed(source, root.clone()).await.map_err(unreadable)? {
        let digest = manifest.descriptor().digest;
        if manifest.is_index() {
            return Err(RebaseError::Nested { digest }.into());
        }
        let config = manifest.config().map_err(|error| unreadable(error.into()))?;
        let config = read_whole(&*source.blob(&config), DOCUMENT_LIMIT).await.map_err(unreadable)?;
        let platform = listed.or_else(|| platform_of(&config)).ok_or(BuildError::NoPlatform { digest })?;
        chosen.push((platform, manifest, config));
    }
    Ok(chosen)
}

/// The base of which the annotations of a manifest tell, or else the labels of its config.
fn stated(manifest: &Manifest, config: &Value) -> Option<Base> {
    let (annotations, labels) = (manifest.value().get("annotations"), config.pointer("/config/Labels"));
    let text = |key: &str| [annotations, labels].into_iter().flatten().find_map(|map| map.get(key)?.as_str());
    let Ok(Base::Registry(reference)) = Base::parse(text(BASE_NAME)?) else { return None };
    Some(Base::Registry(match text(BASE_DIGEST).and_then(|digest| digest.parse().ok()) {
        Some(digest) => reference.at(digest),
        None => reference,
    }))
}

/// What a base is called everywhere.
fn name_of(base: &Base) -> Option<String> {
    if let Base::Registry(reference) = base { Some(reference.to_string()) } else { None }
}

fn unreadable(source: TransferError) -> BuildError {
    BuildError::Fetch { source }
}
