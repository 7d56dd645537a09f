//! What a build would fetch, make and send, before it does: from the lock and the store, and of the base its
//! manifest alone.

mod warnings;

use std::collections::BTreeSet;

use super::{
    BuildError, Builder, Held, Made, Project, Selection,
    build::Framing,
    make::{Site, held},
    scripts,
};
use crate::{
    layer::FORMAT,
    lock::{Library, Lock, LockedImage, LockedPackage, LockedWheel},
    oci::{Digest, Platform},
    plan::{Contents, Encoding, LayerKey, PlannedLayer, plan},
    recipe::Variant,
};

pub use warnings::{Foreboding, warnings};

/// What a build of one variant for one platform would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreseen {
    /// The variant.
    pub variant: Option<String>,
    /// The platform.
    pub platform: Platform,
    /// Its layers, the base's first.
    pub layers: Vec<ForeseenLayer>,
    /// Libraries that the base brings.
    pub libraries: Vec<Library>,
}

/// A layer that an image would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeseenLayer {
    /// What a person calls it.
    pub name: String,
    /// Under which others find it; nothing for the base's, and for files of the user's.
    pub key: Option<LayerKey>,
    /// What it will take.
    pub made: Made,
    /// Bytes of the compressed blob, where they are known: of the base's layers, and of those made before.
    pub size: Option<u64>,
    /// Of the blob, where it is known.
    pub digest: Option<Digest>,
    /// Bytes of the files that it is made from: near what it will have itself.
    pub inputs: u64,
    /// Files that are fetched for it: name, digest and bytes.
    pub fetched: Vec<(String, Digest, u64)>,
    /// Distributions and packages in it.
    pub holds: Vec<Held>,
}

impl ForeseenLayer {
    /// Bytes of the blob, or near that.
    #[must_use]
    pub fn estimate(&self) -> u64 {
        self.size.unwrap_or(self.inputs)
    }
}

impl Builder {
    /// What [`Builder::build`] would do for `selection`, platform by platform. Of the base only its manifest is
    /// read, and nothing is fetched or made.
    ///
    /// # Errors
    /// When the lock lacks the image, the base's manifest cannot be had, or a file of the recipe's is missing.
    pub async fn foresee_build(
        &self,
        project: &Project,
        lock: &Lock,
        selection: &Selection,
    ) -> Result<Vec<Foreseen>, BuildError> {
        let variant = project.recipe.variant(selection.variant.as_deref())?;
        let index = self.package_index(project);
        let mut foreseen = Vec::new();
        for platform in Self::chosen_platforms(project, selection)? {
            let missing = || BuildError::NotLocked { variant: variant.name.clone(), platform: platform.clone() };
            let below = lock.platform(platform).ok_or_else(missing)?;
            let image = lock.image(variant.name.as_deref(), platform).ok_or_else(missing)?;
            let under = below.under(image);
            let encoding = Encoding { format: FORMAT, compression: project.recipe.layers.compression };
            let beside: Vec<&LockedImage> = lock.images.iter().filter(|image| image.platform == *platform).collect();
            let site = Site { project, below: &under, beside: &beside, index: &index, encoding };
            let layers = self.foresee_layers(site, image, &variant).await?;
            let (variant, libraries) = (variant.name.clone(), below.facts.libraries.clone());
            foreseen.push(Foreseen { variant, platform: platform.clone(), layers, libraries });
        }
        Ok(foreseen)
    }

    async fn foresee_layers(
        &self,
        site: Site<'_>,
        image: &LockedImage,
        variant: &Variant,
    ) -> Result<Vec<ForeseenLayer>, BuildError> {
        let base = self.base_image(site.project, site.below).await?;
        let mut layers: Vec<ForeseenLayer> = Vec::new();
        for layer in base.iter().flat_map(|base| &base.layers) {
            let descriptor = layer.blob.descriptor();
            layers.push(ForeseenLayer {
                name: "base".to_owned(),
                key: None,
                made: Made::Base,
                size: Some(descriptor.size),
                digest: Some(descriptor.digest),
                inputs: descriptor.size,
                fetched: Vec::new(),
                holds: Vec::new(),
            });
        }
        let framing = Framing::of(site, variant, layers.len())?;
        for planned in plan(site.below, image, framing.frame())? {
            layers.push(self.foresee_layer(&planned).await?);
        }
        if !variant.scripts.is_empty() {
            scripts::check(site.project, &variant.scripts)?;
            let (recalled, _) = self.recall_scripts(site, &variant.scripts).await?;
            let descriptor = recalled.map(|made| made.layer.descriptor().clone());
            layers.push(ForeseenLayer {
                name: "scripts".to_owned(),
                key: None,
                made: if descriptor.is_some() { Made::Cached } else { Made::Built },
                size: descriptor.as_ref().map(|descriptor| descriptor.size),
                digest: descriptor.map(|descriptor| descriptor.digest),
                inputs: 0,
                fetched: Vec::new(),
                holds: Vec::new(),
            });
        }
        Ok(layers)
    }

    async fn foresee_layer(&self, planned: &PlannedLayer) -> Result<ForeseenLayer, BuildError> {
        let recalled = self.recall(planned).await?.map(|made| made.layer.descriptor().clone());
        let fetched = if recalled.is_some() { Vec::new() } else { self.not_here(&planned.contents) };
        Ok(ForeseenLayer {
            name: planned.name.clone(),
            key: Some(planned.key),
            made: if recalled.is_some() { Made::Cached } else { Made::Built },
            size: recalled.as_ref().map(|descriptor| descriptor.size),
            digest: recalled.map(|descriptor| descriptor.digest),
            inputs: planned.input_size(),
            fetched,
            holds: held(&planned.contents),
        })
    }

    /// What of the files that a layer is made from is not in the store.
    fn not_here(&self, contents: &Contents) -> Vec<(String, Digest, u64)> {
        let files: Vec<(String, Digest, u64)> = match contents {
            Contents::Whiteouts(_) | Contents::Venv(_) => Vec::new(),
            Contents::Debian(packages) => packages.iter().map(LockedPackage::as_file).collect(),
            Contents::Wheels(wheels) => wheels.iter().map(LockedWheel::as_file).collect(),
            Contents::Share { wheel, .. } => vec![wheel.as_file()],
            Contents::Bytecode { of, .. } => of.files(),
        };
        let store = &self.settings.store;
        files.into_iter().filter(|(_, digest, _)| store.blob(digest).is_none()).collect()
    }
}

/// Every file that images would fetch, each once: its name, digest and bytes.
#[must_use]
pub fn fetched(images: &[Foreseen]) -> Vec<(String, Digest, u64)> {
    let mut seen = BTreeSet::new();
    let all = images.iter().flat_map(|image| &image.layers).flat_map(|layer| &layer.fetched);
    all.filter(|(_, digest, _)| seen.insert(*digest)).cloned().collect()
}
