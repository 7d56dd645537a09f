//! What a lock must hold to be trusted. It may come from anywhere: its names become paths.

use std::collections::BTreeSet;

use super::{Facts, Lock, LockError, LockedImage, LockedPackage, LockedPlatform, LockedWheel, WheelSource};
use crate::{
    hint::{has_login, stripped},
    oci::Platform,
    python::WheelName,
};

/// Refuses platforms that stand twice or nowhere, and paths that lead astray.
pub(super) fn consistent(file: &str, lock: &Lock) -> Result<(), LockError> {
    let mut platforms = BTreeSet::new();
    for locked in &lock.platforms {
        if !platforms.insert(&locked.platform) {
            return Err(twice(file, "the base", &locked.platform));
        }
        check_platform(file, locked)?;
    }
    let mut images = BTreeSet::new();
    for locked in &lock.images {
        if !images.insert((&locked.variant, &locked.platform)) {
            let of = locked.variant.as_ref().map(|name| format!(" of `{name}`")).unwrap_or_default();
            return Err(twice(file, &format!("the wheels{of}"), &locked.platform));
        }
        if !platforms.contains(&locked.platform) {
            return Err(LockError::NoPlatform { file: file.to_owned(), platform: locked.platform.clone() });
        }
        check_image(file, locked)?;
    }
    Ok(())
}

fn check_platform(file: &str, locked: &LockedPlatform) -> Result<(), LockError> {
    if let Some(name) = repeated(locked.debian.iter().map(|package| package.name.as_str())) {
        return Err(twice(file, &format!("the package `{name}`"), &locked.platform));
    }
    locked.debian.iter().try_for_each(|package| check_package(file, package))?;
    let venv = locked.venv.iter().flat_map(|venv| [&venv.prefix, &venv.python]);
    venv.into_iter().try_for_each(|path| demand(is_plain_absolute(path), file, "as a path of the image", path))?;
    if let Some(compiler) = &locked.compiler {
        demand(is_name(&compiler.cache_tag), file, "as part of a file's name", &compiler.cache_tag)?;
        let python = locked.facts.python.is_some();
        demand(python, file, "as what compiles where there is no Python", &compiler.cache_tag)?;
    }
    locked
        .suites
        .iter()
        .try_for_each(|suite| demand(is_name(&suite.archive), file, "as an archive", &suite.archive))?;
    let below = locked.below.iter();
    let paths = below.flat_map(|below| {
        let directories = below.directories.iter().map(|directory| &directory.path);
        directories.chain(below.symlinks.iter().map(|link| &link.path))
    });
    paths.into_iter().try_for_each(|path| demand(is_plain_absolute(path), file, "as a path of the base", path))?;
    check_facts(file, &locked.facts)
}

fn check_image(file: &str, locked: &LockedImage) -> Result<(), LockError> {
    if let Some(name) = repeated(locked.wheels.iter().map(|wheel| wheel.name.as_str())) {
        return Err(twice(file, &format!("`{name}`"), &locked.platform));
    }
    let hidden = locked.replaced.iter().flat_map(|replaced| &replaced.hides);
    let whole = |path: &&String| path.as_str() == "/";
    if let Some(path) = hidden.clone().find(whole) {
        return demand(false, file, "as what is hidden", path);
    }
    hidden.into_iter().try_for_each(|path| demand(is_plain_absolute(path), file, "as what is hidden", path))?;
    locked.wheels.iter().try_for_each(|wheel| check_wheel(file, wheel))
}

fn check_package(file: &str, package: &LockedPackage) -> Result<(), LockError> {
    let good = is_relative(&package.path) && package.path.split('/').all(|part| part != "..");
    demand(good, file, "as the place of a package", &package.path)?;
    demand(is_name(&package.archive), file, "as an archive", &package.archive)
}

fn check_wheel(file: &str, wheel: &LockedWheel) -> Result<(), LockError> {
    let named = Some(&wheel.file).filter(|file| is_name(file)).and_then(|file| file.parse::<WheelName>().ok());
    let Some(named) = named else { return demand(false, file, "as a wheel", &wheel.file) };
    // What is said of the image, to people and to scanners, is said by name and version.
    if !named.is_of(&wheel.name, &wheel.version) {
        let said = format!("{} {}", wheel.name, wheel.version);
        return Err(LockError::Misnamed { file: file.to_owned(), wheel: wheel.file.clone(), said });
    }
    match &wheel.source {
        WheelSource::Index(_) => Ok(()),
        WheelSource::Url(url) => demand(!has_login(url), file, "as the place of a wheel", &stripped(url)),
        WheelSource::Path(path) => demand(is_relative(path), file, "as the place of a wheel", path),
    }
}

fn check_facts(file: &str, facts: &Facts) -> Result<(), LockError> {
    let python = facts.python.iter();
    let python = python.flat_map(|python| {
        let scheme = &python.scheme;
        [&python.path, &scheme.purelib, &scheme.platlib, &scheme.scripts, &scheme.data, &scheme.headers]
    });
    let directories = facts.directories.iter().map(|directory| &directory.path);
    let links = facts.symlinks.iter().map(|link| &link.path);
    let others = facts
        .interpreters
        .iter()
        .flat_map(|found| [&found.path, &found.prefix, &found.purelib].into_iter().chain(&found.platlib));
    python
        .chain(directories)
        .chain(links)
        .chain(others)
        .try_for_each(|path| demand(is_plain_absolute(path), file, "as a path of the image", path))
}

fn repeated<'n>(mut names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let mut seen = BTreeSet::new();
    names.find(|name| !seen.insert(*name))
}

fn demand(good: bool, file: &str, what: &'static str, path: &str) -> Result<(), LockError> {
    if good { Ok(()) } else { Err(LockError::Path { file: file.to_owned(), what, path: path.to_owned() }) }
}

fn twice(file: &str, what: &str, platform: &Platform) -> LockError {
    LockError::Twice { file: file.to_owned(), what: what.to_owned(), platform: platform.clone() }
}

/// A file name: no folder, nothing hidden, nothing that a path could mean.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\\', '\0'])
}

fn is_relative(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('/') && !text.contains(['\\', '\0'])
}

fn is_plain_absolute(text: &str) -> bool {
    let mut parts = text.split('/');
    let rooted = parts.next() == Some("") && !text.contains('\0');
    rooted && (text == "/" || parts.all(|part| !matches!(part, "" | "." | "..")))
}
