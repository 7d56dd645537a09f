//! What `PubGrub` is told about: packages, versions, reasons.

use std::{convert::Infallible, fmt};

use pubgrub::{Dependencies, DependencyProvider, PackageResolutionStatistics};

use super::{conflicts::Priority, ranges::Versions};
use crate::python::{ExtraName, PackageName, Version};

/// A package of the search.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Package {
    /// The recipe.
    Root,
    /// A distribution.
    Base(PackageName),
    /// An optional part of a distribution, which depends on it at the same version.
    Extra(PackageName, ExtraName),
}

/// Why versions are out of the question, beside what depends on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// No index has the package.
    NotFound,
    /// The base brings this version.
    Installed(Version),
    /// The recipe names a file of this version.
    Direct(Version),
    /// The wheel that would be taken cannot be used.
    Unusable(String),
}

/// Names the types of the search; the search itself is in [`super::solver`].
#[derive(Clone, Debug)]
pub(super) struct Provider;

impl Package {
    /// The distribution; the recipe is none.
    pub(super) const fn name(&self) -> Option<&PackageName> {
        match self {
            Self::Root => None,
            Self::Base(name) | Self::Extra(name, _) => Some(name),
        }
    }
}

impl fmt::Display for Package {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => formatter.write_str("recipe"),
            Self::Base(name) => write!(formatter, "{name}"),
            Self::Extra(name, extra) => write!(formatter, "{name}[{extra}]"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => formatter.write_str("it is in no index"),
            Self::Installed(version) => write!(formatter, "the base brings {version}"),
            Self::Direct(version) => write!(formatter, "the recipe names {version}"),
            Self::Unusable(reason) => formatter.write_str(reason),
        }
    }
}

impl DependencyProvider for Provider {
    type P = Package;
    type V = Version;
    type VS = Versions;
    type Priority = Priority;
    type M = Reason;
    type Err = Infallible;

    // The three methods serve `pubgrub::resolve`, which is not used: it can neither wait for the
    // network nor go back on purpose.
    fn prioritize(&self, _: &Package, _: &Versions, _: &PackageResolutionStatistics) -> Priority {
        Priority::Root
    }

    fn choose_version(&self, _: &Package, _: &Versions) -> Result<Option<Version>, Infallible> {
        Ok(None)
    }

    fn get_dependencies(
        &self,
        _: &Package,
        _: &Version,
    ) -> Result<Dependencies<Package, Versions, Reason>, Infallible> {
        Ok(Dependencies::Unavailable(Reason::NotFound))
    }
}
