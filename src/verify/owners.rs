//! Who brought which file: the lists that distributions and packages keep of their files.

use std::collections::BTreeMap;

use super::Owner;
use crate::{
    base::{Evidence, Kind, Node, Tree},
    python::{PythonError, Record},
};

/// Where dpkg keeps a list of each package's files, and where images without dpkg keep checksums.
const DPKG_LISTS: &str = "var/lib/dpkg/info/";
const DPKG_SUMS: &str = "var/lib/dpkg/status.d/";

/// The owners of an image's files, by path without a leading slash.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    all: Vec<Owner>,
    /// Numbers of `all`.
    by_path: BTreeMap<String, usize>,
    /// The lists of distributions, by their paths, as far as they can be read.
    records: BTreeMap<String, Result<Record, PythonError>>,
}

impl Owners {
    /// What the lists in `tree` say.
    #[must_use]
    pub fn of(tree: &Tree) -> Self {
        let mut owners = Self::default();
        for (path, node) in tree.iter().filter(|(_, node)| node.kind == Kind::File) {
            let Some(text) = node.evidence.as_deref().and_then(Evidence::text) else { continue };
            if let Some(name) = path.strip_prefix(DPKG_LISTS).and_then(|name| name.strip_suffix(".list")) {
                owners.add_package(tree, name, text.lines());
            } else if let Some(name) = path.strip_prefix(DPKG_SUMS).and_then(|name| name.strip_suffix(".md5sums")) {
                owners.add_package(tree, name, text.lines().filter_map(|line| Some(line.split_once("  ")?.1)));
            } else if let Some((site, info)) = path.strip_suffix("/RECORD").and_then(|folder| folder.rsplit_once('/')) {
                let record = Record::parse(text.as_bytes());
                if let Ok(record) = &record {
                    owners.add_distribution(tree, site, info, record);
                }
                owners.records.insert(path.to_owned(), record);
            }
        }
        owners
    }

    /// The owner of the file at `path`, which leads through no symbolic link.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Owner> {
        self.by_path.get(path).map(|number| &self.all[*number])
    }

    /// The RECORD at `path`, which leads through no symbolic link, or why it cannot be read.
    #[must_use]
    pub fn record(&self, path: &str) -> Option<Result<&Record, &PythonError>> {
        self.records.get(path).map(Result::as_ref)
    }

    fn add(&mut self, owner: Owner) -> usize {
        self.all.push(owner);
        self.all.len() - 1
    }

    fn add_package<'a>(&mut self, tree: &Tree, name: &str, paths: impl Iterator<Item = &'a str>) {
        let name = name.split_once(':').map_or(name, |(name, _)| name);
        let owner = self.add(Owner::Package(name.to_owned()));
        let mut places = Places::new(tree);
        for path in paths {
            // Lists name paths as they were before /bin, /lib and /sbin became links.
            if let Some((path, node)) = places.find(path)
                && node.kind != Kind::Directory
            {
                self.by_path.entry(path).or_insert(owner);
            }
        }
    }

    fn add_distribution(&mut self, tree: &Tree, site: &str, info: &str, record: &Record) {
        let Some(stem) = info.strip_suffix(".dist-info") else { return };
        let name = stem.split_once('-').map_or_else(|| stem.to_owned(), |(name, version)| format!("{name} {version}"));
        let owner = self.add(Owner::Wheel(name));
        let mut places = Places::new(tree);
        for entry in &record.entries {
            let found = match entry.path.strip_prefix('/') {
                Some(path) => places.find(path),
                None => places.find(&format!("{site}/{}", entry.path)),
            };
            if let Some((path, _)) = found {
                self.by_path.insert(path, owner);
            }
        }
    }
}

/// Finds paths of which many follow each other in one folder.
struct Places<'t> {
    tree: &'t Tree,
    /// The folder of the last path, as it was given and where it is.
    folder: (String, Option<String>),
}

impl<'t> Places<'t> {
    fn new(tree: &'t Tree) -> Self {
        Self { tree, folder: (String::new(), Some(String::new())) }
    }

    /// What stands at `path`, links on the way followed.
    fn find(&mut self, path: &str) -> Option<(String, &'t Node)> {
        let path = path.trim_matches('/');
        // Nearly always no link is on the way.
        if let Some(node) = self.tree.node(path) {
            return Some((path.to_owned(), node));
        }
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        if self.folder.0 != parent {
            self.folder = (parent.to_owned(), self.tree.walk_to(parent));
        }
        let folder = self.folder.1.as_deref()?;
        let place = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let node = self.tree.node(&place)?;
        Some((place, node))
    }
}
