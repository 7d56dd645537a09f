//! What of an earlier lock a new one keeps, so that a change of the recipe changes no more than it must.

use std::collections::{BTreeMap, BTreeSet};

use super::BuildError;
use crate::{
    hint::Hint,
    lock::{Input, Lock, LockedImage, LockedPlatform, LockedSuite, Replaced, WheelSource},
    oci::{Digest, Platform},
    python::{PackageName, Version},
    recipe::{Base, Recipe},
};

/// The word that names the base image among what is upgraded.
const BASE: &str = "base";

/// What of an earlier lock is kept where nothing speaks against it: the base, the Debian packages, the
/// versions and files of wheels, and what was taken at each choice.
#[derive(Clone, Debug, Default)]
pub struct Kept<'l> {
    lock: Option<&'l Lock>,
    base: Openness,
    debian: Openness,
    upgrade: BTreeSet<PackageName>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Openness {
    #[default]
    Kept,
    Open,
}

/// What was chosen for one image, as far as it is to be chosen again.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptImage {
    pub(super) versions: BTreeMap<PackageName, Version>,
    /// File names of wheels.
    pub(super) files: BTreeSet<String>,
}

impl<'l> Kept<'l> {
    /// Nothing: everything is chosen as if for the first time.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Everything of `lock`.
    #[must_use]
    pub fn of(lock: &'l Lock) -> Self {
        Self { lock: Some(lock), ..Self::default() }
    }

    /// The earlier lock.
    pub(super) const fn lock(&self) -> Option<&'l Lock> {
        self.lock
    }

    /// Everything of `lock` but `names`: wheels by the names of their distributions; Debian packages,
    /// which move together, by the name of any of them; the base image by the word `base`.
    ///
    /// # Errors
    /// When the lock has nothing of such a name.
    pub fn but(lock: &'l Lock, names: &[String]) -> Result<Self, BuildError> {
        let wheels: BTreeSet<&str> = each_wheel(lock).collect();
        let packages: BTreeSet<&str> =
            lock.platforms.iter().flat_map(|locked| &locked.debian).map(|package| package.name.as_str()).collect();
        let mut kept = Self::of(lock);
        for name in names {
            let normal: Option<PackageName> = name.parse().ok();
            match normal.filter(|normal| wheels.contains(normal.as_str())) {
                Some(normal) => drop(kept.upgrade.insert(normal)),
                None if packages.contains(name.as_str()) => kept.debian = Openness::Open,
                None if name == BASE => kept.base = Openness::Open,
                None => {
                    let known = wheels.iter().chain(&packages).copied();
                    return Err(BuildError::NotInLock { name: name.clone(), meant: Hint::did_you_mean(name, known) });
                }
            }
        }
        Ok(kept)
    }

    /// What lies below the wheels of `platform`, if the recipe says the same of it as then.
    /// A base on this machine may have another image under its name, and is looked at again.
    pub(super) fn platform(
        &self,
        recipe: &Recipe,
        inputs: &BTreeMap<String, Input>,
        platform: &Platform,
    ) -> Option<&'l LockedPlatform> {
        let below = |key: &str| {
            matches!(key, "base" | "scripts.to" | "wheels.into")
                || key.starts_with("base.")
                || key.starts_with("debian.")
        };
        let lock = self.lock?;
        let stale = lock.stale(inputs).iter().any(|stale| below(&stale.key));
        let local = matches!(recipe.base.get_ref(), Base::Layout { .. } | Base::Archive { .. });
        let open = self.base == Openness::Open || self.debian == Openness::Open;
        let unread = |locked: &&LockedPlatform| !locked.facts.stated;
        if stale || local || open { None } else { lock.platform(platform).filter(unread) }
    }

    /// The suites that Debian packages of `platform` were chosen from: older ones shall not be taken for new.
    pub(super) fn suites(&self, platform: &Platform) -> &'l [LockedSuite] {
        self.lock.and_then(|lock| lock.platform(platform)).map_or(&[], |locked| &locked.suites)
    }

    /// The digest of the base and that of its index, if the recipe still names the same.
    pub(super) fn base(
        &self,
        inputs: &BTreeMap<String, Input>,
        platform: &Platform,
    ) -> Option<(Digest, Option<Digest>)> {
        let lock = self.lock.filter(|_| self.base == Openness::Kept)?;
        let same = lock.inputs.get(BASE).map(Input::digest) == inputs.get(BASE).map(Input::digest);
        let locked = lock.platform(platform).filter(|_| same)?;
        Some((locked.base?, locked.base_index))
    }

    /// What `image` replaces over `locked`, if both are as they were.
    pub(super) fn replaced(&self, image: &LockedImage, locked: &LockedPlatform) -> Option<&'l [Replaced]> {
        let lock = self.lock?;
        let before = lock.image(image.variant.as_deref(), &image.platform)?;
        let same_below = lock.platform(&locked.platform).is_some_and(|before| before == locked);
        let same =
            same_below && before.wheels == image.wheels && (!before.replaced.is_empty() || locked.venv.is_some());
        same.then_some(&before.replaced)
    }

    /// What was chosen for an image. Wheels that the recipe names itself are not among it.
    pub(super) fn image(&self, variant: Option<&str>, platform: &Platform) -> KeptImage {
        let mut kept = KeptImage::default();
        let Some(image) = self.lock.and_then(|lock| lock.image(variant, platform)) else { return kept };
        for wheel in &image.wheels {
            let (Ok(name), Ok(version)) = (wheel.name.parse(), wheel.version.replace('_', "-").parse()) else {
                continue;
            };
            if matches!(wheel.source, WheelSource::Index(_)) && !self.upgrade.contains(&name) {
                kept.versions.insert(name, version);
                kept.files.insert(wheel.file.clone());
            }
        }
        kept
    }

    /// What was taken at each choice of an image, if the recipe offers the same alternatives as then.
    pub(super) fn choices(
        &self,
        inputs: &BTreeMap<String, Input>,
        variant: Option<&str>,
        platform: &Platform,
    ) -> &'l [Vec<String>] {
        let Some(lock) = self.lock else { return &[] };
        let other = lock.stale(inputs).iter().any(|stale| stale.key.ends_with(".choice"));
        let image: Option<&LockedImage> = lock.image(variant, platform).filter(|_| !other);
        image.map(|image| image.choices.as_slice()).unwrap_or_default()
    }
}

