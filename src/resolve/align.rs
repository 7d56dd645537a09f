//! The same versions in every image, where that can be had: on every platform, because an image is one
//! thing to its users, and in every variant, because images that hold the same wheels share layers.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;

use pep440_rs::VersionSpecifier;

use super::{Fact, Request, Resolution, ResolveError, catalog::Catalog, resolve};
use crate::{
    oci::Platform,
    pypi::PackageIndex,
    python::{MarkerTree, PackageName, Requirement, Target, Version, Wanted},
};

/// Each attempt solves everything once more; more than two seldom bring more.
const ATTEMPTS: usize = 3;

/// Preferences that are tried to be dropped, each of which solves everything once more too.
const DROPS: usize = 8;

/// A distribution whose version differs between the platforms of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skew {
    /// Which.
    pub name: PackageName,
    /// The version on each platform that has it.
    pub versions: BTreeMap<Platform, Version>,
}

/// One request for its target.
pub type Job = (Request, Target);

type Preferred = BTreeMap<PackageName, Version>;

/// Resolves every job of every image, and answers in their order. Where versions differ, tries again
/// with the lowest version of each such distribution preferred everywhere, and keeps what differs less:
/// first within images, then between them. A preference without which nothing differs more is dropped: what
/// asked for that version may be gone. Where platforms of an image still differ, tries the newest
/// version that all of them have, and the versions of each one on the others.
///
/// # Errors
/// As [`resolve`], with the position of the image; of several that fail, that of the first one.
pub async fn resolve_aligned(
    images: &[Vec<Job>],
    index: &PackageIndex,
) -> Result<Vec<Vec<Resolution>>, (usize, ResolveError)> {
    let mut best = all(images, index).await?;
    let (mut preferred, mut tried) = (Preferred::new(), Preferred::new());
    for _ in 0..ATTEMPTS {
        let lowest = lowest_of_many(&best);
        if lowest.is_empty() {
            break;
        }
        tried.extend(lowest);
        match all(&preferring(images, &tried), index).await {
            Ok(again) if difference(&again) < difference(&best) => (best, preferred) = (again, tried.clone()),
            _ => break,
        }
    }
    for name in drop_idle(&mut best, (images, preferred), index).await {
        tried.remove(&name);
    }
    for (position, (jobs, resolutions)) in preferring(images, &tried).iter().zip(&mut best).enumerate() {
        narrow(resolutions, jobs, index).await.map_err(|error| (position, error))?;
    }
    Ok(best)
}

/// Drops, one after the other, the preferences without which nothing differs more than in `best`, which came of
/// them, and says which. The only one is what made the difference.
async fn drop_idle(
    best: &mut Vec<Vec<Resolution>>,
    (images, mut preferred): (&[Vec<Job>], Preferred),
    index: &PackageIndex,
) -> Vec<PackageName> {
    let mut dropped = Vec::new();
    let names: Vec<PackageName> = preferred.keys().take(DROPS).cloned().collect();
    for name in names {
        if preferred.len() == 1 {
            break;
        }
        let mut fewer = preferred.clone();
        fewer.remove(&name);
        if let Ok(again) = all(&preferring(images, &fewer), index).await
            && difference(&again) <= difference(best)
        {
            (*best, preferred) = (again, fewer);
            dropped.push(name);
        }
    }
    dropped
}

/// The same jobs, where these versions are preferred.
fn preferring(images: &[Vec<Job>], preferred: &Preferred) -> Vec<Vec<Job>> {
    let mut images = images.to_vec();
    images.iter_mut().flatten().for_each(|(request, _)| request.prefer.extend(preferred.clone()));
    images
}

/// Tries what takes more than a preference to make the platforms of one image agree.
async fn narrow(best: &mut Vec<Resolution>, jobs: &[Job], index: &PackageIndex) -> Result<(), ResolveError> {
    let common = common_versions(&skew(best), jobs, index).await?;
    improve(best, jobs, index, &common).await;
    for (_, leader) in jobs {
        let own = |skew: &Skew| Some((skew.name.clone(), skew.versions.get(&leader.platform)?.clone()));
        let leading: BTreeMap<PackageName, Version> = skew(best).iter().filter_map(own).collect();
        improve(best, jobs, index, &leading).await;
    }
    Ok(())
}

/// Takes what comes of these versions alone, if less differs then, and not for the sake of other pre-releases.
async fn improve(
    best: &mut Vec<Resolution>,
    jobs: &[Job],
    index: &PackageIndex,
    versions: &BTreeMap<PackageName, Version>,
) {
    if versions.is_empty() {
        return;
    }
    let mut jobs = jobs.to_vec();
    for (request, _) in &mut jobs {
        request.constraints.extend(pins(versions));
    }
    if let Ok(mut other) = all(&[jobs], index).await
        && let Some(resolutions) = other.pop()
        && skew(&resolutions).len() < skew(best).len()
        && prereleases(&resolutions).is_subset(&prereleases(best))
    {
        *best = resolutions;
    }
}

/// The distributions of which a pre-release is taken somewhere.
fn prereleases(resolutions: &[Resolution]) -> BTreeSet<&PackageName> {
    let wheels = resolutions.iter().flat_map(|resolution| &resolution.wheels);
    wheels.filter(|wheel| wheel.version.any_prerelease()).map(|wheel| &wheel.name).collect()
}

