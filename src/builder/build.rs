//! From a lock to an image: layers made in parallel, then configs, manifests and the index.

use std::{borrow::Cow, time::Duration};

use futures_util::future::try_join_all;
use serde_json::Value;

use super::{
    BuildError, Builder, Built, BuiltCheck, BuiltLayer, Made, Project, Selection,
    config::{annotations, changes, index_annotations},
    kept_documents::KeptDocuments,
    make::{Finished, Site, created_by},
    memo::MadeLayer,
    over,
    undone::certificate_digests,
    why::Why,
};
use crate::{
    base::{BaseImage, read_base},
    hint::Hint,
    image::{ConfigLayer, Image, Index, Layer, Manifest, Memory, derive_config},
    layer::{FORMAT, MTIME},
    lock::{Lock, LockedImage, LockedPlatform},
    oci::{Descriptor, Digest, MediaType, Platform, canonical_json},
    plan::{Encoding, Frame, LayerKey, PlannedLayer, plan},
    python::NamePattern,
    recipe::{Base, ImageSettings, Variant},
};

impl Builder {
    /// Makes the image that `lock` describes. Nothing is written outside the store.
    ///
    /// # Errors
    /// When the lock lacks the image, when something it names cannot be had or is not what it says,
    /// and when a layer cannot be made.
    pub async fn build(&self, project: &Project, lock: &Lock, selection: &Selection) -> Result<Built, BuildError> {
        let variant = project.recipe.variant(selection.variant.as_deref())?;
        let index = self.package_index(project);
        let chosen = Self::chosen(project, lock, selection)?;
        let mut beside: Vec<Vec<&LockedImage>> = Vec::new();
        for (below, _) in &chosen {
            beside.push(lock.images.iter().filter(|image| image.platform == below.platform).collect());
        }
        let images = chosen.iter().zip(&beside).map(|((below, image), beside)| {
            let encoding = Encoding { format: FORMAT, compression: project.recipe.layers.compression };
            let site = Site { project, below, beside, index: &index, encoding };
            self.build_platform(site, image, &variant)
        });
        let built: Vec<(Image, Vec<BuiltLayer>, Option<BuiltCheck>)> = try_join_all(images).await?;
        let (mut images, mut layers, mut checks) = (Vec::new(), Vec::new(), Vec::new());
        for (image, rows, check) in built {
            images.push(image);
            layers.extend(rows);
            checks.extend(check);
        }
        let below: Vec<Option<Digest>> = chosen.iter().map(|(below, _)| below.base_index).collect();
        let annotations = index_annotations(project, &below);
        let manifest = Manifest::of_index(&images.iter().map(described).collect::<Vec<_>>(), &annotations);
        let index = Index { manifest, images };
        Ok(Built { variant: variant.name, index, layers, checks, listed: Vec::new() })
    }

