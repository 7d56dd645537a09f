//! What the base brings: distributions that are kept, unless the recipe lets them be replaced.

use std::collections::{BTreeMap, BTreeSet};

use super::Request;
use crate::python::{PackageName, Version};

/// The distributions of the base, as far as their names and versions are some.
#[derive(Clone, Debug, Default)]
pub(super) struct Brought {
    versions: BTreeMap<PackageName, Version>,
    replaceable: BTreeSet<PackageName>,
}

impl Brought {
    /// What `request` says of the base.
    pub(super) fn of(request: &Request) -> Self {
        let read = |name: &str, version: &str| Some((name.parse().ok()?, version.parse().ok()?));
        let installed = request.installed.iter();
        let versions: BTreeMap<PackageName, Version> =
            installed.filter_map(|installed| read(&installed.name, &installed.version)).collect();
        let may = |name: &&PackageName| request.replace.iter().any(|pattern| pattern.matches(name));
        let replaceable = versions.keys().filter(may).cloned().collect();
        Self { versions, replaceable }
    }

    /// The version that the base has.
    pub(super) fn version(&self, name: &PackageName) -> Option<&Version> {
        self.versions.get(name)
    }

    /// Whether another version may take its place.
    pub(super) fn may_replace(&self, name: &PackageName) -> bool {
        self.replaceable.contains(name)
    }

    /// The versions, by name.
    pub(super) const fn versions(&self) -> &BTreeMap<PackageName, Version> {
        &self.versions
    }
}
