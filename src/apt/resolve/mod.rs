//! Which packages are needed together, as apt finds it: the candidate of each name, the leftmost
//! alternative that can be had.
//!
//! Only a choice among several is ever taken back: where it leads to packages that exclude each other or
//! lack something, the next one is tried. Everything else that does not go together is an error that says
//! who needs what.

mod explain;
mod wish;
mod work;

use std::collections::BTreeSet;

use super::{AptError, Universe};
use crate::{
    debian::{Package, Version},
    lock::{LockedPackage, LockedSuite},
    oci::Digest,
};
use work::{Failure, Work};

/// What packages that the user asked for are needed by.
const RECIPE: &str = "recipe";
/// What packages that every system has are needed by.
const ESSENTIAL: &str = "essential";
/// Choices that are taken back before the search is given up.
const RETRIES: usize = 50;

/// A package of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Binary package name.
    pub name: String,
    /// The version.
    pub version: Version,
    /// `debian` or `debian-security`.
    pub archive: String,
    /// `bookworm-updates`.
    pub suite: String,
    /// Path below the archive's root.
    pub path: String,
    /// Of the .deb.
    pub sha256: Digest,
    /// Bytes of the .deb.
    pub size: u64,
    /// `recipe`, `essential`, the packages that depend on it, or `NAME (recommends)`. Sorted.
    pub why: Vec<String>,
}

/// What is asked of the archive.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// Packages to have: `libgl1`, `libgl1=1.6.0-1` in this version, `git/bookworm-backports` from this suite.
    pub names: &'a [String],
    /// Whether the packages that every system has are asked for too.
    pub essential: bool,
    /// Whether what packages depend on comes along.
    pub select: Select,
    /// Which recommendations count.
    pub recommends: Recommends<'a>,
    /// What the base has; it is not brought again.
    pub installed: &'a [Package],
    /// Names among them that may be replaced by later versions.
    pub upgrade: &'a [String],
    /// Names that are left out, whoever depends on them.
    pub exclude: &'a [String],
}

/// Which packages there are beside those that are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Select {
    /// What they depend on.
    #[default]
    Depends,
    /// None.
    Listed,
}

/// Which recommendations count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recommends<'a> {
    /// None.
    #[default]
    None,
    /// Those of these packages.
    Of(&'a [String]),
    /// Those of every new package.
    All,
}

/// The packages that `request` needs and that are not installed yet, sorted by name.
///
/// # Errors
/// When a name is unknown, when a dependency cannot be met, and when two packages exclude each other.
pub fn resolve(universe: &Universe, request: Request<'_>) -> Result<Vec<Selected>, AptError> {
    let mut refused = BTreeSet::new();
    let mut first = None;
    for _ in 0..RETRIES {
        match Work::new(universe, request, &refused).and_then(Work::run) {
            Ok(selected) => return Ok(selected),
            Err(Failure { error, choice: None }) => return Err(first.unwrap_or(error)),
            Err(Failure { error, choice: Some(name) }) => {
                first.get_or_insert(error);
                refused.insert(name.to_owned());
            }
        }
    }
    Err(first.unwrap_or(AptError::Endless { choices: RETRIES }))
}

impl Selected {
    /// As it stands in a lock with these suites: the first one of an archive need not be named.
    #[must_use]
    pub fn locked(self, suites: &[LockedSuite]) -> LockedPackage {
        let first = suites.iter().find(|suite| suite.archive == self.archive);
        let is_first = first.is_some_and(|first| first.suite == self.suite);
        LockedPackage {
            name: self.name,
            version: self.version.into(),
            archive: self.archive,
            suite: (!is_first).then_some(self.suite),
            path: self.path,
            sha256: self.sha256,
            size: self.size,
            why: self.why,
        }
    }
}

#[cfg(test)]
mod tests;
