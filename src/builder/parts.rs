//! Images made on many machines that have only the registry in common: each pushes the images of single platforms
//! by digest, under a tag that says what they were made from, and whoever comes last joins them.
//!
//! The tag is a function of recipe, lock and the user's files: whoever has these knows it, and an image under it
//! can only be the one they make. So nothing is handed from one machine to another, a part may be made twice, and
//! parts of another state of the recipe are never taken.

use serde_json::json;

use super::{
    BuildError, Builder, Built, Destination, Project, Selection, config, make, scripts, undone::certificate_digests,
};
use crate::{
    image::{Delivery, Graph, Image, Manifest, TransferError},
    layer::FORMAT,
    lock::Lock,
    oci::{Descriptor, Digest, Platform, Reference, canonical_json},
    plan::{Encoding, Load, scripts_key},
    registry::RegistryError,
};

/// Before the hash in the tag of a part, with the version of what is hashed.
const PREFIX: &str = "wws1";

impl Builder {
    /// The work of each image that `selection` chooses, platform by platform; its name begins with `name`.
    ///
    /// # Errors
    /// When the recipe or the lock lacks one.
    pub fn loads(
        project: &Project,
        lock: &Lock,
        (selection, name): (&Selection, &str),
    ) -> Result<Vec<(Platform, Load)>, BuildError> {
        let chosen = Self::chosen(project, lock, selection)?;
        let variant = selection.variant.as_deref().unwrap_or_default();
        let mut loads = Vec::new();
        for (below, image) in chosen {
            let name = format!("{name}\n{variant}\n{}", below.platform);
            loads.push((below.platform.clone(), Load::of(name, &below, image)));
        }
        Ok(loads)
    }

    /// Where the image for `platform` lies that is to be a part of what `whole` will name.
    ///
    /// # Errors
    /// When files of the user's cannot be read, or the recipe or lock lacks the image.
    pub fn part(
        &self,
        (project, lock, selection): (&Project, &Lock, &Selection),
        platform: &Platform,
        whole: &Reference,
    ) -> Result<Reference, BuildError> {
        let variant = project.recipe.variant(selection.variant.as_deref())?;
        let missing = || BuildError::NotLocked { variant: variant.name.clone(), platform: platform.clone() };
        let image = lock.image(variant.name.as_deref(), platform).ok_or_else(missing)?;
        let below = lock.platform(platform).ok_or_else(missing)?.under(image);
        let encoding = Encoding { format: FORMAT, compression: project.recipe.layers.compression };
        scripts::check(project, &variant.scripts)?;
        let fail = |source| scripts::wrong((project, &variant.scripts), platform, source);
        let kept = (&self.settings.store, self.settings.now);
        let files = make::look_at_scripts(&variant.scripts, &project.folder, &below.facts, kept).map_err(fail)?;
        let certificates = certificate_digests(project)?;
        let certificates: Vec<String> = certificates.iter().map(|(name, digest)| format!("{name} {digest}")).collect();
        let made_from = json!({
            "version": 1,
            "format": FORMAT,
            "recipe": project.recipe.texts().map(|text| Digest::of(text.as_bytes()).to_string()).collect::<Vec<_>>(),
            "lock": Digest::of(lock.to_toml().as_bytes()).to_string(),
            "scripts": scripts_key(&files, below.compiler.as_ref(), &below.facts, encoding).hex(),
            "certificates": certificates,
            "epoch": self.settings.epoch,
            "variant": variant.name,
            "platform": platform.to_string(),
        });
        let tag = format!("{PREFIX}-{}", Digest::of(&canonical_json(&made_from)).hex());
        let wrong = |source| RegistryError::Tag { tag: tag.clone(), source };
        Ok(whole.tagged(&tag).map_err(wrong)?)
    }

    /// Brings the image for one platform out of `built` to the registry, as the part that [`Builder::part`] names.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses it.
    pub async fn deliver_part(&self, built: &Built, image: &Image, part: &Reference) -> Result<Delivery, BuildError> {
        let malformed = |source: crate::image::ManifestError| BuildError::Fetch { source: source.into() };
        let graph = Graph::of_index(&built.index).below(&image.manifest).map_err(malformed)?;
        self.bring(&graph, &Destination::Registry(part.clone())).await
    }

    /// What [`Builder::build`] makes of `selection`, out of parts that lie in the repository of `whole`.
    ///
    /// # Errors
    /// [`BuildError::PartMissing`] when one is not there yet, and when the registry cannot be reached.
    pub async fn join_parts(
        &self,
        origin: (&Project, &Lock, &Selection),
        whole: &Reference,
    ) -> Result<Graph, BuildError> {
        let (project, lock, selection) = origin;
        let (mut parts, mut entries, mut below) = (Vec::new(), Vec::new(), Vec::new());
        for (locked, _) in Self::chosen(project, lock, selection)? {
            let part = self.part(origin, &locked.platform, whole)?;
            let graph = self.part_at(&part, &locked.platform).await?;
            entries.push(Descriptor { platform: Some(locked.platform.clone()), ..graph.root().descriptor().clone() });
            parts.push(graph);
            below.push(locked.base_index);
        }
        let annotations = config::index_annotations(project, &below);
        Ok(Graph::joined(parts, Manifest::of_index(&entries, &annotations)))
    }

    async fn part_at(&self, part: &Reference, platform: &Platform) -> Result<Graph, BuildError> {
        let source = self.registry.source(part)?;
        let missing = |error: &RegistryError| error.status().is_some_and(|status| status.as_u16() == 404);
        let digest = match source.resolve().await {
            Err(error) if missing(&error) => {
                return Err(BuildError::PartMissing { platform: platform.clone(), part: part.clone() });
            }
            found => found?,
        };
        let unreadable = |source: TransferError| BuildError::Fetch { source };
        let manifest = source.repository().manifest(&digest).await?;
        Graph::read(&source, manifest).await.map_err(unreadable)
    }
}
