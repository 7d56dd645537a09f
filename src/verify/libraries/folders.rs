//! Where the loader looks for a library, and what it finds there.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use super::roots::Files;
use crate::{
    base::{Kind, LoaderCache, Node, Tree},
    elf::{Class, Elf, Malformed},
    oci::Platform,
};

/// Which loader it is: they look in different places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    Glibc,
    Musl,
}

/// What an image's files must be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) number: u16,
    pub(super) class: Class,
}

impl Machine {
    /// The processor of `platform`; nothing for those that no Python is built for.
    pub(super) fn of(platform: &Platform) -> Option<Self> {
        let (number, class) = match platform.debian_architecture() {
            "amd64" => (62, Class::Elf64),
            "arm64" => (183, Class::Elf64),
            "i386" => (3, Class::Elf32),
            "armhf" | "armel" => (40, Class::Elf32),
            "ppc64el" => (21, Class::Elf64),
            "s390x" => (22, Class::Elf64),
            "riscv64" => (243, Class::Elf64),
            "loong64" => (258, Class::Elf64),
            _ => return None,
        };
        Some(Self { number, class })
    }

    pub(super) fn fits(self, elf: &Elf) -> bool {
        elf.object.machine == self.number && elf.object.class == self.class
    }

    /// What Debian calls folders of this machine's libraries.
    const fn triplet(self) -> &'static str {
        match (self.number, self.class) {
            (62, _) => "x86_64-linux-gnu",
            (183, _) => "aarch64-linux-gnu",
            (3, _) => "i386-linux-gnu",
            (40, _) => "arm-linux-gnueabihf",
            (21, _) => "powerpc64le-linux-gnu",
            (22, _) => "s390x-linux-gnu",
            (243, _) => "riscv64-linux-gnu",
            _ => "loongarch64-linux-gnu",
        }
    }

    /// What processors of this kind are called (`uname -m`).
    pub(super) const fn name(number: u16) -> &'static str {
        match number {
            62 => "x86-64",
            183 => "AArch64",
            3 => "x86",
            40 => "ARM",
            21 => "PowerPC",
            22 => "s390x",
            243 => "RISC-V",
            258 => "LoongArch",
            _ => "another processor",
        }
    }
}

/// Folders of `glibc-hwcaps` that every processor of the last decade takes.
const HWCAPS: [&str; 1] = ["glibc-hwcaps/x86-64-v2"];

/// What stands in a folder, by name: its path, and that.
type Contents<'a> = BTreeMap<&'a str, (&'a str, &'a Node)>;
/// Folders that are there.
type Searched<'a> = Rc<[&'a str]>;

/// The files of an image, as a loader sees them.
pub(super) struct Folders<'a> {
    pub(super) tree: &'a Tree,
    pub(super) machine: Machine,
    pub(super) files: Files<'a>,
    triplet: bool,
    /// `LD_LIBRARY_PATH` of the image's configuration: the folders that are there.
    pub(super) of_environment: Vec<&'a str>,
    /// Where the loader looks when nothing else is said, as far as it is there: glibc's, musl's.
    of_defaults: [Vec<&'a str>; 2],
    /// Folders as they were named, and as they are.
    real: RefCell<BTreeMap<String, Option<&'a str>>>,
    /// Where the paths of objects lead: by path and origin.
    expanded: RefCell<BTreeMap<(&'a str, &'a str), Searched<'a>>>,
    contents: RefCell<BTreeMap<&'a str, Rc<Contents<'a>>>>,
}

