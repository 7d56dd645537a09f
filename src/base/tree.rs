//! The merged files of an image: its layers, and what is to be laid over them.

use std::{
    collections::{BTreeMap, btree_map::Entry as Slot},
    io::Read,
    ops::Bound,
    sync::Arc,
};

use bytes::Bytes;

use super::{
    entries::{Entry, Kind, LayerEntries, Recorded, clean_path, join},
    error::LayerError,
    evidence::Evidence,
};
use crate::elf::{self, Detail, Elf, Malformed};

/// Symbolic links followed before a path is called a loop, as on Linux.
const HOP_LIMIT: usize = 40;

/// The files of an image. Paths have no leading or trailing slash; the root is the empty path.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Numbers of `nodes`.
    places: BTreeMap<String, u32>,
    /// Everything that ever stood at some path, in the order in which it came.
    nodes: Vec<Node>,
    /// Layers merged so far.
    layers: usize,
    hidden: Vec<Hidden>,
}

/// What stands at a path of an image.
#[derive(Clone, Debug)]
pub struct Node {
    /// No other node of the tree has it; less than [`Tree::numbers`].
    pub(crate) number: u32,
    /// Never a hard link: those are the files they lead to.
    pub kind: Kind,
    /// Permission bits, set-id and sticky included.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Bytes of a regular file, else 0.
    pub size: u64,
    /// The layer that brought it, counted from 0, the lowest.
    pub layer: usize,
    /// What its bytes tell, where they were read.
    pub evidence: Option<Arc<Evidence>>,
    /// What it says as a program or library, or why none can load it; nothing for other files.
    pub elf: Option<Arc<Result<Elf, Malformed>>>,
}

/// A file that a later layer replaced or removed: it is moved with the image, and nobody sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// Without a leading slash.
    pub path: String,
    /// Bytes of the file.
    pub size: u64,
    /// The layer that brought it.
    pub lower: usize,
    /// The layer that hides it.
    pub upper: usize,
}

/// Where a walk along a path went.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The path without symbolic links; nothing if it leads nowhere.
    pub(super) end: Option<String>,
    /// Every directory on the way that exists, without symbolic links; the last one included.
    pub(super) directories: Vec<String>,
    /// Every symbolic link on the way.
    pub(super) symlinks: Vec<String>,
}

impl Tree {
    /// A tree without anything in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lays the uncompressed layer `tar` over what is there.
    ///
    /// # Errors
    /// When it is no tar, or holds paths that lead out of it; the tree is unchanged then.
    pub fn apply_layer(&mut self, tar: impl Read) -> Result<(), LayerError> {
        self.merge(LayerEntries::read(tar)?);
        Ok(())
    }

    /// Lays a layer over what is there. Whiteouts take away only what lower layers brought.
    pub fn merge(&mut self, layer: LayerEntries) {
        for path in &layer.opaque {
            let path = self.through_links(path);
            self.remove_below(&path);
        }
        for path in &layer.whiteouts {
            let path = self.through_parent_links(path);
            self.remove(&path);
        }
        let mut links = Vec::new();
        let others = layer.entries.into_iter().filter_map(|(path, recorded)| match recorded.entry.kind {
            Kind::Hardlink(_) => {
                links.push((path, recorded));
                None
            }
            _ => Some((path, recorded)),
        });
        self.place_all(others);
        self.place_all(links.into_iter());
        self.layers += 1;
    }

    fn place_all(&mut self, entries: impl Iterator<Item = (String, Recorded)>) {
        // The folder of the path before, and where it is, if links lead to it.
        let mut folder: (Option<String>, Option<String>) = (None, None);
        for (path, recorded) in entries {
            let (parent, name) = path.rsplit_once('/').unwrap_or(("", &path));
            if folder.0.as_deref() != Some(parent) {
                let real = self.through_links(parent);
                self.make_folders(&real);
                folder = (Some(parent.to_owned()), (real != parent).then_some(real));
            }
            let place = folder.1.as_ref().map(|real| join(real, name));
            self.place(place.unwrap_or(path), recorded);
        }
    }

