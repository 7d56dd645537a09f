//! What goes wrong between an archive and a list of packages.

use crate::{
    debian::{DebianError, openpgp::OpenPgpError},
    hint::{Advise, Hint},
    http::HttpError,
    oci::Digest,
    store::StoreError,
};

/// An archive that does not hold what it should, or packages that do not go together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AptError {
    /// A file of the archive could not be had from any mirror.
    #[error("cannot fetch `{file}` of the archive `{archive}`")]
    Fetch {
        /// `debian` or `debian-security`.
        archive: String,
        /// Path below the archive's root.
        file: String,
        /// What the last mirror said.
        source: Box<HttpError>,
    },
    /// The .deb is on no mirror any more.
    #[error("{package}: `{path}` has gone from the archive `{archive}`")]
    Gone {
        /// Name and version.
        package: String,
        /// `debian` or `debian-security`.
        archive: String,
        /// Path below the archive's root.
        path: String,
        /// What the last mirror said.
        source: Box<HttpError>,
    },
    /// What a mirror sends has another length than was promised.
    #[error("{url} sends {found} in place of the {expected} bytes that were promised")]
    WrongSize {
        /// Without credentials and query.
        url: String,
        /// Bytes, as the lock or the release file says.
        expected: u64,
        /// What came.
        found: String,
    },
    /// What a mirror sends has the right length and other bytes than were promised.
    #[error("{url} sends other bytes than were promised: {found} in place of {expected}")]
    Corrupt {
        /// Without credentials and query.
        url: String,
        /// As the lock or the release file says.
        expected: Digest,
        /// Of what came.
        found: String,
    },
    /// A lock names an archive that is not known, or a path that leaves it.
    #[error("`{path}` in the archive `{archive}` is no place that packages come from")]
    Place {
        /// As the lock names it.
        archive: String,
        /// As the lock names it.
        path: String,
    },
    /// The store could not keep or read a file.
    #[error("cannot keep `{file}`")]
    Keep {
        /// File name.
        file: String,
        /// Why.
        source: StoreError,
    },
    /// A file of the archive is malformed.
    #[error("the archive's `{file}` is malformed")]
    Malformed {
        /// Which file.
        file: String,
        /// Why.
        source: DebianError,
    },
    /// A file of the store cannot be read.
    #[error("cannot read `{file}`")]
    Read {
        /// Which file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The archive answers with another suite than the one that was asked for.
    #[error("asked for the suite `{asked}`, the archive sent `{found}`")]
    OtherSuite {
        /// The suite of the recipe.
        asked: String,
        /// Code name or suite of the file.
        found: String,
    },
    /// The release file is out of date: a mirror that lags, or someone who replays it.
    #[error("the release file of `{suite}` was valid until {until}")]
    Expired {
        /// The suite.
        suite: String,
        /// As the release file spells it.
        until: String,
    },
    /// The suite has no packages for an architecture.
    #[error("`{suite}` has no packages for {architecture}")]
    NoArchitecture {
        /// The suite.
        suite: String,
        /// Debian's name of it.
        architecture: String,
    },
    /// The suite does not list the files of its packages.
    #[error("`{suite}` does not list what packages contain for {architecture}")]
    NoContents {
        /// The suite.
        suite: String,
        /// Debian's name of it.
        architecture: String,
    },
    /// A suite that has no such component.
    #[error("`{suite}` has no component `{component}`, only {}", .available.join(", "))]
    NoComponent {
        /// The suite.
        suite: String,
        /// The component.
        component: String,
        /// What it has.
        available: Vec<String>,
    },
    /// A release file without a signature.
    #[error("the archive's suite `{suite}` is not signed")]
    Unsigned {
        /// Which suite.
        suite: String,
    },
    /// A release file whose signature does not count.
    #[error("the signature of the archive's suite `{suite}` does not count")]
    Signature {
        /// Which suite.
        suite: String,
        /// Why not.
        source: OpenPgpError,
    },
    /// A release file with a good signature that is not the newest one.
    #[error("the archive's suite `{suite}` is of {date}, older than the one seen before, of {seen}")]
    Older {
        /// Which suite.
        suite: String,
        /// When it was made, as it says.
        date: String,
        /// When the one was made that was seen before.
        seen: String,
    },
    /// No package goes by this name.
    #[error("{wanted_by} needs `{name}`, and there is no package of that name")]
    Unknown {
        /// The name.
        name: String,
        /// `the recipe` or a package.
        wanted_by: String,
        /// A name that is near.
        suggestion: Option<Hint>,
    },
    /// A package exists, but not in a version that would do.
    #[error("{chain} needs `{dependency}`, but {found}")]
    Unmet {
        /// From the recipe to the package whose dependency it is.
        chain: String,
        /// As the package spells it.
        dependency: String,
        /// `the archive has …`, or what stands in the way.
        found: String,
        /// What would do.
        hint: Option<Hint>,
    },
    /// The base has a package in a version that does not do.
    #[error("{chain} needs `{dependency}`, but the base has {found}")]
    BaseUnfit {
        /// From the recipe to the package whose dependency it is.
        chain: String,
        /// As the package spells it.
        dependency: String,
        /// Name and version in the base.
        found: String,
        /// Its name, where the archive has a later version.
        newer: Option<String>,
    },
    /// A package of the base does not go with the new version of another one.
    #[error("the base's {package} needs `{dependency}`, and would get {found}")]
    BaseBroken {
        /// Name and version.
        package: String,
        /// The name.
        name: String,
        /// As the package spells it.
        dependency: String,
        /// Name and version of what takes the place of the base's.
        found: String,
    },
    /// Two packages exclude each other.
    #[error("{left} conflicts with {right} (`{field}`): {because}")]
    Conflict {
        /// Name and version.
        left: String,
        /// Name and version.
        right: String,
        /// What the first one excludes.
        field: String,
        /// Who needs either of them.
        because: String,
    },
    /// Too many choices lead nowhere.
    #[error("after {choices} choices among packages, no set was found that goes together")]
    Endless {
        /// How many were tried.
        choices: usize,
    },
    /// An archive has no checksum of a package.
    #[error("the archive gives no checksum of {package}")]
    NoChecksum {
        /// Name and version.
        package: String,
    },
    /// Work on a thread of its own ended without a result.
    #[error("the reading of `{file}` was interrupted")]
    Interrupted {
        /// Which file.
        file: String,
    },
}

