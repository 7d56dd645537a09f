//! The facts that a failure rests on, instead of a proof.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    hint::Hint,
    python::{PackageName, Version},
};

/// One of the facts that together rule out a solution. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fact {
    /// The recipe requires something.
    Wanted {
        /// Such as `torch==2.3.1`.
        requirement: String,
    },
    /// Versions of a distribution require something.
    Depends {
        /// Distribution, with its extra if it is one.
        package: String,
        /// `2.3.1`, or `1.0 to 2.3.1 (12 versions)`.
        versions: String,
        /// Such as `numpy>=2`.
        requirement: String,
    },
    /// The base brings another version.
    Installed {
        /// Distribution.
        package: PackageName,
        /// What the base has.
        version: Version,
    },
    /// The recipe names the file of this version.
    Direct {
        /// Distribution.
        package: PackageName,
        /// Its version.
        version: Version,
    },
    /// A version exists and cannot be used.
    Unusable {
        /// Distribution.
        package: PackageName,
        /// Which one.
        version: Version,
        /// Why not, with what is on offer.
        reason: String,
    },
    /// A version exists as source only.
    SourceOnly {
        /// Distribution.
        package: PackageName,
        /// Which one.
        version: Version,
    },
    /// No version is in the range at all.
    NoVersion {
        /// Distribution.
        package: PackageName,
        /// Such as `>=9`.
        versions: String,
        /// The newest usable versions, newest first; at most five.
        there_are: Vec<Version>,
    },
    /// No index has the distribution.
    NotFound {
        /// Distribution.
        package: PackageName,
        /// The indexes that were asked.
        indexes: Vec<String>,
    },
    /// More of the same.
    More {
        /// How many facts were left out.
        count: usize,
    },
}

impl Fact {
    /// The most facts an error tells.
    pub(super) const MOST: usize = 25;

    /// Sorted, without repetition, and not too many.
    pub(super) fn told(mut facts: Vec<Self>) -> Vec<Self> {
        facts.sort();
        facts.dedup();
        // Where the versions that exist are spoken of, nobody needs to hear that there are no others.
        let spoken_of: BTreeSet<String> = facts.iter().filter_map(Self::speaks_of).collect();
        facts.retain(|fact| match fact {
            Self::NoVersion { package, .. } => !spoken_of.contains(package.as_str()),
            _ => true,
        });
        few_versions(&mut facts);
        if facts.len() > Self::MOST {
            let count = facts.len() - (Self::MOST - 1);
            // What cannot be had says more than who asked for it.
            facts.sort_by_key(|fact| matches!(fact, Self::Depends { .. }));
            facts.truncate(Self::MOST - 1);
            facts.sort();
            facts.push(Self::More { count });
        }
        facts
    }

    fn speaks_of(&self) -> Option<String> {
        match self {
            Self::Depends { package, .. } => package.split('[').next().map(str::to_owned),
            Self::Unusable { package, .. } | Self::SourceOnly { package, .. } => Some(package.to_string()),
            _ => None,
        }
    }

    pub(super) fn hint(&self) -> Option<Hint> {
        match self {
            Self::Installed { package, .. } => Some(Hint::new(format!(
                "require the version of {package} that the base has, choose another base, or set `wheels.into`"
            ))),
            Self::SourceOnly { package, .. } => Some(Hint::new(format!(
                "build a wheel of {package} and name it in `wheels.require`, or leave it out with `wheels.exclude`"
            ))),
            Self::Unusable { .. } => {
                Some(Hint::new("choose a version or base that fits, or offer alternatives with `[[wheels.choice]]`"))
            }
            Self::NotFound { .. } => {
                Some(Hint::new("check the spelling, or name the index that has it in `wheels.index`"))
            }
            _ => None,
        }
    }
}

/// Leaves the newest three of the unusable versions of each distribution: the others are mostly alike.
fn few_versions(facts: &mut Vec<Fact>) {
    const NEWEST: usize = 3;
    let mut told: BTreeMap<PackageName, usize> = BTreeMap::new();
    facts.reverse();
    facts.retain(|fact| match fact {
        Fact::Unusable { package, .. } | Fact::SourceOnly { package, .. } => {
            let count = told.entry(package.clone()).or_default();
            *count += 1;
            *count <= NEWEST
        }
        _ => true,
    });
    facts.reverse();
}

impl fmt::Display for Fact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wanted { requirement } => write!(formatter, "the recipe requires {requirement}"),
            Self::Depends { package, versions, requirement } => {
                write!(formatter, "{package} {versions} requires {requirement}")
            }
            Self::Installed { package, version } => {
                write!(formatter, "the base brings {package} {version}, which cannot be replaced")
            }
            Self::Direct { package, version } => {
                write!(formatter, "the recipe names the file of {package} {version}")
            }
            Self::Unusable { package, version, reason } => {
                write!(formatter, "{package} {version} cannot be used: {reason}")
            }
            Self::SourceOnly { package, version } => {
                write!(formatter, "{package} {version} is published as source only, without wheels")
            }
            Self::NoVersion { package, versions, there_are } if there_are.is_empty() => {
                write!(formatter, "there is no version of {package} in {versions}")
            }
            Self::NoVersion { package, versions, there_are } => {
                let known: Vec<String> = there_are.iter().map(ToString::to_string).collect();
                write!(formatter, "there is no version of {package} in {versions}; usable are {}", known.join(", "))
            }
            Self::NotFound { package, indexes } if indexes.is_empty() => {
                write!(formatter, "{package} is in no index: none is used for it")
            }
            Self::NotFound { package, indexes } => {
                write!(formatter, "{package} is not in {}", indexes.join(", "))
            }
            Self::More { count } => write!(formatter, "and {count} more facts"),
        }
    }
}
