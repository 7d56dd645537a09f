//! Bytes that are pulled and never seen: files that a later layer replaces or removes.

use std::collections::BTreeMap;

use super::some;
use crate::{
    base::Hidden,
    quantity::bytes,
    verify::{Code, Finding, Owner, Subject},
};

/// Less than this between two layers is what package managers always rewrite: lists, caches, a
/// database of a few megabytes.
const TOLERATED: u64 = 10_000_000;

pub(super) fn check(subject: &Subject) -> Vec<Finding> {
    let mut pairs: BTreeMap<(usize, usize), Vec<&Hidden>> = BTreeMap::new();
    for hidden in subject.tree.hidden() {
        pairs.entry((hidden.upper, hidden.lower)).or_default().push(hidden);
    }
    pairs.into_iter().filter_map(|(pair, files)| finding(subject, pair, files)).collect()
}

fn finding(subject: &Subject, (upper, lower): (usize, usize), mut files: Vec<&Hidden>) -> Option<Finding> {
    let size: u64 = files.iter().map(|file| file.size).sum();
    if size < TOLERATED {
        return None;
    }
    files.sort_by_key(|file| (std::cmp::Reverse(file.size), &file.path));
    let paths: Vec<String> = files.iter().map(|file| format!("/{}", file.path)).collect();
    let (above, below) = (subject.layer_name(upper), subject.layer_name(lower));
    let count = files.len();
    let noun = if count == 1 { "file" } else { "files" };
    let message = format!("layer {above} hides {count} {noun} with {} of layer {below}: {}", bytes(size), some(&paths));
    let finding = Finding::new(Code::HIDDEN_BYTES, &subject.platform, message).of(Owner::Layer(above.to_owned()));
    Some(finding.hinted("change or remove the files where they come from: what is hidden is pulled nevertheless"))
}
