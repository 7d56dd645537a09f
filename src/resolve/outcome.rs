//! What the resolver answers.

use std::fmt;

use crate::{
    lock::{LockedWheel, WheelSource},
    oci::{Digest, Platform},
    python::{ExtraName, PackageName, UploadTime, Version, WheelName},
};

/// The wheels of one image on one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// The platform.
    pub platform: Platform,
    /// Sorted by name; what the base brings is not among them.
    pub wheels: Vec<Picked>,
    /// What was taken at each choice, as the recipe spells it.
    pub choices: Vec<Vec<String>>,
    /// What the user should know. Sorted.
    pub notices: Vec<Notice>,
}

/// A chosen wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    /// Distribution.
    pub name: PackageName,
    /// Version.
    pub version: Version,
    /// File name, which holds the version as the wheel spells it.
    pub file: WheelName,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// Bytes of the file.
    pub size: u64,
    /// Where it comes from.
    pub source: WheelSource,
    /// Since when its index has it, where that tells.
    pub uploaded: Option<UploadTime>,
    /// Whether nothing says which SHA-256 it has but the file itself.
    pub own_hash: bool,
    /// `recipe`, or the distributions that require it. Sorted.
    pub why: Vec<String>,
}

/// Something about a resolution that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Notice {
    /// A distribution does not have an extra that is asked for.
    UnknownExtra {
        /// Distribution.
        package: PackageName,
        /// Its version.
        version: Version,
        /// What it does not have.
        extra: ExtraName,
    },
    /// Nothing says what an extra that is asked for would bring.
    UntoldExtra {
        /// Distribution.
        package: PackageName,
        /// What is asked for.
        extra: ExtraName,
        /// Why it is not known.
        reason: String,
    },
    /// A version newer than the chosen one was passed over, because its wheel is damaged.
    PassedOver {
        /// Distribution.
        package: PackageName,
        /// The version that was not taken.
        version: Version,
        /// What is wrong with its wheel.
        reason: String,
    },
    /// A chosen wheel was withdrawn by its authors.
    Yanked {
        /// Distribution.
        package: PackageName,
        /// Its version.
        version: Version,
        /// In the authors' words; may be empty.
        reason: String,
    },
}

impl From<Picked> for LockedWheel {
    fn from(picked: Picked) -> Self {
        Self {
            name: picked.name.to_string(),
            version: picked.file.version_spelled().to_owned(),
            file: picked.file.to_string(),
            sha256: picked.sha256,
            size: picked.size,
            source: picked.source,
            uploaded: picked.uploaded,
            own_hash: picked.own_hash,
            why: picked.why,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownExtra { package, version, extra } => {
                write!(formatter, "{package} {version} has no extra `{extra}`")
            }
            Self::UntoldExtra { package, extra, reason } => {
                write!(formatter, "what {package}[{extra}] asks for is not seen to: {reason}")
            }
            Self::PassedOver { package, version, reason } => {
                write!(formatter, "{package} {version} was passed over: {reason}")
            }
            Self::Yanked { package, version, reason } if reason.is_empty() => {
                write!(formatter, "{package} {version} was withdrawn by its authors")
            }
            Self::Yanked { package, version, reason } => {
                write!(formatter, "{package} {version} was withdrawn by its authors: {reason}")
            }
        }
    }
}