    /// Puts one thing at `path`, as a layer of its own would; `content` are a file's bytes, needed
    /// if [`wants`](super::wants) says so.
    ///
    /// # Errors
    /// When the path leads out of the tree.
    pub fn insert(&mut self, path: &str, entry: Entry, content: Option<&Bytes>) -> Result<(), LayerError> {
        let Some(path) = clean_path(path.as_bytes())? else { return Ok(()) };
        let evidence = match (&entry.kind, content) {
            (Kind::File, Some(content)) => Evidence::of(&path, content)?.map(Arc::new),
            _ => None,
        };
        let elf = content.and_then(|content| elf::read(content, Detail::Symbols).transpose()).map(Arc::new);
        self.place_all(std::iter::once((path, Recorded { entry, evidence, elf })));
        Ok(())
    }

    /// Whether something new can be made at the absolute `path`: nothing stands there, or an empty folder.
    #[must_use]
    pub fn is_vacant(&self, path: &str) -> bool {
        match self.find(path) {
            None => self.find_itself(path).is_none(),
            Some((_, node)) => node.kind == Kind::Directory && self.children(path).is_empty(),
        }
    }

    /// Everything, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.places.iter().map(|(path, number)| (path.as_str(), self.numbered(*number)))
    }

    /// One more than the highest number of a node.
    pub(crate) fn numbers(&self) -> usize {
        self.nodes.len()
    }

    /// The node that has this number.
    pub(crate) fn numbered(&self, number: u32) -> &Node {
        &self.nodes[number as usize]
    }

    /// Files of lower layers that later layers hide, in the order of the layers that do.
    #[must_use]
    pub fn hidden(&self) -> &[Hidden] {
        &self.hidden
    }

    /// What stands at `path` itself, which leads through no symbolic link.
    #[must_use]
    pub fn node(&self, path: &str) -> Option<&Node> {
        self.places.get(path).map(|number| self.numbered(*number))
    }

    /// The path at which something stands, and that, as [`Tree::node`] finds it.
    pub(crate) fn placed(&self, path: &str) -> Option<(&str, &Node)> {
        self.places.get_key_value(path).map(|(path, number)| (path.as_str(), self.numbered(*number)))
    }

    /// What `path` leads to, through symbolic links, and where that stands.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<(String, &Node)> {
        let plain = path.trim_start_matches('/');
        if !plain.split('/').any(|component| matches!(component, "" | "." | "..")) {
            match self.node(plain) {
                Some(node) if !matches!(node.kind, Kind::Symlink(_)) => return Some((plain.to_owned(), node)),
                None if self.lies_in_directory(plain) => return None,
                _ => {}
            }
        }
        let end = self.walk(path).end?;
        let node = self.node(&end)?;
        Some((end, node))
    }

    /// Whether no symbolic link is on the way to `path`, which is plain: all above a node are directories.
    fn lies_in_directory(&self, path: &str) -> bool {
        let parent = path.rsplit_once('/').map(|(parent, _)| parent);
        parent.is_none_or(|parent| self.is_directory(parent))
    }

    /// What stands at `path`, links on the way followed, but not one that stands there itself.
    #[must_use]
    pub fn find_itself(&self, path: &str) -> Option<(String, &Node)> {
        let path = path.trim_matches('/');
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let place = join(&self.walk(parent).end?, name);
        let node = self.node(&place)?;
        Some((place, node))
    }

    /// Where `path` leads, through symbolic links.
    #[must_use]
    pub fn walk_to(&self, path: &str) -> Option<String> {
        self.walk(path).end
    }

    /// Everything whose path begins with `start`, sorted. No link is followed.
    pub fn starting_with<'t, 's>(&'t self, start: &'s str) -> impl Iterator<Item = (&'t str, &'t Node)> + use<'t, 's> {
        self.from(start).take_while(move |(path, _)| path.starts_with(start))
    }

    /// Whether `path` leads to a directory.
    #[must_use]
    pub fn has_directory(&self, path: &str) -> bool {
        self.find(path).is_some_and(|(_, node)| node.kind == Kind::Directory)
    }

    /// The names in the directory that `path` leads to, sorted, with what stands there.
    #[must_use]
    pub fn children(&self, path: &str) -> Vec<(&str, &Node)> {
        let Some(end) = self.walk(path).end else { return Vec::new() };
        self.directly_in(&end).into_iter().map(|(path, node)| (path.rsplit('/').next().unwrap_or(path), node)).collect()
    }

    /// What stands directly in `folder`, which leads through no symbolic link, sorted; paths from the root.
    pub(crate) fn directly_in(&self, folder: &str) -> Vec<(&str, &Node)> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let (mut found, mut ahead) = (Vec::new(), self.from(&prefix));
        while let Some((path, node)) = ahead.next() {
            let Some(rest) = path.strip_prefix(&prefix) else { break };
            match rest.split_once('/') {
                None => found.push((path, node)),
                // `0` comes next to `/`: all that is in this folder is passed over.
                Some((inner, _)) => ahead = self.from(&format!("{prefix}{inner}0")),
            }
        }
        found
    }

    /// Everything below the directory at `path`, which leads through no symbolic link; paths from the root.
    pub(super) fn below(&self, path: &str) -> impl Iterator<Item = (String, &Node)> {
        let prefix = format!("{path}/");
        let inside: Vec<_> = self.starting_with(&prefix).map(|(path, node)| (path.to_owned(), node)).collect();
        inside.into_iter()
    }

    /// Everything from `start` on, sorted by path.
    fn from(&self, start: &str) -> impl Iterator<Item = (&str, &Node)> + use<'_> {
        let range = self.places.range::<str, _>((Bound::Included(start), Bound::Unbounded));
        range.map(|(path, number)| (path.as_str(), self.numbered(*number)))
    }

    /// Whether a directory stands at `path` itself; the root always does.
    fn is_directory(&self, path: &str) -> bool {
        path.is_empty() || self.node(path).is_some_and(|node| node.kind == Kind::Directory)
    }

    /// Goes along `path`, through symbolic links, as far as it leads.
    pub(super) fn walk(&self, path: &str) -> Walk {
        let mut walk = Walk::default();
        let mut here = String::new();
        let mut ahead: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut hops = 0;
        while let Some(component) = ahead.pop() {
            match component.as_str() {
                "" | "." => continue,
                ".." => {
                    here.truncate(here.rfind('/').unwrap_or_default());
                    continue;
                }
                _ => {}
            }
            let next = join(&here, &component);
            match self.node(&next).map(|node| &node.kind) {
                Some(Kind::Symlink(target)) => {
                    walk.symlinks.push(next);
                    hops += 1;
                    if hops > HOP_LIMIT {
                        return walk;
                    }
                    if target.starts_with('/') {
                        here.clear();
                    }
                    ahead.extend(target.split('/').rev().map(str::to_owned));
                }
                Some(Kind::Directory) => {
                    walk.directories.push(next.clone());
                    here = next;
                }
                Some(_) if ahead.is_empty() => here = next,
                _ => return walk,
            }
        }
        walk.end = Some(here);
        walk
    }

    /// `path`, with the symbolic links resolved that are there now.
    pub(super) fn through_links(&self, path: &str) -> String {
        // All above a node are directories.
        if self.is_directory(path) {
            return path.to_owned();
        }
        let mut rest: Vec<&str> = Vec::new();
        let mut front = path;
        loop {
            if let Some(end) = self.walk(front).end {
                return rest.iter().rev().fold(end, |path, name| join(&path, name));
            }
            let (parent, name) = front.rsplit_once('/').unwrap_or(("", front));
            rest.push(name);
            front = parent;
        }
    }

    fn through_parent_links(&self, path: &str) -> String {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        join(&self.through_links(parent), name)
    }

    /// Puts something at `path`, whose folder is there.
    fn place(&mut self, path: String, recorded: Recorded) {
        let Recorded { entry: Entry { kind, mode, uid, gid, size }, evidence, elf } = recorded;
        let (layer, number) = (self.layers, self.next_number());
        let node = match &kind {
            Kind::Hardlink(target) => match self.node(&self.through_parent_links(target)) {
                Some(node) => Node { number, layer, ..node.clone() },
                None => return,
            },
            _ => Node { number, kind, mode, uid, gid, size, layer, evidence, elf },
        };
        let is_directory = node.kind == Kind::Directory;
        self.nodes.push(node);
        let mut entry = match self.places.entry(path) {
            Slot::Occupied(entry) => entry,
            Slot::Vacant(slot) => {
                slot.insert(number);
                return;
            }
        };
        let before = entry.insert(number) as usize;
        if self.nodes[before].kind == Kind::Directory && is_directory {
            return;
        }
        let path = entry.key().clone();
        if self.nodes[before].kind == Kind::Directory {
            self.remove_below(&path);
        }
        self.hide(path, before);
    }

    fn next_number(&self) -> u32 {
        u32::try_from(self.nodes.len()).expect("layers and their entries are bounded")
    }

    /// Notes that the node with this number is gone from `path`, if it was a file of a lower layer.
    fn hide(&mut self, path: String, number: usize) {
        let Node { ref kind, size, layer: lower, .. } = self.nodes[number];
        if *kind == Kind::File && lower < self.layers {
            self.hidden.push(Hidden { path, size, lower, upper: self.layers });
        }
    }

    /// Directories that a layer does not mention come to be with these attributes.
    fn make_folders(&mut self, path: &str) {
        let ends = path.match_indices('/').map(|(position, _)| position).chain([path.len()]);
        for end in ends.collect::<Vec<_>>().into_iter().rev() {
            let folder = &path[..end];
            if self.is_directory(folder) {
                return;
            }
            let (number, layer) = (self.next_number(), self.layers);
            let kind = Kind::Directory;
            let node = Node { number, kind, mode: 0o755, uid: 0, gid: 0, size: 0, layer, evidence: None, elf: None };
            self.nodes.push(node);
            self.places.insert(folder.to_owned(), number);
        }
    }

    fn remove(&mut self, path: &str) {
        if let Some(number) = self.places.remove(path) {
            self.hide(path.to_owned(), number as usize);
        }
        self.remove_below(path);
    }

    fn remove_below(&mut self, path: &str) {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        let below: Vec<String> = self.starting_with(&prefix).map(|(path, _)| path.to_owned()).collect();
        for path in below {
            if let Some(number) = self.places.remove(&path) {
                self.hide(path, number as usize);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Builds layers, a line each: `dir PATH`, `file PATH TEXT`, `link PATH TARGET`, `hard PATH TARGET`.
    pub(in crate::base) fn layer(lines: &[&str]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for line in lines {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let mut header = tar::Header::new_gnu();
            header.set_mode(if words[0] == "dir" { 0o755 } else { 0o644 });
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(0);
            match words[..] {
                ["dir", path] => {
                    header.set_entry_type(tar::EntryType::Directory);
                    builder.append_data(&mut header, format!("{path}/"), &b""[..]).unwrap();
                }
                ["file", path] => builder.append_data(&mut header, path, &b""[..]).unwrap(),
                ["file", path, text] => {
                    let text = text.replace("\\n", "\n").replace("\\0", "\0");
                    header.set_size(text.len() as u64);
                    header.set_mode(0o755);
                    builder.append_data(&mut header, path, text.as_bytes()).unwrap();
                }
                ["link", path, target] => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    builder.append_link(&mut header, path, target).unwrap();
                }
                ["hard", path, target] => {
                    header.set_entry_type(tar::EntryType::Link);
                    builder.append_link(&mut header, path, target).unwrap();
                }
                _ => panic!("{line}"),
            }
        }
        builder.into_inner().unwrap()
    }

    /// The tree of these layers.
    pub(in crate::base) fn tree(layers: &[&[&str]]) -> Tree {
        let mut tree = Tree::new();
        for lines in layers {
            tree.apply_layer(&layer(lines)[..]).unwrap();
        }
        tree
    }

    fn paths(tree: &Tree) -> Vec<&str> {
        tree.places.keys().map(String::as_str).collect()
    }

    #[test]
    fn whiteouts_take_only_what_lies_below() {
        let below: &[&str] = &["dir a", "file a/old x", "file a/b/deep x", "file ab x", "file c/one x", "file c/two x"];
        let check = |above: &[&str], expect: &[&str]| assert_eq!(paths(&tree(&[below, above])), expect, "{above:?}");
        check(&["file a/.wh.old"], &["a", "a/b", "a/b/deep", "ab", "c", "c/one", "c/two"]);
        check(&["file .wh.a"], &["ab", "c", "c/one", "c/two"]);
        check(&["file a/new x", "file a/.wh..wh..opq"], &["a", "a/new", "ab", "c", "c/one", "c/two"]);
        check(&["file c/.wh.one", "file c/one y"], &["a", "a/b", "a/b/deep", "a/old", "ab", "c", "c/one", "c/two"]);
        check(&["file a x"], &["a", "ab", "c", "c/one", "c/two"]);
        check(&["file .wh..wh.plnk"], &["a", "a/b", "a/b/deep", "a/old", "ab", "c", "c/one", "c/two"]);
    }

    #[test]
    fn entries_go_through_the_links_of_lower_layers() {
        let tree = tree(&[&["dir usr/lib", "link lib usr/lib"], &["dir lib/x", "file lib/x/y z", "file lib/.wh.none"]]);
        assert_eq!(paths(&tree), ["lib", "usr", "usr/lib", "usr/lib/x", "usr/lib/x/y"]);
        assert_eq!(tree.children("/lib").len(), 1);
    }

    #[test]
    fn links_are_followed_but_not_forever() {
        let tree = tree(&[&[
            "file usr/bin/python3.11 x",
            "link usr/bin/python3 python3.11",
            "link bin usr/bin",
            "link opt/up ../../../../bin/python3",
            "link loop/a b",
            "link loop/b /loop/a",
            "hard sbin/python usr/bin/python3.11",
        ]]);
        let check = |path: &str, expect: Option<&str>| {
            assert_eq!(tree.find(path).map(|(path, _)| path).as_deref(), expect, "{path}");
        };
        check("/bin/python3", Some("usr/bin/python3.11"));
        check("/opt/up", Some("usr/bin/python3.11"));
        check("/sbin/python", Some("sbin/python"));
        check("/loop/a", None);
        check("/bin/python3/more", None);
    }

    #[test]
    fn what_is_found_at_once_is_what_walking_finds() {
        let tree = tree(&[
            &[
                "dir usr/lib/x",
                "file usr/lib/x/y z",
                "link lib usr/lib",
                "file usr/file x",
                "link usr/lib/gone nowhere",
            ],
            &["file lib/x/new n", "link usr/lib/x/up ../../file", "hard usr/again usr/file"],
        ]);
        let parts = ["usr", "lib", "x", "y", "new", "file", "gone", "up", "again", "nothing", ".", "..", ""];
        let mut paths: Vec<String> = vec![String::new()];
        for _ in 0..4 {
            paths.extend(paths.clone().iter().flat_map(|path| parts.map(|part| format!("{path}/{part}"))));
            paths.sort();
            paths.dedup();
        }
        for path in paths.iter().flat_map(|path| [path.as_str(), path.trim_start_matches('/')]) {
            let walked = tree.walk(path).end.filter(|end| tree.places.contains_key(end));
            assert_eq!(tree.find(path).map(|(path, _)| path), walked, "{path}");
        }
    }

    #[test]
    fn what_later_layers_hide_is_noted() {
        let below: &[&str] = &["dir a", "file a/old xx", "file a/same x", "file b/deep/x abc", "file c x"];
        let above: &[&str] = &["file a/.wh.old", "file a/same y", "file .wh.b", "file new z", "link c a"];
        let tree = tree(&[below, above, &["file a/same zz"]]);
        let found: Vec<_> = tree
            .hidden()
            .iter()
            .map(|hidden| format!("{} {} {}>{}", hidden.path, hidden.size, hidden.lower, hidden.upper))
            .collect();
        assert_eq!(found, ["a/old 2 0>1", "b/deep/x 3 0>1", "a/same 1 0>1", "c 1 0>1", "a/same 1 1>2"]);
        let layers: Vec<_> = tree.iter().map(|(path, node)| format!("{path} {}", node.layer)).collect();
        assert_eq!(layers, ["a 0", "a/same 2", "c 1", "new 1"]);
    }

    #[test]
    fn what_is_inserted_lies_on_top() {
        let mut tree = tree(&[&["dir usr/lib", "link lib usr/lib"]]);
        let entry = Entry { kind: Kind::File, mode: 0o644, uid: 0, gid: 0, size: 9 };
        let text = Bytes::from_static(b"version=1");
        tree.insert("/lib/venv/pyvenv.cfg", entry.clone(), Some(&text)).unwrap();
        let (path, node) = tree.find("lib/venv/pyvenv.cfg").unwrap();
        assert_eq!(path, "usr/lib/venv/pyvenv.cfg");
        assert_eq!(node.evidence.as_deref(), Some(&Evidence::Text("version=1".to_owned())));
        assert!(tree.insert("a/../../b", entry, None).is_err());
    }
}
