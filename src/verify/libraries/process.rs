//! What is loaded into one process, in the loader's order.

use std::collections::BTreeMap;

use super::folders::{Flavour, Folders, Found, Place};
use crate::elf::Malformed;

/// Libraries of one process; the largest have a few hundred.
const LOADED_LIMIT: usize = 4096;
/// Folders of `glibc-hwcaps` that every processor of the last decade takes.
const HWCAPS: [&str; 1] = ["glibc-hwcaps/x86-64-v2"];

/// A process, as far as its libraries go.
#[derive(Clone)]
pub(super) struct Process<'a> {
    pub(super) flavour: Flavour,
    pub(super) loaded: Vec<Loaded<'a>>,
    /// Names under which objects were asked for, and their `SONAME`s.
    names: BTreeMap<String, usize>,
    paths: BTreeMap<String, usize>,
    /// Where libraries are that were not read whole, by the names under which they were asked for.
    unread: BTreeMap<String, String>,
}

/// An object in a process.
#[derive(Clone)]
pub(super) struct Loaded<'a> {
    pub(super) place: Place<'a>,
    /// Who asked for it.
    loader: Option<usize>,
}

/// A name that was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) name: String,
    /// The path of the object that needs it.
    pub(super) by: String,
    pub(super) instead: Instead,
}

/// What was found where the library should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Instead {
    Nothing,
    Foreign(String),
    Broken(String, Malformed),
}

impl<'a> Process<'a> {
    pub(super) const fn new(flavour: Flavour) -> Self {
        Self { flavour, loaded: Vec::new(), names: BTreeMap::new(), paths: BTreeMap::new(), unread: BTreeMap::new() }
    }

    /// Loads `place` and what it needs, breadth first; gives what is missing. The first object is the
    /// program, and counts as the loader of those that come later.
    pub(super) fn load(&mut self, folders: &Folders<'a>, place: Place<'a>) -> Vec<Missing> {
        if self.paths.contains_key(&place.path) {
            return Vec::new();
        }
        let mut next = self.loaded.len();
        let loader = (next > 0).then_some(0);
        self.add(None, place, loader);
        let mut missing = Vec::new();
        while next < self.loaded.len() && self.loaded.len() < LOADED_LIMIT {
            let elf = self.loaded[next].place.elf;
            for name in &elf.object.needed {
                self.need(folders, name, next, &mut missing);
            }
            next += 1;
        }
        missing
    }

    /// Where libraries are that are loaded and were not read whole.
    pub(super) fn unread(&self) -> impl Iterator<Item = &String> {
        self.unread.values()
    }

