//! Folders that packages of a base watch: dpkg would have them look there again. From scratch they are in the
//! layer, and look when they are configured.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        Packed,
        tree::{Tree, TreeKind},
    },
    Undone,
};

/// Each with what is called for it; one folder for all machines, or one for each.
const GENERAL: &[(&str, &str)] = &[("usr/share/glib-2.0/schemas", "glib-compile-schemas")];
const OF_MACHINE: &[(&str, &str)] =
    &[("gio/modules", "gio-querymodules"), ("gdk-pixbuf-2.0/2.10.0/loaders", "gdk-pixbuf-query-loaders")];

/// What nobody calls for the files that packages bring there. A package that watches a folder and comes along, as
/// `interests` has it, names that itself.
pub(super) fn left(tree: &Tree, packages: &[&Packed], interests: &BTreeSet<String>) -> Vec<Undone> {
    let mut folders: Vec<(String, &str)> = GENERAL.iter().map(|(path, call)| ((*path).to_owned(), *call)).collect();
    for (machine, _) in tree.list("usr/lib") {
        folders.extend(OF_MACHINE.iter().map(|(path, call)| (format!("usr/lib/{machine}/{path}"), *call)));
    }
    let mut found: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (folder, call) in folders.iter().filter(|(folder, _)| !interests.contains(&format!("/{folder}"))) {
        let files = tree.below(folder).filter(|(_, node)| node.kind != TreeKind::Directory);
        for owner in files.filter_map(|(_, node)| node.owner).collect::<BTreeSet<_>>() {
            found.entry(owner).or_default().push(format!("{call} /{folder}"));
        }
    }
    let undone = |(owner, commands): (usize, _)| Undone { package: packages[owner].index.package.clone(), commands };
    found.into_iter().map(undone).collect()
}
