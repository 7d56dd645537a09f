//! Several inputs in one layer: every path has one owner.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{Body, Item, LayerError, Node};

/// What is different of files that may stand for each other.
const CONTENTS: &str = "contents";

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

/// Joins what several inputs bring. What two of them bring alike stands once; a directory is the last one's.
///
/// # Errors
/// When two of them bring different things at one path.
pub fn merge(contributions: Vec<Contribution>) -> Result<Vec<Item>, LayerError> {
    merge_with(contributions, &|_, _| false)
}

/// As [`merge`]; of files with different contents, of which `either` says that either will do, the first stays.
///
/// # Errors
/// As [`merge`].
pub fn merge_with(
    contributions: Vec<Contribution>,
    either: &dyn Fn(&Item, &Item) -> bool,
) -> Result<Vec<Item>, LayerError> {
    let mut owners: BTreeMap<String, (String, Item)> = BTreeMap::new();
    for Contribution { from, items, .. } in contributions {
        for item in items {
            match owners.entry(item.path.clone()) {
                Entry::Vacant(place) => {
                    place.insert((from.clone(), item));
                }
                Entry::Occupied(mut place) if is_directory(&place.get().1) && is_directory(&item) => {
                    place.insert((from.clone(), item));
                }
                Entry::Occupied(place) => {
                    let (first, earlier) = place.get();
                    if let Some(differs) = difference(earlier, &item)
                        && !(differs == CONTENTS && either(earlier, &item))
                    {
                        let first = first.clone();
                        return Err(LayerError::Clash { path: item.path, first, second: from, differs });
                    }
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

fn is_directory(item: &Item) -> bool {
    item.node == Node::Directory
}

/// What would be different on disk; nothing when the two are the same there. Contents are compared by size and
/// checksum: whoever forges a checksum gets his own file or the other one, both of which the lock names.
fn difference(left: &Item, right: &Item) -> Option<&'static str> {
    let contents = match (&left.node, &right.node) {
        (Node::File(left), Node::File(right)) => fingerprint(left) == fingerprint(right),
        (left, right) if std::mem::discriminant(left) != std::mem::discriminant(right) => return Some("kinds of file"),
        (left, right) => left == right,
    };
    match (contents, left.mode == right.mode, (left.uid, left.gid) == (right.uid, right.gid)) {
        (false, ..) => Some(CONTENTS),
        (_, false, _) => Some("modes"),
        (.., false) => Some("owners"),
        _ => None,
    }
}

fn fingerprint(body: &Body) -> (u64, u32) {
    match body {
        Body::Literal(bytes) => (body.size(), crc32fast::hash(bytes)),
        Body::Span(span) => (span.size, span.crc32),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::hint::Advise as _;

    fn merged(first: Item, second: Item) -> Result<Vec<Item>, LayerError> {
        let of = |from: &str, item| Contribution { from: from.to_owned(), items: vec![item], missing: Vec::new() };
        merge_with(vec![of("one", first), of("two", second)], &|_, second| second.path == "b")
    }

    #[test]
    fn what_differs_is_named_with_the_way_out() {
        let file = |text: &'static str, mode| {
            Item::new("a".to_owned(), Node::File(Body::Literal(Bytes::from_static(text.as_bytes()))), mode)
        };
        let owned = |item: Item| Item { uid: 1000, ..item };
        let directory = || Item::new("a".to_owned(), Node::Directory, 0o755);
        let check = |first: Item, second: Item, differs: &str| {
            let error = merged(first, second).unwrap_err();
            assert_eq!(error.to_string(), format!("`/a` comes from both one and two, with different {differs}"));
            assert!(error.hint().unwrap().to_string().contains("`wheels.exclude`"));
            let own = error.among_own();
            assert_eq!(own.to_string(), format!("`/a` comes from both `one` and `two`, with different {differs}"));
            assert!(own.hint().unwrap().to_string().contains("another `to`"));
        };
        check(file("x", 0o644), file("y", 0o644), "contents");
        check(file("x", 0o644), file("x", 0o755), "modes");
        check(file("x", 0o644), owned(file("x", 0o644)), "owners");
        check(file("x", 0o644), directory(), "kinds of file");
        let named = |item: Item| Item { path: "b".to_owned(), ..item };
        let first = named(file("x", 0o644));
        assert_eq!(merged(first.clone(), named(file("y", 0o755))).unwrap(), std::slice::from_ref(&first));
        assert!(merged(first.clone(), named(file("x", 0o755))).is_err() && merged(first, named(directory())).is_err());
        assert_eq!(merged(file("x", 0o644), file("x", 0o644)).unwrap().len(), 1);
        assert_eq!(merged(owned(directory()), directory()).unwrap(), [directory()]);
        assert_eq!(merged(directory(), owned(directory())).unwrap(), [owned(directory())]);
    }
}
