//! The tree of all packages together, before it is a list of items.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{Library, UnpackError, contents, links};
use crate::layer::{Body, Item, MTIME, Node};

/// Most bytes of a file that a fixup reads.
const READ_LIMIT: u64 = 8 << 20;
/// Most paths that scripts go through, folder by folder, in all.
const WALK_LIMIT: usize = 10_000_000;
/// Most letters of the names of directories that no package brings.
const PARENTS_LIMIT: usize = 64 << 20;

/// Paths and what stands there, in the order of their bytes.
pub(super) struct Tree {
    nodes: BTreeMap<String, TreeNode>,
    /// Links of a base below, path → target.
    below: BTreeMap<String, String>,
    /// Paths that were gone through so far.
    walked: usize,
}

/// What stands at a path of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TreeNode {
    pub(super) kind: TreeKind,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    /// Which package brought it.
    pub(super) owner: Option<usize>,
    /// Extended attributes by their names.
    pub(super) xattrs: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TreeKind {
    Directory,
    File {
        body: Body,
        library: Option<Library>,
        /// Files with the same number are one file.
        inode: Option<usize>,
    },
    Symlink(String),
}

impl TreeNode {
    pub(super) const fn made(kind: TreeKind, mode: u32) -> Self {
        Self { kind, mode, uid: 0, gid: 0, owner: None, xattrs: BTreeMap::new() }
    }
}

impl Tree {
    pub(super) const fn new() -> Self {
        Self::over(BTreeMap::new())
    }

    /// Nothing yet, over a base with these links.
    pub(super) const fn over(below: BTreeMap<String, String>) -> Self {
        Self { nodes: BTreeMap::new(), below, walked: 0 }
    }

    pub(super) fn get(&self, path: &str) -> Option<&TreeNode> {
        self.nodes.get(path)
    }

    pub(super) fn get_mut(&mut self, path: &str) -> Option<&mut TreeNode> {
        self.nodes.get_mut(path)
    }

    pub(super) fn insert(&mut self, path: String, node: TreeNode) {
        self.nodes.insert(path, node);
    }

    pub(super) fn remove(&mut self, path: &str) -> Option<TreeNode> {
        self.nodes.remove(path)
    }

    /// What stands at `path`, links followed.
    pub(super) fn look(&self, path: &str) -> Option<&TreeNode> {
        self.get(&self.resolve(path)?)
    }

    /// Where `path` stands when the links on the way to it are followed, but not itself.
    pub(super) fn place(&self, path: &str) -> Option<String> {
        links::through(path.trim_matches('/'), |path| self.link(path))
    }

