//! Wheels that the recipe names itself: by URL or by path.

use std::{
    path::{Component, Path},
    sync::Arc,
};

use url::Url;

use super::{
    LocalWheel, ResolveError,
    catalog::{Catalog, other_python},
    listing::Candidate,
};
use crate::{
    lock::WheelSource,
    pypi::DirectWheel,
    python::{Compatibility, CoreMetadata, MarkerEnvironment, PackageName, Requirement, Target, Wanted, without_login},
};

/// Fetches the wheels that `requirements` name by URL, and those of `wheels`, makes them the only ones of their
/// distributions in `catalog`, and gives back what the local ones amount to as requirements.
pub(super) async fn take_in(
    (requirements, wheels): (&[&Requirement], &[LocalWheel]),
    catalog: &Catalog,
    environment: &MarkerEnvironment,
) -> Result<Vec<Requirement>, ResolveError> {
    for requirement in requirements {
        let Wanted::Url(url) = &requirement.wanted else { continue };
        let source = WheelSource::Url(written_url(url));
        if !requirement.applies(environment, &[]) || is_known(catalog, &requirement.name, &source)? {
            continue;
        }
        let direct = catalog.index.direct(url).await?;
        if *direct.wheel.name() != requirement.name {
            let (package, file) = (requirement.name.clone(), direct.wheel.to_string());
            return Err(ResolveError::DirectName { package, file });
        }
        fix(catalog, direct, source).await?;
    }
    let mut found = Vec::new();
    for local in wheels.iter().filter(|local| local.marker.evaluate(environment, &[])) {
        let direct = catalog.index.local(&local.path).await?;
        let source = WheelSource::Path(written(&local.path)?);
        found.push(local.requirement(direct.wheel.name().clone()));
        if !is_known(catalog, direct.wheel.name(), &source)? {
            fix(catalog, direct, source).await?;
        }
    }
    Ok(found)
}

/// Whether the file of `package` that lies there is the only one already; one at another place is an error.
fn is_known(catalog: &Catalog, package: &PackageName, source: &WheelSource) -> Result<bool, ResolveError> {
    let known = catalog.known(package);
    match known.as_ref().and_then(|listing| listing.named()).map(|named| &named.source) {
        None => Ok(false),
        Some(first) if is_same(first, source) => Ok(true),
        Some(first) => {
            let (first, second) = (place(first), place(source));
            Err(ResolveError::DirectTwice { package: package.clone(), first, second })
        }
    }
}

/// Whether it is one file, however its path is spelled.
fn is_same(one: &WheelSource, other: &WheelSource) -> bool {
    match (one, other) {
        (WheelSource::Path(one), WheelSource::Path(other)) => names(Path::new(one)) == names(Path::new(other)),
        _ => one == other,
    }
}

/// The names along a path, `.` and `..` obeyed.
fn names(path: &Path) -> Vec<Component<'_>> {
    let mut names = Vec::new();
    for part in path.components() {
        match (part, names.last()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => drop(names.pop()),
            _ => names.push(part),
        }
    }
    names
}

fn place(source: &WheelSource) -> String {
    let (WheelSource::Index(place) | WheelSource::Url(place) | WheelSource::Path(place)) = source;
    place.clone()
}

async fn fix(catalog: &Catalog, direct: DirectWheel, source: WheelSource) -> Result<(), ResolveError> {
    if let Compatibility::Incompatible(reason) = catalog.tags.check(&direct.wheel) {
        let platform = Box::new(catalog.target().platform.clone());
        return Err(ResolveError::DirectIncompatible { file: direct.wheel.to_string(), platform, reason });
    }
    let metadata = catalog.index.metadata_of(&direct).await?;
    check_python(&direct, &metadata, catalog.target())?;
    let (metadata, own_hash) = (Some(Arc::new(metadata)), !direct.hash_told);
    catalog.fix(Candidate { wheel: direct.wheel, file: direct.file, source, metadata, own_hash });
    Ok(())
}

/// Refuses a wheel that is not for the target's Python.
pub(crate) fn check_python(direct: &DirectWheel, metadata: &CoreMetadata, target: &Target) -> Result<(), ResolveError> {
    match other_python(metadata, target.python) {
        Some(wanted) => Err(ResolveError::DirectPython {
            file: direct.wheel.to_string(),
            platform: Box::new(target.platform.clone()),
            wanted: wanted.clone(),
            found: target.python,
        }),
        None => Ok(()),
    }
}

/// As it may stand in a lock: without credentials and fragment.
pub(crate) fn written_url(url: &Url) -> String {
    let mut url = without_login(url);
    url.set_fragment(None);
    url.to_string()
}

fn written(path: &Path) -> Result<String, ResolveError> {
    path.to_str().map(str::to_owned).ok_or_else(|| ResolveError::Path { path: path.to_owned() })
}