/// Of each distribution that differs, the newest version up to the lowest chosen one that every platform
/// which needs it can use.
async fn common_versions(
    skew: &[Skew],
    jobs: &[Job],
    index: &PackageIndex,
) -> Result<BTreeMap<PackageName, Version>, ResolveError> {
    let mut found = BTreeMap::new();
    for skew in skew {
        let Some(lowest) = skew.versions.values().min() else { continue };
        let mut common: Option<BTreeSet<Version>> = None;
        for (_, target) in jobs.iter().filter(|(_, target)| skew.versions.contains_key(&target.platform)) {
            let listing = Catalog::new(index.clone(), target).listing(&skew.name).await?;
            let usable = listing.versions.iter().filter(|version| *version <= lowest && !version.any_prerelease());
            let usable: BTreeSet<Version> = usable.cloned().collect();
            common = Some(common.map_or(usable.clone(), |common| common.intersection(&usable).cloned().collect()));
        }
        found.extend(common.and_then(|common| common.last().cloned()).map(|version| (skew.name.clone(), version)));
    }
    Ok(found)
}

/// `name==version` for each.
fn pins(versions: &BTreeMap<PackageName, Version>) -> Vec<Requirement> {
    let pin = |(name, version): (&PackageName, &Version)| Requirement {
        name: name.clone(),
        extras: Vec::new(),
        wanted: Wanted::Versions(VersionSpecifier::equals_version(version.clone().without_local()).into()),
        marker: MarkerTree::default(),
    };
    versions.iter().map(pin).collect()
}

/// Where the versions of one image, one resolution a platform, differ. Sorted by name.
#[must_use]
pub fn skew(resolutions: &[Resolution]) -> Vec<Skew> {
    let mut versions: BTreeMap<&PackageName, BTreeMap<Platform, Version>> = BTreeMap::new();
    for resolution in resolutions {
        for wheel in &resolution.wheels {
            versions.entry(&wheel.name).or_default().insert(resolution.platform.clone(), wheel.version.clone());
        }
    }
    let skewed = versions.into_iter().filter(|(_, versions)| public(versions.values()).len() > 1);
    skewed.map(|(name, versions)| Skew { name: name.clone(), versions }).collect()
}

async fn all(images: &[Vec<Job>], index: &PackageIndex) -> Result<Vec<Vec<Resolution>>, (usize, ResolveError)> {
    let jobs = images.iter().flatten().map(|(request, target)| resolve(request, target, index));
    let mut found = join_all(jobs).await.into_iter();
    let mut solved = Vec::new();
    for (position, jobs) in images.iter().enumerate() {
        let outcomes: Vec<_> = found.by_ref().take(jobs.len()).collect();
        let platforms = jobs.iter().map(|(_, target)| target.platform.clone()).collect();
        solved.push(all_or_first_error(outcomes, platforms).map_err(|error| (position, error))?);
    }
    Ok(solved)
}

/// The resolutions of one image; or the first error, with a word on how the other platforms fare.
fn all_or_first_error(
    outcomes: Vec<Result<Resolution, ResolveError>>,
    platforms: Vec<Platform>,
) -> Result<Vec<Resolution>, ResolveError> {
    let (mut unsolved, mut solved, mut first, mut found) = (Vec::new(), Vec::new(), None, Vec::new());
    for (outcome, platform) in outcomes.into_iter().zip(platforms) {
        match (outcome, &first) {
            (Ok(resolution), _) => {
                solved.push(platform);
                found.push(resolution);
            }
            (Err(error), None) => first = Some(error),
            (Err(_), Some(_)) => unsolved.push(platform),
        }
    }
    match first {
        None => Ok(found),
        Some(ResolveError::NoSolution { platform, mut facts }) if !unsolved.is_empty() || !solved.is_empty() => {
            facts.push(Fact::Elsewhere { unsolved, solved });
            Err(ResolveError::NoSolution { platform, facts })
        }
        Some(error) => Err(error),
    }
}

/// How much differs within images, and how many versions there are in all.
fn difference(images: &[Vec<Resolution>]) -> (usize, usize) {
    let within = images.iter().map(|resolutions| skew(resolutions).len()).sum();
    (within, versions(images).values().map(|versions| public(versions.iter().copied()).len()).sum())
}

/// Of every distribution that is not the same everywhere, the lowest version.
fn lowest_of_many(images: &[Vec<Resolution>]) -> Preferred {
    let many = versions(images).into_iter().filter(|(_, versions)| public(versions.iter().copied()).len() > 1);
    many.filter_map(|(name, versions)| Some((name.clone(), (*versions.first()?).clone()))).collect()
}

fn versions(images: &[Vec<Resolution>]) -> BTreeMap<&PackageName, BTreeSet<&Version>> {
    let mut versions: BTreeMap<&PackageName, BTreeSet<&Version>> = BTreeMap::new();
    for wheel in images.iter().flatten().flat_map(|resolution| &resolution.wheels) {
        versions.entry(&wheel.name).or_default().insert(&wheel.version);
    }
    versions
}

/// `2.3.1+cpu` beside `2.3.1` is one version, built twice.
fn public<'v>(versions: impl Iterator<Item = &'v Version>) -> BTreeSet<Version> {
    versions.map(|version| version.clone().without_local()).collect()
}
