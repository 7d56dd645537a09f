//! What is asked of the resolver.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::{
    lock::Installed,
    oci::Digest,
    python::{ExtraName, MarkerTree, NamePattern, PackageName, Requirement, UploadTime, Version},
};

/// What one image wants, before the platform is known.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// What the recipe requires. Only these, and overrides, may name URLs.
    pub requirements: Vec<Requirement>,
    /// Wheels that lie on this machine.
    pub wheels: Vec<LocalWheel>,
    /// The first alternative of each that has wheels on the platform is taken.
    pub choices: Vec<Choice>,
    /// Bounds on versions of whatever is chosen; they require nothing.
    pub constraints: Vec<Requirement>,
    /// What stands in place of every requirement on the same name.
    pub overrides: Vec<Requirement>,
    /// Left out, whoever asks.
    pub exclude: Vec<NamePattern>,
    /// An error, if anything needs them.
    pub deny: Vec<NamePattern>,
    /// What the base brings; it is kept, and chosen otherwise only if `replace` allows it.
    pub installed: Vec<Installed>,
    /// What of the base may be replaced, where its version does not do or the recipe names a file.
    pub replace: Vec<NamePattern>,
    /// Versions to take rather than the newest, where nothing speaks against them.
    pub prefer: BTreeMap<PackageName, Version>,
    /// File names of wheels to take rather than others of the same version.
    pub keep: BTreeSet<String>,
    /// The only files that may be chosen of a package (`--hash`).
    pub accepted: BTreeMap<PackageName, BTreeSet<Digest>>,
    /// Files that came into their index later are passed over, where it tells.
    pub before: Option<UploadTime>,
    /// Distributions of which the age makes no difference.
    pub any_age: BTreeSet<PackageName>,
    /// Versions that may be looked at on one platform before the search is given up; where nothing is
    /// said, 20,000.
    pub patience: Option<usize>,
}

/// A wheel on this machine.
#[derive(Clone, Debug)]
pub struct LocalWheel {
    /// Relative to the recipe.
    pub path: PathBuf,
    /// Its optional parts that are wanted.
    pub extras: Vec<ExtraName>,
    /// Where it is wanted.
    pub marker: MarkerTree,
}

/// Alternatives, in order of preference (`[[wheels.choice]]`).
#[derive(Clone, Debug)]
pub struct Choice {
    /// Each a list of requirements that are taken together.
    pub any_of: Vec<Vec<Requirement>>,
}
