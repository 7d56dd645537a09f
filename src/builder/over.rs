//! Debian packages over a base: what the base must be for that, what it holds already, and what of its files
//! stays as it is.

use std::collections::BTreeSet;

use super::BuildError;
use crate::{
    apt::Universe,
    base::{Kind, Tree},
    debian::{Package, Version},
    hint::Hint,
    layer::{
        Item, Node,
        debian::{Index, Kind as Packaged, LaidOut},
    },
    lock::{Below, Directory, Facts, LockedPlatform, Symlink},
    oci::Platform,
    recipe::Recipe,
};

/// Names that Debian gives to a release for a time, or to none: they say nothing about a base.
const MOVING: [&str; 6] = ["stable", "oldstable", "oldoldstable", "testing", "unstable", "sid"];
/// Whose version is that of a release.
const LIBC: &str = "libc6";

/// Makes sure that what `[debian]` says of the local time and of certificates can be done. Over a base that takes
/// packages which bring zones and certificates, because the base's own files are not at hand; without any package
/// there is no layer that could hold them.
pub(super) fn check_settings(recipe: &Recipe, locked: &LockedPlatform) -> Result<(), BuildError> {
    let Some(debian) = recipe.debian.as_ref().filter(|_| locked.base.is_some() || locked.debian.is_empty()) else {
        return Ok(());
    };
    let brings = |names: &[&str]| locked.debian.iter().any(|package| names.contains(&package.name.as_str()));
    let lacks = |span, (key, package): (&str, &str), there: &str| {
        let message = format!("`{key}` needs `{package}` among the packages that are brought for {}", locked.platform);
        let hint = format!("add `{package}` to `debian.packages`; where the base has it already, {there}");
        Err(recipe.problem_at(span, message, Some(Hint::new(hint))).into())
    };
    if let Some(zone) = debian.time_zone.as_ref().filter(|_| !brings(&["tzdata", "tzdata-legacy"])) {
        let there = format!("say `TZ = \"{}\"` in `image.env`", zone.get_ref());
        return lacks(zone.span(), ("timezone", "tzdata"), &there);
    }
    match debian.certificates.first().filter(|_| !brings(&["ca-certificates"])) {
        None => Ok(()),
        Some(file) => lacks(
            file.span(),
            ("certificates", "ca-certificates"),
            "lay the whole bundle over `/etc/ssl/certs/ca-certificates.crt` with `[[scripts]]`",
        ),
    }
}

/// The packages of the base, which must be of the release `suite`, for `architecture`.
pub(super) fn installed(
    tree: &Tree,
    suite: &str,
    architecture: &str,
    platform: &Platform,
) -> Result<Vec<Package>, BuildError> {
    let system = tree.os_release().unwrap_or_default();
    if !matches!(system.id.as_str(), "debian" | "") {
        return Err(BuildError::NotDebian { platform: platform.clone(), found: system.name });
    }
    if let Some(base) = system.codename.filter(|codename| codename != suite && !MOVING.contains(&suite)) {
        let (platform, suite) = (platform.clone(), suite.to_owned());
        return Err(BuildError::OtherRelease { platform, base, suite });
    }
    let malformed = |source| BuildError::PackageList { platform: platform.clone(), source };
    let mut packages = tree.debian_packages().map_err(malformed)?;
    // Those of a second architecture are other packages of the same names.
    packages.retain(|package| [architecture, "all", ""].contains(&package.architecture.as_str()));
    // A list that names a few packages out of many would let the others be brought again.
    let whole = packages.iter().any(|package| package.name == LIBC) || !tree.has_libc();
    if packages.is_empty() || !whole {
        return Err(BuildError::NoPackageList { platform: platform.clone() });
    }
    Ok(packages)
}

/// Makes sure that the base has the C library of the release, whatever it calls itself.
pub(super) fn check_libc(
    universe: &Universe,
    installed: &[Package],
    suite: &str,
    platform: &Platform,
) -> Result<(), BuildError> {
    let own = installed.iter().find(|package| package.name == LIBC).map(|package| &package.version);
    let theirs = universe.highest(LIBC).map(|highest| &highest.package.version);
    match own.zip(theirs) {
        Some((own, theirs)) if upstream(own) != upstream(theirs) => Err(BuildError::OtherLibc {
            platform: platform.clone(),
            suite: suite.to_owned(),
            base: own.to_string(),
            theirs: theirs.to_string(),
        }),
        _ => Ok(()),
    }
}

/// `2.36` of `2.36-9+deb12u14`.
fn upstream(version: &Version) -> &str {
    let text = version.as_str();
    text.rsplit_once('-').map_or(text, |(upstream, _)| upstream)
}

