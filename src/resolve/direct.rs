//! Wheels that the recipe names itself: by URL or by path.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use url::Url;

use super::{Request, ResolveError, catalog::Catalog, listing::Candidate};
use crate::{
    lock::WheelSource,
    pypi::DirectWheel,
    python::{Compatibility, MarkerEnvironment, PackageName, Requirement, VersionSpecifiers, Wanted, without_login},
};

/// Fetches the wheels that `request` names, makes them the only ones of their distributions in
/// `catalog`, and gives back what the local ones amount to as requirements.
pub(super) async fn take_in(
    request: &Request,
    catalog: &Catalog,
    environment: &MarkerEnvironment,
) -> Result<Vec<Requirement>, ResolveError> {
    let mut named: BTreeMap<PackageName, String> = BTreeMap::new();
    let alternatives = request.choices.iter().flat_map(|choice| choice.any_of.iter().flatten());
    for requirement in request.requirements.iter().chain(&request.overrides).chain(alternatives) {
        let Wanted::Url(url) = &requirement.wanted else { continue };
        if !requirement.applies(environment, &[]) || twice(&mut named, &requirement.name, written_url(url))? {
            continue;
        }
        let direct = catalog.index.direct(url).await?;
        if *direct.wheel.name() != requirement.name {
            let (package, file) = (requirement.name.clone(), direct.wheel.to_string());
            return Err(ResolveError::DirectName { package, file });
        }
        fix(catalog, direct, WheelSource::Url(written_url(url))).await?;
    }
    let mut requirements = Vec::new();
    for local in request.wheels.iter().filter(|local| local.marker.evaluate(environment, &[])) {
        let direct = catalog.index.local(&local.path).await?;
        let path = written(&local.path)?;
        requirements.push(Requirement {
            name: direct.wheel.name().clone(),
            extras: local.extras.clone(),
            wanted: Wanted::Versions(VersionSpecifiers::empty()),
            marker: local.marker.clone(),
        });
        if !twice(&mut named, direct.wheel.name(), path.clone())? {
            fix(catalog, direct, WheelSource::Path(path)).await?;
        }
    }
    Ok(requirements)
}

/// Whether `package` is known by this place already; another place is an error.
fn twice(
    named: &mut BTreeMap<PackageName, String>,
    package: &PackageName,
    place: String,
) -> Result<bool, ResolveError> {
    match named.get(package) {
        None => {
            named.insert(package.clone(), place);
            Ok(false)
        }
        Some(first) if *first == place => Ok(true),
        Some(first) => Err(ResolveError::DirectTwice { package: package.clone(), first: first.clone(), second: place }),
    }
}

async fn fix(catalog: &Catalog, direct: DirectWheel, source: WheelSource) -> Result<(), ResolveError> {
    if let Compatibility::Incompatible(reason) = catalog.tags.check(&direct.wheel) {
        let platform = Box::new(catalog.target().platform.clone());
        return Err(ResolveError::DirectIncompatible { file: direct.wheel.to_string(), platform, reason });
    }
    let metadata = Some(Arc::new(catalog.index.metadata_of(&direct).await?));
    let own_hash = !direct.hash_told;
    catalog.fix(Candidate { wheel: direct.wheel, file: direct.file, source, metadata, own_hash });
    Ok(())
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
