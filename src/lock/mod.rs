//! The lock: everything a build reads, by digest. A TOML file beside the recipe, sorted, meant to be
//! read in a diff.

mod changes;
mod check;
mod compiler;
mod error;
mod export;
mod facts;
mod input;
mod over;
mod stale;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use changes::{LockChange, LockedKind, Place};
pub use compiler::Compiler;
pub use error::LockError;
pub use export::{Export, FilePlace, IndexOption};
pub use facts::{
    Directory, Facts, Installation, Installed, Interpreter, Library, LibraryError, PackageDatabase, Scheme, Symlink,
    System,
};
pub use input::Input;
pub use over::{Replaced, Venv};
pub use stale::{Change, Stale};

use crate::{
    oci::{Digest, Platform},
    python::UploadTime,
};

/// The contents of a lock file, format 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lock {
    /// The format: 1.
    pub version: u32,
    /// What the recipe said when this was written, by its keys (`base`, `wheels.require`,
    /// `wheels.files (requirements.txt)` …), so that a stale lock is noticed and the difference named.
    #[serde(default)]
    pub inputs: BTreeMap<String, Input>,
    /// One per platform, in the recipe's order: what lies below the wheels.
    #[serde(default)]
    pub platforms: Vec<LockedPlatform>,
    /// One per variant and platform: the wheels.
    #[serde(default)]
    pub images: Vec<LockedImage>,
}

/// The base image and Debian packages of one platform, and what is known of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedPlatform {
    /// The platform.
    pub platform: Platform,
    /// The manifest of the base for this platform; none from scratch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Digest>,
    /// The image index that lists that manifest; none where the base is a manifest by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_index: Option<Digest>,
    /// What base and Debian packages together offer.
    pub facts: Facts,
    /// What of the base decides how Debian packages are laid over it; none where all is as packages have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<Below>,
    /// The suites of Debian archives that the packages were chosen from: the evidence for that choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<LockedSuite>,
    /// Sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub debian: Vec<LockedPackage>,
    /// The virtual environment that is made for the wheels, and whose interpreter the facts tell of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub venv: Option<Venv>,
    /// Who compiles sources, where the recipe wants that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compiler: Option<Compiler>,
}

/// What of a base decides how Debian packages are laid over it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Below {
    /// Directories that packages bring too, but with other attributes: the base's stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub directories: Vec<Directory>,
    /// Symbolic links on the ways of packages' files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub symlinks: Vec<Symlink>,
}

/// A suite of a Debian archive as it was when packages were chosen from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedSuite {
    /// `debian` or `debian-security`.
    pub archive: String,
    /// `bookworm-updates`.
    pub suite: String,
    /// When it was made, as archives of past states write it: `20261121T005302Z`.
    pub date: String,
    /// SHA-256 of its `InRelease`, which vouches for the indexes and so for every package.
    pub release: Digest,
    /// The fingerprint of the key that signed it; none where nobody's signature was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
}

/// One .deb.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedPackage {
    /// Binary package name.
    pub name: String,
    /// Debian version, epoch included.
    pub version: String,
    /// Which archive: `debian` or `debian-security`.
    pub archive: String,
    /// Which suite, where that is not the first one of the archive in [`LockedPlatform::suites`]. The
    /// component stands in the path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// Path below the archive's root, `pool/main/…`.
    pub path: String,
    /// SHA-256 of the .deb.
    pub sha256: Digest,
    /// Bytes of the .deb.
    pub size: u64,
    /// `recipe`, `essential`, the packages that depend on it, or `NAME (recommends)`. Sorted.
    pub why: Vec<String>,
}

/// The wheels of one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedImage {
    /// The variant; none where the recipe has no variants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// The platform.
    pub platform: Platform,
    /// What was taken at each `[[wheels.choice]]`: the alternative's requirements, in the recipe's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Vec<String>>,
    /// Distributions of the base whose place wheels take. Sorted by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaced: Vec<Replaced>,
    /// Sorted by name.
    #[serde(default)]
    pub wheels: Vec<LockedWheel>,
}

/// One wheel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LockedWheel {
    /// Normalised distribution name.
    pub name: String,
    /// Version, spelled as the wheel spells it.
    pub version: String,
    /// File name.
    pub file: String,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// Bytes of the file.
    pub size: u64,
    /// Where it comes from.
    pub source: WheelSource,
    /// Since when its index has it, where the recipe asks for its age and the index tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<UploadTime>,
    /// Whether `sha256` is what the file had when it was fetched, where the recipe asks for that: neither an index nor
    /// the recipe says it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_hash: bool,
    /// `recipe`, or the distributions that require it. Sorted.
    pub why: Vec<String>,
}

/// Where a wheel comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WheelSource {
    /// A package index, by its name in the recipe (`default` for the default index).
    Index(String),
    /// A direct URL of the recipe (PEP 508 `name @ https://…`), without credentials.
    Url(String),
    /// A local file, relative to the recipe.
    Path(String),
}

impl LockedPackage {
    /// The .deb as a file: its name, digest and bytes.
    #[must_use]
    pub fn as_file(&self) -> (String, Digest, u64) {
        (self.path.rsplit('/').next().unwrap_or(&self.path).to_owned(), self.sha256, self.size)
    }
}

impl LockedWheel {
    /// The wheel as a file: its name, digest and bytes.
    #[must_use]
    pub fn as_file(&self) -> (String, Digest, u64) {
        (self.file.clone(), self.sha256, self.size)
    }
}

impl Lock {
    /// The only format there is.
    pub const VERSION: u32 = 1;

    /// Reads the lock that the file `file` contains. What a build would trust without a second look
    /// (file names, paths, that a platform stands once) is checked here.
    ///
    /// # Errors
    /// When the text is no lock, one of a newer format, or one that contradicts itself.
    pub fn parse(file: &str, text: &str) -> Result<Self, LockError> {
        error::refuse_newer(file, text)?;
        let lock: Self = toml::from_str(text).map_err(|source| LockError::broken(file, text, &source))?;
        check::consistent(file, &lock)?;
        Ok(lock)
    }

    /// The text of the file: equal locks have equal texts, and every package stands on one line.
    #[must_use]
    pub fn to_toml(&self) -> String {
        write::document(self)
    }

    /// The recipe's keys that say something else than when this lock was made; `inputs` is what
    /// the recipe says now. Sorted by key; empty when the lock is fresh.
    #[must_use]
    pub fn stale(&self, inputs: &BTreeMap<String, Input>) -> Vec<Stale> {
        stale::compare(&self.inputs, inputs)
    }

    /// What this lock holds otherwise than `earlier`. Sorted: the base, Debian packages, wheels.
    #[must_use]
    pub fn changes_since(&self, earlier: &Self) -> Vec<LockChange> {
        changes::changes(earlier, self)
    }

    /// The wheels of a variant on a platform.
    #[must_use]
    pub fn image(&self, variant: Option<&str>, platform: &Platform) -> Option<&LockedImage> {
        self.images.iter().find(|image| image.variant.as_deref() == variant && image.platform == *platform)
    }

    /// What lies below the wheels on a platform.
    #[must_use]
    pub fn platform(&self, platform: &Platform) -> Option<&LockedPlatform> {
        self.platforms.iter().find(|locked| locked.platform == *platform)
    }
}

#[cfg(test)]
mod tests;
