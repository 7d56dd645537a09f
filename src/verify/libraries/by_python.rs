//! Libraries that no extension module needs, and Python code loads: by `ctypes` or `cffi`.

use std::collections::{BTreeMap, BTreeSet};

use super::{folders::Folders, roots};
use crate::{
    base::{Evidence, Tree},
    elf::Elf,
    verify::{Owner, Owners},
};

/// Modules that load libraries by name.
const LOADERS: [&str; 4] = ["ctypes", "ctypes.util", "cffi", "_cffi_backend"];

/// What one distribution has.
#[derive(Default)]
struct Share<'a> {
    has_modules: bool,
    libraries: Vec<(&'a str, &'a Elf)>,
}

/// The paths of libraries that are what their distribution is for: it has no extension module, one library
/// that none of its others needs, and a module that imports `ctypes` or `cffi`. Importing it loads that
/// library, as `llvmlite` and `xgboost` do. Of several libraries nobody knows which are loaded at once.
pub(super) fn loaded<'a>(folders: &Folders<'a>, owners: &Owners) -> BTreeSet<&'a str> {
    let mut shares: BTreeMap<&Owner, Share<'a>> = BTreeMap::new();
    for (path, node, elf) in folders.files.objects.iter().copied() {
        let Some(owner @ Owner::Wheel(_)) = owners.find(node) else { continue };
        let share = shares.entry(owner).or_default();
        share.has_modules |= elf.is_extension_module(path);
        if elf.object.dynamic && !roots::is_program(node, elf) {
            share.libraries.push((path, elf));
        }
    }
    let only = |share: Share<'a>| {
        let mut tops = share.libraries.iter().filter(|(path, elf)| !is_needed(path, elf, &share.libraries));
        let only = tops.next().filter(|_| tops.next().is_none() && !share.has_modules);
        only.map(|(path, _)| *path)
    };
    let candidates: BTreeMap<&Owner, &str> =
        shares.into_iter().filter_map(|(owner, share)| Some((owner, only(share)?))).collect();
    let loaders = if candidates.is_empty() { BTreeSet::new() } else { with_loaders(folders.tree, owners, &candidates) };
    candidates.into_iter().filter(|(owner, _)| loaders.contains(owner)).map(|(_, path)| path).collect()
}

/// Whether another one of `libraries` needs the one at `path`.
fn is_needed(path: &str, elf: &Elf, libraries: &[(&str, &Elf)]) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let soname = elf.object.soname.as_deref().unwrap_or(name);
    let mut needed = libraries.iter().filter(|(other, _)| *other != path).flat_map(|(_, other)| &other.object.needed);
    needed.any(|needed| needed == name || needed == soname)
}

/// Those of `candidates` of which a module imports what loads libraries.
fn with_loaders<'o>(tree: &Tree, owners: &'o Owners, candidates: &BTreeMap<&Owner, &str>) -> BTreeSet<&'o Owner> {
    let mut found = BTreeSet::new();
    for (_, node) in tree.iter() {
        let Some(Evidence::Module(source)) = node.evidence.as_deref() else { continue };
        // The modules of all others need not be looked into.
        let Some(owner) = owners.find(node).filter(|owner| candidates.contains_key(owner)) else { continue };
        let loads = || source.get().imports.iter().any(|import| LOADERS.contains(&import.module.as_str()));
        if !found.contains(owner) && loads() {
            found.insert(owner);
        }
    }
    found
}
