//! Who brought which file: the lists that distributions and packages keep of their files.

use std::collections::BTreeMap;

use super::Owner;
use crate::{
    base::{Evidence, Kind, Node, Tree},
    python::{PythonError, Record, RecordEntry},
};

/// Where dpkg keeps a list of each package's files, and where images without dpkg keep checksums.
const DPKG_LISTS: &str = "var/lib/dpkg/info/";
const DPKG_SUMS: &str = "var/lib/dpkg/status.d/";

/// The owners of the files of one tree.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    all: Vec<Owner>,
    /// Numbers of `all`, by the numbers of nodes.
    by_node: Vec<Option<u32>>,
    /// The lists of distributions, by their paths, as far as they can be read.
    records: BTreeMap<String, Result<ListedFiles, PythonError>>,
}

/// The RECORD of a distribution, and what stands in the tree of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedFiles {
    record: Record,
    /// The numbers of the nodes to which the entries lead, in their order.
    nodes: Vec<Option<u32>>,
}

impl ListedFiles {
    /// Its entries, each with what it leads to, if anything.
    pub(super) fn entries<'s>(&'s self, tree: &'s Tree) -> impl Iterator<Item = (&'s RecordEntry, Option<&'s Node>)> {
        let nodes = self.nodes.iter().map(|number| number.map(|number| tree.numbered(number)));
        self.record.entries.iter().zip(nodes)
    }
}

impl Owners {
    /// What the lists in `tree` say.
    #[must_use]
    pub fn of(tree: &Tree) -> Self {
        let mut owners = Self { by_node: vec![None; tree.numbers()], ..Self::default() };
        for (path, node) in tree.iter().filter(|(_, node)| node.kind == Kind::File) {
            let Some(text) = node.evidence.as_deref().and_then(Evidence::text) else { continue };
            if let Some(name) = path.strip_prefix(DPKG_LISTS).and_then(|name| name.strip_suffix(".list")) {
                owners.add_package(tree, name, text.lines());
            } else if let Some(name) = path.strip_prefix(DPKG_SUMS).and_then(|name| name.strip_suffix(".md5sums")) {
                owners.add_package(tree, name, text.lines().filter_map(|line| Some(line.split_once("  ")?.1)));
            } else if let Some((site, info)) = path.strip_suffix("/RECORD").and_then(|folder| folder.rsplit_once('/')) {
                let record = Record::parse(text.as_bytes());
                let listed = record.map(|record| owners.add_distribution(tree, (site, info), record));
                owners.records.insert(path.to_owned(), listed);
            }
        }
        owners
    }

    /// The owner of `node`, which is of the tree that these owners are of.
    #[must_use]
    pub fn find(&self, node: &Node) -> Option<&Owner> {
        let number = self.by_node.get(node.number as usize).copied().flatten()?;
        self.all.get(number as usize)
    }

    /// The RECORD at `path`, which leads through no symbolic link, or why it cannot be read.
    pub(super) fn record(&self, path: &str) -> Option<Result<&ListedFiles, &PythonError>> {
        self.records.get(path).map(Result::as_ref)
    }

    fn add(&mut self, owner: Owner) -> u32 {
        self.all.push(owner);
        u32::try_from(self.all.len() - 1).expect("there are fewer owners than files")
    }

    fn add_package<'a>(&mut self, tree: &Tree, name: &str, paths: impl Iterator<Item = &'a str>) {
        let name = name.split_once(':').map_or(name, |(name, _)| name);
        let owner = self.add(Owner::Package(name.to_owned()));
        let mut places = Places::below(tree, "");
        for path in paths {
            // Lists name paths as they were before /bin, /lib and /sbin became links.
            if let Some(node) = places.find(path)
                && node.kind != Kind::Directory
            {
                self.by_node[node.number as usize].get_or_insert(owner);
            }
        }
    }

    fn add_distribution(&mut self, tree: &Tree, (site, info): (&str, &str), record: Record) -> ListedFiles {
        let stem = info.strip_suffix(".dist-info");
        let name = |stem: &str| {
            stem.split_once('-').map_or_else(|| stem.to_owned(), |(name, version)| format!("{name} {version}"))
        };
        let owner = stem.map(|stem| self.add(Owner::Wheel(name(stem))));
        let (mut places, mut above) = (Places::below(tree, site), Places::below(tree, ""));
        let mut find = |entry: &RecordEntry| {
            let found = match entry.path.strip_prefix('/') {
                Some(path) => above.find(path),
                None => places.find(&entry.path),
            };
            let number = found?.number;
            if owner.is_some() {
                self.by_node[number as usize] = owner;
            }
            Some(number)
        };
        let nodes = record.entries.iter().map(&mut find).collect();
        ListedFiles { record, nodes }
    }
}

/// Finds paths of which many follow each other in one folder.
struct Places<'t> {
    tree: &'t Tree,
    /// What all paths are below: nothing, or a folder and a slash.
    start: String,
    /// The path that was looked for last.
    path: String,
    /// The folder of the last path that leads through links, as it was given and where it is.
    folder: (String, Option<String>),
}

impl<'t> Places<'t> {
    fn below(tree: &'t Tree, folder: &str) -> Self {
        let start = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        Self { tree, start, path: String::new(), folder: (String::new(), Some(String::new())) }
    }

    /// What stands at `path`, links on the way followed.
    fn find(&mut self, path: &str) -> Option<&'t Node> {
        let Self { tree, start, path: whole, folder } = self;
        whole.clone_from(start);
        whole.push_str(path.trim_matches('/'));
        // Nearly always no link is on the way.
        if let Some(node) = tree.node(whole) {
            return Some(node);
        }
        let (parent, name) = whole.rsplit_once('/').unwrap_or(("", whole));
        if folder.0 != parent {
            *folder = (parent.to_owned(), tree.walk_to(parent));
        }
        let folder = folder.1.as_deref()?;
        if folder.is_empty() { tree.node(name) } else { tree.node(&format!("{folder}/{name}")) }
    }
}