/// The directories of a package, and those that its files lie in.
pub(super) fn directories(index: &Index) -> impl Iterator<Item = &str> {
    index.entries.iter().map(|entry| match entry.kind {
        Packaged::Directory => entry.path.as_str(),
        _ => entry.path.rsplit_once('/').map_or("", |(parent, _)| parent),
    })
}

/// The links of the base that stay, as update-alternatives(1) has it, though packages have something by the same
/// name: what was chosen by hand, and what nothing comes before.
pub(super) fn kept_alternatives(tree: &Tree, laid: &LaidOut) -> Vec<Symlink> {
    let kept = laid.alternatives.iter().filter_map(|(name, (path, priority))| {
        let (target, own) = tree.alternative(name)?;
        let stays = target != *path && own.is_none_or(|own| own >= *priority);
        stays.then(|| Symlink { path: format!("/etc/alternatives/{name}"), target })
    });
    kept.collect()
}

/// The directories of the base that items bring too, but with other attributes.
///
/// # Errors
/// When an item would take the place of something of another kind, with all that lies in it.
pub(super) fn settled(tree: &Tree, items: &[Item], platform: &Platform) -> Result<Vec<Directory>, BuildError> {
    let mut directories = Vec::new();
    let mut passable = BTreeSet::new();
    for item in items {
        let parents = item.path.match_indices('/').map(|(end, _)| &item.path[..end]);
        for parent in parents.filter(|parent| passable.insert(parent.to_owned())) {
            if tree.entry(parent).is_some_and(|entry| entry.kind != Kind::Directory) {
                return Err(BuildError::Overlaid {
                    platform: platform.clone(),
                    path: parent.to_owned(),
                    kind: "a directory",
                });
            }
        }
        let Some(there) = tree.entry(&item.path) else { continue };
        match (&item.node, &there.kind) {
            (Node::Directory, Kind::Directory) => {
                let (path, attributes) = (format!("/{}", item.path), (there.mode, there.uid, there.gid));
                if attributes != (item.mode, item.uid, item.gid) {
                    directories.push(Directory { path, mode: there.mode, uid: there.uid, gid: there.gid });
                }
            }
            (Node::Directory, _) => {
                let path = item.path.clone();
                return Err(BuildError::Overlaid { platform: platform.clone(), path, kind: "a directory" });
            }
            (_, Kind::Directory) => {
                let path = item.path.clone();
                return Err(BuildError::Overlaid { platform: platform.clone(), path, kind: "a file" });
            }
            _ => {}
        }
    }
    Ok(directories)
}

/// What layers need to know of the base.
pub(super) fn facts(below: Below) -> Facts {
    Facts { directories: below.directories, symlinks: below.symlinks, ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lock::LockedPackage, oci::Digest};

    #[test]
    fn what_packages_do_not_bring_is_not_ignored() {
        let check = |base: &str, keys: &str, packages: &[&str], expect: &str| {
            let text = format!(
                "name = \"a\"\nbase = \"{base}\"\nplatforms = [\"linux/amd64\"]\n[debian]\nsuite = \"demo\"\npackages = [\"tool\"]\n{keys}"
            );
            let recipe = Recipe::parse("app.toml", &text).unwrap_or_else(|error| panic!("{error}"));
            let digest = (base != "scratch").then(|| Digest::of(b"base"));
            let package = |name: &&str| LockedPackage {
                name: (*name).to_owned(),
                version: "1".to_owned(),
                archive: "debian".to_owned(),
                suite: None,
                path: String::new(),
                sha256: Digest::of(name.as_bytes()),
                size: 0,
                why: Vec::new(),
            };
            let platform = LockedPlatform::new("linux/amd64".parse().unwrap(), digest, Facts::default());
            let locked = LockedPlatform { debian: packages.iter().map(package).collect(), ..platform };
            let found = check_settings(&recipe, &locked).map_or_else(|error| error.to_string(), |()| String::new());
            assert_eq!(found, expect, "{base} {keys}");
        };
        let (zone, own) = ("timezone = \"Europe/Berlin\"", "certificates = [\"company.crt\"]");
        let needs = |at: &str, key: &str, package: &str| {
            format!("app.toml:7:{at}: `{key}` needs `{package}` among the packages that are brought for linux/amd64")
        };
        let (no_zone, no_bundle) = (needs("12", "timezone", "tzdata"), needs("17", "certificates", "ca-certificates"));
        let base = "docker.io/library/python:3.12-slim";
        check(base, zone, &["libgl1"], &no_zone);
        check(base, zone, &["tzdata-legacy"], "");
        check(base, own, &[], &no_bundle);
        check(base, own, &["libgl1"], &no_bundle);
        check(base, own, &["ca-certificates", "libgl1"], "");
        check(base, "", &[], "");
        check("scratch", zone, &[], &no_zone);
        check("scratch", own, &[], &no_bundle);
        check("scratch", own, &["libgl1"], "");
    }
}
