//! Versions that are given, by a lock that another tool made: only files are chosen, by the target.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{Fact, Picked, Request, Resolution, ResolveError, listing::Refused};
use crate::{
    lock::WheelSource,
    oci::Digest,
    pypi::PackageIndex,
    python::{FileUrl, IndexFile, MetadataFile, PackageName, TagSet, Target, UploadTime, Version, WheelName, Yanked},
};

/// Digests learnt at the same time.
const AT_ONCE: usize = 8;

/// A distribution in the version that is given.
#[derive(Clone, Debug)]
pub struct Given {
    /// Which.
    pub name: PackageName,
    /// Its wheels, for any targets.
    pub wheels: Vec<GivenWheel>,
    /// Its version; that of the chosen wheel where none is given.
    pub version: Option<Version>,
    /// `recipe`, or the distributions that require it. Sorted.
    pub why: Vec<String>,
}

/// A wheel that may be chosen.
#[derive(Clone, Debug)]
pub struct GivenWheel {
    /// Its file name.
    pub wheel: WheelName,
    /// Where it comes from.
    pub source: WheelSource,
    /// Where it lies, as far as it is known.
    pub url: Option<FileUrl>,
    /// SHA-256 of the file, as far as it is known.
    pub sha256: Option<Digest>,
    /// Bytes of the file, as far as they are known.
    pub size: Option<u64>,
    /// Since when its index has it, as far as that is known.
    pub uploaded: Option<UploadTime>,
    /// Whether nothing says which SHA-256 it has but the file itself.
    pub own_hash: bool,
}

/// Chooses a wheel of each distribution for `target`. Of `request`, what is left out, denied, brought by
/// the base or to be replaced there counts, and which hashes are accepted. The network is asked only for what is not known.
///
/// # Errors
/// When a distribution has no wheel for the target, when the base brings another version of one, when
/// something denied is given, and when a hash or size cannot be learnt.
pub async fn choose_given(
    given: &[Given],
    request: &Request,
    target: &Target,
    index: &PackageIndex,
) -> Result<Resolution, ResolveError> {
    let tags = TagSet::of(target);
    let (mut facts, mut chosen) = (Vec::new(), Vec::new());
    for package in given.iter().filter(|given| !request.exclude.iter().any(|pattern| pattern.matches(&given.name))) {
        if let Some(pattern) = request.deny.iter().find(|pattern| pattern.matches(&package.name)) {
            return Err(ResolveError::Denied {
                package: package.name.clone(),
                pattern: pattern.clone(),
                platform: Box::new(target.platform.clone()),
                why: package.why.clone(),
            });
        }
        let may_replace = request.replace.iter().any(|pattern| pattern.matches(&package.name));
        match (in_base(package, request), best(package, &tags)) {
            (Some(brought), _) if package.version.as_ref().is_none_or(|version| *version == brought) => {}
            (Some(version), _) if !may_replace => facts.extend([
                Fact::Wanted { requirement: spelled(package) },
                Fact::Installed { package: package.name.clone(), version },
            ]),
            (_, Some(wheel)) => chosen.push((package, wheel)),
            (_, None) => facts.push(no_wheel(package, &tags)),
        }
    }
    if !facts.is_empty() {
        let platform = Box::new(target.platform.clone());
        return Err(ResolveError::NoSolution { platform, facts: Fact::told(facts) });
    }
    let picks = chosen.into_iter().map(|(package, wheel)| picked(package, wheel, request, index));
    let wheels = stream::iter(picks.collect::<Vec<_>>()).buffered(AT_ONCE).try_collect().await?;
    Ok(Resolution { platform: target.platform.clone(), wheels, choices: Vec::new(), notices: Vec::new() })
}

fn in_base(package: &Given, request: &Request) -> Option<Version> {
    let installed = request.installed.iter().find(|installed| installed.name == package.name.as_str())?;
    installed.version.parse().ok()
}

/// The best wheel for the tags; of equals the one with the highest build tag.
fn best<'g>(package: &'g Given, tags: &TagSet) -> Option<&'g GivenWheel> {
    let ranked = package.wheels.iter().filter_map(|wheel| Some((tags.best(&wheel.wheel)?, wheel)));
    ranked.min_by_key(|(rank, wheel)| (*rank, std::cmp::Reverse(wheel.wheel.build().cloned()))).map(|(_, wheel)| wheel)
}

fn no_wheel(package: &Given, tags: &TagSet) -> Fact {
    let version = package.version.clone().unwrap_or_else(|| Version::new([0]));
    let name = package.name.clone();
    if package.wheels.is_empty() {
        return Fact::SourceOnly { package: name, versions: vec![version], usable: None };
    }
    let wheels = package.wheels.iter().map(|wheel| wheel.wheel.clone()).collect();
    Fact::Unusable { package: name, version, reason: Refused::of_wheels(wheels).in_words(tags) }
}

fn spelled(package: &Given) -> String {
    let version = package.version.as_ref().map(|version| format!("=={version}")).unwrap_or_default();
    format!("{}{version}", package.name)
}

async fn picked(
    package: &Given,
    wheel: &GivenWheel,
    request: &Request,
    index: &PackageIndex,
) -> Result<Picked, ResolveError> {
    let (sha256, size) = match (wheel.sha256, wheel.size, &wheel.url) {
        (Some(sha256), Some(size), _) => (sha256, size),
        (sha256, size, Some(url)) => {
            let name = if let WheelSource::Index(name) = &wheel.source { name.as_str() } else { "" };
            let file = IndexFile {
                name: wheel.wheel.to_string(),
                url: url.clone(),
                sha256,
                requires_python: None,
                yanked: Yanked::No,
                size,
                core_metadata: MetadataFile::Absent,
                uploaded: None,
            };
            index.digest_and_size(name, &file).await?
        }
        (.., None) => return Err(ResolveError::NoPlace { file: wheel.wheel.to_string() }),
    };
    if request.accepted.get(&package.name).is_some_and(|accepted| !accepted.contains(&sha256)) {
        return Err(ResolveError::NotAccepted { file: wheel.wheel.to_string(), found: sha256 });
    }
    Ok(Picked {
        name: package.name.clone(),
        version: wheel.wheel.version().clone(),
        file: wheel.wheel.clone(),
        sha256,
        size,
        source: wheel.source.clone(),
        uploaded: wheel.uploaded,
        own_hash: wheel.own_hash && !request.accepted.contains_key(&package.name),
        why: package.why.clone(),
    })
}
