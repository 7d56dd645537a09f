//! Where things really stand: paths of the image led through the base's symbolic links, and the
//! directories that a layer must bring because the base has none.

use std::collections::{BTreeMap, BTreeSet};

use super::{Item, Node};
use crate::lock::Facts;

/// Links followed for one path before it is taken to be a circle.
const MOST_LINKS: usize = 40;

/// 1980-01-01, the oldest time that a zip can hold: the time of every file that is not said to be newer.
pub const MTIME: u64 = 315_532_800;

/// The directories and symbolic links of what lies below a layer.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    links: BTreeMap<String, String>,
    directories: BTreeSet<String>,
}

impl Paths {
    /// What `facts` tell of the base.
    #[must_use]
    pub fn new(facts: &Facts) -> Self {
        let bare = |path: &str| path.trim_start_matches('/').to_owned();
        Self {
            links: facts.symlinks.iter().map(|link| (bare(&link.path), link.target.clone())).collect(),
            directories: facts.directories.iter().map(|directory| bare(&directory.path)).collect(),
        }
    }

    /// The path, without a leading slash, at which something written to the absolute `path` ends up.
    #[must_use]
    pub fn canonical(&self, path: &str) -> String {
        let mut done = String::new();
        let mut rest: Vec<&str> = components(path).rev().collect();
        let mut links = 0;
        while let Some(component) = rest.pop() {
            match component {
                "." => continue,
                ".." => {
                    done.truncate(parent_length(&done));
                    continue;
                }
                _ if done.is_empty() => done.push_str(component),
                _ => done.extend(["/", component]),
            }
            // The last component is what is written: a link there is replaced, not followed.
            let Some(target) = self.links.get(&done).filter(|_| !rest.is_empty() && links < MOST_LINKS) else {
                continue;
            };
            links += 1;
            done.truncate(if target.starts_with('/') { 0 } else { parent_length(&done) });
            rest.extend(components(target).rev());
        }
        done
    }

    /// As [`Paths::canonical`], of a directory: what is written into one goes where a link in its place leads.
    #[must_use]
    pub fn canonical_directory(&self, path: &str) -> String {
        let mut inside = self.canonical(&format!("{path}/*"));
        inside.truncate(parent_length(&inside));
        inside
    }

    /// Whether the base has a directory at the canonical `path`. The root is one everywhere.
    #[must_use]
    pub fn is_directory(&self, path: &str) -> bool {
        path.is_empty() || self.directories.contains(path)
    }

    /// Whether `item` is a directory that the base has already, and whose attributes stay the base's.
    #[must_use]
    pub fn has_directory(&self, item: &Item) -> bool {
        item.node == Node::Directory && self.is_directory(&item.path)
    }

    /// Adds to `items`, which are then sorted, every parent directory that the base does not have:
    /// mode 0755, owned by root.
    pub fn add_parents(&self, items: &mut Vec<Item>) {
        sort(items);
        let mut missing = Vec::new();
        let mut before: &str = "";
        for Item { path, .. } in items.iter() {
            // Of sorted paths, those below one folder follow each other: what this one shares with the
            // one before it has been looked at.
            let shared = before.bytes().zip(path.bytes()).take_while(|(left, right)| left == right).count();
            let parents = path.match_indices('/').filter(|(end, _)| *end >= shared).map(|(end, _)| &path[..end]);
            missing.extend(parents.filter(|parent| !has(items, parent) && !self.directories.contains(*parent)));
            before = path;
        }
        let missing: Vec<Item> = missing.into_iter().map(|parent| directory(parent.to_owned())).collect();
        items.extend(missing);
        sort(items);
    }
}

fn sort(items: &mut [Item]) {
    items.sort_by(|left, right| left.path.as_bytes().cmp(right.path.as_bytes()));
}

/// Whether one of the sorted `items` stands at `path`.
fn has(items: &[Item], path: &str) -> bool {
    items.binary_search_by(|item| item.path.as_bytes().cmp(path.as_bytes())).is_ok()
}

fn parent_length(path: &str) -> usize {
    path.rfind('/').unwrap_or(0)
}

fn components(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|component| !component.is_empty())
}

fn directory(path: String) -> Item {
    Item::new(path, Node::Directory, 0o755)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::{Directory, Symlink};

    fn paths() -> Paths {
        let link = |path: &str, target: &str| Symlink { path: path.to_owned(), target: target.to_owned() };
        let directory = |path: &str| Directory { path: path.to_owned(), mode: 0o755, uid: 0, gid: 0 };
        Paths::new(&Facts {
            symlinks: vec![link("/lib", "usr/lib"), link("/opt/current", "/srv/v1"), link("/loop", "loop")],
            directories: vec![directory("/usr"), directory("/usr/lib")],
            ..Facts::default()
        })
    }

    #[test]
    fn links_of_the_base_are_followed() {
        let check = |path: &str, expect: &str| assert_eq!(paths().canonical(path), expect, "{path}");
        check("/lib/python3/a.py", "usr/lib/python3/a.py");
        check("/opt/current/x", "srv/v1/x");
        check("/lib", "lib");
        check("/usr/../lib/./x", "usr/lib/x");
        check("/loop/x", "loop/x");
        check("/../../etc", "etc");
        let check = |path: &str, expect: &str| assert_eq!(paths().canonical_directory(path), expect, "{path}");
        check("/lib", "usr/lib");
        check("/lib/python3", "usr/lib/python3");
        check("/opt/current", "srv/v1");
        check("/new", "new");
        check("/", "");
        assert!(paths().is_directory("usr/lib") && paths().is_directory("") && !paths().is_directory("lib"));
    }

    #[test]
    fn only_missing_parents_are_added() {
        let mut items = vec![Item { path: "usr/lib/new/deep/file".to_owned(), ..directory(String::new()) }];
        paths().add_parents(&mut items);
        let found: Vec<&str> = items.iter().map(|item| item.path.as_str()).collect();
        assert_eq!(found, ["usr/lib/new", "usr/lib/new/deep", "usr/lib/new/deep/file"]);
    }
}