fn each_wheel(lock: &Lock) -> impl Iterator<Item = &str> {
    lock.images.iter().flat_map(|image| &image.wheels).map(|wheel| wheel.name.as_str())
}

#[cfg(test)]
mod tests {
    use crate::{
        builder::testing::{Bench, base, wheels},
        hint::Advise as _,
        pypi::testing::Wheel,
    };

    fn versions(name: &str, versions: &[&str]) -> Vec<Wheel> {
        versions.iter().map(|version| Wheel::new(name, version)).collect()
    }

    #[tokio::test]
    async fn what_still_fits_is_kept() {
        let bench = Bench::new(&[]);
        let old = [versions("lib", &["1.0"]), vec![Wheel::new("app", "1.0").requires(&["lib"])]].concat();
        let recipe = "[wheels]\nrequire = [\"app\"]\n";
        let first = bench.lock(&old, recipe, None, &[]).await.unwrap();
        let more = [Wheel::new("app", "2.0").requires(&["lib>=1"]), Wheel::new("other", "1.0").requires(&["lib"])];
        let new = [old, versions("lib", &["1.5", "2.0"]), more.to_vec()].concat();
        let check = async |rest: &str, upgrade: &[&str], expect: &str| {
            let lock = bench.lock(&new, rest, Some(&first), upgrade).await.unwrap();
            assert_eq!(wheels(&lock, None, "linux/arm64"), expect, "{rest} {upgrade:?}");
            lock
        };
        assert_eq!(check(recipe, &[], "app 1.0, lib 1.0").await, first);
        check("[wheels]\nrequire = [\"app\", \"other\"]\n", &[], "app 1.0, lib 1.0, other 1.0").await;
        check("[wheels]\nrequire = [\"app\"]\nconstraints = [\"lib>1,<2\"]\n", &[], "app 1.0, lib 1.5").await;
        check(recipe, &["lib"], "app 1.0, lib 2.0").await;
        check(recipe, &["app"], "app 2.0, lib 1.0").await;
        let lock = bench.lock(&new, recipe, Some(&base(&bench.project(recipe))), &[]).await.unwrap();
        assert_eq!(wheels(&lock, None, "linux/amd64"), "app 2.0, lib 2.0");
        let error = bench.lock(&new, recipe, Some(&first), &["libs"]).await.unwrap_err();
        assert_eq!(error.to_string(), "the lock has nothing called `libs`");
        assert_eq!(error.hint().unwrap().to_string(), "did you mean `lib`?");
    }

