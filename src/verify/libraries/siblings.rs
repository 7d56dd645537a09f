//! Libraries that other distributions of the image bring, and that Python code loads before they are needed.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::folders::Folders;
use crate::{
    base::{Evidence, Node, Tree},
    elf::Elf,
    verify::{Owner, Owners},
};

/// The libraries of wheels by name, and who requires whom.
pub(super) struct Siblings<'a> {
    tree: &'a Tree,
    owners: &'a Owners,
    /// By file name and by `SONAME`.
    libraries: BTreeMap<&'a str, Vec<Library<'a>>>,
    requires: Requirements,
}

/// By distribution: those that it requires directly.
type Requirements = BTreeMap<String, BTreeSet<String>>;

#[derive(Clone)]
struct Library<'a> {
    path: &'a str,
    elf: &'a Elf,
    /// The distribution that brought it.
    distribution: Option<Rc<str>>,
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
        for &(path, node, elf) in &folders.files.objects {
            let distribution = distribution(owners, node).map(Rc::from);
            if !path.contains("-packages/") && distribution.is_none() {
                continue;
            }
            let name = path.rsplit('/').next().unwrap_or(path);
            let library = Library { path, elf, distribution };
            if let Some(soname) = elf.object.soname.as_deref().filter(|soname| *soname != name) {
                libraries.entry(soname).or_default().push(library.clone());
            }
            libraries.entry(name).or_default().push(library);
        }
        Self { tree: folders.tree, owners, libraries, requires: requirements(folders) }
    }

    /// The library `name` of a wheel, for an object at `by`.
    pub(super) fn find(&self, name: &str, by: &str) -> Option<Sibling<'a>> {
        let found = self.libraries.get(name)?;
        let user = self.distribution(by);
        let required = user.as_ref().map(|user| all_required(&self.requires, user)).unwrap_or_default();
        let is_required = |library: &Library<'_>| {
            let owner = library.distribution.as_deref();
            owner == user.as_deref() || owner.is_some_and(|owner| required.contains(owner))
        };
        let library = found.iter().find(|library| is_required(library)).or_else(|| found.first())?;
        Some(Sibling { path: library.path, elf: library.elf, required: is_required(library) })
    }

    /// Libraries and modules of the distributions that the one with `by` requires: its Python code can load
    /// them first, for everybody to see (`RTLD_GLOBAL`), as that of `usearch` does.
    pub(super) fn required_by(&self, by: &str) -> impl Iterator<Item = &'a Elf> {
        let required = self.distribution(by).map(|user| all_required(&self.requires, &user)).unwrap_or_default();
        let is_required =
            move |library: &&Library<'_>| library.distribution.as_deref().is_some_and(|owner| required.contains(owner));
        self.libraries.values().flatten().filter(is_required).map(|library| library.elf)
    }

    /// The distribution that brought the file at `path`.
    fn distribution(&self, path: &str) -> Option<String> {
        distribution(self.owners, self.tree.node(path)?)
    }
}

/// The distribution that brought `node`.
fn distribution(owners: &Owners, node: &Node) -> Option<String> {
    match owners.find(node) {
        Some(Owner::Wheel(owner)) => Some(normalized(owner.split(' ').next().unwrap_or(owner))),
        _ => None,
    }
}

/// What each distribution requires; extras and markers count as met.
fn requirements(folders: &Folders<'_>) -> Requirements {
    let mut direct = Requirements::new();
    for document in &folders.files.documents {
        let Evidence::Distribution { name, requires, .. } = document else { continue };
        let names = requires.iter().map(|requirement| {
            let end = requirement.find(|letter: char| !letter.is_alphanumeric() && !"-_.".contains(letter));
            normalized(&requirement[..end.unwrap_or(requirement.len())])
        });
        direct.entry(normalized(name)).or_default().extend(names);
    }
    direct
}

/// What the distribution `name` requires, directly or by way of others. Found for whom it is asked: for all at once it
/// would take memory with the square of their number.
fn all_required<'r>(requirements: &'r Requirements, name: &str) -> BTreeSet<&'r str> {
    let (mut all, mut ahead) = (BTreeSet::new(), vec![name]);
    while let Some(next) = ahead.pop() {
        for required in requirements.get(next).into_iter().flatten() {
            if all.insert(required.as_str()) {
                ahead.push(required);
            }
        }
    }
    all
}

/// As indexes compare names: [PEP 503](https://peps.python.org/pep-0503/#normalized-names).
fn normalized(name: &str) -> String {
    let mut parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or_default().to_ascii_lowercase();
    parts.fold(first, |name, part| format!("{name}-{}", part.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_is_so_by_way_of_others_too() {
        let lines = ["a b c", "b d", "d a e", "x a"].map(|line| line.split_once(' ').unwrap());
        let names = |names: &str| names.split(' ').map(str::to_owned).collect();
        let requirements = lines.into_iter().map(|(name, required)| (name.to_owned(), names(required))).collect();
        let check = |name: &str, expect: &[&str]| {
            assert_eq!(all_required(&requirements, name).into_iter().collect::<Vec<_>>(), expect, "{name}");
        };
        check("a", &["a", "b", "c", "d", "e"]);
        check("x", &["a", "b", "c", "d", "e"]);
        check("c", &[]);
        check("unknown", &[]);
    }
}
