//! Files that two distributions bring, and that are not the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{View, distributions::Distribution, record::place};
use crate::{
    base::{Evidence, Node},
    oci::Digest,
    python::{RecordEntry, is_stray},
    verify::{Code, Finding},
};

/// Bytes of a module that only says that its package is spread over several folders, at most.
const NAMESPACE_SIZE: u64 = 2000;

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
            if *found == digest || is_namespace(entry, node) || !told.insert(node.number) {
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

/// Whether what stands at `node` does nothing but say that its package is a namespace, and what `entry` lists there, of
/// which only the size is known, can do no more: distributions that share one each bring it in words of their own.
pub(super) fn is_namespace(entry: &RecordEntry, node: &Node) -> bool {
    entry.size.is_some_and(|size| size <= NAMESPACE_SIZE)
        && matches!(node.evidence.as_deref(), Some(Evidence::Module(source)) if source.get().is_namespace())
}

/// Whether a file may be imported: in a package, or a module at the top.
fn is_code(path: &str, site: &str) -> bool {
    let inside = path.strip_prefix(site).map_or(path, |rest| rest.trim_start_matches('/'));
    let ending = inside.rsplit('.').next().unwrap_or_default();
    !is_stray(inside) && matches!(ending, "py" | "so" | "pyi" | "pyd")
}