    #[tokio::test]
    async fn withdrawn_versions_are_left_and_new_files_of_kept_versions_are_not_taken() {
        let bench = Bench::new(&[]);
        let recipe = "[wheels]\nrequire = [\"bad\", \"pure\"]\n";
        let old = [versions("bad", &["1.0", "2.0"]), versions("pure", &["1.0"])].concat();
        let first = bench.lock(&old, recipe, None, &[]).await.unwrap();
        let better = ["x86_64", "aarch64"]
            .map(|machine| Wheel::new("pure", "1.0").tag(&format!("cp311-cp311-manylinux_2_17_{machine}")));
        let withdrawn = vec![Wheel::new("bad", "2.0").yanked()];
        let new = [versions("bad", &["1.0"]), withdrawn, versions("pure", &["1.0"]), better.to_vec()].concat();
        let again = bench.lock(&new, recipe, Some(&first), &[]).await.unwrap();
        assert_eq!(wheels(&again, None, "linux/amd64"), "bad 1.0, pure 1.0");
        assert_eq!(again.images[0].wheels[1].file, "pure-1.0-py3-none-any.whl");
        let upgraded = bench.lock(&new, recipe, Some(&first), &["pure"]).await.unwrap();
        assert_eq!(upgraded.images[1].wheels[1].file, "pure-1.0-cp311-cp311-manylinux_2_17_aarch64.whl");
    }

    #[tokio::test]
    async fn a_choice_once_taken_stays_until_the_recipe_offers_another() {
        let bench = Bench::new(&[]);
        let recipe = |alternatives: &str| format!("[[wheels.choice]]\nany-of = [{alternatives}]\n");
        let (both, more) = (recipe("[\"a\"], [\"b\"]"), recipe("[\"a\"], [\"b\"], [\"c\"]"));
        let first = bench.lock(&versions("b", &["1.0"]), &both, None, &[]).await.unwrap();
        assert_eq!(first.images[0].choices, [["b"]]);
        let new = [versions("a", &["1.0"]), versions("b", &["1.0"])].concat();
        assert_eq!(bench.lock(&new, &both, Some(&first), &[]).await.unwrap(), first);
        assert_eq!(bench.lock(&new, &more, Some(&first), &[]).await.unwrap().images[0].choices, [["a"]]);
    }

    #[tokio::test]
    async fn variants_share_versions_where_they_can() {
        let bench = Bench::new(&[]);
        let numbers = versions("numbers", &["1.0", "2.0", "3.0"]);
        let flow = Wheel::new("flow", "1.0").requires(&["numbers<3"]);
        let torch = Wheel::new("torch", "1.0").requires(&["numbers"]);
        let all = [numbers, vec![flow, torch]].concat();
        let recipe = "[variants.torch]\nrequire = [\"torch\"]\n[variants.flow]\nrequire = [\"flow\"]\n";
        let lock = bench.lock(&all, recipe, None, &[]).await.unwrap();
        assert_eq!(wheels(&lock, Some("torch"), "linux/amd64"), "numbers 2.0, torch 1.0");
        assert_eq!(wheels(&lock, Some("flow"), "linux/arm64"), "flow 1.0, numbers 2.0");
        assert!(bench.warnings().is_empty());
    }
}
