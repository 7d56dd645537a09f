//! The proof: every program and extension module loaded, one after the other, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

pub use super::roots::Need;
use super::{
    by_python,
    folders::{Flavour, Folders, Machine, Place},
    known, named,
    process::{Instead, Missing, Process},
    roots::{self, Root},
    siblings::Siblings,
};
use crate::{
    base::{Node, Tree},
    elf::{Elf, Malformed, symbol_hash},
    oci::Platform,
    verify::{Owners, subject::command},
};

/// What loading everything showed. Paths have no leading slash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Libraries that are not found.
    pub gaps: Vec<Gap>,
    /// Libraries without a version that is needed of them.
    pub versions: Vec<OldLibrary>,
    /// Symbols that nothing defines.
    pub undefined: Vec<UndefinedSymbols>,
    /// Extension modules and libraries for other machines: path, `e_machine`.
    pub foreign: Vec<(String, u16)>,
    /// Extension modules that no loader loads: path, and why, if they are programs or libraries at all.
    pub broken: Vec<(String, Option<Malformed>)>,
    /// Libraries whose own needs are not known, because they were not read whole.
    pub unread: BTreeSet<String>,
}

/// A library that is not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Its name.
    pub name: String,
    /// The program or module that cannot be loaded.
    pub root: String,
    /// The object that asks for the library: the root, or one of its libraries.
    pub by: String,
    /// Why the root is loaded.
    pub need: Need,
    /// What there is instead.
    pub elsewhere: Elsewhere,
}

/// What there is of a library that the loader does not find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// Nothing.
    Nowhere,
    /// A driver brings it when the container starts.
    Driver,
    /// Another distribution, which is required, has it: its Python code loads it.
    Required(String),
    /// Another distribution has it, which nothing requires.
    Unrelated(String),
    /// A file of this name for another machine.
    Foreign(String),
    /// A file of this name that no loader loads.
    Broken(String),
    /// In a folder of the loader; but Python looks with `ctypes.util.find_library`, which does not find it.
    Unlisted(String),
}

/// A library without a version that is needed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldLibrary {
    /// The object that needs the versions.
    pub by: String,
    /// The name under which it asks for the library.
    pub name: String,
    /// The library.
    pub library: String,
    /// The versions that are missing: `GLIBC_2.38`.
    pub missing: Vec<String>,
    /// Why the object is loaded.
    pub need: Need,
}

/// An object with symbols that nothing defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndefinedSymbols {
    /// The object.
    pub by: String,
    /// The symbols, as linkers write them.
    pub symbols: Vec<String>,
}

