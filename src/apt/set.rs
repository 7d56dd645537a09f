//! Packages that are there together: who meets a dependency, and what does not go together.

use std::{collections::BTreeMap, fmt};

use super::universe::meets;
use crate::debian::{Alternative, DebianError, Dependency, Package, Version};

/// Packages of one image, each once.
#[derive(Clone, Debug, Default)]
pub struct Set<'a> {
    packages: BTreeMap<&'a str, &'a Package>,
    /// What is provided → by whom, in which version.
    provided: BTreeMap<String, Vec<(&'a str, Option<Version>)>>,
}

/// Something that dpkg would not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault<'a> {
    /// A package lacks something.
    Unmet {
        /// Which package.
        package: &'a Package,
        /// What it depends on.
        dependency: Dependency,
    },
    /// Two packages exclude each other.
    Conflict {
        /// The one that says so.
        package: &'a Package,
        /// By which relation.
        field: Alternative,
        /// The other one.
        other: &'a Package,
    },
}

impl<'a> Set<'a> {
    /// These packages.
    ///
    /// # Errors
    /// When a field of one is malformed.
    pub fn of(packages: impl IntoIterator<Item = &'a Package>) -> Result<Self, DebianError> {
        let mut set = Self::default();
        for package in packages {
            set.add(package)?;
        }
        Ok(set)
    }

    /// Adds a package, in the place of another version of it.
    ///
    /// # Errors
    /// When its field `Provides` is malformed.
    pub fn add(&mut self, package: &'a Package) -> Result<(), DebianError> {
        let name = package.name.as_str();
        if self.packages.insert(name, package).is_some() {
            self.provided.values_mut().for_each(|providers| providers.retain(|(other, _)| *other != name));
        }
        for provided in package.provides()? {
            let version = provided.requirement.map(|requirement| requirement.version);
            self.provided.entry(provided.name).or_default().push((name, version));
        }
        Ok(())
    }

    /// The package of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Package> {
        self.packages.get(name).copied()
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &'a Package> {
        self.packages.values().copied()
    }

    /// Who meets `wanted`: the package of that name, else the first that provides it.
    #[must_use]
    pub fn met_by(&self, wanted: &Alternative) -> Option<&'a Package> {
        let own = self.get(&wanted.name).filter(|package| fits(package, wanted));
        own.or_else(|| {
            let provided = self.provided.get(&wanted.name)?;
            let mut found = provided.iter().filter(|(_, version)| meets(wanted, version.as_ref()));
            found.find_map(|(name, _)| self.get(name).filter(|package| is_for(package, wanted)))
        })
    }

    /// Who meets `dependency`, by the first alternative that anybody meets.
    #[must_use]
    pub fn met(&self, dependency: &Dependency) -> Option<&'a Package> {
        dependency.alternatives.iter().find_map(|wanted| self.met_by(wanted))
    }

    /// The packages other than `package` that its relation `field` excludes.
    pub fn excluded(&self, package: &Package, field: &Alternative) -> Vec<&'a Package> {
        let own = self.get(&field.name).filter(|other| fits(other, field));
        let provided = self.provided.get(&field.name).into_iter().flatten();
        let provided = provided.filter(|(_, version)| meets(field, version.as_ref()));
        let provided = provided.filter_map(|(name, _)| self.get(name)).filter(|other| is_for(other, field));
        own.into_iter().chain(provided).filter(|other| other.name != package.name).collect()
    }

    /// What `package`, one of the set, lacks or excludes.
    ///
    /// # Errors
    /// When one of its fields is malformed.
    pub fn faults_of(&self, package: &'a Package) -> Result<Vec<Fault<'a>>, DebianError> {
        let unmet = package.dependencies()?.into_iter().filter(|dependency| self.met(dependency).is_none());
        let mut faults: Vec<_> = unmet.map(|dependency| Fault::Unmet { package, dependency }).collect();
        for field in package.conflicts()? {
            for other in self.excluded(package, &field) {
                faults.push(Fault::Conflict { package, field: field.clone(), other });
            }
        }
        Ok(faults)
    }

    /// Everything that `dpkg --audit` and `apt-get check` would find wrong; nothing when all is well.
    ///
    /// # Errors
    /// When a field of a package is malformed.
    pub fn faults(&self) -> Result<Vec<Fault<'a>>, DebianError> {
        let mut faults = Vec::new();
        for package in self.iter() {
            faults.extend(self.faults_of(package)?);
        }
        Ok(faults)
    }
}

/// Whether the package of that name is one that `wanted` accepts.
pub(super) fn fits(package: &Package, wanted: &Alternative) -> bool {
    wanted.accepts(&package.version) && is_for(package, wanted)
}

/// Whether a package is for the architecture that `wanted` names, if it names one.
pub(super) fn is_for(package: &Package, wanted: &Alternative) -> bool {
    wanted.architecture.as_ref().is_none_or(|architecture| package.architecture == *architecture)
}

/// `name version`, as messages call a package.
pub(super) fn titled(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmet { package, dependency } => write!(formatter, "{} needs `{dependency}`", titled(package)),
            Self::Conflict { package, field, other } => {
                write!(formatter, "{} conflicts with {} (`{field}`)", titled(package), titled(other))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::packages_of, *};

    #[test]
    fn faults_are_what_dpkg_would_say() {
        let check = |lines: &str, expect: &[&str]| {
            let packages = packages_of(lines);
            let faults: Vec<_> =
                Set::of(&packages).unwrap().faults().unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(faults, expect, "{lines}");
        };
        check("a 1 | Depends: b (>= 2) | v, c\nb 1\nc 1\nd 1 | Provides: v", &[]);
        check("a 1 | Depends: v (>= 2)\nb 1 | Provides: v", &["a 1 needs `v (>= 2)`"]);
        check("a 1 | Depends: v (>= 2)\nb 1 | Provides: v (= 2)", &[]);
        check("a 1 | Depends: v (= 2)\nb 1 | Provides: v (= 2.1)", &["a 1 needs `v (= 2)`"]);
        check("a 1 | Breaks: b (<< 2)\nb 1", &["a 1 conflicts with b 1 (`b (<< 2)`)"]);
        check("a 1 | Provides: mta; Conflicts: mta\nb 1 | Provides: mta", &["a 1 conflicts with b 1 (`mta`)"]);
        check("a 1 | Provides: mta; Conflicts: mta", &[]);
        check("a 1 | Conflicts: v (<< 2)\nb 1 | Provides: v", &[]);
        check("a 1 | Depends: b:i386\nb 1", &["a 1 needs `b:i386`"]);
        check("a 1 | Depends: b:any\nb 1", &[]);
    }

    #[test]
    fn a_later_version_takes_the_place_of_an_earlier_one() {
        let packages = packages_of("a 1 | Provides: old\na 2 | Provides: new\nb 1 | Provides: new");
        let set = Set::of(&packages).unwrap();
        let met = |name: &str| set.met_by(&Alternative::any(name)).map(titled);
        assert_eq!((met("old"), met("new"), met("a")), (None, Some("a 2".to_owned()), Some("a 2".to_owned())));
        assert_eq!(set.iter().count(), 2);
    }
}
