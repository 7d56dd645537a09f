//! From a recipe to a lock: read the base, choose packages, choose wheels, for every platform.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use serde_json::Value;

use super::{BuildError, Builder, Project, debian::add_to_tree, inputs};
use crate::{
    base::{BaseError, Tree, read_base, read_tree},
    hint::Hint,
    lock::{Facts, Lock, LockedImage, LockedPlatform, LockedWheel, Stale},
    oci::{Digest, Platform},
    python::Target,
    recipe::{Base, Location, Recipe, Security, Skew, Variant},
    resolve::{self, Resolution, resolve_aligned},
};

impl Builder {
    /// Chooses everything that the recipe leaves open and says so in a lock. Writes no file.
    ///
    /// # Errors
    /// When the base cannot be read, when packages or wheels cannot be found, or do not go together.
    pub async fn lock(&self, project: &Project) -> Result<Lock, BuildError> {
        let recipe = &project.recipe;
        check_debian(recipe)?;
        let inputs = inputs::digests(project)?;
        let platforms = recipe.platforms.iter().map(|platform| self.lock_platform(project, platform.get_ref()));
        let platforms = try_join_all(platforms).await?;
        Self::check_python(project, &platforms)?;
        let mut images = Vec::new();
        for variant in recipe.images() {
            images.extend(self.lock_variant(project, &variant, &platforms).await?);
        }
        Ok(Lock { version: Lock::VERSION, inputs, platforms, images })
    }

    /// What the recipe says differently than when `lock` was made; nothing when the lock is fresh.
    ///
    /// # Errors
    /// When a file that the recipe names cannot be read.
    pub fn stale(&self, project: &Project, lock: &Lock) -> Result<Vec<Stale>, BuildError> {
        Ok(lock.stale(&inputs::digests(project)?))
    }

    async fn lock_platform(&self, project: &Project, platform: &Platform) -> Result<LockedPlatform, BuildError> {
        let recipe = &project.recipe;
        let (mut tree, settings, base) = self.read_below(project, platform).await?;
        let mut debian = Vec::new();
        if let Some(wanted) = &recipe.debian {
            debian = self.choose_packages(project, wanted, platform).await?;
            let items = self.lay_out_packages(project, &debian, platform).await?;
            let added = self.compute(move || add_to_tree(&mut tree, &items).map(|()| tree)).await?;
            tree = added.map_err(|source| BuildError::Tree { platform: platform.clone(), source })?;
        }
        let fail = |source| BuildError::Base { platform: platform.clone(), source };
        let facts = tree.facts(&settings, &inputs::targets(recipe)).map_err(fail)?;
        if facts.python.is_none() && recipe.images().iter().any(|image| !image.request.is_empty()) {
            return Err(fail(BaseError::no_python(&settings)));
        }
        Ok(LockedPlatform { platform: platform.clone(), base, facts, debian })
    }

    /// The files of the base, the settings of its config, and the digest of its manifest.
    async fn read_below(
        &self,
        project: &Project,
        platform: &Platform,
    ) -> Result<(Tree, Value, Option<Digest>), BuildError> {
        let base = project.recipe.base.get_ref();
        if *base == Base::Scratch {
            return Ok((Tree::new(), Value::Null, None));
        }
        self.stage("reading the base", format!("{base} for {platform}"));
        let fail = |source| BuildError::Base { platform: platform.clone(), source };
        let source = self.source(base, &project.folder)?;
        let image = read_base(&*source, platform).await.map_err(fail)?;
        let tree = read_tree(&image).await.map_err(fail)?;
        Ok((tree, image.settings(), Some(image.manifest.descriptor().digest)))
    }

    fn check_python(project: &Project, platforms: &[LockedPlatform]) -> Result<(), BuildError> {
        let Some(wanted) = &project.recipe.wheels.python else { return Ok(()) };
        for locked in platforms {
            let Some(found) = locked.facts.python.as_ref().filter(|found| !wanted.get_ref().matches(found.version))
            else {
                continue;
            };
            let message =
                format!("the base has Python {} on {}, not {}", found.version, locked.platform, wanted.get_ref());
            let hint = Hint::new("take a base with this Python, or leave `wheels.python` out");
            return Err(project.recipe.problem_at(wanted.span(), message, Some(hint)).into());
        }
        Ok(())
    }

