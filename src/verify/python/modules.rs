//! Modules found as the image's interpreter would find them.

use std::{cell::RefCell, collections::BTreeMap};

use super::{
    abi::{Abi, Fit},
    distributions::text,
};
use crate::{
    base::{Evidence, Kind, NotedSource, Python},
    verify::Subject,
};

/// Modules that are part of an interpreter, or may be: which of them are files differs between builds.
const BUILT_IN: &[&str] = &[
    "_abc",
    "_ast",
    "_asyncio",
    "_bisect",
    "_blake2",
    "_bz2",
    "_codecs",
    "_codecs_cn",
    "_codecs_hk",
    "_codecs_iso2022",
    "_codecs_jp",
    "_codecs_kr",
    "_codecs_tw",
    "_collections",
    "_contextvars",
    "_crypt",
    "_csv",
    "_ctypes",
    "_curses",
    "_curses_panel",
    "_datetime",
    "_dbm",
    "_decimal",
    "_elementtree",
    "_functools",
    "_gdbm",
    "_hashlib",
    "_heapq",
    "_hmac",
    "_imp",
    "_interpchannels",
    "_interpqueues",
    "_interpreters",
    "_io",
    "_json",
    "_locale",
    "_lsprof",
    "_lzma",
    "_md5",
    "_multibytecodec",
    "_multiprocessing",
    "_opcode",
    "_operator",
    "_peg_parser",
    "_pickle",
    "_posixshmem",
    "_posixsubprocess",
    "_queue",
    "_random",
    "_remote_debugging",
    "_sha1",
    "_sha2",
    "_sha256",
    "_sha3",
    "_sha512",
    "_signal",
    "_socket",
    "_sqlite3",
    "_sre",
    "_ssl",
    "_stat",
    "_statistics",
    "_string",
    "_struct",
    "_suggestions",
    "_symtable",
    "_sysconfig",
    "_thread",
    "_tkinter",
    "_tokenize",
    "_tracemalloc",
    "_types",
    "_typing",
    "_uuid",
    "_warnings",
    "_weakref",
    "_xxinterpchannels",
    "_xxsubinterpreters",
    "_zoneinfo",
    "_zstd",
    "array",
    "atexit",
    "audioop",
    "binascii",
    "builtins",
    "cmath",
    "errno",
    "faulthandler",
    "fcntl",
    "gc",
    "grp",
    "itertools",
    "marshal",
    "math",
    "mmap",
    "nis",
    "ossaudiodev",
    "parser",
    "posix",
    "pwd",
    "pyexpat",
    "readline",
    "resource",
    "select",
    "spwd",
    "sys",
    "syslog",
    "termios",
    "time",
    "unicodedata",
    "zlib",
    "__main__",
];

/// No module has a longer name: Linux ends a path at 4096 bytes, and the longest that people use have 150.
const LONGEST: usize = 1024;
/// Searches of which it is kept what became of them; the largest images have some ten thousands.
const KEPT: usize = 1 << 18;

/// Where an interpreter looks for modules, in this order.
pub(super) struct Modules<'a> {
    subject: &'a Subject,
    pub(super) abi: Abi,
    /// The folders of wheels, without a leading slash.
    pub(super) sites: Vec<String>,
    roots: Vec<String>,
    /// The standard library, one of the roots.
    library: Option<String>,
    /// Whether code of `.pth` files may find modules anywhere.
    has_finders: bool,
    /// What became of each search: packages import the same modules again and again.
    known: RefCell<BTreeMap<String, Resolution<'a>>>,
}

/// What became of the search for a module.
#[derive(Clone, Debug)]
pub(super) enum Resolution<'a> {
    Found(Found<'a>),
    /// It is part of the interpreter or its standard library.
    Standard,
    /// It is not there.
    Missing,
    /// No file shows it, but some code may make it.
    Unknown,
}

