//! Where the loader looks for a library, and what it finds there.

use std::{cell::RefCell, collections::BTreeMap};

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

/// The files of an image, as a loader sees them.
pub(super) struct Folders<'a> {
    pub(super) tree: &'a Tree,
    pub(super) machine: Machine,
    triplet: bool,
    /// `LD_LIBRARY_PATH` of the image's configuration.
    library_path: Vec<String>,
    /// Folders as they were named, and as they are.
    real: RefCell<BTreeMap<String, Option<String>>>,
}

/// What was found of a name.
pub(super) enum Found<'a> {
    /// It, where it was found, and where it is.
    Library(Place<'a>),
    /// Only files for other machines.
    Foreign(String),
    /// A library that was not read whole: the loader takes it, and what it needs is not known.
    Unread(String),
    /// A file that no loader loads: it ends the search.
    Broken(String, Malformed),
    Nothing,
}

/// A program or library in the image.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    /// Where it is, without symbolic links.
    pub(super) path: String,
    /// The folder in which it was found: `$ORIGIN`.
    pub(super) origin: String,
    pub(super) elf: &'a Elf,
}

impl<'a> Folders<'a> {
    pub(super) fn new(tree: &'a Tree, machine: Machine, library_path: &str) -> Self {
        let triplet = tree.has_directory(&format!("usr/lib/{}", machine.triplet()))
            || tree.has_directory(&format!("lib/{}", machine.triplet()));
        let library_path = library_path.split([':', ';']).filter(|folder| folder.starts_with('/'));
        let library_path = library_path.map(str::to_owned).collect();
        Self { tree, machine, triplet, library_path, real: RefCell::default() }
    }

    /// Where `folder` is, without symbolic links; nothing if it is no folder.
    fn real(&self, folder: &str) -> Option<String> {
        if let Some(known) = self.real.borrow().get(folder) {
            return known.clone();
        }
        let found = self.tree.find(folder).filter(|(_, node)| node.kind == Kind::Directory).map(|(path, _)| path);
        self.real.borrow_mut().insert(folder.to_owned(), found.clone());
        found
    }

    /// The file at `path`, which may lead through links.
    pub(super) fn file(&self, path: &str) -> Option<(String, String, &'a Node)> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let origin = self.real(folder)?;
        let direct = format!("{origin}/{name}");
        let (real, node) = match self.tree.node(direct.trim_start_matches('/'))? {
            Node { kind: Kind::Symlink(_), .. } => self.tree.find(&direct)?,
            node => (direct.trim_start_matches('/').to_owned(), node),
        };
        (node.kind == Kind::File).then_some((real, origin, node))
    }

    /// What opening `path` gives; `Nothing` lets the search go on.
    pub(super) fn open(&self, path: &str) -> Found<'a> {
        let Some((path, origin, node)) = self.file(path) else { return Found::Nothing };
        match node.elf.as_deref() {
            Some(Ok(elf)) if self.machine.fits(elf) => Found::Library(Place { path, origin, elf }),
            Some(Ok(_)) => Found::Foreign(path),
            Some(Err(Malformed::Scattered | Malformed::TooMuch)) => Found::Unread(path),
            Some(Err(malformed)) => Found::Broken(path, *malformed),
            // A script for the linker, or a text: "invalid ELF header".
            None => Found::Broken(path, Malformed::Header),
        }
    }

    /// The folders that a path of an object names, `$ORIGIN` and the like replaced.
    pub(super) fn expanded(&self, path: &str, origin: &str) -> Vec<String> {
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

    /// `LD_LIBRARY_PATH`.
    pub(super) fn of_environment(&self) -> &[String] {
        &self.library_path
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
