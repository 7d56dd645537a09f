//! All packages that could be selected for one platform.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    mirrors::is_debians,
    set::{fits, is_for},
};
use crate::{
    debian::{Alternative, DebianError, Package, Version},
    hint::Hint,
};

/// The packages of one architecture, of all suites together.
#[derive(Clone, Debug, Default)]
pub struct Universe {
    /// What apt calls the candidate first: the highest version that need not be asked for by suite.
    by_name: BTreeMap<String, Vec<Candidate>>,
    /// What is provided → by which packages, in which version.
    providers: BTreeMap<String, Vec<(String, Option<Version>)>>,
}

/// A package of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Where it comes from.
    pub origin: Arc<Origin>,
    /// What the index says of it.
    pub package: Package,
}

/// Where packages come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `debian`, `debian-security`, or another's name.
    pub archive: String,
    /// `bookworm-updates`.
    pub suite: String,
    /// `main`, `non-free-firmware` …
    pub component: String,
    /// Whether packages are taken from there unasked.
    pub standing: Standing,
}

/// Whether packages are taken from a suite unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// The highest version counts.
    Regular,
    /// Only what is asked for by its suite, and what that cannot do without: backports, which apt gives the
    /// priority 100.
    OnRequest,
}

impl Origin {
    /// What stands behind the slash where a package is asked for from here: the suite of Debian, or the name of
    /// another archive.
    #[must_use]
    pub fn word(&self) -> &str {
        if is_debians(&self.archive) { &self.suite } else { &self.archive }
    }
}

impl Universe {
    /// Adds a package. Which version of it counts is not known before [`Universe::complete`].
    pub fn add(&mut self, origin: &Arc<Origin>, package: Package) {
        let same_name = self.by_name.entry(package.name.clone()).or_default();
        same_name.push(Candidate { origin: Arc::clone(origin), package });
    }

    /// Finds out which version counts and what is provided by whom, once every package is there. Of equal
    /// versions, the one that came first stays in front. Only the candidate of each package provides.
    ///
    /// # Errors
    /// When a `Provides` field is malformed.
    pub fn complete(&mut self) -> Result<(), DebianError> {
        self.providers.clear();
        for candidates in self.by_name.values_mut() {
            candidates.sort_by(|left, right| {
                let standing = left.origin.standing.cmp(&right.origin.standing);
                standing.then_with(|| right.package.version.cmp(&left.package.version))
            });
        }
        for (name, candidates) in &self.by_name {
            let Some(highest) = candidates.first() else { continue };
            for provided in highest.package.provides()? {
                let version = provided.requirement.map(|requirement| requirement.version);
                self.providers.entry(provided.name).or_default().push((name.clone(), version));
            }
        }
        Ok(())
    }

    /// The version of the package `name` that is taken where nothing speaks against it: the highest.
    #[must_use]
    pub fn highest(&self, name: &str) -> Option<&Candidate> {
        self.by_name.get(name)?.first()
    }

    /// Every version of the package `name`: the highest first, those of suites that must be asked for last.
    #[must_use]
    pub fn versions(&self, name: &str) -> &[Candidate] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The candidates that meet `wanted`: the package of that name, then those that provide it, the most
    /// important first. What is provided without a version meets no bound on versions.
    #[must_use]
    pub fn meeting(&self, wanted: &Alternative) -> Vec<&Candidate> {
        let own = self.highest(&wanted.name).filter(|candidate| fits(&candidate.package, wanted));
        own.into_iter().chain(self.providers(wanted)).collect()
    }

    /// The candidates that provide what `wanted` asks for, the most important first.
    #[must_use]
    pub fn providers(&self, wanted: &Alternative) -> Vec<&Candidate> {
        let providers = self.providers.get(&wanted.name).into_iter().flatten();
        let mut found: Vec<_> = providers
            .filter(|(_, version)| meets(wanted, version.as_ref()))
            .filter_map(|(name, _)| self.highest(name))
            .filter(|candidate| is_for(&candidate.package, wanted))
            .collect();
        found.sort_by(|left, right| {
            (left.package.priority, &left.package.name).cmp(&(right.package.priority, &right.package.name))
        });
        found.dedup();
        found
    }

    /// The packages that every system has, by name.
    pub fn essential(&self) -> impl Iterator<Item = &Candidate> {
        self.by_name.values().filter_map(|candidates| candidates.first()).filter(|first| first.package.essential)
    }

    /// Every name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is no package at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// A name near to `name`.
    #[must_use]
    pub fn suggestion(&self, name: &str) -> Option<Hint> {
        Hint::did_you_mean(name, self.names())
    }
}

/// Whether something provided in `version` meets `wanted`, whose name it has.
pub(super) fn meets(wanted: &Alternative, version: Option<&Version>) -> bool {
    match (&wanted.requirement, version) {
        (None, _) => true,
        (Some(requirement), Some(version)) => requirement.accepts(version),
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::universe_of;

    #[test]
    fn the_highest_version_that_need_not_be_asked_for_comes_first() {
        let universe = universe_of("a 1\na 3\na 2\nb 1", "a 4~bpo\na 9~bpo\nc 1");
        let versions = |name: &str| {
            let versions = universe.versions(name).iter();
            versions.map(|one| one.package.version.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!((versions("a").as_str(), versions("c").as_str()), ("3 2 1 9~bpo 4~bpo", "1"));
    }
}