/// A module that is there.
#[derive(Clone, Debug)]
pub(super) struct Found<'a> {
    /// Its file, without a leading slash; the folder of a namespace package.
    pub(super) path: String,
    /// What its source does, where it was read.
    pub(super) source: Option<&'a NotedSource>,
    /// The folders of a package; none for a plain module.
    folders: Vec<String>,
}

impl Found<'_> {
    pub(super) fn is_package(&self) -> bool {
        !self.folders.is_empty()
    }
}

impl<'a> Modules<'a> {
    pub(super) fn new(subject: &'a Subject, python: &Python) -> Self {
        let tree = &subject.tree;
        let mut modules = Self {
            subject,
            abi: Abi::of(subject, python),
            sites: Vec::new(),
            roots: Vec::new(),
            library: tree.walk_to(&python.library),
            has_finders: false,
            known: RefCell::default(),
        };
        for folder in
            environment(subject, "PYTHONPATH").unwrap_or_default().split(':').filter(|path| path.starts_with('/'))
        {
            modules.add_root(folder);
        }
        modules.add_root(&python.library);
        modules.add_root(&format!("{}/lib-dynload", python.library));
        for site in &python.sites {
            if let Some(site) = tree.walk_to(site)
                && !modules.sites.contains(&site)
            {
                modules.add_root(&site);
                modules.sites.push(site);
            }
        }
        for site in modules.sites.clone() {
            modules.add_paths_of(&site);
        }
        modules
    }