impl Advise for AptError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Fetch { source, .. } if source.status().is_some_and(|status| status.as_u16() == 404) => {
                Some(Hint::new("check `debian.suite`, or name another mirror in `debian.mirrors`"))
            }
            Self::Fetch { source, .. } => {
                source.hint().or_else(|| Some(Hint::new("try again later, or name another mirror in `debian.mirrors`")))
            }
            Self::Gone { package, .. } => Some(Hint::new(format!(
                "archives keep only current versions: lock anew with `lock --upgrade {}`, or name an archive of past \
                 states in `debian.snapshot`, `https://…/{{archive}}/{{timestamp}}`",
                package.split(' ').next().unwrap_or(package)
            ))),
            Self::WrongSize { .. } | Self::Corrupt { .. } => {
                Some(Hint::new("try again, or name another mirror in `debian.mirrors`"))
            }
            Self::NoComponent { available, .. } => {
                Some(Hint::new(format!("name some of {} in `debian.components`", available.join(", "))))
            }
            Self::Place { .. } => Some(Hint::new("lock again with `lock --upgrade`")),
            Self::Keep { source, .. } => source.hint(),
            Self::Malformed { .. } | Self::NoChecksum { .. } => {
                Some(Hint::new("name another mirror in `debian.mirrors`"))
            }
            Self::OtherSuite { .. } => Some(Hint::new("write the code name of the release in `debian.suite`")),
            Self::Expired { .. } | Self::Older { .. } => {
                Some(Hint::new("name a mirror that is up to date in `debian.mirrors`"))
            }
            Self::Unsigned { .. } => Some(Hint::new(
                "name another mirror in `debian.mirrors`, or write `keyring = false` to go by checksums",
            )),
            Self::Signature { source, .. } => source.hint(),
            Self::NoContents { .. } => Some(Hint::new("name a mirror with `Contents` files in `debian.mirrors`")),
            Self::NoArchitecture { .. } => Some(Hint::new("leave this platform out of `platforms`")),
            Self::Unknown { suggestion, .. } => suggestion.clone().or_else(|| {
                Some(Hint::new("correct the name, or add the component that has it to `debian.components`"))
            }),
            Self::BaseUnfit { newer: Some(name), .. } => Some(Hint::new(format!(
                "take a newer image as `base` (`lock --upgrade base`), or let it be replaced with `debian.allow-upgrade = [\"{name}\"]`"
            ))),
            Self::BaseUnfit { .. } => Some(Hint::new("take another image as `base`")),
            Self::BaseBroken { name, .. } => {
                Some(Hint::new(format!("add `{name}` to `debian.allow-upgrade`, or take a newer image as `base`")))
            }
            Self::Unmet { hint, .. } => {
                hint.clone().or_else(|| Some(Hint::new("name an alternative in `debian.packages`")))
            }
            Self::Conflict { .. } | Self::Endless { .. } => Some(Hint::new(
                "name in `debian.packages` which alternative is meant, or leave one out with `debian.exclude`",
            )),
            Self::Interrupted { .. } | Self::Read { .. } => {
                Some(Hint::new("run again; if it stays so, name another mirror in `debian.mirrors`"))
            }
        }
    }
}