/// What was found of a name. Paths have no leading slash and lead through no symbolic link.
pub(super) enum Found<'a> {
    /// It.
    Library(Place<'a>),
    /// Only files for other machines.
    Foreign(&'a str),
    /// A library that was not read whole: the loader takes it, and what it needs is not known.
    Unread(&'a str),
    /// A file that no loader loads: it ends the search.
    Broken(&'a str),
    Nothing,
}

/// A program or library in the image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// Where it is, without symbolic links.
    pub(super) path: &'a str,
    /// The folder in which it was found: `$ORIGIN`.
    pub(super) origin: &'a str,
    pub(super) elf: &'a Elf,
}

impl<'a> Folders<'a> {
    pub(super) fn new(tree: &'a Tree, machine: Machine, library_path: &str) -> Self {
        let triplet = tree.has_directory(&format!("usr/lib/{}", machine.triplet()))
            || tree.has_directory(&format!("lib/{}", machine.triplet()));
        let mut folders = Self {
            tree,
            machine,
            files: Files::of(tree, machine),
            triplet,
            of_environment: Vec::new(),
            of_defaults: Default::default(),
            real: RefCell::default(),
            expanded: RefCell::default(),
            contents: RefCell::default(),
        };
        let library_path = library_path.split([':', ';']).filter(|folder| folder.starts_with('/'));
        folders.of_environment = library_path.flat_map(|folder| folders.searched(folder)).collect();
        folders.of_defaults = [Flavour::Glibc, Flavour::Musl]
            .map(|flavour| folders.defaults(flavour).iter().flat_map(|folder| folders.searched(folder)).collect());
        folders
    }

    /// Where `folder` is, without symbolic links; nothing if it is no folder.
    fn real(&self, folder: &str) -> Option<&'a str> {
        if let Some(known) = self.real.borrow().get(folder) {
            return *known;
        }
        let find = || match self.tree.walk_to(folder)? {
            root if root.is_empty() => Some(""),
            place => self.tree.placed(&place).filter(|(_, node)| node.kind == Kind::Directory).map(|(path, _)| path),
        };
        let found = find();
        self.real.borrow_mut().insert(folder.to_owned(), found);
        found
    }

    /// The folders in which the loader looks when it is told of `folder`, as far as they are there.
    pub(super) fn searched(&self, folder: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let better = HWCAPS.map(|hwcaps| self.real(&format!("{folder}/{hwcaps}")));
        [self.real(folder)].into_iter().chain(better).flatten()
    }

    /// The file at `path`, which may lead through links, and the folder in which it was found.
    pub(super) fn file(&self, path: &str) -> Option<(&'a str, &'a str, &'a Node)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        self.file_in(self.real(folder)?, name)
    }

    /// The file `name` of `folder`, which may be a link.
    fn file_in(&self, folder: &'a str, name: &str) -> Option<(&'a str, &'a str, &'a Node)> {
        let (path, node) = self.contents(folder).get(name).copied()?;
        let (path, node) = match node.kind {
            Kind::Symlink(_) => self.tree.placed(&self.tree.walk_to(path)?)?,
            _ => (path, node),
        };
        (node.kind == Kind::File).then_some((path, folder, node))
    }

    fn contents(&self, folder: &'a str) -> Rc<Contents<'a>> {
        let read = || {
            let inside = self.tree.directly_in(folder).into_iter();
            Rc::new(inside.map(|(path, node)| (path.rsplit('/').next().unwrap_or(path), (path, node))).collect())
        };
        Rc::clone(self.contents.borrow_mut().entry(folder).or_insert_with(read))
    }

    /// What opening `path` gives; `Nothing` lets the search go on.
    pub(super) fn open(&self, path: &str) -> Found<'a> {
        self.opened(self.file(path))
    }

    /// What opening `name` in `folder` gives, which is where it is.
    pub(super) fn open_in(&self, folder: &'a str, name: &str) -> Found<'a> {
        self.opened(self.file_in(folder, name))
    }

    fn opened(&self, file: Option<(&'a str, &'a str, &'a Node)>) -> Found<'a> {
        let Some((path, origin, node)) = file else { return Found::Nothing };
        match node.elf.as_deref() {
            Some(Ok(elf)) if self.machine.fits(elf) => Found::Library(Place { path, origin, elf }),
            Some(Ok(_)) => Found::Foreign(path),
            Some(Err(Malformed::Scattered | Malformed::TooMuch)) => Found::Unread(path),
            // Nothing is there for a script for the linker, or a text: "invalid ELF header".
            Some(Err(_)) | None => Found::Broken(path),
        }
    }

    /// The folders in which the loader looks that a path of an object names, as far as they are there.
    pub(super) fn of_path(&self, path: &'a str, origin: &'a str) -> Searched<'a> {
        let known = self.expanded.borrow().get(&(path, origin)).cloned();
        known.unwrap_or_else(|| {
            let found: Searched<'_> =
                self.expand(path, origin).iter().flat_map(|folder| self.searched(folder)).collect();
            self.expanded.borrow_mut().insert((path, origin), Rc::clone(&found));
            found
        })
    }

    /// What a path of an object names, `$ORIGIN` and the like replaced.
    pub(super) fn expand(&self, path: &str, origin: &str) -> Vec<String> {
        let lib = match (self.triplet, self.machine.class) {
            (true, _) => format!("lib/{}", self.machine.triplet()),
            (false, Class::Elf64) => "lib64".to_owned(),
            (false, Class::Elf32) => "lib".to_owned(),
        };
        let platform = self.machine.triplet().split('-').next().unwrap_or_default();
        let origin = format!("/{}", origin.trim_matches('/'));
        let words = [("ORIGIN", origin.as_str()), ("LIB", lib.as_str()), ("PLATFORM", platform)];
        let expand = |folder: &str| {
            words.iter().fold(folder.to_owned(), |folder, (word, value)| {
                folder.replace(&format!("${{{word}}}"), value).replace(&format!("${word}"), value)
            })
        };
        path.split(':').map(expand).filter(|folder| folder.starts_with('/')).collect()
    }

    /// The files that the loader's cache has under `name`.
    pub(super) fn cached(&self, name: &str) -> Vec<&'a str> {
        let cache = self.tree.node("etc/ld.so.cache").and_then(|node| node.evidence.as_deref());
        cache.and_then(LoaderCache::of).map(|cache| cache.files(name)).unwrap_or_default()
    }

    /// The first name in the loader's cache that is wanted.
    pub(super) fn cached_name(&self, is_wanted: impl Fn(&str) -> bool) -> Option<String> {
        let cache = self.tree.node("etc/ld.so.cache").and_then(|node| node.evidence.as_deref());
        cache.and_then(LoaderCache::of)?.names().find(|name| is_wanted(name)).map(str::to_owned)
    }

    /// The folders of [`Folders::defaults`] that are there.
    pub(super) fn of_defaults(&self, flavour: Flavour) -> &[&'a str] {
        &self.of_defaults[flavour as usize]
    }

    /// Whether `path` names a file in such a folder.
    pub(super) fn is_in_default(&self, path: &str, flavour: Flavour) -> bool {
        let folder = path.rsplit_once('/').map(|(folder, _)| folder);
        self.defaults(flavour).iter().any(|known| Some(known.as_str()) == folder)
    }

    /// Where the loader looks when nothing else is said.
    pub(super) fn defaults(&self, flavour: Flavour) -> Vec<String> {
        match flavour {
            Flavour::Musl => self.of_musl(),
            Flavour::Glibc => {
                let folders = ["/lib", "/usr/lib"];
                let own = match (self.triplet, self.machine.class) {
                    (true, _) => folders.map(|folder| format!("{folder}/{}", self.machine.triplet())),
                    (false, Class::Elf64) => folders.map(|folder| format!("{folder}64")),
                    (false, Class::Elf32) => [String::new(), String::new()],
                };
                own.into_iter().filter(|folder| !folder.is_empty()).chain(folders.map(str::to_owned)).collect()
            }
        }
    }

    /// `/etc/ld-musl-ARCH.path`, one folder each, or what musl has built in.
    fn of_musl(&self) -> Vec<String> {
        let is_path = |name: &str| name.starts_with("ld-musl-") && name.rsplit('.').next() == Some("path");
        let text = self.tree.children("etc").into_iter().find(|(name, _)| is_path(name)).and_then(|(_, node)| {
            let text = node.evidence.as_deref()?.text()?;
            Some(text.split([':', '\n']).filter(|folder| folder.starts_with('/')).map(str::to_owned).collect())
        });
        text.unwrap_or_else(|| ["/lib", "/usr/local/lib", "/usr/lib"].map(str::to_owned).to_vec())
    }
}
