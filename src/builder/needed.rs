//! Debian packages that nobody names, chosen by what the files of an image need (`debian.auto`,
//! `debian.select = "elf"`), and the names of packages in what is found of an image.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::{BuildError, Builder, Project, Selection};
use crate::{
    apt::{Archive, Query, Signatures, Sonames},
    base::{self, Tree},
    debian::openpgp::Keyring,
    image::Image,
    lock::{Lock, LockedPackage},
    oci::Platform,
    verify::{
        Check, Finding, Owner, Owners, Skipped,
        libraries::{self, Elsewhere, Gap, Need},
    },
};

/// How often packages are added before that is given up: each may need others. Chains of libraries that
/// only their last member names are a handful long.
const ROUNDS: usize = 12;

/// Whom a package is there for that the recipe names.
const RECIPE: &str = "recipe";
const LIBC: &str = "libc6";

/// Packages that are there because of the libraries in them, and those libraries.
pub(super) type Needed = BTreeMap<String, BTreeSet<String>>;

impl Builder {
    /// `lock`, with the Debian packages that have the libraries which programs and modules of its images
    /// lack. The images are made for it, as far as they are not yet: what their files need is seen then.
    pub(super) async fn complete(&self, project: &Project, mut lock: Lock) -> Result<Lock, BuildError> {
        let Some(debian) = project.recipe.debian.as_ref().filter(|debian| debian.chooses_by_need()) else {
            return Ok(lock);
        };
        let mut needed: BTreeMap<Platform, Needed> = BTreeMap::new();
        for _ in 0..ROUNDS {
            let mut grown = false;
            for (platform, missing) in self.missing(project, &lock).await? {
                let query = self.query(project, debian, &platform)?;
                let sonames = self.sonames(project, &query, &platform).await?;
                let known = needed.entry(platform.clone()).or_default();
                let before = known.clone();
                choose(&sonames, missing, known);
                if *known == before {
                    continue;
                }
                grown = true;
                let Some(position) = lock.platforms.iter().position(|locked| locked.platform == platform) else {
                    continue;
                };
                let old = &lock.platforms[position];
                let kept = (old.base.map(|base| (base, old.base_index)), &old.suites[..]);
                lock.platforms[position] = self.lock_platform(project, &platform, kept, known).await?;
            }
            if !grown {
                break;
            }
        }
        Ok(lock)
    }

    /// The libraries that the images of `lock` lack, by platform.
    async fn missing(
        &self,
        project: &Project,
        lock: &Lock,
    ) -> Result<BTreeMap<Platform, BTreeSet<String>>, BuildError> {
        let mut missing: BTreeMap<Platform, BTreeSet<String>> = BTreeMap::new();
        for image in project.recipe.images() {
            let selection = Selection { variant: image.name.clone(), ..Selection::default() };
            for image in self.build(project, lock, &selection).await?.index.images {
                let tree = self.files_of(&image).await?;
                let names = lacking(&tree, &image.platform, &settings(&image));
                missing.entry(image.platform).or_default().extend(names);
            }
        }
        missing.retain(|_, names| !names.is_empty());
        Ok(missing)
    }

    /// The files of an image that was made: nothing is inflated for it that was seen before.
    async fn files_of(&self, image: &Image) -> Result<Tree, BuildError> {
        let mut tree = Tree::new();
        for layer in &image.layers {
            let read = base::read_layer(layer, &self.settings.store).await;
            let entries = read.map_err(|source| BuildError::Base { platform: image.platform.clone(), source })?;
            tree.merge(entries);
        }
        Ok(tree)
    }

    pub(super) async fn sonames(
        &self,
        project: &Project,
        query: &Query,
        platform: &Platform,
    ) -> Result<Sonames, BuildError> {
        let found = self.archive(project).sonames(query).await;
        found.map_err(|source| BuildError::Debian { platform: platform.clone(), source })
    }
}

impl Builder {
    /// Says in `findings` which packages of Debian have the libraries that are missing in the image with
    /// these files, if it is Debian's. What could not be looked up is told.
    pub(super) async fn name_packages(
        &self,
        findings: &mut [Finding],
        tree: &Tree,
        platform: &Platform,
    ) -> Option<Skipped> {
        let system = tree.os_release().filter(|system| system.id == "debian")?;
        let suite = system.codename?;
        findings.iter().find(|finding| finding.library.is_some())?;
        let query = Query {
            suite,
            components: vec!["main".to_owned()],
            architecture: platform.debian_architecture().to_owned(),
            security: true,
            backports: false,
            signatures: Signatures::By(Keyring::debian().ok()?),
            now: self.settings.now,
            locked: Vec::new(),
            others: Vec::new(),
        };
        let (observer, mirrors) = (Arc::clone(&self.settings.observer), self.settings.mirrors.clone());
        let archive = Archive::new(self.settings.http.clone(), self.settings.store.clone(), mirrors, observer);
        match archive.sonames(&query).await {
            Ok(sonames) => {
                for finding in findings {
                    let package = finding
                        .library
                        .as_ref()
                        .and_then(|library| sonames.packages(library).first().map(|package| (*package).to_owned()));
                    if let Some(package) = package {
                        libraries::mend(finding, &package);
                    }
                }
                None
            }
            Err(error) => Some(Skipped {
                platform: platform.clone(),
                check: Check::Libraries,
                reason: format!("which packages have the missing libraries is not known: {error}"),
            }),
        }
    }
}

