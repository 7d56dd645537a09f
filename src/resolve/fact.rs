//! The facts that a failure rests on, instead of a proof.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::misnomers;
use crate::{
    hint::Hint,
    oci::Platform,
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
    /// Versions exist as source only.
    SourceOnly {
        /// Distribution.
        package: PackageName,
        /// Which ones, the newest first.
        versions: Vec<Version>,
        /// The newest version that has a wheel for the target.
        usable: Option<Version>,
    },
    /// No version is in the range at all.
    NoVersion {
        /// Distribution.
        package: PackageName,
        /// Such as `>=9`.
        versions: String,
        /// The usable versions that are nearest to it, the nearest first; at most five.
        there_are: Vec<Version>,
    },
    /// A version exists, but not with the local part that is asked for.
    OtherLocal {
        /// Distribution.
        package: PackageName,
        /// Such as `2.3.1+cpu`.
        version: Version,
        /// What there is in its place, such as `2.3.1`.
        there_are: Vec<Version>,
    },
    /// A version was withdrawn, and nobody names it.
    Withdrawn {
        /// Distribution.
        package: PackageName,
        /// Which one.
        version: Version,
        /// In the authors' words; may be empty.
        reason: String,
    },
    /// No index has the distribution.
    NotFound {
        /// Distribution.
        package: PackageName,
        /// The indexes that were asked.
        indexes: Vec<String>,
    },
    /// An alternative of a choice was not tried.
    PassedOver {
        /// As the recipe spells it.
        alternative: String,
        /// Why not.
        reason: String,
    },
    /// One requirement of the recipe, said otherwise, would do.
    WouldDo {
        /// As the recipe has it.
        requirement: String,
        /// What to write in its place.
        instead: String,
    },
    /// How other platforms fare.
    Elsewhere {
        /// Those for which there is no solution either.
        unsolved: Vec<Platform>,
        /// Those for which there is a solution.
        solved: Vec<Platform>,
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
        let tried: BTreeSet<String> = facts.iter().filter_map(Self::was_tried).collect();
        facts.retain(|fact| match fact {
            Self::NoVersion { package, .. } => !spoken_of.contains(package.as_str()),
            Self::Withdrawn { package, .. } => !tried.contains(package.as_str()),
            // Neither that old ones have no wheels, where newer ones were tried.
            Self::SourceOnly { package, versions, usable: Some(usable) } => {
                !tried.contains(package.as_str()) || versions.first().is_some_and(|newest| newest > usable)
            }
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
            Self::Unusable { package, .. }
            | Self::SourceOnly { package, .. }
            | Self::OtherLocal { package, .. }
            | Self::Withdrawn { package, .. } => Some(package.to_string()),
            _ => None,
        }
    }

    /// The distribution of which versions could be used, and were in somebody's way.
    fn was_tried(&self) -> Option<String> {
        match self {
            Self::Depends { package, .. } => package.split('[').next().map(str::to_owned),
            _ => None,
        }
    }

    /// The way out of all `facts`, which a single one may know best.
    pub(super) fn way_out(facts: &[Self]) -> Option<Hint> {
        let local = |fact: &&Self| matches!(fact, Self::OtherLocal { .. });
        let would_do = |fact: &&Self| matches!(fact, Self::WouldDo { .. });
        let best = facts.iter().find(local).or_else(|| facts.iter().find(would_do)).or_else(|| {
            // Nothing at all can be had of it: that is where it begins.
            facts.iter().find(|fact| matches!(fact, Self::NotFound { .. } | Self::SourceOnly { usable: None, .. }))
        });
        best.and_then(Self::hint).or_else(|| facts.iter().find_map(Self::hint)).or_else(|| loosen(facts))
    }

    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Installed { package, .. } => Some(Hint::new(format!(
                "require the version of {package} that the base has, name it in `wheels.allow-replace`, or give the \
                 wheels an environment of their own with `wheels.into`"
            ))),
            Self::SourceOnly { package, usable, .. } => {
                let older =
                    usable.as_ref().map(|version| format!("require `{package}<={version}`, which has wheels, "));
                Some(Hint::new(format!(
                    "{}build a wheel of {package} and name it in `wheels.require`, take another package, or leave it \
                     out with `wheels.exclude`",
                    older.unwrap_or_default()
                )))
            }
            Self::WouldDo { requirement, instead } => Some(Hint::new(format!("write `{instead}` for `{requirement}`"))),
            Self::NoVersion { package, there_are, .. } => there_are.first().map(|nearest| {
                Hint::new(format!("require a version of {package} that there is, such as `{package}=={nearest}`"))
            }),
            Self::OtherLocal { package, version, .. } => Some(Hint::new(format!(
                "name the index that has {package} {version} with `[[wheels.index]]`, or require `{package}=={}`",
                version.clone().without_local()
            ))),
            Self::Withdrawn { package, version, .. } => {
                Some(Hint::new(format!("require `{package}=={version}` if it has to be that one, or allow others")))
            }
            Self::Unusable { .. } => {
                Some(Hint::new("choose a version or base that fits, or offer alternatives with `[[wheels.choice]]`"))
            }
            Self::NotFound { package, .. } => {
                Some(misnomers::meant(package).unwrap_or_else(|| {
                    Hint::new("check the spelling, or name the index that has it in `wheels.index`")
                }))
            }
            Self::PassedOver { .. } => {
                Some(Hint::new("add an alternative for this platform to the `[[wheels.choice]]`"))
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
        Fact::Unusable { package, .. } => {
            let count = told.entry(package.clone()).or_default();
            *count += 1;
            *count <= NEWEST
        }
        _ => true,
    });
    facts.reverse();
}

