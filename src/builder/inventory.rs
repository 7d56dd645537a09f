//! What images consist of, for SBOMs.

use std::{collections::BTreeMap, path::Path};

use super::{
    BuildError, Builder, Project,
    opened::Seen,
    verifying::{Reading, listed},
};
use crate::{
    image::Manifest,
    layer::FORMAT,
    lock::{Facts, Lock, LockedImage, LockedPlatform},
    oci::Platform,
    plan::{Encoding, Frame, plan},
    python::NamePattern,
    recipe::{Base, Location},
    sbom::{Inventory, Known},
    verify::{Report, Subject, SubjectLayer, base_layers, layer_names},
};

/// The recipe and the lock that an image was built from.
#[derive(Clone, Copy)]
pub struct Origin<'o> {
    /// The recipe.
    pub project: &'o Project,
    /// Its lock.
    pub lock: &'o Lock,
    /// The variant, where the recipe has some.
    pub variant: Option<&'o str>,
}

impl Builder {
    /// What an image consists of: the one for `platform` of those that `image` names, else this machine's, or the
    /// only one. Each layer of which nothing is known is read once; relative paths start from `folder`. It is called
    /// `name`. `origin` adds what only recipe and lock know: the files that were fetched, and who wanted them.
    ///
    /// # Errors
    /// When the image or a layer cannot be read, when it has no such platform, when a list of packages in it is
    /// malformed, and when it is not the image that `origin` describes.
    pub async fn inventory(
        &self,
        image: &Base,
        folder: &Path,
        (name, platform): (&str, Option<&Platform>),
        origin: Option<Origin<'_>>,
    ) -> Result<Inventory, BuildError> {
        let fail = |source| BuildError::Fetch { source };
        let source = self.source(image, folder)?;
        let root = source.root().await.map_err(fail)?;
        let chosen = chosen(&listed(&*source, root).await.map_err(fail)?, platform)?;
        let mut report = Report::default();
        let candidate = self.candidate(&*source, chosen, Reading::Needed, &mut report).await?;
        let Some(candidate) = candidate else {
            let message = report.findings.first().map(|finding| finding.message.clone()).unwrap_or_default();
            return Err(BuildError::Untrusted { message });
        };
        // A manifest by itself says only in its config what it is for.
        if let Some(platform) = platform.filter(|platform| **platform != candidate.platform) {
            return Err(BuildError::OtherPlatforms { platform: platform.clone(), available: vec![candidate.platform] });
        }
        let seen = self.look_at(candidate).await?;
        let count = seen.layers.len();
        let own = origin.map(|origin| origin.own_layers(&seen.platform)).transpose()?;
        let below = own.map_or_else(|| base_layers(&seen.config, count), |own| Some(count.saturating_sub(own)));
        Listed::of(seen, below).inventory(name, origin)
    }
}

/// The image that is meant.
fn chosen(
    images: &[(Option<Platform>, Manifest)],
    platform: Option<&Platform>,
) -> Result<(Option<Platform>, Manifest), BuildError> {
    let known = || images.iter().filter_map(|(platform, _)| platform.clone()).collect::<Vec<_>>();
    let wanted = platform.cloned().or_else(Platform::of_this_machine);
    let found = images.iter().find(|(listed, _)| listed.is_some() && *listed == wanted);
    match (found, images, platform) {
        (Some(found), ..) | (None, [found], None) | (None, [found @ (None, _)], Some(_)) => Ok(found.clone()),
        (None, _, Some(platform)) => Err(BuildError::OtherPlatforms { platform: platform.clone(), available: known() }),
        (None, ..) => Err(BuildError::NotForThisMachine { available: known() }),
    }
}

/// One image whose files are known.
pub(super) struct Listed {
    pub(super) subject: Subject,
    manifest: Manifest,
    facts: Facts,
    base_layers: Option<usize>,
}

impl Listed {
    /// The image whose lowest layers, so many where that is known, are the base's.
    pub(super) fn of(seen: Seen, base_layers: Option<usize>) -> Self {
        let Seen { platform, manifest, config, layers, tree, facts } = seen;
        let names = layer_names(&config, layers.len());
        let described = names.into_iter().zip(&layers);
        let described = described.map(|(name, layer)| SubjectLayer { name, digest: layer.digest, size: layer.size });
        let subject = Subject::new(platform, config, described.collect(), tree);
        Self { subject, manifest, facts, base_layers }
    }

