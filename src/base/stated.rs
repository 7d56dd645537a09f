//! Facts that a user states of a base: what they amount to, and where the base says otherwise.

use std::collections::BTreeSet;

use super::interpreter::scheme_of;
use crate::{
    lock::{Directory, Facts, Interpreter},
    python::{InterpreterKind, Libc, PythonVersion},
};

/// What is said of a base without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The exact version of its Python.
    pub python: PythonVersion,
    /// What `python3` is on its `PATH`: `PREFIX/bin/NAME`.
    pub path: String,
    /// How that Python's folders are laid out.
    pub scheme: InterpreterKind,
    /// The C library.
    pub libc: Libc,
}

impl Stated {
    /// The facts of such a base. The folders on the way to where wheels go are taken to be there, so that
    /// no layer changes their attributes.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let prefix = folder.strip_suffix("/bin").unwrap_or_default();
        let library = if self.scheme == InterpreterKind::RedHat { "lib64" } else { "lib" };
        let name = format!("python3.{}", self.python.minor);
        let scheme = scheme_of(self.scheme, prefix, library, &name);
        let mut ways = BTreeSet::new();
        for path in [&scheme.purelib, &scheme.platlib, &scheme.scripts, &scheme.data] {
            ways.extend(path.match_indices('/').skip(1).map(|(end, _)| path[..end].to_owned()));
            ways.insert(path.clone());
        }
        let directory = |path: String| Directory { path, mode: 0o755, uid: 0, gid: 0 };
        let directories = ways.into_iter().filter(|path| path != "/").map(directory).collect();
        let (path, version) = (self.path.clone(), self.python);
        let python = Some(Interpreter { path, version, free_threaded: false, scheme });
        Facts { python, libc: Some(self.libc), directories, stated: true, ..Facts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_words_say_where_wheels_go() {
        let check = |path: &str, scheme, expect: [&str; 3]| {
            let stated =
                Stated { python: "3.11.9".parse().unwrap(), path: path.to_owned(), scheme, libc: Libc::Glibc(2, 36) };
            let facts = stated.facts();
            let python = facts.python.unwrap();
            assert_eq!([&*python.scheme.purelib, &*python.scheme.platlib, &*python.scheme.scripts], expect, "{path}");
            let directories: Vec<_> = facts.directories.iter().map(|directory| directory.path.as_str()).collect();
            assert!(directories.contains(&expect[0]) && directories.is_sorted(), "{directories:?}");
            assert!(facts.stated);
        };
        let site = "/usr/local/lib/python3.11/site-packages";
        check("/usr/local/bin/python3", InterpreterKind::Standard, [site, site, "/usr/local/bin"]);
        let site = "/usr/local/lib/python3.11/dist-packages";
        check("/usr/bin/python3", InterpreterKind::Debian, [site, site, "/usr/local/bin"]);
        let (pure, platform) = ("/usr/local/lib/python3.11/site-packages", "/usr/local/lib64/python3.11/site-packages");
        check("/usr/bin/python3", InterpreterKind::RedHat, [pure, platform, "/usr/local/bin"]);
        let site = "/opt/conda/lib/python3.11/site-packages";
        check("/opt/conda/bin/python3", InterpreterKind::Conda, [site, site, "/opt/conda/bin"]);
        let site = "/lib/python3.11/site-packages";
        check("/bin/python3", InterpreterKind::Standard, [site, site, "/bin"]);
    }
}
