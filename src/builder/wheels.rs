//! The wheels of every variant on every platform, chosen together so that they share versions.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::Value;

use super::{BuildError, Builder, Kept, Project, inputs};
use crate::{
    base::BaseError,
    lock::{Input, LockedImage, LockedPlatform, LockedWheel, WheelSource},
    python::Target,
    recipe::{Policy, Skew, Variant},
    resolve::{self, Choice, Job, Request, Resolution, resolve_aligned},
};

impl Builder {
    /// Chooses wheels for all images of the recipe.
    pub(super) async fn lock_images(
        &self,
        project: &Project,
        platforms: &[LockedPlatform],
        (kept, inputs): (&Kept<'_>, &BTreeMap<String, Input>),
    ) -> Result<Vec<LockedImage>, BuildError> {
        let variants = project.recipe.images();
        let index = self.package_index(project);
        let mut jobs = Vec::new();
        for variant in &variants {
            if variant.request.is_empty() || !variant.request.from_lock.is_empty() {
                jobs.push(Vec::new());
                continue;
            }
            self.stage("choosing wheels", variant.name.as_deref().unwrap_or(project.recipe.name.get_ref()));
            let request = inputs::request(project, variant, index.settings())?;
            let on = |locked: &LockedPlatform| {
                let name = variant.name.as_deref();
                let choices = kept.choices(inputs, name, &locked.platform);
                let before = kept.image(name, &locked.platform);
                let request = Request {
                    installed: locked.facts.installed.clone(),
                    choices: request.choices.iter().map(|choice| taken_first(choice, choices)).collect(),
                    prefer: before.versions,
                    keep: before.files,
                    ..request.clone()
                };
                Ok((request, target(locked)?))
            };
            jobs.push(platforms.iter().map(on).collect::<Result<Vec<Job>, BuildError>>()?);
        }
        let found =
            resolve_aligned(&jobs, &index).await.map_err(|(position, source)| match &variants[position].name {
                Some(variant) => BuildError::Variant { variant: variant.clone(), source },
                None => source.into(),
            })?;
        let mut images = Vec::new();
        for (variant, mut resolutions) in variants.iter().zip(found) {
            if !variant.request.from_lock.is_empty() {
                resolutions = self.given_by_lock(project, variant, platforms).await?;
            }
            self.judge(project, &resolutions)?;
            let mut resolutions = resolutions.into_iter();
            let request = inputs::request(project, variant, index.settings())?;
            for locked in platforms {
                let mut image = image(variant, locked, resolutions.next());
                keep_what_is_asked(&project.recipe.policy, &mut image.wheels);
                self.note_replaced(project, (locked, &mut image), &request, kept).await?;
                images.push(image);
            }
        }
        Ok(images)
    }

    async fn given_by_lock(
        &self,
        project: &Project,
        variant: &Variant,
        platforms: &[LockedPlatform],
    ) -> Result<Vec<Resolution>, BuildError> {
        self.stage("choosing files", variant.name.as_deref().unwrap_or(project.recipe.name.get_ref()));
        let request = inputs::request(project, variant, self.package_index(project).settings())?;
        let chosen = platforms.iter().map(|locked| self.choose_from_lock(project, variant, locked, &request));
        // Of several failures the first platform's is told, whichever came first.
        join_all(chosen).await.into_iter().collect()
    }

    /// Tells what is noteworthy about the images of one variant, and whether they may differ.
    fn judge(&self, project: &Project, resolutions: &[Resolution]) -> Result<(), BuildError> {
        for resolution in resolutions {
            for notice in &resolution.notices {
                self.warn(&format!("{notice} ({})", resolution.platform), None);
            }
        }
        let (policy, skew) = (project.recipe.wheels.skew, resolve::skew(resolutions));
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

/// What wheels are chosen for on a platform.
pub(super) fn target(locked: &LockedPlatform) -> Result<Target, BuildError> {
    let missing = || BuildError::Base { platform: locked.platform.clone(), source: BaseError::no_python(&Value::Null) };
    let python = locked.facts.python.as_ref().ok_or_else(missing)?;
    let libc = locked.facts.libc.ok_or_else(missing)?;
    Ok(Target { platform: locked.platform.clone(), python: python.version, libc, free_threaded: python.free_threaded })
}

/// The choice with the alternative first that one of `taken` names: what fitted before is tried first.
fn taken_first(choice: &Choice, taken: &[Vec<String>]) -> Choice {
    let mut any_of = choice.any_of.clone();
    any_of.sort_by_key(|alternative| !taken.contains(&alternative.spelled()));
    Choice { any_of }
}

/// What the policy does not ask for does not stand in a lock.
fn keep_what_is_asked(policy: &Policy, wheels: &mut [LockedWheel]) {
    for wheel in wheels {
        let own = matches!(wheel.source, WheelSource::Path(_));
        wheel.uploaded = wheel.uploaded.filter(|_| policy.min_age.is_some());
        wheel.own_hash &= policy.require_hashes && !own;
    }
}

fn image(variant: &Variant, locked: &LockedPlatform, resolution: Option<Resolution>) -> LockedImage {
    let (wheels, choices) = resolution.map(|found| (found.wheels, found.choices)).unwrap_or_default();
    let wheels: Vec<LockedWheel> = wheels.into_iter().map(LockedWheel::from).collect();
    LockedImage { choices, ..LockedImage::new(variant.name.clone(), locked.platform.clone(), wheels) }
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
