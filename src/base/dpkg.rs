//! What a Debian base says of itself: its release, the packages it holds, and what of its files decides
//! how more packages are laid over it.

use std::collections::BTreeSet;

use super::{
    entries::{Entry, Kind, join},
    interpreter::text,
    libc,
    tree::Tree,
};
use crate::{
    debian::{DebianError, Package, installed},
    lock::Symlink,
};

/// dpkg's list of packages.
const STATUS: &str = "var/lib/dpkg/status";
/// One paragraph a file, in images that were built without dpkg.
const PARAGRAPHS: &str = "var/lib/dpkg/status.d";

/// Links by the names of alternatives, and what update-alternatives(1) remembers of them.
const CHOSEN: &str = "etc/alternatives";
const ALTERNATIVES: &str = "var/lib/dpkg/alternatives";

/// What `/etc/os-release` says, as far as it matters here.
///
/// os-release(5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OsRelease {
    /// `debian`, `ubuntu` …; `linux` where it does not say.
    pub id: String,
    /// What people call it: `Debian GNU/Linux 12 (bookworm)`.
    pub name: String,
    /// `bookworm`.
    pub codename: Option<String>,
}

impl Tree {
    /// The Debian packages that are installed whole, in the order of dpkg's list.
    ///
    /// # Errors
    /// When the list is malformed.
    pub fn debian_packages(&self) -> Result<Vec<Package>, DebianError> {
        let mut found = Vec::new();
        if let Some(list) = text(self, STATUS) {
            found.extend(installed(STATUS, list.as_bytes())?);
        }
        let names: Vec<String> = self.children(PARAGRAPHS).into_iter().map(|(name, _)| name.to_owned()).collect();
        for name in names.iter().filter(|name| !name.ends_with(".md5sums")) {
            let path = join(PARAGRAPHS, name);
            if let Some(list) = text(self, &path) {
                found.extend(installed(&path, list.as_bytes())?);
            }
        }
        Ok(found)
    }

    /// Whether there is a C library, listed or not.
    pub fn has_libc(&self) -> bool {
        libc::find(self, None).is_some()
    }

    /// Which system this is; nothing where no file says so.
    pub fn os_release(&self) -> Option<OsRelease> {
        let text = text(self, "etc/os-release").or_else(|| text(self, "usr/lib/os-release"))?;
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
            let bare = line.trim().trim_matches(['"', '\'']);
            (!bare.is_empty()).then(|| bare.to_owned())
        };
        // Images that are called something else still say `VERSION="Debian GNU/Linux 12 (bookworm)"`.
        let in_parentheses = || Some(value("VERSION")?.rsplit_once('(')?.1.strip_suffix(')')?.to_owned());
        Some(OsRelease {
            id: value("ID").unwrap_or_else(|| "linux".to_owned()),
            name: value("PRETTY_NAME").or_else(|| value("NAME")).unwrap_or_else(|| "Linux".to_owned()),
            codename: value("VERSION_CODENAME").or_else(in_parentheses),
        })
    }

    /// The symbolic links on the ways to the directories `paths`, sorted.
    pub fn links_on_the_way<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> Vec<Symlink> {
        let links: BTreeSet<String> = paths.into_iter().flat_map(|path| self.walk(path).symlinks).collect();
        links.iter().filter_map(|path| self.symlink(path)).collect()
    }

    /// What goes by `name` according to update-alternatives(1), and its priority; without one where it was chosen by
    /// hand. Nothing where nothing goes by this name.
    pub fn alternative(&self, name: &str) -> Option<(String, Option<i64>)> {
        let Kind::Symlink(target) = &self.node(&join(CHOSEN, name))?.kind else { return None };
        self.find(target)?;
        let memory = text(self, &join(ALTERNATIVES, name));
        Some((target.clone(), memory.and_then(|memory| priority(memory, target))))
    }

    /// What stands at `path` itself, which leads through no symbolic link.
    pub fn entry(&self, path: &str) -> Option<Entry> {
        let node = self.node(path)?;
        Some(Entry { kind: node.kind.clone(), mode: node.mode, uid: node.uid, gid: node.gid, size: 0 })
    }
}

