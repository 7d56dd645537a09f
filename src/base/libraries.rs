//! The shared libraries that an image's loader finds without being told where, so that others can tell
//! from a lock alone whether a program's needs are met.

use std::collections::{BTreeMap, BTreeSet};

use super::{entries::join, evidence::LIBRARY_FOLDERS, interpreter::text, tree::Tree};
use crate::{elf::Object, lock::Library};

/// Folders that the loader's configuration may name.
const MOST_FOLDERS: usize = 1000;

/// Every library in those folders, by its soname; of two of one name the first.
pub(super) fn find(tree: &Tree) -> Vec<Library> {
    let mut seen = BTreeSet::new();
    let mut found = BTreeMap::new();
    for folder in folders(tree) {
        let Some(end) = tree.walk(&folder).end.filter(|end| seen.insert(end.clone())) else { continue };
        for (name, _) in tree.children(&end) {
            let node = tree.find(&join(&end, name)).map(|(_, node)| node);
            let object = node.and_then(|node| node.elf.as_deref()?.as_ref().ok()).map(|elf| &elf.object);
            if let Some(library) = object.and_then(library) {
                found.entry(library.soname.clone()).or_insert(library);
            }
        }
    }
    found.into_values().collect()
}

/// What the loader's configuration names, and behind it what the loader knows by itself, with the folders
/// that Debian names after machines.
fn folders(tree: &Tree) -> Vec<String> {
    let configured = tree.children("etc/ld.so.conf.d").into_iter().map(|(name, _)| join("etc/ld.so.conf.d", name));
    let texts = ["etc/ld.so.conf".to_owned()].into_iter().chain(configured);
    let lines = texts.filter_map(|path| text(tree, &path)).flat_map(str::lines).map(str::trim);
    let named = lines.filter(|line| line.starts_with('/')).take(MOST_FOLDERS).map(str::to_owned);
    let own = LIBRARY_FOLDERS.iter().flat_map(|folder| {
        let machines = tree.children(folder).into_iter().filter(|(name, _)| name.contains("-linux-"));
        let machines: Vec<String> = machines.map(|(name, _)| join(folder, name)).collect();
        machines.into_iter().chain([(*folder).to_owned()])
    });
    named.chain(own).collect()
}

fn library(object: &Object) -> Option<Library> {
    let plain = |name: &&String| !name.is_empty() && name.chars().all(|letter| letter.is_ascii_graphic());
    let soname = object.soname.as_ref().filter(plain)?.clone();
    let mut highest: BTreeMap<&str, (Vec<u64>, &String)> = BTreeMap::new();
    for version in object.provides.iter().filter(plain).filter(|name| **name != soname && !name.ends_with("_PRIVATE")) {
        let (family, numbers) = family(version);
        let best = highest.entry(family).or_insert_with(|| (numbers.clone(), version));
        if numbers > best.0 {
            *best = (numbers, version);
        }
    }
    let mut versions: Vec<String> = highest.into_values().map(|(_, version)| version.clone()).collect();
    versions.sort();
    Some(Library { soname, versions })
}

/// `GLIBCXX_3.4.30` is of the family `GLIBCXX`; a name without numbers is its own.
fn family(version: &str) -> (&str, Vec<u64>) {
    let split = version.rsplit_once('_').and_then(|(family, numbers)| {
        let numbers: Option<Vec<u64>> = numbers.split('.').map(|number| number.parse().ok()).collect();
        Some((family, numbers?))
    });
    split.unwrap_or((version, Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_family_the_highest_stands_for_all() {
        let check = |provides: &[&str], expect: &str| {
            let object = Object {
                soname: Some("liba.so.1".to_owned()),
                provides: provides.iter().map(|name| (*name).to_owned()).collect(),
                ..crate::elf::read(&crate::testing::Library::new("liba.so.1").build(), crate::elf::Detail::Linking)
                    .unwrap()
                    .unwrap()
                    .object
            };
            assert_eq!(library(&object).unwrap().to_string(), expect);
        };
        check(&[], "liba.so.1");
        check(&["liba.so.1", "GLIBC_2.9", "GLIBC_2.36", "GLIBC_2.4", "GLIBC_PRIVATE"], "liba.so.1 GLIBC_2.36");
        check(
            &["GLIBCXX_3.4", "GLIBCXX_3.4.30", "CXXABI_1.3.9", "CXXABI_TM_1", "CXXABI_1.3.13"],
            "liba.so.1 CXXABI_1.3.13 CXXABI_TM_1 GLIBCXX_3.4.30",
        );
        check(&["GLIBC_ABI_DT_RELR", "has space_1", "BARE"], "liba.so.1 BARE GLIBC_ABI_DT_RELR");
    }
}
