//! Files that two distributions bring, and that are not the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{View, distributions::Distribution, record::place};
use crate::{
    oci::Digest,
    verify::{Code, Finding},
};

/// Top-level folders and files that many distributions bring by mistake, and nobody imports.
const NOT_CODE: [&str; 12] = [
    "test",
    "tests",
    "doc",
    "docs",
    "example",
    "examples",
    "benchmark",
    "benchmarks",
    "scripts",
    "LICENSE",
    "README",
    "CHANGELOG",
];

pub(super) fn check(view: &View<'_>) -> Vec<Finding> {
    let tree = &view.subject.tree;
    // Who lists a file first, by the numbers of nodes, and with which contents.
    let mut writers: Vec<Option<(&Distribution<'_>, &Digest)>> = vec![None; tree.numbers()];
    // One finding for each pair, however many files they share.
    let mut pairs: BTreeMap<(String, String, Code), Vec<String>> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for distribution in &view.distributions {
        for (entry, node) in distribution.files.iter().flat_map(|files| files.entries(tree)) {
            let Some((node, digest)) = node.zip(entry.sha256.as_ref()) else { continue };
            let (first, found) = writers[node.number as usize].get_or_insert((distribution, digest));
            if *found == digest || !told.insert(node.number) {
                continue;
            }
            if let Some(path) = place(&distribution.site, &entry.path) {
                let code = if is_code(&path, &first.site) { Code::CLOBBERED } else { Code::CLOBBERED_DATA };
                pairs.entry((first.title(), distribution.title(), code)).or_default().push(path);
            }
        }
    }
    for paths in pairs.values_mut() {
        paths.sort_unstable();
    }
    let finding = |((first, other, code), paths): ((String, String, Code), Vec<String>)| {
        let more = match paths.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let message = format!("{first} and {other} both bring this file{more}, with different contents");
        view.finding_at(code, &paths[0], message).hinted("keep one of the two: `[wheels] exclude`, or another version")
    };
    pairs.into_iter().map(finding).collect()
}

/// Whether a file may be imported: in a package, or a module at the top.
fn is_code(path: &str, site: &str) -> bool {
    let inside = path.strip_prefix(site).map_or(path, |rest| rest.trim_start_matches('/'));
    let top = inside.split(['/', '.']).next().unwrap_or_default();
    let ending = inside.rsplit('.').next().unwrap_or_default();
    !NOT_CODE.contains(&top) && matches!(ending, "py" | "so" | "pyi" | "pyd")
}
