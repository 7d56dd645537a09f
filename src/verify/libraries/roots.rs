//! What a process begins with: programs, and the modules that an interpreter imports.

use std::collections::BTreeSet;

use super::folders::{Folders, Machine, Place};
use crate::{
    base::{Evidence, Kind, Node, Tree},
    elf::{Elf, Kind as Type, Malformed},
};

/// Why a file is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A program that people start: in a folder of `PATH`, or what the image starts.
    Start,
    /// An extension module, or a library that is loaded when a module is imported.
    Import,
    /// Nothing loads it at start: a plug-in, a module that is tried.
    Plugin,
    /// A program that another one calls.
    Called,
}

/// A program or library, and what it is for.
#[derive(Clone, Copy)]
pub(super) struct Root<'a> {
    pub(super) place: Place<'a>,
    pub(super) need: Need,
}

/// Folders of `PATH`.
pub(super) fn path_folders(folders: &Folders<'_>, path: &str) -> Vec<String> {
    let real = |folder: &str| folders.tree.find(folder).map(|(path, _)| path);
    path.split(':').filter(|folder| folder.starts_with('/')).filter_map(real).collect()
}

/// The files that the proof is about, each kind sorted by path.
#[derive(Default)]
pub(super) struct Files<'a> {
    /// Programs and libraries that the machine can run.
    pub(super) objects: Vec<(&'a str, &'a Node, &'a Elf)>,
    /// Those for other machines.
    pub(super) foreign: Vec<(&'a str, &'a Elf)>,
    /// Those under names of extension modules that no loader loads; why not, if they begin as programs do.
    pub(super) broken: Vec<(&'a str, Option<Malformed>)>,
    /// Metadata of distributions.
    pub(super) documents: Vec<&'a Evidence>,
    /// Folders with distributions of which RECORD lists the files.
    pub(super) sites: BTreeSet<&'a str>,
}

impl<'a> Files<'a> {
    /// Those in `tree`.
    pub(super) fn of(tree: &'a Tree, machine: Machine) -> Self {
        let mut files = Self::default();
        for (path, node) in tree.iter().filter(|(_, node)| node.kind == Kind::File) {
            match node.elf.as_deref() {
                Some(Ok(elf)) if machine.fits(elf) => files.objects.push((path, node, elf)),
                Some(Ok(elf)) => files.foreign.push((path, elf)),
                Some(Err(Malformed::Scattered | Malformed::TooMuch)) => {}
                Some(Err(malformed)) if is_module_name(path) => files.broken.push((path, Some(*malformed))),
                None if is_module_name(path) => files.broken.push((path, None)),
                _ => {}
            }
            match node.evidence.as_deref() {
                Some(evidence @ Evidence::Distribution { .. }) => files.documents.push(evidence),
                Some(Evidence::Text(_)) => files.sites.extend(site(path)),
                _ => {}
            }
        }
        files
    }
}

/// The folder whose distribution has its RECORD at `path`.
fn site(path: &str) -> Option<&str> {
    path.strip_suffix("/RECORD")?.rsplit_once('/').map(|(site, _)| site)
}

/// Whether only extension modules are called so: `m.cpython-311-x86_64-linux-gnu.so`, `m.abi3.so`.
fn is_module_name(path: &str) -> bool {
    let Some(stem) = path.strip_suffix(".so") else { return false };
    let tag = stem.rsplit('/').next().and_then(|name| name.split_once('.')).map(|(_, tag)| tag);
    path.contains("-packages/") && tag.is_some_and(|tag| tag == "abi3" || tag.starts_with("cpython-3"))
}

/// The place of a file of which the path is known.
pub(super) fn place<'a>(path: &'a str, elf: &'a Elf) -> Place<'a> {
    let origin = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    Place { path, origin, elf }
}

/// Whether it is started by itself.
pub(super) fn is_program(node: &Node, elf: &Elf) -> bool {
    elf.object.interpreter.is_some() && node.mode & 0o111 != 0 && !is_library(elf)
}

/// Libraries that can be started, such as glibc's, are libraries.
fn is_library(elf: &Elf) -> bool {
    elf.object.kind == Type::Shared && elf.object.soname.is_some()
}

/// The interpreter that imports the module at `path`: of those whose name fits a folder of it, else the first.
pub(super) fn interpreter<'a, 'p>(pythons: &'p [(&'a str, &'a Elf)], path: &str) -> Option<&'p (&'a str, &'a Elf)> {
    let name = |python: &str| python.rsplit('/').next().unwrap_or_default().to_owned();
    let named = |folder: &str| folder.starts_with("python3.");
    let wanted = path.split('/').find(|folder| named(folder));
    let fits = |(python, _): &&(&str, &Elf)| wanted.is_some_and(|wanted| name(python) == wanted);
    // Of several, the one whose prefix the path shares: `opt/venv/lib/python3.11/…`.
    let shared = |python: &str| python.bytes().zip(path.bytes()).take_while(|(one, other)| one == other).count();
    let best = pythons.iter().filter(fits).max_by_key(|(python, _)| shared(python));
    best.or_else(|| pythons.first())
}

/// Whether a file of this name is Python.
pub(super) fn is_python(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.strip_prefix("python3")
        .is_some_and(|rest| rest.trim_end_matches('t').bytes().all(|letter| letter == b'.' || letter.is_ascii_digit()))
}