    /// What it consists of.
    ///
    /// # Errors
    /// When a list of packages in it is malformed, and when it is not the image that `origin` describes.
    pub(super) fn inventory(&self, name: &str, origin: Option<Origin<'_>>) -> Result<Inventory, BuildError> {
        let platform = &self.subject.platform;
        let locked = origin.as_ref().map(|origin| origin.locked(platform)).transpose()?;
        let indexes = origin.as_ref().map(Origin::indexes);
        let known = Known { name, locked, base_layers: self.base_layers, indexes: indexes.as_ref() };
        let inventory = Inventory::of(&self.subject, &self.manifest, &self.facts, known);
        let inventory = inventory.map_err(|source| BuildError::Inventory { platform: platform.clone(), source })?;
        // A lock that speaks of another image would put other files under the packages' names.
        if let Some((_, image)) = locked {
            let is_there = |name: &str, version: &str| {
                inventory.components.iter().any(|one| one.name == name && one.version == version)
            };
            if let Some(absent) = image.wheels.iter().find(|wheel| !is_there(&wheel.name, &wheel.version)) {
                let package = format!("{} {}", absent.name, absent.version);
                return Err(BuildError::OtherImage { platform: platform.clone(), package });
            }
        }
        Ok(inventory)
    }
}

impl Origin<'_> {
    fn locked(&self, platform: &Platform) -> Result<(&LockedPlatform, &LockedImage), BuildError> {
        let missing = || BuildError::NotLocked { variant: self.variant.map(str::to_owned), platform: platform.clone() };
        let below = self.lock.platform(platform).ok_or_else(missing)?;
        let image = self.lock.image(self.variant, platform).ok_or_else(missing)?;
        Ok((below, image))
    }

    /// How many layers of the image for `platform` are not the base's. Its own history cannot tell where the base has
    /// none, or was built by this program too.
    pub(super) fn own_layers(&self, platform: &Platform) -> Result<usize, BuildError> {
        let recipe = &self.project.recipe;
        let (below, image) = self.locked(platform)?;
        let scripts = usize::from(!recipe.variant(self.variant)?.scripts.is_empty());
        let beside: Vec<&LockedImage> = self.lock.images.iter().filter(|image| image.platform == *platform).collect();
        let own: Vec<NamePattern> = recipe.layers.own.iter().map(|pattern| pattern.get_ref().clone()).collect();
        let frame = Frame {
            encoding: Encoding { format: FORMAT, compression: recipe.layers.compression },
            // The base's count only where all together have hardly room.
            others: scripts,
            beside: &beside,
            own: &own,
            // Of these only keys are made.
            strip: &[],
            time_zone: None,
            certificates: &[],
        };
        Ok(plan(&below.under(image), image, frame)?.len() + scripts)
    }

    /// The URLs of the recipe's package indexes, by their names.
    pub(super) fn indexes(&self) -> BTreeMap<String, String> {
        let indexes = self.project.recipe.wheels.index.iter();
        let urls = indexes.filter_map(|index| match index.location.get_ref() {
            Location::Url(url) => Some((index.name.get_ref().clone(), url.to_string())),
            Location::Folder(_) => None,
        });
        urls.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{builder::testing::Bench, pypi::testing::Wheel};

    #[tokio::test]
    async fn layers_of_ones_own_are_counted_without_the_base() {
        let bench = Bench::new(&[("run.py", "")]);
        let wheels = [Wheel::new("app", "1.0").requires(&["lib"]), Wheel::new("lib", "1.0")];
        let check = async |rest: &str, expect: usize| {
            let recipe = format!("[wheels]\nrequire = [\"app\"]\n{rest}");
            let (project, lock) = (bench.project(&recipe), bench.lock(&wheels, &recipe, None, &[]).await.unwrap());
            let origin = Origin { project: &project, lock: &lock, variant: None };
            for platform in ["linux/amd64", "linux/arm64"] {
                assert_eq!(origin.own_layers(&platform.parse().unwrap()).unwrap(), expect, "{recipe}");
            }
            assert!(origin.own_layers(&"linux/s390x".parse().unwrap()).is_err());
        };
        check("", 1).await;
        check("[layers]\nown = [\"lib\"]\n", 2).await;
        check("[layers]\nown = [\"lib\"]\n[[scripts]]\nfrom = \"run.py\"\nto = \"/run.py\"\n", 3).await;
    }
}
