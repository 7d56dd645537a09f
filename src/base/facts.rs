//! The facts of a tree, small enough to stand in a lock.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    entries::{Kind, join},
    error::BaseError,
    installed, interpreter, libc, libraries, system,
    tree::{Node, Tree, Walk},
};
use crate::lock::{Directory, Facts, Interpreter, Scheme, Symlink};

/// Places below one target that are noted, at most: those nearest to it, whole levels of them.
const MOST_BELOW: usize = 100;

impl Tree {
    /// What matters of this tree: to whom chooses wheels, and to whom writes layers.
    ///
    /// `config` is the `config` object of the image's config, or `Null`; `targets` are absolute
    /// paths that layers will write to. The interpreter is absent when `PATH` has no `python3`:
    /// [`BaseError::no_python`] says so to whom needs one.
    ///
    /// # Errors
    /// When there is a `python3` that cannot be understood.
    pub fn facts(&self, config: &Value, targets: &[String]) -> Result<Facts, BaseError> {
        let found = interpreter::find(self, config)?;
        let libc = libc::find(self, found.as_ref().and_then(|found| found.loader));
        let installed = found.as_ref().map(|found| installed::find(self, &found.sites)).unwrap_or_default();
        let python = found.map(|found| found.interpreter);
        let (directories, symlinks) = self.ways(python.as_ref().map(|python| &python.scheme), targets);
        Ok(Facts {
            stated: false,
            python,
            libc,
            system: system::find(self),
            interpreters: interpreter::find_all(self, config),
            libraries: libraries::find(self),
            installed,
            directories,
            symlinks,
        })
    }

    /// The interpreter that `python3` is, and where it imports from; nothing where there is none.
    ///
    /// # Errors
    /// When there is one that cannot be understood.
    pub fn python(&self, config: &Value) -> Result<Option<Python>, BaseError> {
        let found = interpreter::find(self, config)?;
        Ok(found.map(|found| Python { interpreter: found.interpreter, sites: found.sites, library: found.library }))
    }

    /// The directories and symbolic links on the ways to what layers write.
    fn ways(&self, scheme: Option<&Scheme>, targets: &[String]) -> (Vec<Directory>, Vec<Symlink>) {
        let mut seen = Seen::default();
        let folders = scheme.map(|scheme| {
            [&scheme.purelib, &scheme.platlib, &scheme.scripts, &scheme.data, &scheme.headers].map(String::as_str)
        });
        for target in targets.iter().map(String::as_str).chain(folders.into_iter().flatten()) {
            seen.add(self.walk(target));
            for path in self.peculiar_below(target) {
                seen.add(self.walk(path));
            }
        }
        if let Some(Scheme { purelib, platlib, .. }) = scheme {
            for path in self.directories_in(purelib).into_iter().chain(self.directories_in(platlib)) {
                seen.add(self.walk(&path));
            }
        }
        for (name, _) in self.children("") {
            seen.links(self.linked_directory(name));
            let inner = self.children_of_directory(name);
            for path in &inner {
                seen.links(self.linked_directory(path));
            }
        }
        let directories = seen.directories.iter().filter_map(|path| self.directory(path)).collect();
        let symlinks = seen.symlinks.iter().filter_map(|path| self.symlink(path)).collect();
        (directories, symlinks)
    }

    /// Where what is laid over the directory at `path` would change what is there: directories that are
    /// not root's with mode 0755, and links to directories.
    fn peculiar_below(&self, path: &str) -> Vec<&str> {
        let Some(end) = self.walk(path).end else { return Vec::new() };
        let prefix = if end.is_empty() { String::new() } else { format!("{end}/") };
        let is_peculiar = |path: &str, node: &Node| match node.kind {
            Kind::Directory => (node.mode & 0o7777, node.uid, node.gid) != (0o755, 0, 0),
            Kind::Symlink(_) => self.has_directory(path),
            _ => false,
        };
        let found = self.starting_with(&prefix).filter(|(path, node)| is_peculiar(path, node));
        let mut found: Vec<_> = found.map(|(path, _)| (path[prefix.len()..].matches('/').count(), path)).collect();
        found.sort_unstable();
        if let Some(&(level, _)) = found.get(MOST_BELOW) {
            found.retain(|(own, _)| *own < level);
        }
        found.into_iter().map(|(_, path)| path).collect()
    }

    fn directories_in(&self, path: &str) -> Vec<String> {
        let inner = self.children(path).into_iter().map(|(name, _)| join(path, name));
        inner.filter(|path| self.has_directory(path)).collect()
    }

