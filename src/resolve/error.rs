//! Why wheels could not be chosen.

use std::path::PathBuf;

use super::Fact;
use crate::{
    hint::{Advise, Hint},
    oci::{Digest, Platform},
    pypi::IndexError,
    python::{Incompatible, NamePattern, PackageName, PythonVersion, VersionSpecifiers},
};

/// A request that cannot be met.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolveError {
    /// No set of wheels satisfies everything.
    #[error("no set of wheels for {platform} satisfies every requirement")]
    NoSolution {
        /// The platform.
        platform: Box<Platform>,
        /// What it comes down to, at most 25.
        facts: Vec<Fact>,
    },
    /// The search took too long.
    #[error(
        "gave up on {platform} after looking at {looked_at} versions, most often of {}",
        .most.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    GivenUp {
        /// The platform.
        platform: Box<Platform>,
        /// Versions whose requirements were weighed.
        looked_at: usize,
        /// The distributions with the most of them, the first with the most.
        most: Vec<PackageName>,
    },
    /// None of a choice's alternatives has wheels.
    #[error("none of the alternatives {} has wheels for {platform}", .alternatives.join(" | "))]
    NoChoice {
        /// The platform.
        platform: Box<Platform>,
        /// As the recipe spells them.
        alternatives: Vec<String>,
        /// Why each of them fails, at most 25 together.
        facts: Vec<Fact>,
    },
    /// Something is needed that the recipe denies.
    #[error("{package} is denied by `{pattern}`, but needed on {platform} by {}", .why.join(", "))]
    Denied {
        /// What is needed.
        package: PackageName,
        /// Which entry of the recipe denies it.
        pattern: NamePattern,
        /// The platform.
        platform: Box<Platform>,
        /// `recipe`, or who requires it.
        why: Vec<String>,
    },
    /// A wheel that the recipe names itself does not fit the platform.
    #[error("{file} does not fit {platform}: it {reason}")]
    DirectIncompatible {
        /// File name.
        file: String,
        /// The platform.
        platform: Box<Platform>,
        /// Why not.
        reason: Incompatible,
    },
    /// A wheel that the recipe names itself is for other Pythons.
    #[error("{file} does not fit {platform}: it requires Python {wanted}, the base has {found}")]
    DirectPython {
        /// File name.
        file: String,
        /// The platform.
        platform: Box<Platform>,
        /// What it is for.
        wanted: VersionSpecifiers,
        /// What the base has.
        found: PythonVersion,
    },
    /// A URL leads to a wheel of another distribution.
    #[error("the URL of {package} leads to {file}")]
    DirectName {
        /// What the recipe calls it.
        package: PackageName,
        /// File name at the URL.
        file: String,
    },
    /// The recipe names two files for one distribution.
    #[error("{package} is named twice, as {first} and as {second}")]
    DirectTwice {
        /// Distribution.
        package: PackageName,
        /// One URL or path.
        first: String,
        /// The other.
        second: String,
    },
    /// A file does not have a hash that the recipe accepts.
    #[error("{file} has {found}, which is none of the hashes given for it")]
    NotAccepted {
        /// File name.
        file: String,
        /// What it has.
        found: Digest,
    },
    /// A lock of another tool gives a file without its place, hash or size.
    #[error("nothing says where {file} lies, or its SHA-256 and size")]
    NoPlace {
        /// File name.
        file: String,
    },
    /// A constraint names a URL, which bounds nothing.
    #[error("the constraint on {package} names a URL")]
    ConstraintUrl {
        /// Distribution.
        package: PackageName,
    },
    /// A local wheel's path cannot be written into a lock.
    #[error("`{}` is not UTF-8", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// An index could not be used.
    #[error(transparent)]
    Index(#[from] Box<IndexError>),
}

impl ResolveError {
    /// What the error comes down to, one line each; empty where the message says it all.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        match self {
            Self::NoSolution { facts, .. } | Self::NoChoice { facts, .. } => facts,
            _ => &[],
        }
    }
}

impl From<IndexError> for ResolveError {
    fn from(error: IndexError) -> Self {
        Self::Index(Box::new(error))
    }
}

impl Advise for ResolveError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::NoSolution { facts, .. } | Self::NoChoice { facts, .. } => Fact::way_out(facts),
            Self::GivenUp { most, .. } => most.first().map(|package| {
                Hint::new(format!("bound the versions of {package} in `wheels.constraints`, such as `{package}>=…`"))
            }),
            Self::Denied { .. } => Some(Hint::new(
                "bind the package that needs it to an index without it (`wheels.index` with `for`), or take it out of `wheels.deny`",
            )),
            Self::DirectIncompatible { .. } => {
                Some(Hint::new("give the requirement a marker such as `; platform_machine == 'x86_64'`"))
            }
            Self::DirectPython { .. } => Some(Hint::new("take a `base` with such a Python, or another wheel")),
            Self::ConstraintUrl { .. } => Some(Hint::new("move the URL to `wheels.require` or `wheels.overrides`")),
            Self::Index(error) => error.hint(),
            Self::DirectName { .. } => Some(Hint::new("name the distribution as its wheel does, or mend the URL")),
            Self::DirectTwice { .. } => Some(Hint::new("leave one of the two out of the requirements")),
            Self::NotAccepted { .. } => {
                Some(Hint::new("give its hash too, lock the project again, or see who changed the file"))
            }
            Self::NoPlace { .. } => {
                Some(Hint::new("lock the project again with a tool that writes where each file lies"))
            }
            Self::Path { .. } => Some(Hint::new("give the file a name in UTF-8")),
        }
    }
}