/// Loads everything in `tree`; nothing for platforms whose loader is not known. `settings` is the image's
/// configuration: its `Env` has `PATH` and `LD_LIBRARY_PATH`.
#[must_use]
pub fn prove(tree: &Tree, platform: &Platform, settings: &serde_json::Value, owners: &Owners) -> Option<Proof> {
    let machine = Machine::of(platform)?;
    let folders = Folders::new(tree, machine, &variable(settings, "LD_LIBRARY_PATH").unwrap_or_default());
    let path = variable(settings, "PATH");
    let path = path.unwrap_or_else(|| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    let mut prover = Prover {
        by_python: by_python::loaded(&folders, owners),
        path: roots::path_folders(&folders, &path),
        started: started(tree, settings),
        siblings: Siblings::new(&folders, owners),
        folders: &folders,
        proof: Proof::default(),
        reached: BTreeSet::new(),
        checked: BTreeSet::new(),
        resolved: BTreeSet::new(),
        interpreters: BTreeMap::new(),
    };
    prover.all(owners);
    Some(prover.proof)
}

fn variable(settings: &serde_json::Value, name: &str) -> Option<String> {
    let environment = settings.get("Env")?.as_array()?;
    let mut values = environment.iter().filter_map(|entry| entry.as_str()?.split_once('='));
    values.rfind(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

/// The program that the image starts, where the configuration says the whole path.
fn started(tree: &Tree, settings: &serde_json::Value) -> Option<String> {
    let program = *command(settings).first().filter(|program| program.starts_with('/'))?;
    tree.find(program).map(|(path, _)| path)
}

struct Prover<'f, 'a> {
    folders: &'f Folders<'a>,
    siblings: Siblings<'a>,
    /// Libraries that Python code loads when it is imported.
    by_python: BTreeSet<&'a str>,
    /// The folders of `PATH`.
    path: Vec<String>,
    /// What the image starts.
    started: Option<String>,
    proof: Proof,
    /// Everything that was loaded.
    reached: BTreeSet<&'a str>,
    /// Objects whose needed versions were looked at.
    checked: BTreeSet<&'a str>,
    /// Objects all of whose symbols were found once.
    resolved: BTreeSet<&'a str>,
    /// Processes of interpreters, before they import anything.
    interpreters: BTreeMap<&'a str, Process<'a>>,
}

impl<'a> Prover<'_, 'a> {
    fn all(&mut self, owners: &Owners) {
        let all = &self.folders.files.objects;
        let programs = all.iter().filter(|(_, node, elf)| roots::is_program(node, elf));
        for (path, _, elf) in programs.clone() {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let is_start = self.path.iter().any(|known| known == folder) || self.started.as_deref() == Some(*path);
            let need = if is_start { Need::Start } else { Need::Called };
            self.program(Root { place: roots::place(path, elf), need });
        }
        let pythons: Vec<_> =
            programs.filter(|(path, _, _)| roots::is_python(path)).map(|(path, _, elf)| (*path, *elf)).collect();
        for (path, _, elf) in all.iter().filter(|(path, _, elf)| elf.is_extension_module(path)) {
            let need = if known::is_optional(path) { Need::Plugin } else { Need::Import };
            let root = Root { place: roots::place(path, elf), need };
            self.within(roots::interpreter(&pythons, path).copied(), root);
        }
        let named = named::loaded(self.folders, owners, |path| {
            roots::interpreter(&pythons, path).map(|(python, elf)| self.interpreter(python, elf))
        });
        self.proof.gaps.extend(named.gaps);
        self.by_python.extend(named.found);
        for (path, node, elf) in all.iter().filter(|(path, _, elf)| !elf.is_extension_module(path)) {
            if !self.reached.contains(path) && !roots::is_program(node, elf) && elf.object.dynamic {
                let need = if self.by_python.contains(path) { Need::Import } else { Need::Plugin };
                let root = Root { place: roots::place(path, elf), need };
                self.within(roots::interpreter(&pythons, path).copied(), root);
            }
        }
        self.foreign();
        let broken = self.folders.files.broken.iter();
        self.proof.broken = broken.map(|(path, why)| ((*path).to_owned(), *why)).collect();
    }

    /// Starts a program.
    fn program(&mut self, root: Root<'a>) {
        let Some(loader) = root.place.elf.object.interpreter.as_deref() else { return };
        if self.folders.file(loader).is_none() {
            let (name, path) = (loader.to_owned(), root.place.path.to_owned());
            let elsewhere = Elsewhere::Nowhere;
            self.proof.gaps.push(Gap { name, root: path.clone(), by: path, need: root.need, elsewhere });
            return;
        }
        let mut process = Process::new(flavour(loader));
        self.load(&mut process, root);
    }

    /// Loads a module or plug-in into the process of `interpreter`; without one into an empty process.
    fn within(&mut self, interpreter: Option<(&'a str, &'a Elf)>, root: Root<'a>) {
        let mut process = match interpreter {
            Some((path, elf)) => self.interpreter(path, elf),
            None => Process::new(self.usual()),
        };
        self.load(&mut process, root);
    }

    fn interpreter(&mut self, path: &'a str, elf: &'a Elf) -> Process<'a> {
        if let Some(known) = self.interpreters.get(path) {
            return known.clone();
        }
        let mut process = Process::new(elf.object.interpreter.as_deref().map_or(Flavour::Glibc, flavour));
        // What it lacks itself was found when it was started as a program.
        process.load(self.folders, roots::place(path, elf));
        self.interpreters.insert(path, process.clone());
        process
    }

    /// The loader of an image without Python.
    fn usual(&self) -> Flavour {
        let musl = |(name, _): &(&str, &Node)| name.starts_with("ld-musl-");
        if self.folders.tree.children("lib").iter().any(musl) { Flavour::Musl } else { Flavour::Glibc }
    }

    fn load(&mut self, process: &mut Process<'a>, root: Root<'a>) {
        let Root { place, need } = root;
        let (path, mut complete) = (place.path, true);
        let before = process.loaded.len();
        let mut missing = process.load(self.folders, place);
        let mut rounds = 0;
        while let Some(gap) = missing.pop() {
            complete = false;
            let elsewhere = self.elsewhere(gap, process, &mut missing);
            let (name, root, by) = (gap.name.to_owned(), path.to_owned(), gap.by.to_owned());
            self.proof.gaps.push(Gap { name, root, by, need, elsewhere });
            rounds += 1;
            if rounds > 1000 {
                break;
            }
        }
        // What siblings bring is loaded by now.
        let lacks = |gap: &Gap| gap.root == path && !matches!(gap.elsewhere, Elsewhere::Required(_));
        let complete = complete || !self.proof.gaps.iter().rev().take(rounds).any(lacks);
        self.versions(process, before, need);
        // A program resolves most symbols when it calls them, and a plug-in is loaded by somebody who has them.
        // Any of them may be defined by what was not read.
        let whole = process.unread().next().is_none();
        self.proof.unread.extend(process.unread().map(str::to_owned));
        if complete && whole && need == Need::Import {
            self.symbols(process, before);
        }
        self.reached.extend(process.loaded[before..].iter().map(|loaded| loaded.place.path));
    }

    /// What there is of a library that was not found. One that Python code loads before is loaded now.
    fn elsewhere(&self, gap: Missing<'a>, process: &mut Process<'a>, missing: &mut Vec<Missing<'a>>) -> Elsewhere {
        if known::is_of_driver(gap.name) {
            return Elsewhere::Driver;
        }
        if let Some(before) = known::loaded_before(gap.name, gap.by)
            && let Some((path, _, elf)) = self.folders.files.objects.iter().find(|(path, ..)| *path == before)
        {
            missing.extend(process.load(self.folders, roots::place(path, elf)));
            return Elsewhere::Required(before);
        }
        if let Some(sibling) = self.siblings.find(gap.name, gap.by) {
            if !sibling.required {
                return Elsewhere::Unrelated(sibling.path.to_owned());
            }
            missing.extend(process.load(self.folders, roots::place(sibling.path, sibling.elf)));
            return Elsewhere::Required(sibling.path.to_owned());
        }
        match gap.instead {
            Instead::Nothing => Elsewhere::Nowhere,
            Instead::Foreign(path) => Elsewhere::Foreign(path.to_owned()),
            Instead::Broken(path) => Elsewhere::Broken(path.to_owned()),
        }
    }

    /// Whether each library defines the versions that are needed of it. musl does not look at them.
    fn versions(&mut self, process: &Process<'a>, from: usize, need: Need) {
        if process.flavour == Flavour::Musl {
            return;
        }
        for Place { path, elf, .. } in process.loaded[from..].iter().map(|loaded| loaded.place) {
            if !self.checked.insert(path) {
                continue;
            }
            for required in &elf.object.requires {
                let Some(provider) = process.by_name(&required.file) else { continue };
                let provider = &process.loaded[provider].place;
                // A library without versions is taken for any.
                let offers = &provider.elf.object.provides;
                let lacks = required.versions.iter().filter(|version| !version.weak && !offers.contains(&version.name));
                let missing: Vec<String> = lacks.map(|version| version.name.clone()).collect();
                if !offers.is_empty() && !missing.is_empty() {
                    let (by, library) = (path.to_owned(), provider.path.to_owned());
                    let name = required.file.clone();
                    self.proof.versions.push(OldLibrary { by, name, library, missing, need });
                }
            }
        }
    }

    /// Whether each undefined symbol is defined by something that is loaded.
    fn symbols(&mut self, process: &Process<'a>, from: usize) {
        for Place { path, elf, .. } in process.loaded[from..].iter().map(|loaded| loaded.place) {
            if self.resolved.contains(path) {
                continue;
            }
            let Some(symbols) = &elf.symbols else { continue };
            let mut open: Vec<(u32, &str)> =
                symbols.undefined.iter().map(|name| (symbol_hash(name.as_bytes()), name)).collect();
            // Most are in what was loaded last but libc, which comes early.
            for loaded in &process.loaded {
                let Some(others) = &loaded.place.elf.symbols else { continue };
                open.retain(|(hash, _)| others.defined.binary_search(hash).is_err());
                if open.is_empty() {
                    break;
                }
            }
            if !open.is_empty() {
                for others in self.siblings.required_by(path).filter_map(|elf| elf.symbols.as_ref()) {
                    open.retain(|(hash, _)| others.defined.binary_search(hash).is_err());
                }
            }
            self.resolved.insert(path);
            if !open.is_empty() {
                let symbols = open.into_iter().map(|(_, name)| name.to_owned()).collect();
                self.proof.undefined.push(UndefinedSymbols { by: path.to_owned(), symbols });
            }
        }
    }

    /// Modules and libraries beside them that are for another processor: where none is for this one.
    fn foreign(&mut self) {
        let files = &self.folders.files;
        let tops = files.objects.iter().filter_map(|(path, _, _)| distribution_folder(path));
        // Where some are for this processor, the others may be for devices and emulators.
        let fitting: BTreeSet<&str> = if files.foreign.is_empty() { BTreeSet::new() } else { tops.collect() };
        let mut found: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (path, elf) in files.foreign.iter().filter(|(path, _)| path.contains(".so")) {
            let Some(top) = distribution_folder(path) else { continue };
            if !fitting.contains(top) || elf.is_extension_module(path) {
                found.entry(top).or_default().push(((*path).to_owned(), elf.object.machine));
            }
        }
        self.proof.foreign = found.into_values().flatten().collect();
    }
}

/// The folder that a distribution has for itself: `…/site-packages/numpy`.
fn distribution_folder(path: &str) -> Option<&str> {
    let start = path.find("-packages/")? + "-packages/".len();
    let end = path[start..].find('/').map_or(path.len(), |end| start + end);
    Some(&path[..end])
}

fn flavour(loader: &str) -> Flavour {
    if loader.contains("ld-musl-") { Flavour::Musl } else { Flavour::Glibc }
}