    /// What the lock says of each image that `selection` chooses: what lies under it, and what is in it.
    pub(super) fn chosen<'l>(
        project: &Project,
        lock: &'l Lock,
        selection: &Selection,
    ) -> Result<Vec<(Cow<'l, LockedPlatform>, &'l LockedImage)>, BuildError> {
        let variant = project.recipe.variant(selection.variant.as_deref())?;
        let locked = |platform: &Platform| {
            let missing = || BuildError::NotLocked { variant: variant.name.clone(), platform: platform.clone() };
            let below = lock.platform(platform).ok_or_else(missing)?;
            let image = lock.image(variant.name.as_deref(), platform).ok_or_else(missing)?;
            Ok((below.under(image), image))
        };
        Self::chosen_platforms(project, selection)?.into_iter().map(locked).collect()
    }

    pub(super) fn chosen_platforms<'a>(
        project: &'a Project,
        selection: &'a Selection,
    ) -> Result<Vec<&'a Platform>, BuildError> {
        let all = || project.recipe.platforms.iter().map(toml::Spanned::get_ref);
        if selection.platforms.is_empty() {
            return Ok(all().collect());
        }
        for wanted in &selection.platforms {
            if !all().any(|platform| platform == wanted) {
                let list = all().map(Platform::to_string).collect::<Vec<_>>().join(", ");
                let message = format!("the recipe is for {list}, not for {wanted}");
                let span = project.recipe.platforms.first().map(toml::Spanned::span).unwrap_or_default();
                let hint = Hint::new("add the platform to `platforms`");
                return Err(project.recipe.problem_at(span, message, Some(hint)).into());
            }
        }
        Ok(all().filter(|platform| selection.platforms.contains(platform)).collect())
    }

    async fn build_platform(
        &self,
        site: Site<'_>,
        image: &LockedImage,
        variant: &Variant,
    ) -> Result<(Image, Vec<BuiltLayer>, Option<BuiltCheck>), BuildError> {
        let project = site.project;
        // How many layers there is room for depends on the base, so it comes first.
        let base = self.base_image(project, site.below).await?;
        let below = base.as_ref().map_or(0, |base| base.layers.len());
        let framing = Framing::of(site, variant, below)?;
        let frame = framing.frame();
        let planned = plan(site.below, image, frame)?;
        let keys: Vec<LayerKey> = planned.iter().map(|layer| layer.key).collect();
        let made = self.make_all(site, frame, planned);
        let scripts = self.make_scripts(site, &variant.scripts);
        let (mut made, scripts) = tokio::try_join!(made, scripts)?;
        let check = self.check_wheels(site, image, &keys).await?;
        made.extend(scripts);
        let whys = self.explain_layers(site, variant, &made)?;
        let made = made.into_iter().zip(whys).collect();
        let (image, rows) = self.assemble(base.as_ref(), site, made, &variant.image)?;
        Ok((image, rows, check))
    }

    /// Makes the layers, the largest first, and gives them back in their order.
    async fn make_all(
        &self,
        site: Site<'_>,
        frame: Frame<'_>,
        planned: Vec<PlannedLayer>,
    ) -> Result<Vec<Finished>, BuildError> {
        let mut order: Vec<(usize, PlannedLayer)> = planned.into_iter().enumerate().collect();
        order.sort_by_key(|(_, layer)| std::cmp::Reverse(layer.input_size()));
        let make = async |(position, layer)| Ok::<_, BuildError>((position, self.make(site, frame, layer).await?));
        let mut layers = try_join_all(order.into_iter().map(make)).await?;
        layers.sort_by_key(|(position, _)| *position);
        Ok(layers.into_iter().map(|(_, finished)| finished).collect())
    }

    /// The base at the locked digest; its layers are named, not read.
    pub(super) async fn base_image(
        &self,
        project: &Project,
        below: &LockedPlatform,
    ) -> Result<Option<BaseImage>, BuildError> {
        let Some(digest) = below.base else { return Ok(None) };
        let pinned = match project.recipe.base.get_ref() {
            Base::Registry(reference) => Base::Registry(reference.at(digest)),
            other => other.clone(),
        };
        let fail = |source| BuildError::Base { platform: below.platform.clone(), source };
        let mut source = self.base_source(project, &pinned)?;
        if matches!(pinned, Base::Registry(_)) {
            source = Box::new(KeptDocuments::new(source, self.settings.store.clone(), digest));
        }
        let image = read_base(&*source, &below.platform).await.map_err(fail)?;
        // What a registry gives by its digest cannot have moved; it may be an index, where nothing was read.
        let by_digest = matches!(pinned, Base::Registry(_));
        if !by_digest && image.manifest.descriptor().digest != digest {
            return Err(BuildError::BaseMoved { platform: below.platform.clone(), locked: digest });
        }
        Ok(Some(image))
    }

    fn assemble(
        &self,
        base: Option<&BaseImage>,
        site: Site<'_>,
        made: Vec<(Finished, Why)>,
        settings: &ImageSettings,
    ) -> Result<(Image, Vec<BuiltLayer>), BuildError> {
        let platform = &site.below.platform;
        let mut rows: Vec<BuiltLayer> =
            base.iter().flat_map(|base| &base.layers).map(|layer| base_row(layer, platform)).collect();
        let mut layers = Vec::new();
        for (finished, why) in made {
            let descriptor = finished.layer.layer.descriptor();
            rows.push(BuiltLayer {
                platform: platform.clone(),
                name: finished.name.clone(),
                key: finished.key,
                digest: descriptor.digest,
                size: descriptor.size,
                made: finished.made,
                time: finished.time,
                why: Some(why),
                holds: finished.holds,
            });
            layers.push((finished.name, finished.layer));
        }
        Ok((self.image_of(base, site, layers, settings)?, rows))
    }

    /// The image of these layers over `base`.
    pub(super) fn image_of(
        &self,
        base: Option<&BaseImage>,
        site: Site<'_>,
        made: Vec<(String, MadeLayer)>,
        settings: &ImageSettings,
    ) -> Result<Image, BuildError> {
        let platform = &site.below.platform;
        let mut layers: Vec<Layer> = base.map(|base| base.layers.clone()).unwrap_or_default();
        let mut history = Vec::new();
        for (name, MadeLayer { layer, diff_id }) in made {
            history.push(ConfigLayer { diff_id, created_by: created_by(&name, platform) });
            layers.push(Layer { diff_id, blob: layer });
        }
        let document: Option<Value> = base.and_then(|base| serde_json::from_slice(&base.config).ok());
        self.warn_of_steps(document.as_ref());
        let changes = changes(site.project, site.below, document.as_ref(), settings)?;
        let created = self.settings.epoch.unwrap_or(MTIME);
        let config = derive_config(document.as_ref(), platform, &changes, &history, created);
        let config = Memory::new(MediaType::ImageConfig, canonical_json(&config));
        let descriptors: Vec<Descriptor> = layers.iter().map(|layer| layer.blob.descriptor().clone()).collect();
        let annotations = annotations(site.project, base.map(|base| &base.manifest.descriptor().digest));
        let config_descriptor = crate::image::BlobSource::descriptor(&config).clone();
        let manifest = Manifest::of_image(&config_descriptor, &descriptors, &annotations);
        Ok(Image { platform: platform.clone(), manifest, config, layers })
    }
}

