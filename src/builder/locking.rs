//! From a recipe to a lock: read the base, choose packages, choose wheels, for every platform.

use futures_util::future::try_join_all;

use super::{
    BuildError, Builder, Kept, Project,
    debian::{Beside, add_to_tree},
    inputs, local_wheels,
    needed::Needed,
    replacing::move_into,
    stated,
};
use crate::{
    base::{BaseError, BaseImage, Tree, inspect, read_base, read_tree},
    hint::Hint,
    lock::{Facts, Lock, LockedPlatform, LockedSuite, Stale},
    oci::{Digest, Platform},
    recipe::{Base, Location, Recipe, Security},
};

impl Builder {
    /// Chooses everything that the recipe leaves open and says so in a lock. What `kept` holds is chosen
    /// again where nothing speaks against it. Writes no file.
    ///
    /// # Errors
    /// When the base cannot be read, when packages or wheels cannot be found, or do not go together.
    pub async fn lock(&self, project: &Project, kept: &Kept<'_>) -> Result<Lock, BuildError> {
        let recipe = &project.recipe;
        check_debian(recipe)?;
        let inputs = inputs::inputs(project)?;
        let platforms = recipe.platforms.iter().map(async |platform| {
            let platform = platform.get_ref();
            if let Some(locked) = kept.platform(recipe, &inputs, platform) {
                return Ok(locked.clone());
            }
            let earlier = (kept.base(&inputs, platform), kept.suites(platform));
            self.lock_platform(project, platform, earlier, &Needed::new()).await
        });
        let platforms = try_join_all(platforms).await?;
        Self::check_python(project, &platforms)?;
        let images = self.lock_images(project, &platforms, (kept, &inputs)).await?;
        let lock = self.complete(project, Lock { version: Lock::VERSION, inputs, platforms, images }).await?;
        self.settle_compilers(project, (lock, kept.lock())).await
    }

    /// What the recipe says differently than when `lock` was made, and which local wheels hold something
    /// else; nothing when the lock is fresh.
    ///
    /// # Errors
    /// When a file that the recipe or the lock names cannot be read.
    pub fn stale(&self, project: &Project, lock: &Lock) -> Result<Vec<Stale>, BuildError> {
        let mut stale = lock.stale(&inputs::inputs(project)?);
        stale.extend(local_wheels::changed(project, lock, (&self.settings.store, self.settings.now))?);
        Ok(stale)
    }

    pub(super) async fn lock_platform(
        &self,
        project: &Project,
        platform: &Platform,
        kept: (Option<(Digest, Option<Digest>)>, &[LockedSuite]),
        needed: &Needed,
    ) -> Result<LockedPlatform, BuildError> {
        let read = self.read_platform(project, platform, kept, needed).await;
        read.or_else(|error| self.lock_stated(project, platform, error))
    }

    async fn read_platform(
        &self,
        project: &Project,
        platform: &Platform,
        (kept, earlier): (Option<(Digest, Option<Digest>)>, &[LockedSuite]),
        needed: &Needed,
    ) -> Result<LockedPlatform, BuildError> {
        let recipe = &project.recipe;
        let base = self.find_base(project, platform, kept.map(|(base, _)| base)).await?;
        let settings = base.as_ref().map(BaseImage::settings).unwrap_or_default();
        let fail = |source| BuildError::Base { platform: platform.clone(), source };
        let (mut targets, store) = (inputs::targets(recipe), &self.settings.store);
        targets.extend(recipe.wheels.into.iter().map(|into| into.path.get_ref().clone()));
        let digest = base.as_ref().map(|base| base.manifest.descriptor().digest);
        let mut locked = LockedPlatform::new(platform.clone(), digest, Facts::default());
        // The index of a local base is a file like any other, and has no name elsewhere.
        let named = base.as_ref().filter(|_| matches!(recipe.base.get_ref(), Base::Registry(_)));
        locked.base_index = named.and_then(|base| kept.map_or(base.index, |(_, index)| index));
        let (mut facts, tree) = match (&base, &recipe.debian) {
            (Some(base), None) if recipe.wheels.into.is_none() => {
                (inspect(base, &targets, store).await.map_err(fail)?, None)
            }
            (base, wanted) => {
                let mut tree = match base {
                    Some(base) => read_tree(base, store).await.map_err(fail)?,
                    None => Tree::new(),
                };
                if let Some(wanted) = wanted {
                    let below = base.as_ref().map(|_| &tree);
                    self.choose_packages(project, wanted, Beside { base: below, earlier, needed }, &mut locked).await?;
                    let items = self.settle_packages(project, below, &mut locked).await?;
                    let added = self.compute(move || add_to_tree(&mut tree, &items).map(|()| tree)).await?;
                    tree = added.map_err(|source| BuildError::Tree { platform: platform.clone(), source })?;
                }
                (tree.facts(&settings, &targets).map_err(fail)?, Some(tree))
            }
        };
        stated::check(recipe, platform, &facts)?;
        locked.venv = move_into(project, platform, &mut facts, tree.as_ref())?;
        locked.facts = facts;
        if locked.facts.python.is_none() && recipe.images().iter().any(|image| !image.request.is_empty()) {
            return Err(fail(BaseError::no_python(&settings)));
        }
        Ok(locked)
    }

    /// The base as it is now, or as it was when it was `kept`; nothing from scratch.
    pub(super) async fn find_base(
        &self,
        project: &Project,
        platform: &Platform,
        kept: Option<Digest>,
    ) -> Result<Option<BaseImage>, BuildError> {
        let base = match (project.recipe.base.get_ref(), kept) {
            (Base::Registry(reference), Some(digest)) => &Base::Registry(reference.at(digest)),
            (base, _) => base,
        };
        if *base == Base::Scratch {
            return Ok(None);
        }
        self.stage("reading the base", format!("{base} for {platform}"));
        let source = self.base_source(project, base)?;
        let image = read_base(&*source, platform).await;
        image.map(Some).map_err(|source| BuildError::Base { platform: platform.clone(), source })
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
}

/// What `[debian]` may say and is not acted upon yet.
fn check_debian(recipe: &Recipe) -> Result<(), BuildError> {
    let Some(debian) = &recipe.debian else { return Ok(()) };
    let not_yet = |span, what: &str, way_out: &str| {
        Err(recipe.problem_at(span, format!("{what} is not supported yet"), Some(Hint::new(way_out))).into())
    };
    let security = if let Security::Mirror(mirror) = &debian.security { Some(mirror) } else { None };
    let others = debian.archives.iter().flat_map(|archive| &archive.mirrors);
    let is_folder = |mirror: &&toml::Spanned<Location>| matches!(mirror.get_ref(), Location::Folder(_));
    if let Some(mirror) = debian.mirrors.iter().chain(security).chain(others).find(is_folder) {
        return not_yet(mirror.span(), "a folder as a mirror", "name a server, `https://…`");
    }
    Ok(())
}
