//! `dpkg-divert`: files of other packages go to another name, so that the package's own may stand there.

use std::collections::BTreeMap;

use super::{Answer, Machine, arguments::Arguments};
use crate::debian::shell::Called;

/// Paths that are diverted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Diversions {
    /// Path → the package whose own file stays there, and where those of others go.
    paths: BTreeMap<String, (String, String)>,
}

impl Diversions {
    /// The same paths as they are once links are followed by `place`.
    pub(in super::super) fn placed(self, place: impl Fn(&str) -> Option<String>) -> Self {
        let placed = |path: String| place(&path).unwrap_or(path);
        let paths = self.paths.into_iter().map(|(path, (owner, elsewhere))| (placed(path), (owner, placed(elsewhere))));
        Self { paths: paths.collect() }
    }

    /// Where a file of `package` goes that would go to `path`.
    pub(in super::super) fn place<'a>(&'a self, path: &'a str, package: &str) -> &'a str {
        match self.paths.get(path) {
            Some((owner, elsewhere)) if owner != package => elsewhere,
            _ => path,
        }
    }
}

pub(super) fn call(machine: &mut Machine<'_>, words: &[&str]) -> Answer {
    match words {
        ["dpkg-divert", words @ ..] => Some(divert(machine, words)),
        ["dpkg-statoverride", words @ ..] => Some(override_attributes(machine, words)),
        _ => None,
    }
}

fn divert(machine: &mut Machine<'_>, words: &[&str]) -> Called {
    let arguments = Arguments::parse(words, &["--package", "--divert"]);
    if arguments.has(&["--remove", "--list"]) {
        return Called::done();
    }
    let ([path], elsewhere) = (&arguments.rest[..], arguments.value(&["--divert"])) else { return Called::undone() };
    let owner =
        if arguments.has(&["--local"]) { "" } else { arguments.value(&["--package"]).unwrap_or(&machine.package) };
    let elsewhere = elsewhere.map_or_else(|| format!("{path}.distrib"), str::to_owned);
    let inner = |path: &str| path.trim_start_matches('/').to_owned();
    machine.diversions.paths.insert(inner(path), (owner.to_owned(), inner(&elsewhere)));
    Called::done()
}

/// `dpkg-statoverride --update --add USER GROUP MODE PATH`.
fn override_attributes(machine: &mut Machine<'_>, words: &[&str]) -> Called {
    let arguments = Arguments::parse(words, &[]);
    if arguments.has(&["--remove"]) {
        return Called::done();
    }
    let [user, group, mode, path] = arguments.rest[..] else { return Called::undone() };
    let (uid, gid, mode) = (machine.uid(user), machine.gid(group), super::files::octal(mode));
    let place = path.strip_prefix('/').and_then(|path| machine.tree.resolve(path));
    let node = place.and_then(|place| machine.tree.get_mut(&place));
    let (Some(uid), Some(gid), Some(mode), Some(node)) = (uid, gid, mode, node) else { return Called::undone() };
    (node.uid, node.gid, node.mode) = (uid, gid, mode);
    Called::done()
}