    /// The paths of what stands in the directory `path`, unless it is another's name.
    fn children_of_directory(&self, path: &str) -> Vec<String> {
        match self.node(path) {
            Some(node) if node.kind == Kind::Directory => {
                self.children(path).into_iter().map(|(name, _)| join(path, name)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The way along `path`, if that is a symbolic link to a directory.
    fn linked_directory(&self, path: &str) -> Option<Walk> {
        let is_link = self.node(path).is_some_and(|node| matches!(node.kind, Kind::Symlink(_)));
        (is_link && self.has_directory(path)).then(|| self.walk(path))
    }

    fn directory(&self, path: &str) -> Option<Directory> {
        let node = self.node(path)?;
        Some(Directory { path: format!("/{path}"), mode: node.mode & 0o7777, uid: node.uid, gid: node.gid })
    }

    pub(super) fn symlink(&self, path: &str) -> Option<Symlink> {
        match &self.node(path)?.kind {
            Kind::Symlink(target) => Some(Symlink { path: format!("/{path}"), target: target.clone() }),
            _ => None,
        }
    }
}

/// An interpreter, and where it imports from. Paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Python {
    /// The interpreter.
    pub interpreter: Interpreter,
    /// The directories of wheels, the first that counts first.
    pub sites: Vec<String>,
    /// The directory of the standard library.
    pub library: String,
}

impl BaseError {
    /// Says that an image with this `config` has no `python3`.
    #[must_use]
    pub fn no_python(config: &Value) -> Self {
        Self::NoPython { path: interpreter::search_path(config).to_owned() }
    }
}

/// What ways led through.
#[derive(Default)]
struct Seen {
    directories: BTreeSet<String>,
    symlinks: BTreeSet<String>,
}

impl Seen {
    fn add(&mut self, walk: Walk) {
        self.directories.extend(walk.directories);
        self.symlinks.extend(walk.symlinks);
    }

    fn links(&mut self, walk: Option<Walk>) {
        self.symlinks.extend(walk.into_iter().flat_map(|walk| walk.symlinks));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Entry, tree::tests::tree};

    #[test]
    fn only_what_layers_pass_is_noted() {
        let python = format!("file usr/bin/python3.11 \\03.11.2\\0{}", "x".repeat(2000));
        let mut tree = tree(&[&[
            &python,
            "link usr/bin/python3 python3.11",
            "file usr/lib/python3.11/os.py",
            "dir usr/lib/python3/dist-packages",
            "dir usr/local/lib/python3.11/dist-packages/numpy/core",
            "dir usr/local/bin",
            "dir usr/local/share/man/man1",
            "link usr/local/man share/man",
            "dir usr/share/doc",
            "dir data/apps",
            "link lib usr/lib",
            "link opt data/apps",
            "link var/run /run",
            "link nowhere /none",
            "dir run/lock",
        ]]);
        let shared = Entry { kind: Kind::Directory, mode: 0o2775, uid: 0, gid: 50, size: 0 };
        tree.insert("usr/local/share", shared, None).unwrap();
        let facts = tree.facts(&Value::Null, &["/opt/app/bin".to_owned(), "/lib/x".to_owned()]).unwrap();
        let directories: Vec<_> = facts.directories.iter().map(|directory| directory.path.as_str()).collect();
        assert_eq!(
            directories,
            [
                "/data",
                "/data/apps",
                "/usr",
                "/usr/lib",
                "/usr/local",
                "/usr/local/bin",
                "/usr/local/lib",
                "/usr/local/lib/python3.11",
                "/usr/local/lib/python3.11/dist-packages",
                "/usr/local/lib/python3.11/dist-packages/numpy",
                "/usr/local/share",
                "/usr/local/share/man",
            ]
        );
        let symlinks: Vec<_> = facts.symlinks.iter().map(|link| format!("{} {}", link.path, link.target)).collect();
        assert_eq!(symlinks, ["/lib usr/lib", "/opt data/apps", "/usr/local/man share/man", "/var/run /run"]);
    }

    #[test]
    fn what_a_folder_would_change_is_noted() {
        let mut tree = tree(&[&["dir var/lib/plain", "dir srv/data", "dir run/lock", "link var/lib/db /srv/data"]]);
        let mut make = |path: &str, mode, uid| {
            let entry = Entry { kind: Kind::Directory, mode, uid, gid: 0, size: 0 };
            tree.insert(path, entry, None).unwrap();
        };
        make("tmp", 0o1777, 0);
        make("var/tmp", 0o1777, 0);
        make("var/lib/app/own", 0o755, 1000);
        (0..=MOST_BELOW).for_each(|index| make(&format!("srv/data/{index}/many"), 0o700, 0));
        let check = |target: &str, directories: &[&str], symlinks: &[&str]| {
            let facts = tree.facts(&Value::Null, &[target.to_owned()]).unwrap();
            let found: Vec<_> = facts.directories.iter().map(|directory| directory.path.as_str()).collect();
            assert_eq!(found, directories, "{target}");
            let found: Vec<_> = facts.symlinks.iter().map(|link| link.path.as_str()).collect();
            assert_eq!(found, symlinks, "{target}");
        };
        let lib = ["/var/lib", "/var/lib/app", "/var/lib/app/own"];
        let deep = [&["/srv", "/srv/data", "/var"][..], &lib, &["/var/tmp"]].concat();
        check("/var", &deep, &["/var/lib/db"]);
        check("/srv", &["/srv"], &[]);
        check("/", &["/srv", "/srv/data", "/tmp", "/var", "/var/lib", "/var/tmp"], &["/var/lib/db"]);
        check("/var/lib/plain", &["/var", "/var/lib", "/var/lib/plain"], &[]);
    }

    #[test]
    fn an_image_without_python_has_facts_too() {
        let facts = tree(&[&["dir etc"]]).facts(&Value::Null, &["/etc/x".to_owned()]).unwrap();
        assert_eq!((facts.python, facts.libc, facts.directories.len()), (None, None, 1));
        let error = BaseError::no_python(&serde_json::json!({ "Env": ["PATH=/a:/b"] })).to_string();
        assert_eq!(error, "the image has no `python3` on its PATH `/a:/b`");
    }
}
