//! The same versions on every platform, where that can be had.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::try_join_all;

use super::{Request, Resolution, ResolveError, resolve};
use crate::{
    oci::Platform,
    pypi::PackageIndex,
    python::{PackageName, Target, Version},
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

/// Resolves each request for its target. Where versions differ, tries once more with the lowest
/// version of each such distribution preferred on every platform, and keeps what differs less.
///
/// # Errors
/// As [`resolve`], for the first target that fails.
pub async fn resolve_aligned(jobs: &[(Request, Target)], index: &PackageIndex) -> Result<Aligned, ResolveError> {
    let resolutions = all(jobs, index).await?;
    let skew = skew(&resolutions);
    if skew.is_empty() {
        return Ok(Aligned { resolutions, skew });
    }
    let lowest = |skew: &Skew| Some((skew.name.clone(), skew.versions.values().min()?.clone()));
    let prefer: BTreeMap<PackageName, Version> = skew.iter().filter_map(lowest).collect();
    let again: Vec<(Request, Target)> = jobs.iter().cloned().map(|job| preferring(job, &prefer)).collect();
    match all(&again, index).await {
        Ok(again) if self::skew(&again).len() < skew.len() => {
            Ok(Aligned { skew: self::skew(&again), resolutions: again })
        }
        _ => Ok(Aligned { resolutions, skew }),
    }
}

async fn all(jobs: &[(Request, Target)], index: &PackageIndex) -> Result<Vec<Resolution>, ResolveError> {
    try_join_all(jobs.iter().map(|(request, target)| resolve(request, target, index))).await
}

fn preferring((mut request, target): (Request, Target), prefer: &BTreeMap<PackageName, Version>) -> (Request, Target) {
    request.prefer.extend(prefer.clone());
    (request, target)
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