/// What frames the layers of an image.
pub(super) struct Framing<'s> {
    encoding: Encoding,
    others: usize,
    beside: &'s [&'s LockedImage],
    own: Vec<NamePattern>,
    strip: Vec<&'s str>,
    time_zone: Option<&'s str>,
    certificates: Vec<(String, Digest)>,
}

impl<'s> Framing<'s> {
    /// For an image over a base with `below` layers.
    pub(super) fn of(site: Site<'s>, variant: &Variant, below: usize) -> Result<Self, BuildError> {
        let recipe = &site.project.recipe;
        let debian = recipe.debian.as_ref();
        // The lock may be older than what the recipe says of these.
        over::check_settings(recipe, site.below)?;
        Ok(Self {
            encoding: site.encoding,
            others: below + usize::from(!variant.scripts.is_empty()),
            beside: site.beside,
            own: recipe.layers.own.iter().map(|pattern| pattern.get_ref().clone()).collect(),
            strip: debian.iter().flat_map(|debian| &debian.strip).map(|strip| strip.get_ref().as_str()).collect(),
            time_zone: debian.and_then(|debian| debian.time_zone.as_ref()).map(|zone| zone.get_ref().as_str()),
            certificates: certificate_digests(site.project)?,
        })
    }

    pub(super) fn frame(&self) -> Frame<'_> {
        Frame {
            encoding: self.encoding,
            others: self.others,
            beside: self.beside,
            own: &self.own,
            strip: &self.strip,
            time_zone: self.time_zone,
            certificates: &self.certificates,
        }
    }
}

impl Builder {
    /// What a base wants done when others build on it would be shell commands.
    fn warn_of_steps(&self, base: Option<&Value>) {
        let steps = base.and_then(|base| base.pointer("/config/OnBuild")?.as_array()).map_or(0, Vec::len);
        if steps > 0 {
            let message = format!("the base has {steps} ONBUILD steps, which are kept and not run");
            self.warn(&message, Some(&Hint::new("do what they say in the recipe, or take another `base`")));
        }
    }
}

fn described(image: &Image) -> Descriptor {
    Descriptor { platform: Some(image.platform.clone()), ..image.manifest.descriptor().clone() }
}

fn base_row(layer: &Layer, platform: &Platform) -> BuiltLayer {
    let descriptor = layer.blob.descriptor();
    BuiltLayer {
        platform: platform.clone(),
        name: "base".to_owned(),
        key: None,
        digest: descriptor.digest,
        size: descriptor.size,
        made: Made::Base,
        time: Duration::ZERO,
        why: None,
        holds: Vec::new(),
    }
}
