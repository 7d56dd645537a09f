//! Extension modules, by their file names: `x.cpython-311-x86_64-linux-gnu.so`, `x.abi3.so`, `x.so`.

use std::collections::{BTreeMap, BTreeSet};

use super::View;
use crate::{
    base::{Kind, Node},
    verify::{Code, Finding, Owner},
};

/// What an interpreter says to an extension module's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It imports it.
    Yes,
    /// It passes it over: it is for another version, build or machine.
    No,
}

/// The interpreter's own part of extension modules' names.
#[derive(Clone, Debug)]
pub(super) struct Abi {
    /// `cpython-311`, `cpython-313t`.
    own: String,
    /// `x86_64`, as it stands in file names.
    machine: &'static str,
    free_threaded: bool,
}

impl Abi {
    pub(super) fn of(subject: &crate::verify::Subject, python: &crate::base::Python) -> Self {
        let version = python.interpreter.version;
        let free_threaded = python.interpreter.free_threaded;
        let own = format!("cpython-{}{}{}", version.major, version.minor, if free_threaded { "t" } else { "" });
        let machine = match subject.platform.machine() {
            "i686" => "i386",
            "armv7l" | "armv6l" => "arm",
            "ppc64le" => "powerpc64le",
            other => other,
        };
        Self { own, machine, free_threaded }
    }

    /// The module's name and whether the interpreter imports it; nothing for what is no extension module.
    pub(super) fn split<'n>(&self, file: &'n str) -> Option<(&'n str, Fit)> {
        let stem = file.strip_suffix(".so")?;
        let (module, tag) = stem.split_once('.').map_or((stem, None), |(module, tag)| (module, Some(tag)));
        let fits = match tag {
            None => true,
            Some("abi3") => !self.free_threaded,
            Some("abi3t") => self.free_threaded,
            Some(tag) if tag.starts_with("cpython-") => self.takes(tag),
            Some(tag) if tag.starts_with("pypy") || tag.starts_with("graalpy") => false,
            // A library with dots in its name.
            Some(_) => return None,
        };
        Some((module, if fits { Fit::Yes } else { Fit::No }))
    }

    fn takes(&self, tag: &str) -> bool {
        let Some(rest) = tag.strip_prefix(&self.own) else { return false };
        match rest.strip_prefix('-') {
            Some(rest) => rest.split('-').next() == Some(self.machine),
            None => rest.is_empty(),
        }
    }
}

/// The files of one module.
struct Module<'a> {
    /// The first of them.
    path: &'a str,
    node: &'a Node,
    /// Whether one of them is for the image's own Python.
    fits: bool,
}

/// Modules of which only files for other interpreters are there.
pub(super) fn check(view: &View<'_>) -> Vec<Finding> {
    let abi = &view.modules.abi;
    let mut modules: BTreeMap<(&str, &str), Module<'_>> = BTreeMap::new();
    // Who brings modules for this Python too, brings the others on purpose.
    let mut fitting: BTreeSet<Owner> = BTreeSet::new();
    for site in &view.modules.sites {
        let below = format!("{site}/");
        for (path, node) in view.subject.tree.starting_with(&below) {
            let Some((folder, file)) = path.rsplit_once('/').filter(|_| node.kind == Kind::File) else { continue };
            if let Some((module, fit)) = abi.split(file) {
                modules.entry((folder, module)).or_insert(Module { path, node, fits: false }).fits |= fit == Fit::Yes;
                if fit == Fit::Yes && file.matches('.').count() > 1 {
                    fitting.extend(view.subject.owners.find(node).cloned());
                }
            }
        }
    }
    // A module beside them does in their place.
    let alone = modules.into_iter().filter(|((folder, module), Module { node, fits, .. })| {
        let is_extra = || view.subject.owners.find(node).is_some_and(|owner| fitting.contains(owner));
        let beside = |ending: &str| view.subject.tree.node(&format!("{folder}/{module}{ending}")).is_some();
        !fits && !beside(".py") && !beside("/__init__.py") && !is_extra()
    });
    let finding = |((_, module), Module { path, .. }): ((&str, &str), Module<'_>)| {
        let version = view.python.interpreter.version;
        let build = if view.python.interpreter.free_threaded { ", free-threaded" } else { "" };
        let name = path.rsplit('/').next().unwrap_or_default();
        let message = format!("`{module}` is only there as {name}, and the image has Python {version}{build}");
        view.finding_at(Code::OTHER_PYTHON, path, message)
            .hinted("install the wheel for the image's own Python and machine")
    };
    alone.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_modules_are_told_by_their_names() {
        let abi = |own: &str, free_threaded| Abi { own: own.to_owned(), machine: "x86_64", free_threaded };
        let check = |abi: &Abi, file: &str, expect: Option<(&str, Fit)>| assert_eq!(abi.split(file), expect, "{file}");
        let ordinary = abi("cpython-311", false);
        check(&ordinary, "a.cpython-311-x86_64-linux-gnu.so", Some(("a", Fit::Yes)));
        check(&ordinary, "a.cpython-311-x86_64-linux-musl.so", Some(("a", Fit::Yes)));
        check(&ordinary, "a.cpython-312-x86_64-linux-gnu.so", Some(("a", Fit::No)));
        check(&ordinary, "a.cpython-311-aarch64-linux-gnu.so", Some(("a", Fit::No)));
        check(&ordinary, "a.cpython-311d-x86_64-linux-gnu.so", Some(("a", Fit::No)));
        check(&ordinary, "a.abi3.so", Some(("a", Fit::Yes)));
        check(&ordinary, "a.so", Some(("a", Fit::Yes)));
        check(&ordinary, "a.pypy310-pp73-x86_64-linux-gnu.so", Some(("a", Fit::No)));
        check(&ordinary, "libfoo-1.2.so", None);
        check(&ordinary, "liba.so.1", None);
        let threaded = abi("cpython-313t", true);
        check(&threaded, "a.cpython-313t-x86_64-linux-gnu.so", Some(("a", Fit::Yes)));
        check(&threaded, "a.cpython-313-x86_64-linux-gnu.so", Some(("a", Fit::No)));
        check(&threaded, "a.abi3.so", Some(("a", Fit::No)));
    }
}