/// The libraries without which a program does not start or a module is not imported, and that nothing
/// else brings.
pub(super) fn lacking(tree: &Tree, platform: &Platform, settings: &Value) -> BTreeSet<String> {
    let owners = Owners::of(tree);
    let Some(proof) = libraries::prove(tree, platform, settings, &owners) else { return BTreeSet::new() };
    // A plug-in of a system's package is part of what was asked for; one of a wheel may never be loaded.
    let owner = |path: &str| tree.node(path).and_then(|node| owners.find(node));
    let counts = |gap: &Gap| gap.need != Need::Plugin || matches!(owner(&gap.by), Some(Owner::Package(_)));
    let missing = |gap: &Gap| matches!(gap.elsewhere, Elsewhere::Nowhere | Elsewhere::Foreign(_)) && counts(gap);
    proof.gaps.into_iter().filter(missing).map(|gap| gap.name).collect()
}

/// Adds the packages that have the `missing` libraries. What no package has stays missing, and is found when
/// the image is checked.
pub(super) fn choose(sonames: &Sonames, missing: BTreeSet<String>, needed: &mut Needed) {
    for name in missing {
        if let Some(package) = sonames.packages(&name).first() {
            needed.entry((*package).to_owned()).or_default().insert(name);
        }
    }
}

/// The packages with libraries that are not among `names`: whoever depends on them does not bring them. The C
/// library is what every file needs; without it nothing could be asked what it needs.
pub(super) fn libraries_unasked(sonames: &Sonames, names: &[String]) -> Vec<String> {
    let is_named =
        |package: &str| names.iter().any(|name| name.split(['=', '/']).next() == Some(package)) || package == LIBC;
    sonames.all_packages().filter(|package| !is_named(package)).map(str::to_owned).collect()
}

/// Notes the libraries for which packages are there that nobody names.
pub(super) fn say_why(packages: &mut [LockedPackage], needed: &Needed, named: &[String]) {
    for package in packages {
        let is_named = named.iter().any(|name| name.split(['=', '/']).next() == Some(&package.name));
        let Some(libraries) = needed.get(&package.name).filter(|_| !is_named) else { continue };
        package.why.retain(|why| why != RECIPE);
        package.why.extend(libraries.iter().cloned());
        package.why.sort();
    }
}

fn settings(image: &Image) -> Value {
    let config: Value = serde_json::from_slice(image.config.bytes()).unwrap_or_default();
    config.get("config").cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENTS: &str = "usr/lib/x86_64-linux-gnu/libGL.so.1 libs/libgl1-extra,libs/libgl1\n\
                            usr/lib/x86_64-linux-gnu/libz.so.1 libs/zlib1g\n\
                            usr/lib/x86_64-linux-gnu/libc.so.6 libs/libc6\n";

    fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
        names.map(str::to_owned).to_vec()
    }

    #[test]
    fn libraries_bring_the_plainest_package_that_has_them() {
        let (sonames, mut needed) = (Sonames::of(CONTENTS), Needed::new());
        choose(&sonames, names(["libGL.so.1", "libnobody.so.7"]).into_iter().collect(), &mut needed);
        let gl = names(["libGL.so.1"]).into_iter().collect();
        assert_eq!(needed, Needed::from([("libgl1".to_owned(), gl)]));
        let before = needed.clone();
        choose(&sonames, names(["libGL.so.1"]).into_iter().collect(), &mut needed);
        assert_eq!(needed, before, "another round that finds the same ends the search");
    }

    #[test]
    fn packages_with_libraries_are_left_out_unless_they_are_named() {
        let check = |named: &[String], expect: &[&str]| {
            assert_eq!(libraries_unasked(&Sonames::of(CONTENTS), named), expect, "{named:?}");
        };
        check(&[], &["libgl1", "libgl1-extra", "zlib1g"]);
        check(&names(["zlib1g=1:1.2.13", "libgl1/bookworm-backports"]), &["libgl1-extra"]);
    }

    #[test]
    fn a_lock_says_which_library_asked() {
        let package = |name: &str, why: &[&str]| LockedPackage {
            name: name.to_owned(),
            version: "1".to_owned(),
            archive: "debian".to_owned(),
            suite: None,
            path: "pool/x.deb".to_owned(),
            sha256: crate::oci::Digest::of(b""),
            size: 0,
            why: why.iter().map(|why| (*why).to_owned()).collect(),
        };
        let mut packages =
            [package("libgl1", &["recipe"]), package("zlib1g", &["recipe", "app"]), package("app", &["recipe"])];
        let needed =
            Needed::from(["libgl1", "zlib1g"].map(|name| (name.to_owned(), BTreeSet::from([format!("{name}.so")]))));
        say_why(&mut packages, &needed, &names(["app", "zlib1g"]));
        let whys = packages.map(|package| package.why.join(" "));
        assert_eq!(whys, ["libgl1.so", "recipe app", "recipe"], "who is named is there for the recipe");
    }
}