    /// Paths below `folder`, at any depth.
    pub(super) fn below<'a>(&'a self, folder: &str) -> impl Iterator<Item = (&'a str, &'a TreeNode)> + use<'a> {
        let prefix = format!("{folder}/");
        let from = self.nodes.range(prefix.clone()..);
        from.take_while(move |(path, _)| path.starts_with(&prefix)).map(|(path, node)| (path.as_str(), node))
    }

    /// The same for who changes what lies there; none where that was done more often than any package does it.
    pub(super) fn walk(&mut self, folder: &str) -> Option<Vec<String>> {
        let paths: Vec<String> = self.below(folder).map(|(path, _)| path.to_owned()).collect();
        self.walked = self.walked.saturating_add(paths.len());
        (self.walked <= WALK_LIMIT).then_some(paths)
    }

    /// Names and nodes right in `folder`.
    pub(super) fn list<'a>(&'a self, folder: &str) -> impl Iterator<Item = (&'a str, &'a TreeNode)> + use<'a> {
        let skip = folder.len() + 1;
        self.below(folder).map(move |(path, node)| (&path[skip..], node)).filter(|(name, _)| !name.contains('/'))
    }

    /// Where `path` leads through the links of the tree.
    pub(super) fn resolve(&self, path: &str) -> Option<String> {
        links::resolve(path, |path| self.link(path))
    }

    /// The text of the link at `path`, if it is one.
    pub(super) fn link(&self, path: &str) -> Option<&str> {
        match self.nodes.get(path).map(|node| &node.kind) {
            Some(TreeKind::Symlink(target)) => Some(target),
            Some(_) => None,
            None => self.below.get(path).map(String::as_str),
        }
    }

    /// The contents of the file at `path`, through links.
    pub(super) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, UnpackError> {
        let node = self.resolve(path).and_then(|path| self.nodes.get(&path));
        let Some(TreeNode { kind: TreeKind::File { body, .. }, .. }) = node else { return Ok(None) };
        let cannot = |source| UnpackError::Read { package: "the image".to_owned(), what: format!("`/{path}`"), source };
        contents::read(body, READ_LIMIT).map(Some).map_err(cannot)
    }

    /// A directory of root's, unless something stands there.
    pub(super) fn add_directory(&mut self, path: &str, mode: u32) {
        self.add(path, TreeNode::made(TreeKind::Directory, mode));
    }

    /// A file of root's that all may read, unless something stands there.
    pub(super) fn add_file(&mut self, path: &str, bytes: impl Into<Bytes>) {
        self.add_body(path, Body::Literal(bytes.into()));
    }

    /// As [`Tree::add_file`], with contents that lie in the store.
    pub(super) fn add_body(&mut self, path: &str, body: Body) {
        self.add(path, TreeNode::made(TreeKind::File { body, library: None, inode: None }, 0o644));
    }

    /// A symbolic link, unless something stands there.
    pub(super) fn add_symlink(&mut self, path: &str, target: &str) {
        self.add(path, TreeNode::made(TreeKind::Symlink(target.to_owned()), 0o777));
    }

    /// A symbolic link in place of an empty directory or of nothing.
    pub(super) fn move_to_link(&mut self, path: &str, target: &str) -> Result<(), UnpackError> {
        if self.below(path).next().is_some() {
            return Err(UnpackError::Tree { path: path.to_owned(), reason: "should be a link, but has files in it" });
        }
        self.nodes.remove(path);
        self.add_symlink(path, target);
        Ok(())
    }

    fn add(&mut self, path: &str, node: TreeNode) {
        // Fixups speak of the paths of a merged system, but a base may have other links.
        self.nodes.entry(path.to_owned()).or_insert(node);
    }

    /// The items, sorted, with the parents that no package brings; paths for which `exists` holds get
    /// no directory.
    pub(super) fn into_items(mut self, exists: impl Fn(&str) -> bool) -> Result<Vec<Item>, UnpackError> {
        self.add_parents()?;
        let mut first_names: BTreeMap<usize, String> = BTreeMap::new();
        let mut items = Vec::with_capacity(self.nodes.len());
        for (path, TreeNode { kind, mode, uid, gid, xattrs, .. }) in self.nodes {
            let node = match kind {
                TreeKind::Directory if exists(&path) => continue,
                TreeKind::Directory => Node::Directory,
                TreeKind::Symlink(target) => Node::Symlink(target),
                TreeKind::File { body, inode, .. } => match inode.map(|inode| first_names.entry(inode)) {
                    Some(std::collections::btree_map::Entry::Occupied(first)) => Node::Hardlink(first.get().clone()),
                    Some(std::collections::btree_map::Entry::Vacant(place)) => {
                        place.insert(path.clone());
                        Node::File(body)
                    }
                    None => Node::File(body),
                },
            };
            items.push(Item { path, node, mode, uid, gid, mtime: MTIME, xattrs });
        }
        Ok(items)
    }

    /// Adds the directories that something stands in and that no package brings.
    pub(super) fn add_parents(&mut self) -> Result<(), UnpackError> {
        let mut missing = BTreeSet::new();
        let mut letters = 0;
        for path in self.nodes.keys() {
            for parent in path.match_indices('/').map(|(end, _)| &path[..end]) {
                match self.nodes.get(parent).map(|node| &node.kind) {
                    Some(TreeKind::Directory) => {}
                    Some(_) => {
                        let reason = "is both a directory and something else";
                        return Err(UnpackError::Tree { path: parent.to_owned(), reason });
                    }
                    None if missing.contains(parent) => {}
                    None => {
                        letters += parent.len();
                        missing.insert(parent.to_owned());
                    }
                }
                if letters > PARENTS_LIMIT {
                    let (path, reason) = (shortened(path), "lies in more directories than any package has");
                    return Err(UnpackError::Tree { path, reason });
                }
            }
        }
        for parent in missing {
            self.add_directory(&parent, 0o755);
        }
        Ok(())
    }

    /// The same for what stands at `path`.
    pub(super) fn add_parents_of(&mut self, path: &str) {
        for (end, _) in path.match_indices('/') {
            self.add_directory(&path[..end], 0o755);
        }
    }
}

fn shortened(path: &str) -> String {
    path.chars().take(256).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_bounded() {
        let deep = |count: usize| {
            let mut tree = Tree::new();
            (0..count).for_each(|number| tree.add_file(&format!("{number}/{}x", "a/".repeat(2000)), ""));
            tree.add_parents().map(|()| tree.nodes.len())
        };
        assert_eq!(deep(2).unwrap(), 2 * 2002);
        let error = deep(20).unwrap_err().to_string();
        assert!(error.ends_with("` lies in more directories than any package has") && error.len() < 400, "{error}");
    }
}
