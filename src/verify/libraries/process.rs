//! What is loaded into one process, in the loader's order.

use std::{collections::BTreeMap, rc::Rc};

use super::folders::{Flavour, Folders, Found, Place};

/// Libraries of one process; the largest have a few hundred.
const LOADED_LIMIT: usize = 4096;

/// A process, as far as its libraries go.
#[derive(Clone)]
pub(super) struct Process<'a> {
    pub(super) flavour: Flavour,
    pub(super) loaded: Vec<Loaded<'a>>,
    /// Names under which objects were asked for, and their `SONAME`s.
    names: BTreeMap<&'a str, usize>,
    paths: BTreeMap<&'a str, usize>,
    /// Where libraries are that were not read whole, by the names under which they were asked for.
    unread: BTreeMap<&'a str, &'a str>,
}

/// An object in a process.
#[derive(Clone, Copy)]
pub(super) struct Loaded<'a> {
    pub(super) place: Place<'a>,
    /// Who asked for it.
    loader: Option<usize>,
}

/// A name that was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Missing<'a> {
    pub(super) name: &'a str,
    /// The path of the object that needs it.
    pub(super) by: &'a str,
    pub(super) instead: Instead<'a>,
}

/// What was found where the library should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instead<'a> {
    Nothing,
    Foreign(&'a str),
    Broken(&'a str),
}

impl<'a> Process<'a> {
    pub(super) fn new(flavour: Flavour) -> Self {
        let (names, paths) = (BTreeMap::new(), BTreeMap::new());
        Self { flavour, loaded: Vec::new(), names, paths, unread: BTreeMap::new() }
    }

    /// Loads `place` and what it needs, breadth first; gives what is missing. The first object is the
    /// program, and counts as the loader of those that come later.
    pub(super) fn load(&mut self, folders: &Folders<'a>, place: Place<'a>) -> Vec<Missing<'a>> {
        if self.paths.contains_key(place.path) {
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
    pub(super) fn unread(&self) -> impl Iterator<Item = &'a str> {
        self.unread.values().copied()
    }

    /// Whether something is loaded that goes by `name`.
    pub(super) fn by_name(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// What the program gets when it opens `name` by itself (`dlopen`).
    pub(super) fn open(&self, folders: &Folders<'a>, name: &str) -> Found<'a> {
        if self.loaded.is_empty() { Found::Nothing } else { self.search(folders, name, 0) }
    }

    fn need(&mut self, folders: &Folders<'a>, name: &'a str, by: usize, missing: &mut Vec<Missing<'a>>) {
        if self.names.contains_key(name) || self.unread.contains_key(name) || self.is_built_in(name) {
            return;
        }
        let instead = match self.search(folders, name, by) {
            Found::Library(place) => return self.add(Some(name), place, Some(by)),
            Found::Unread(path) => {
                self.unread.insert(name, path);
                return;
            }
            Found::Nothing => Instead::Nothing,
            Found::Foreign(path) => Instead::Foreign(path),
            Found::Broken(path) => Instead::Broken(path),
        };
        missing.push(Missing { name, by: self.loaded[by].place.path, instead });
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

    fn add(&mut self, name: Option<&'a str>, place: Place<'a>, loader: Option<usize>) {
        // Another name for a file that is loaded is not another object.
        let known = self.paths.get(place.path).copied();
        let number = known.unwrap_or(self.loaded.len());
        if known.is_none() {
            self.paths.insert(place.path, number);
            if let Some(soname) = &place.elf.object.soname {
                self.names.entry(soname).or_insert(number);
            }
            self.loaded.push(Loaded { place, loader });
        }
        if let Some(name) = name {
            self.names.entry(name).or_insert(number);
        }
    }

    /// What the loader finds of `name`, in its order: where the object says, where the environment and the cache say,
    /// and in folders that it knows itself.
    fn search(&self, folders: &Folders<'a>, name: &str, by: usize) -> Found<'a> {
        let Place { elf, origin, .. } = self.loaded[by].place;
        if name.contains('/') {
            let path = folders.expand(name, origin);
            return path.first().map_or(Found::Nothing, |path| folders.open(path));
        }
        let own = elf.object.runpath.as_deref().map(|path| folders.of_path(path, origin));
        let inherited = self.inherited(folders, by);
        let (inherited, environment) = (inherited.iter().map(|folders| &**folders), &folders.of_environment[..]);
        let named: Vec<&[&str]> = match self.flavour {
            Flavour::Glibc => inherited.chain([environment]).chain(own.as_deref()).collect(),
            Flavour::Musl => [environment].into_iter().chain(inherited).collect(),
        };
        let is_glibc = self.flavour == Flavour::Glibc;
        let without_defaults = is_glibc && elf.object.no_default_folders;
        let cached = if is_glibc { folders.cached(name) } else { Vec::new() };
        let is_allowed = |path: &&str| !without_defaults || !folders.is_in_default(path, self.flavour);
        let cached = cached.into_iter().filter(is_allowed).map(|path| folders.open(path));
        let defaults = if without_defaults { &[][..] } else { folders.of_defaults(self.flavour) };
        let within = |folder: &&'a str| folders.open_in(folder, name);
        let mut foreign = None;
        for found in named.into_iter().flatten().map(within).chain(cached).chain(defaults.iter().map(within)) {
            match found {
                Found::Nothing => {}
                Found::Foreign(path) => foreign = foreign.or(Some(path)),
                found => return found,
            }
        }
        foreign.map_or(Found::Nothing, Found::Foreign)
    }

    /// Folders that paths of the object name, and of who asked for it, and so on; at last those of the program:
    /// `DT_RPATH`, where the object has no `DT_RUNPATH`. musl makes no difference between the two.
    fn inherited(&self, folders: &Folders<'a>, by: usize) -> Vec<Rc<[&'a str]>> {
        let is_musl = self.flavour == Flavour::Musl;
        if !is_musl && self.loaded[by].place.elf.object.runpath.is_some() {
            return Vec::new();
        }
        let paths = |number: usize| {
            let Place { elf, origin, .. } = self.loaded[number].place;
            let path = match (&elf.object.runpath, &elf.object.rpath) {
                (Some(runpath), _) => Some(runpath).filter(|_| is_musl),
                (None, rpath) => rpath.as_ref(),
            };
            Some(folders.of_path(path?, origin))
        };
        self.ancestry(by).into_iter().filter_map(paths).collect()
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