/// The priority of `path` in a file of update-alternatives(1), if the best is chosen there: mode and link, name and
/// link of each that moves with it; then each path, its priority, and what moves with that.
fn priority(memory: &str, path: &str) -> Option<i64> {
    let (head, choices) = memory.split_once("\n\n")?;
    let moving = head.strip_prefix("auto\n")?.lines().count() / 2;
    let choices: Vec<&str> = choices.lines().collect();
    let choice = choices.chunks(2 + moving).find(|choice| choice[0] == path)?;
    choice.get(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::priority;
    use crate::base::tree::tests::tree;

    #[test]
    fn priorities_count_where_nobody_chose_by_hand() {
        let memory = "auto\n/usr/bin/awk\nnawk\n/usr/bin/nawk\nawk.1\n/man/awk.1\n\n/usr/bin/gawk\n10\n/usr/bin/mawk\n\n\
                      /usr/bin/mawk\n5\n/usr/bin/mawk\n/man/mawk.1\n\n";
        let check = |memory: &str, path: &str, expect| assert_eq!(priority(memory, path), expect, "{memory} {path}");
        check(memory, "/usr/bin/gawk", Some(10));
        check(memory, "/usr/bin/mawk", Some(5));
        check(memory, "/usr/bin/busybox", None);
        check(&memory.replace("auto", "manual"), "/usr/bin/mawk", None);
        check("auto\n/bin/pager\n\n/bin/more\n-50\n\n", "/bin/more", Some(-50));
        check("auto\n\n/bin/more", "/bin/more", None);
    }

    #[test]
    fn packages_are_read_from_both_lists() {
        let tree = tree(&[&[
            "file var/lib/dpkg/status Package: a\\nStatus: install ok installed\\nVersion: 1\\n\\nPackage: b\\nStatus: deinstall ok config-files\\nVersion: 1\\n",
            "file var/lib/dpkg/status.d/c Package: c\\nVersion: 2\\n",
            "file var/lib/dpkg/status.d/c.md5sums 0  usr/x\\n",
        ]]);
        let names: Vec<_> = tree.debian_packages().unwrap().into_iter().map(|package| package.name).collect();
        assert_eq!(names, ["a", "c"]);
        let broken = super::super::tree::tests::tree(&[&["file var/lib/dpkg/status no field\\n"]]);
        assert!(broken.debian_packages().is_err());
    }

    #[test]
    fn systems_say_their_names() {
        let check = |text: &str, expect: (&str, &str, Option<&str>)| {
            let tree =
                tree(&[&["link etc/os-release ../usr/lib/os-release", &format!("file usr/lib/os-release {text}")]]);
            let found = tree.os_release().unwrap();
            assert_eq!((found.id.as_str(), found.name.as_str(), found.codename.as_deref()), expect);
        };
        check(
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\\nVERSION_CODENAME=bookworm\\nID=debian\\n",
            ("debian", "Debian GNU/Linux 12 (bookworm)", Some("bookworm")),
        );
        check(
            "PRETTY_NAME=\"Distroless\"\\nNAME=\"Debian GNU/Linux\"\\nID=\"debian\"\\nVERSION=\"Debian GNU/Linux 12 (bookworm)\"\\n",
            ("debian", "Distroless", Some("bookworm")),
        );
        check("NAME='Alpine Linux'\\nID=alpine\\n", ("alpine", "Alpine Linux", None));
        assert_eq!(tree(&[&["dir etc"]]).os_release(), None);
    }

    #[test]
    fn links_are_those_that_packages_go_through() {
        let tree = tree(&[&[
            "dir usr/lib",
            "link lib usr/lib",
            "link usr/lib/x ../share/x",
            "dir usr/share/x",
            "link opt data",
        ]]);
        let links: Vec<_> = tree.links_on_the_way(["lib/x/y", "usr/bin"]).into_iter().map(|link| link.path).collect();
        assert_eq!(links, ["/lib", "/usr/lib/x"]);
    }
}