fn loosen(facts: &[Fact]) -> Option<Hint> {
    let wanted = facts.iter().filter_map(|fact| match fact {
        Fact::Wanted { requirement } => Some(format!("`{requirement}`")),
        _ => None,
    });
    let wanted: Vec<String> = wanted.collect();
    (!wanted.is_empty()).then(|| {
        Hint::new(format!(
            "loosen {}, or set a wrong requirement of somebody else right with `wheels.overrides`",
            wanted.join(" or ")
        ))
    })
}

/// `in 1.0.0`, or the newest of several.
fn some(versions: &[Version]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = versions.iter().take(SHOWN).map(ToString::to_string).collect();
    match versions.len().checked_sub(SHOWN) {
        None | Some(0) => format!("in {}", shown.join(", ")),
        Some(more) => format!("in {} and {more} more", shown.join(", ")),
    }
}

fn elsewhere(unsolved: &[Platform], solved: &[Platform]) -> String {
    let names = |list: &[Platform]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match (unsolved, solved) {
        ([], solved) => format!("there is a solution for {}", names(solved)),
        (unsolved, []) => format!("there is none for {} either", names(unsolved)),
        (unsolved, solved) => format!("there is none for {} either, but one for {}", names(unsolved), names(solved)),
    }
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
            Self::SourceOnly { package, versions, usable } => {
                let all = usable.is_none() && versions.len() > 1;
                let which = if all { "in every version".to_owned() } else { some(versions) };
                write!(formatter, "{package} is published as source only, without wheels, {which}")?;
                match usable {
                    Some(version) => write!(formatter, "; {version} is the newest that has one for the target"),
                    None => Ok(()),
                }
            }
            Self::WouldDo { requirement, instead } => {
                write!(formatter, "with {instead} in place of {requirement} there is a solution")
            }
            Self::Elsewhere { unsolved, solved } => formatter.write_str(&elsewhere(unsolved, solved)),
            Self::NoVersion { package, versions, there_are } if there_are.is_empty() => {
                write!(formatter, "there is no version of {package} in {versions}")
            }
            Self::NoVersion { package, versions, there_are } => {
                let known: Vec<String> = there_are.iter().map(ToString::to_string).collect();
                write!(formatter, "there is no version of {package} in {versions}; usable are {}", known.join(", "))
            }
            Self::OtherLocal { package, version, there_are } => {
                let known: Vec<String> = there_are.iter().map(ToString::to_string).collect();
                write!(formatter, "there is no {package} {version}; of this version there is {}", known.join(", "))
            }
            Self::Withdrawn { package, version, reason } => {
                write!(
                    formatter,
                    "{package} {version} was withdrawn by its authors, and is taken only by `=={version}`"
                )?;
                if reason.is_empty() { Ok(()) } else { write!(formatter, ": {reason}") }
            }
            Self::NotFound { package, indexes } if indexes.is_empty() => {
                write!(formatter, "{package} is in no index: none is used for it")
            }
            Self::NotFound { package, indexes } => {
                write!(formatter, "no index has {package}: asked was {}", indexes.join(", "))
            }
            Self::PassedOver { alternative, reason } => {
                write!(formatter, "{alternative} was passed over: {reason}")
            }
            Self::More { count } => write!(formatter, "and {count} more facts"),
        }
    }
}