    /// The same search with the folder of a script before all others.
    pub(super) fn starting_in(&self, folder: &str) -> Modules<'a> {
        let mut roots: Vec<String> = self.subject.tree.walk_to(folder).into_iter().collect();
        roots.extend(self.roots.iter().cloned());
        let (abi, sites, library) = (self.abi.clone(), self.sites.clone(), self.library.clone());
        let known = RefCell::default();
        Modules { subject: self.subject, abi, sites, roots, library, has_finders: self.has_finders, known }
    }

    /// Looks for a dotted module.
    pub(super) fn resolve(&self, module: &str) -> Resolution<'a> {
        if module.len() > LONGEST {
            return Resolution::Missing;
        }
        let (mut end, mut resolved) = self.known_part(module).unwrap_or_else(|| {
            let name = module.split('.').next().unwrap_or_default();
            (name.len(), self.keep(name, self.top(name)))
        });
        // What is not there has nothing in it, and of what nobody knows nobody knows that either.
        while let (Resolution::Found(package), Some(rest)) = (&resolved, module.get(end + 1..)) {
            let name = rest.split('.').next().unwrap_or_default();
            end += 1 + name.len();
            resolved = self.keep(&module[..end], self.inner(package, name));
        }
        resolved
    }

    /// Of the module and the packages that it lies in, the innermost that was looked for before: where its name
    /// ends, and what became of it.
    fn known_part(&self, module: &str) -> Option<(usize, Resolution<'a>)> {
        let known = self.known.borrow();
        let mut ends = [module.len()].into_iter().chain(module.rmatch_indices('.').map(|(end, _)| end));
        ends.find_map(|end| Some((end, known.get(&module[..end])?.clone())))
    }

    fn keep(&self, module: &str, resolved: Resolution<'a>) -> Resolution<'a> {
        let mut known = self.known.borrow_mut();
        if known.len() < KEPT {
            known.insert(module.to_owned(), resolved.clone());
        }
        resolved
    }

    fn top(&self, name: &str) -> Resolution<'a> {
        match self.search(&self.roots, name) {
            Some(found) if self.is_standard(&found.path) => Resolution::Standard,
            Some(found) => Resolution::Found(found),
            None if BUILT_IN.contains(&name) => Resolution::Standard,
            None if self.has_finders => Resolution::Unknown,
            None => Resolution::Missing,
        }
    }

    fn inner(&self, package: &Found<'a>, name: &str) -> Resolution<'a> {
        if let Some(found) = self.search(&package.folders, name) {
            return Resolution::Found(found);
        }
        // What a package does not show may be an attribute, or made by its code.
        let is_known = package.is_package()
            && package.source.map(NotedSource::get).is_some_and(|source| !source.dynamic && !source.may_bind(name));
        if is_known { Resolution::Missing } else { Resolution::Unknown }
    }

    /// Whether a file belongs to the standard library, and to no folder of wheels in it.
    fn is_standard(&self, path: &str) -> bool {
        let within = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        self.library.as_deref().is_some_and(within) && !self.sites.iter().any(|site| within(site))
    }

    fn search(&self, folders: &[String], name: &str) -> Option<Found<'a>> {
        let mut portions = Vec::new();
        for folder in folders {
            let package = format!("{folder}/{name}");
            // Most folders have nothing that is called so.
            if self.subject.tree.starting_with(package.trim_start_matches('/')).next().is_none() {
                continue;
            }
            if let Some(found) = self.package(&package).or_else(|| self.plain(folder, name)) {
                return Some(found);
            }
            portions.extend(self.subject.tree.walk_to(&package).filter(|path| self.subject.tree.has_directory(path)));
        }
        // A folder without `__init__` is a part of a namespace package.
        let path = portions.first()?.clone();
        Some(Found { path, source: None, folders: portions })
    }

    fn package(&self, folder: &str) -> Option<Found<'a>> {
        let found = self.plain(folder, "__init__")?;
        let folder = found.path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        Some(Found { folders: folder.into_iter().collect(), ..found })
    }

    fn plain(&self, folder: &str, name: &str) -> Option<Found<'a>> {
        let tree = &self.subject.tree;
        for ending in [".py", ".pyc", ".so", ".abi3.so"] {
            if let Some((path, node)) = tree.find(&format!("{folder}/{name}{ending}"))
                && node.kind == Kind::File
                && (ending != ".abi3.so" || self.abi.split("x.abi3.so") == Some(("x", Fit::Yes)))
            {
                let source = match node.evidence.as_deref() {
                    Some(Evidence::Module(source)) => Some(source),
                    _ => None,
                };
                return Some(Found { path, source, folders: Vec::new() });
            }
        }
        let start = format!("{folder}/{name}.");
        let mut beside = tree.starting_with(&start);
        let (path, _) = beside.find(|(path, _)| {
            let file = path.rsplit('/').next().unwrap_or_default();
            path.matches('/').count() == start.matches('/').count() && self.abi.split(file) == Some((name, Fit::Yes))
        })?;
        Some(Found { path: path.to_owned(), source: None, folders: Vec::new() })
    }

    fn add_root(&mut self, folder: &str) {
        if let Some(path) = self.subject.tree.walk_to(folder)
            && !self.roots.contains(&path)
        {
            self.roots.push(path);
        }
    }

    /// What the `.pth` files of a folder add.
    ///
    /// [`site`](https://docs.python.org/3/library/site.html).
    fn add_paths_of(&mut self, site: &str) {
        let tree = &self.subject.tree;
        let is_list = |name: &&str| name.rsplit_once('.').is_some_and(|(_, ending)| ending == "pth");
        for file in tree.children(site).into_iter().map(|(name, _)| name).filter(is_list) {
            for line in text(tree, &format!("{site}/{file}")).unwrap_or_default().lines().map(str::trim) {
                if line.starts_with("import ") || line.starts_with("import\t") {
                    self.has_finders |= !is_harmless(file);
                } else if !line.is_empty() && !line.starts_with('#') {
                    let folder = if line.starts_with('/') { line.to_owned() } else { format!("{site}/{line}") };
                    self.add_root(&folder);
                }
            }
        }
    }
}

/// `.pth` files whose code finds no modules that no folder shows.
fn is_harmless(file: &str) -> bool {
    file == "distutils-precedence.pth"
        || file.ends_with("-nspkg.pth")
        || file.contains("coverage")
        || file.contains("virtualenv")
}

pub(super) fn environment<'s>(subject: &'s Subject, name: &str) -> Option<&'s str> {
    let list = subject.settings().get("Env")?.as_array()?;
    list.iter().rev().find_map(|entry| entry.as_str()?.strip_prefix(name)?.strip_prefix('='))
}
