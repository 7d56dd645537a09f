//! Several inputs in one layer: every path has one owner.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{Body, Item, LayerError, Node};

/// Items, and the wheel or package that they come from.
#[derive(Clone, Debug)]
pub struct Contribution {
    /// As an error names it: a file name.
    pub from: String,
    /// What it brings.
    pub items: Vec<Item>,
    /// Files that its own list names and that it does not bring. Installers pass them over.
    pub missing: Vec<String>,
}

/// Joins what several inputs bring. What two of them bring alike stands once.
///
/// # Errors
/// When two of them bring different things at one path.
pub fn merge(contributions: Vec<Contribution>) -> Result<Vec<Item>, LayerError> {
    let mut owners: BTreeMap<String, (String, Item)> = BTreeMap::new();
    for Contribution { from, items, .. } in contributions {
        for item in items {
            match owners.entry(item.path.clone()) {
                Entry::Vacant(place) => {
                    place.insert((from.clone(), item));
                }
                Entry::Occupied(place) if same(&place.get().1, &item) => {}
                Entry::Occupied(place) => {
                    let first = place.get().0.clone();
                    return Err(LayerError::Clash { path: item.path, first, second: from });
                }
            }
        }
    }
    let mut items: Vec<Item> = owners.into_values().map(|(_, item)| item).collect();
    items.sort_by(|left, right| left.path.as_bytes().cmp(right.path.as_bytes()));
    Ok(items)
}

/// Pairs of paths among sorted or unsorted `items` that are one path where letters' cases are not told
/// apart: Linux keeps both, a folder shared with another system may not.
#[must_use]
pub fn case_twins(items: &[Item]) -> Vec<(&str, &str)> {
    let mut first: BTreeMap<String, &str> = BTreeMap::new();
    let mut twins = Vec::new();
    for Item { path, .. } in items {
        match first.entry(path.to_lowercase()) {
            Entry::Vacant(place) => drop(place.insert(path)),
            Entry::Occupied(place) if *place.get() == path => {}
            Entry::Occupied(place) => twins.push((*place.get(), path.as_str())),
        }
    }
    twins
}

/// Whether two items would be the same on disk. Contents are compared by size and checksum: whoever
/// forges a checksum gets his own file or the other one, both of which the lock names.
fn same(left: &Item, right: &Item) -> bool {
    let attributes = |item: &Item| (item.mode, item.uid, item.gid);
    attributes(left) == attributes(right)
        && match (&left.node, &right.node) {
            (Node::File(left), Node::File(right)) => fingerprint(left) == fingerprint(right),
            (left, right) => left == right,
        }
}

fn fingerprint(body: &Body) -> (u64, u32) {
    match body {
        Body::Literal(bytes) => (body.size(), crc32fast::hash(bytes)),
        Body::Span(span) => (span.size, span.crc32),
    }
}