    async fn lock_variant(
        &self,
        project: &Project,
        variant: &Variant,
        platforms: &[LockedPlatform],
    ) -> Result<Vec<LockedImage>, BuildError> {
        if variant.request.is_empty() {
            return Ok(platforms.iter().map(|locked| image(variant, &locked.platform, None)).collect());
        }
        let request = inputs::request(project, variant)?;
        let with_base = |facts: &Facts| resolve::Request { installed: facts.installed.clone(), ..request.clone() };
        let mut jobs = Vec::new();
        for locked in platforms {
            jobs.push((with_base(&locked.facts), target(locked)?));
        }
        let name = variant.name.as_deref().unwrap_or(project.recipe.name.get_ref());
        self.stage("choosing wheels", name);
        let index = self.package_index(project);
        let aligned = resolve_aligned(&jobs, &index).await?;
        self.judge_skew(project.recipe.wheels.skew, &aligned.skew)?;
        for resolution in &aligned.resolutions {
            for notice in &resolution.notices {
                self.warn(&format!("{notice} ({})", resolution.platform), None);
            }
        }
        let locked = aligned.resolutions.into_iter().map(|resolution| {
            let platform = resolution.platform.clone();
            image(variant, &platform, Some(resolution))
        });
        Ok(locked.collect())
    }

    fn judge_skew(&self, policy: Skew, skew: &[resolve::Skew]) -> Result<(), BuildError> {
        if skew.is_empty() || policy == Skew::Allow {
            return Ok(());
        }
        let list = skew.iter().map(tell_skew).collect::<Vec<_>>().join("; ");
        let error = BuildError::Skew { count: skew.len(), list };
        if policy == Skew::Error {
            return Err(error);
        }
        self.warn(&error.to_string(), None);
        Ok(())
    }
}

/// What `[debian]` may say and is not acted upon yet.
fn check_debian(recipe: &Recipe) -> Result<(), BuildError> {
    let Some(debian) = &recipe.debian else { return Ok(()) };
    let not_yet = |span, what: &str, way_out: &str| {
        Err(recipe.problem_at(span, format!("{what} is not supported yet"), Some(Hint::new(way_out))).into())
    };
    let security = if let Security::Mirror(mirror) = &debian.security { Some(mirror) } else { None };
    let is_folder = |mirror: &&toml::Spanned<Location>| matches!(mirror.get_ref(), Location::Folder(_));
    if let Some(mirror) = debian.mirrors.iter().chain(security).find(is_folder) {
        return not_yet(mirror.span(), "a folder as a mirror", "name a server, `https://…`");
    }
    if *recipe.base.get_ref() == Base::Scratch {
        return Ok(());
    }
    not_yet(
        debian.suite.span(),
        "`[debian]` over a base image",
        "set `base = \"scratch\"`, or take a base with the packages",
    )
}

fn image(variant: &Variant, platform: &Platform, resolution: Option<Resolution>) -> LockedImage {
    let (wheels, choices) = resolution.map(|found| (found.wheels, found.choices)).unwrap_or_default();
    let wheels: Vec<LockedWheel> = wheels.into_iter().map(LockedWheel::from).collect();
    LockedImage { variant: variant.name.clone(), platform: platform.clone(), choices, wheels }
}

fn target(locked: &LockedPlatform) -> Result<Target, BuildError> {
    let missing = || BuildError::Base { platform: locked.platform.clone(), source: BaseError::no_python(&Value::Null) };
    let python = locked.facts.python.as_ref().ok_or_else(missing)?;
    let libc = locked.facts.libc.ok_or_else(missing)?;
    Ok(Target { platform: locked.platform.clone(), python: python.version, libc, free_threaded: python.free_threaded })
}

fn tell_skew(skew: &resolve::Skew) -> String {
    // Platforms with the same version are told together.
    let mut by_version: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (platform, version) in &skew.versions {
        by_version.entry(version).or_default().push(platform.to_string());
    }
    let versions = by_version.iter().map(|(version, platforms)| format!("{version} ({})", platforms.join(" ")));
    format!("{} {}", skew.name, versions.collect::<Vec<_>>().join(", "))
}
