//! Libraries that other distributions of the image bring, and that Python code loads before they are needed.

use std::collections::{BTreeMap, BTreeSet};

use super::{folders::Folders, roots};
use crate::{
    base::Evidence,
    elf::Elf,
    verify::{Owner, Owners},
};

/// The libraries of wheels by name, and who requires whom.
pub(super) struct Siblings<'a> {
    owners: &'a Owners,
    /// By file name and by `SONAME`: path, object.
    libraries: BTreeMap<&'a str, Vec<(&'a str, &'a Elf)>>,
    /// By distribution: all that it requires, directly or not.
    requires: BTreeMap<String, BTreeSet<String>>,
}

/// A library of a wheel.
pub(super) struct Sibling<'a> {
    pub(super) path: &'a str,
    pub(super) elf: &'a Elf,
    /// Whether who needs it requires its distribution, or is of the same one.
    pub(super) required: bool,
}

impl<'a> Siblings<'a> {
    pub(super) fn new(folders: &Folders<'a>, owners: &'a Owners) -> Self {
        let mut libraries: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (path, _, elf) in roots::all(folders) {
            if !path.contains("-packages/") && !matches!(owners.find(path), Some(Owner::Wheel(_))) {
                continue;
            }
            let name = path.rsplit('/').next().unwrap_or(path);
            libraries.entry(name).or_default().push((path, elf));
            if let Some(soname) = elf.object.soname.as_deref().filter(|soname| *soname != name) {
                libraries.entry(soname).or_default().push((path, elf));
            }
        }
        Self { owners, libraries, requires: requirements(folders) }
    }

    /// The library `name` of a wheel, for an object at `by`.
    pub(super) fn find(&self, name: &str, by: &str) -> Option<Sibling<'a>> {
        let found = self.libraries.get(name)?;
        let user = self.distribution(by);
        let is_required = |path: &str| {
            let owner = self.distribution(path);
            owner == user || self.requires(user.as_ref(), owner.as_ref())
        };
        let (path, elf) = found.iter().find(|(path, _)| is_required(path)).or_else(|| found.first())?;
        Some(Sibling { path, elf, required: is_required(path) })
    }

    /// Libraries and modules of the distributions that the one with `by` requires: its Python code can load
    /// them first, for everybody to see (`RTLD_GLOBAL`), as that of `usearch` does.
    pub(super) fn required_by(&self, by: &str) -> impl Iterator<Item = &'a Elf> {
        let user = self.distribution(by);
        let all = self.libraries.values().flatten();
        all.filter(move |(path, _)| self.requires(user.as_ref(), self.distribution(path).as_ref())).map(|(_, elf)| *elf)
    }

    fn requires(&self, user: Option<&String>, owner: Option<&String>) -> bool {
        let pair = user.zip(owner);
        pair.is_some_and(|(user, owner)| self.requires.get(user).is_some_and(|requires| requires.contains(owner)))
    }

    /// The distribution that brought the file at `path`.
    fn distribution(&self, path: &str) -> Option<String> {
        match self.owners.find(path) {
            Some(Owner::Wheel(owner)) => Some(normalized(owner.split(' ').next().unwrap_or(owner))),
            _ => None,
        }
    }
}

/// What each distribution requires, directly or by way of others; extras and markers count as met.
fn requirements(folders: &Folders<'_>) -> BTreeMap<String, BTreeSet<String>> {
    let mut direct: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, node) in folders.tree.iter() {
        let Some(Evidence::Distribution { name, requires, .. }) = node.evidence.as_deref() else { continue };
        let names = requires.iter().map(|requirement| {
            let end = requirement.find(|letter: char| !letter.is_alphanumeric() && !"-_.".contains(letter));
            normalized(&requirement[..end.unwrap_or(requirement.len())])
        });
        direct.entry(normalized(name)).or_default().extend(names);
    }
    let closure = |name: &String| {
        let (mut all, mut ahead) = (BTreeSet::new(), vec![name.clone()]);
        while let Some(next) = ahead.pop() {
            for required in direct.get(&next).into_iter().flatten() {
                if all.insert(required.clone()) {
                    ahead.push(required.clone());
                }
            }
        }
        (name.clone(), all)
    };
    direct.keys().map(closure).collect()
}

/// As indexes compare names: [PEP 503](https://peps.python.org/pep-0503/#normalized-names).
fn normalized(name: &str) -> String {
    let mut parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or_default().to_ascii_lowercase();
    parts.fold(first, |name, part| format!("{name}-{}", part.to_ascii_lowercase()))
}