    /// Whether something is loaded that goes by `name`.
    pub(super) fn by_name(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// What the program gets when it opens `name` by itself (`dlopen`).
    pub(super) fn open(&self, folders: &Folders<'a>, name: &str) -> Found<'a> {
        if self.loaded.is_empty() { Found::Nothing } else { self.search(folders, name, 0) }
    }

    fn need(&mut self, folders: &Folders<'a>, name: &str, by: usize, missing: &mut Vec<Missing>) {
        if self.names.contains_key(name) || self.unread.contains_key(name) || self.is_built_in(name) {
            return;
        }
        let instead = match self.search(folders, name, by) {
            Found::Library(place) => return self.add(Some(name), place, Some(by)),
            Found::Unread(path) => return drop(self.unread.insert(name.to_owned(), path)),
            Found::Nothing => Instead::Nothing,
            Found::Foreign(path) => Instead::Foreign(path),
            Found::Broken(path, malformed) => Instead::Broken(path, malformed),
        };
        let by = self.loaded[by].place.path.clone();
        missing.push(Missing { name: name.to_owned(), by, instead });
    }

    /// musl's loader is its C library, by whatever name.
    fn is_built_in(&self, name: &str) -> bool {
        const PARTS: [&str; 7] = ["c", "pthread", "rt", "m", "dl", "util", "xnet"];
        let part = name.strip_prefix("lib").and_then(|rest| rest.split_once('.')).map(|(part, _)| part);
        self.flavour == Flavour::Musl
            && (part.is_some_and(|part| PARTS.contains(&part))
                || name.starts_with("ld-musl-")
                || name.starts_with("libc.musl-"))
    }

    fn add(&mut self, name: Option<&str>, place: Place<'a>, loader: Option<usize>) {
        // Another name for a file that is loaded is not another object.
        let known = self.paths.get(&place.path).copied();
        let number = known.unwrap_or(self.loaded.len());
        if known.is_none() {
            self.paths.insert(place.path.clone(), number);
            if let Some(soname) = &place.elf.object.soname {
                self.names.entry(soname.clone()).or_insert(number);
            }
            self.loaded.push(Loaded { place, loader });
        }
        if let Some(name) = name {
            self.names.entry(name.to_owned()).or_insert(number);
        }
    }

    fn search(&self, folders: &Folders<'a>, name: &str, by: usize) -> Found<'a> {
        let place = &self.loaded[by].place;
        if name.contains('/') {
            let path = folders.expanded(name, &place.origin);
            return path.first().map_or(Found::Nothing, |path| folders.open(path));
        }
        let mut foreign = None;
        for path in self.candidates(folders, name, by) {
            match folders.open(&path) {
                Found::Nothing => {}
                Found::Foreign(path) => drop(foreign.get_or_insert(path)),
                found => return found,
            }
        }
        foreign.map_or(Found::Nothing, Found::Foreign)
    }

    /// Where `name` may lie, in the order in which the loader looks.
    fn candidates(&self, folders: &Folders<'a>, name: &str, by: usize) -> Vec<String> {
        let Place { elf, origin, .. } = &self.loaded[by].place;
        let defaults = folders.defaults(self.flavour);
        let own = |path: &Option<String>| path.as_deref().map_or_else(Vec::new, |path| folders.expanded(path, origin));
        let environment = folders.of_environment().to_vec();
        let named = match self.flavour {
            Flavour::Glibc => [self.rpaths(folders, by), environment, own(&elf.object.runpath)].concat(),
            Flavour::Musl => [environment, self.inherited(folders, by)].concat(),
        };
        let without_defaults = self.flavour == Flavour::Glibc && elf.object.no_default_folders;
        let is_default =
            |path: &str| defaults.iter().any(|folder| path.rsplit_once('/').is_some_and(|(at, _)| at == folder));
        let cached = if self.flavour == Flavour::Glibc { folders.cached(name) } else { Vec::new() };
        let cached = cached.into_iter().filter(|path| !without_defaults || !is_default(path)).map(str::to_owned);
        let defaults = if without_defaults { &[][..] } else { &defaults[..] };
        let inside = |folder: &String| {
            let plain = format!("{folder}/{name}");
            std::iter::once(plain).chain(HWCAPS.map(|hwcaps| format!("{folder}/{hwcaps}/{name}")))
        };
        named.iter().flat_map(inside).chain(cached).chain(defaults.iter().flat_map(inside)).collect()
    }

    /// `DT_RPATH` of the object, of who asked for it, and so on; at last that of the program.
    fn rpaths(&self, folders: &Folders<'a>, by: usize) -> Vec<String> {
        if self.loaded[by].place.elf.object.runpath.is_some() {
            return Vec::new();
        }
        let rpath = |number: usize| {
            let place = &self.loaded[number].place;
            let object = &place.elf.object;
            let path = object.rpath.as_deref().filter(|_| object.runpath.is_none());
            path.map_or_else(Vec::new, |path| folders.expanded(path, &place.origin))
        };
        self.ancestry(by).into_iter().flat_map(rpath).collect()
    }

    /// musl makes no difference between `DT_RPATH` and `DT_RUNPATH`, and inherits both.
    fn inherited(&self, folders: &Folders<'a>, by: usize) -> Vec<String> {
        let path = |number: usize| {
            let place = &self.loaded[number].place;
            let path = place.elf.object.runpath.as_deref().or(place.elf.object.rpath.as_deref());
            path.map_or_else(Vec::new, |path| folders.expanded(path, &place.origin))
        };
        self.ancestry(by).into_iter().flat_map(path).collect()
    }

    /// The object, who asked for it, and so on up to the program.
    fn ancestry(&self, by: usize) -> Vec<usize> {
        let mut line = vec![by];
        let mut now = by;
        while let Some(loader) = self.loaded[now].loader.filter(|loader| *loader < now) {
            line.push(loader);
            now = loader;
        }
        if now != 0 {
            line.push(0);
        }
        line
    }
}
