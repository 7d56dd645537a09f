//! What is asked of the resolver.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
};

use crate::{
    lock::Installed,
    oci::Digest,
    python::{
        ExtraName, MarkerTree, NamePattern, PackageName, Requirement, UploadTime, Version, VersionSpecifiers, Wanted,
    },
};

/// What one image wants, before the platform is known.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// What the recipe requires. Only these, overrides and alternatives may name URLs.
    pub requirements: Vec<Requirement>,
    /// Wheels that lie on this machine.
    pub wheels: Vec<LocalWheel>,
    /// The first alternative of each that has wheels on the platform is taken; nothing where none of them asks for
    /// something there.
    pub choices: Vec<Choice>,
    /// Bounds on versions of whatever is chosen; they require nothing.
    pub constraints: Vec<Requirement>,
    /// What stands in place of every requirement on the same name.
    pub overrides: Vec<Requirement>,
    /// Wheels on this machine that are the only ones of their distributions, where these are required at all.
    /// `overrides` let them stand in place of every version that is required.
    pub override_wheels: Vec<LocalWheel>,
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
    /// The best one first.
    pub any_of: Vec<Alternative>,
}

/// What is taken together.
#[derive(Clone, Debug, Default)]
pub struct Alternative {
    /// What it requires; may name URLs.
    pub requirements: Vec<Requirement>,
    /// Wheels that lie on this machine.
    pub wheels: Vec<LocalWheel>,
}

impl LocalWheel {
    /// What it asks for of its distribution, which is called `name`.
    pub(crate) fn requirement(&self, name: PackageName) -> Requirement {
        let wanted = Wanted::Versions(VersionSpecifiers::empty());
        Requirement { name, extras: self.extras.clone(), wanted, marker: self.marker.clone() }
    }
}

impl Alternative {
    /// Each part of it, as the recipe spells it.
    #[must_use]
    pub fn spelled(&self) -> Vec<String> {
        let requirements = self.requirements.iter().map(ToString::to_string);
        requirements.chain(self.wheels.iter().map(ToString::to_string)).collect()
    }

    /// Whether it says where a wheel lies.
    pub(super) fn names_files(&self) -> bool {
        !self.wheels.is_empty() || self.requirements.iter().any(|one| one.versions().is_none())
    }
}

/// As a recipe has it: `./dist/demo-1.0-py3-none-any.whl[extra] ; marker`.
impl fmt::Display for LocalWheel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.path.display())?;
        if !self.extras.is_empty() {
            let extras: Vec<String> = self.extras.iter().map(ToString::to_string).collect();
            write!(formatter, "[{}]", extras.join(","))?;
        }
        match self.marker.contents() {
            Some(marker) => write!(formatter, " ; {marker}"),
            None => Ok(()),
        }
    }
}
