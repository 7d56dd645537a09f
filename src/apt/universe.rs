//! All packages that could be selected for one platform.

use std::collections::BTreeMap;

use crate::{
    debian::{Alternative, DebianError, Package, Version},
    hint::Hint,
};

/// The packages of one architecture, of all suites together.
#[derive(Clone, Debug, Default)]
pub struct Universe {
    /// The highest version first.
    by_name: BTreeMap<String, Vec<Candidate>>,
    /// What is provided → by which packages, in which version.
    providers: BTreeMap<String, Vec<(String, Option<Version>)>>,
}

/// A package of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// `debian` or `debian-security`.
    pub archive: &'static str,
    /// What the index says of it.
    pub package: Package,
}

impl Universe {
    /// Adds a package. Of equal versions, the one that came first stays in front.
    pub fn add(&mut self, archive: &'static str, package: Package) {
        let same_name = self.by_name.entry(package.name.clone()).or_default();
        let place = same_name.partition_point(|other| other.package.version >= package.version);
        same_name.insert(place, Candidate { archive, package });
    }

    /// Finds out what is provided by whom, once every package is there. Only the highest version of
    /// each package counts.
    ///
    /// # Errors
    /// When a `Provides` field is malformed.
    pub fn complete(&mut self) -> Result<(), DebianError> {
        self.providers.clear();
        for (name, candidates) in &self.by_name {
            let Some(highest) = candidates.first() else { continue };
            for provided in highest.package.provides()? {
                let version = provided.requirement.map(|requirement| requirement.version);
                self.providers.entry(provided.name).or_default().push((name.clone(), version));
            }
        }
        Ok(())
    }

    /// The highest version of the package `name`.
    #[must_use]
    pub fn highest(&self, name: &str) -> Option<&Candidate> {
        self.by_name.get(name)?.first()
    }

    /// Every version of the package `name`, the highest first.
    #[must_use]
    pub fn versions(&self, name: &str) -> &[Candidate] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The packages that provide what `wanted` asks for, the most important first. What is provided
    /// without a version meets no bound on versions.
    #[must_use]
    pub fn providers(&self, wanted: &Alternative) -> Vec<&Candidate> {
        let mut found: Vec<_> = self
            .providers
            .get(&wanted.name)
            .into_iter()
            .flatten()
            .filter(|(_, version)| meets(wanted, version.as_ref()))
            .filter_map(|(name, _)| self.highest(name))
            .collect();
        found.sort_by(|left, right| {
            (left.package.priority, &left.package.name).cmp(&(right.package.priority, &right.package.name))
        });
        found.dedup();
        found
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
        Hint::did_you_mean(name, self.by_name.keys().map(String::as_str))
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
