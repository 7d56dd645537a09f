//! The same versions on every platform, where that can be had.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use pep440_rs::VersionSpecifier;

use super::{Request, Resolution, ResolveError, catalog::Catalog, resolve};
use crate::{
    oci::Platform,
    pypi::PackageIndex,
    python::{MarkerTree, PackageName, Requirement, Target, Version, Wanted},
};

/// The wheels of one image on all its platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aligned {
    /// One per job, in their order.
    pub resolutions: Vec<Resolution>,
    /// Where versions still differ. Sorted by name.
    pub skew: Vec<Skew>,
}

/// A distribution whose version differs between platforms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skew {
    /// Which.
    pub name: PackageName,
    /// The version on each platform that has it.
    pub versions: BTreeMap<Platform, Version>,
}

/// Resolves each request for its target. Where versions differ, tries in turn, and keeps what differs
/// least: the lowest version of each such distribution, preferred; the newest version that every
/// platform has; the versions of one platform on all the others.
///
/// # Errors
/// As [`resolve`], for the first target that fails.
pub async fn resolve_aligned(jobs: &[(Request, Target)], index: &PackageIndex) -> Result<Aligned, ResolveError> {
    let mut best = Aligned::of(all(jobs, index).await?);
    if best.skew.is_empty() {
        return Ok(best);
    }
    let lowest = |skew: &Skew| Some((skew.name.clone(), skew.versions.values().min()?.clone()));
    let prefer: BTreeMap<PackageName, Version> = best.skew.iter().filter_map(lowest).collect();
    best.improve(jobs, index, |request, _| request.prefer.extend(prefer.clone())).await;
    let common = common_versions(&best.skew, jobs, index).await?;
    best.improve(jobs, index, |request, _| request.constraints.extend(pins(&common))).await;
    for (_, leader) in jobs {
        let own = |skew: &Skew| Some((skew.name.clone(), skew.versions.get(&leader.platform)?.clone()));
        let leading: BTreeMap<PackageName, Version> = best.skew.iter().filter_map(own).collect();
        best.improve(jobs, index, |request, _| request.constraints.extend(pins(&leading))).await;
    }
    Ok(best)
}

impl Aligned {
    fn of(resolutions: Vec<Resolution>) -> Self {
        Self { skew: skew(&resolutions), resolutions }
    }

    /// Takes what comes of the changed requests, if less differs then.
    async fn improve(
        &mut self,
        jobs: &[(Request, Target)],
        index: &PackageIndex,
        change: impl Fn(&mut Request, &Target),
    ) {
        if self.skew.is_empty() {
            return;
        }
        let mut jobs = jobs.to_vec();
        jobs.iter_mut().for_each(|(request, target)| change(request, target));
        if let Ok(resolutions) = all(&jobs, index).await {
            let other = Self::of(resolutions);
            if other.skew.len() < self.skew.len() {
                *self = other;
            }
        }
    }
}

/// Of each distribution that differs, the newest version up to the lowest chosen one that every platform
/// which needs it can use.
async fn common_versions(
    skew: &[Skew],
    jobs: &[(Request, Target)],
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

async fn all(jobs: &[(Request, Target)], index: &PackageIndex) -> Result<Vec<Resolution>, ResolveError> {
    try_join_all(jobs.iter().map(|(request, target)| resolve(request, target, index))).await
}

fn skew(resolutions: &[Resolution]) -> Vec<Skew> {
    let mut versions: BTreeMap<&PackageName, BTreeMap<Platform, Version>> = BTreeMap::new();
    for resolution in resolutions {
        for wheel in &resolution.wheels {
            versions.entry(&wheel.name).or_default().insert(resolution.platform.clone(), wheel.version.clone());
        }
    }
    let differs = |versions: &BTreeMap<Platform, Version>| {
        // `2.3.1+cpu` beside `2.3.1` is one version, built twice.
        versions.values().map(|version| version.clone().without_local()).collect::<BTreeSet<_>>().len() > 1
    };
    let skewed = versions.into_iter().filter(|(_, versions)| differs(versions));
    skewed.map(|(name, versions)| Skew { name: name.clone(), versions }).collect()
}
