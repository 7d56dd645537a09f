//! Packed packages laid out as one tree, as dpkg would have unpacked them on a system whose `/bin`,
//! `/sbin` and `/lib` are links into `/usr`.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    Entry, Kind, Packed, Strip, Undone, UnpackError, fixups, links,
    scripts::{self, Diversions, Followed},
    tree::{Tree, TreeKind, TreeNode},
};
use crate::{
    debian::{Dependency, Version},
    layer::Item,
    lock::Facts,
};

/// Directories of the root that are links into `/usr`; the last three only where a package uses them.
const ALIASES: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
const ALWAYS: [&str; 3] = ["bin", "sbin", "lib"];

/// How packages are laid out.
#[derive(Clone, Debug, Default)]
pub struct Options<'a> {
    /// On what.
    pub over: Over<'a>,
    /// What is left out.
    pub strip: Vec<Strip>,
    /// The local time, such as `Europe/Berlin`; UTC unless given.
    pub time_zone: Option<String>,
    /// Certificates of authorities besides Debian's: file name without its `.crt`, and PEM.
    pub certificates: Vec<(String, Bytes)>,
}

/// What lies below the packages.
#[derive(Clone, Copy, Debug, Default)]
pub enum Over<'a> {
    /// Nothing: the packages are the base.
    #[default]
    Scratch,
    /// A base with these directories and links.
    Base(&'a Facts),
}

/// Packages as they come to lie in a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaidOut {
    /// Sorted by path.
    pub items: Vec<Item>,
    /// What maintainer scripts would have done besides, by package.
    pub undone: Vec<Undone>,
    /// The best that packages have by each name of update-alternatives(1): its path and its priority.
    pub alternatives: BTreeMap<String, (String, i64)>,
}

/// The items of a layer with all `packages`.
///
/// # Errors
/// When two packages bring one path with different contents, or a path goes through a file.
pub fn lay_out(packages: &[Packed], options: &Options<'_>) -> Result<LaidOut, UnpackError> {
    let mut packages: Vec<_> = packages.iter().collect();
    packages.sort_by(|left, right| left.index.package.cmp(&right.index.package));
    if let Some(pair) = packages.windows(2).find(|pair| pair[0].index.package == pair[1].index.package) {
        return Err(UnpackError::Twice { package: pair[0].index.package.clone() });
    }
    let mut layout = Layout::new(&packages, options)?;
    for owner in 0..packages.len() {
        layout.unpack(owner)?;
    }
    let Layout { mut tree, .. } = layout;
    tree.add_parents()?;
    let Followed { undone, alternatives } = fixups::apply(&mut tree, &packages, options)?;
    let items = match options.over {
        Over::Scratch => tree.into_items(|_| false),
        Over::Base(facts) => {
            let existing: std::collections::BTreeSet<_> =
                facts.directories.iter().map(|directory| directory.path.trim_start_matches('/')).collect();
            tree.into_items(|path| existing.contains(path))
        }
    };
    Ok(LaidOut { items: items?, undone, alternatives })
}

struct Layout<'a> {
    packages: &'a [&'a Packed],
    strip: &'a [Strip],
    links: BTreeMap<String, String>,
    diversions: Diversions,
    tree: Tree,
    inodes: usize,
}

impl<'a> Layout<'a> {
    fn new(packages: &'a [&'a Packed], options: &'a Options<'_>) -> Result<Self, UnpackError> {
        let mut layout = Self {
            packages,
            strip: &options.strip,
            links: BTreeMap::new(),
            diversions: Diversions::default(),
            tree: Tree::new(),
            inodes: 0,
        };
        match options.over {
            Over::Scratch => layout.merge_usr(),
            Over::Base(facts) => {
                let own = facts.symlinks.iter();
                layout.links =
                    own.map(|link| (link.path.trim_start_matches('/').to_owned(), link.target.clone())).collect();
                layout.tree = Tree::over(layout.links.clone());
            }
        }
        let links = layout.package_links()?;
        for (path, target) in links {
            layout.links.entry(path).or_insert(target);
        }
        layout.diversions = scripts::diversions(packages)?.placed(|path| layout.follow(path));
        Ok(layout)
    }

    /// Debian 12 still has packages with files in `/lib`, and Debian 13 has the links in a package; the
    /// result is the same for both.
    fn merge_usr(&mut self) {
        for alias in ALIASES {
            let target = format!("usr/{alias}");
            let used = |path: &str| {
                [alias, &target]
                    .iter()
                    .any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
            };
            let is_used =
                || self.packages.iter().flat_map(|package| &package.index.entries).any(|entry| used(&entry.path));
            if ALWAYS.contains(&alias) || is_used() {
                self.tree.add_directory(&target, 0o755);
                self.tree.add_symlink(alias, &target);
                self.links.insert(alias.to_owned(), target);
            }
        }
    }

    fn package_links(&self) -> Result<Vec<(String, String)>, UnpackError> {
        let mut found = Vec::new();
        for package in self.packages {
            for entry in &package.index.entries {
                if let Kind::Symlink(target) = &entry.kind {
                    found.push((self.place(package, &entry.path)?, target.clone()));
                }
            }
        }
        Ok(found)
    }

    /// Where `path` stands when links on the way are followed; none where they go in a circle.
    fn follow(&self, path: &str) -> Option<String> {
        links::through(path, |path| self.links.get(path).map(String::as_str))
    }

    /// Where a package's path comes to stand.
    fn place(&self, package: &Packed, path: &str) -> Result<String, UnpackError> {
        self.follow(path).ok_or_else(|| UnpackError::Entry {
            package: package.index.package.clone(),
            path: path.to_owned(),
            reason: "goes round in a circle of links",
        })
    }

    fn unpack(&mut self, owner: usize) -> Result<(), UnpackError> {
        let package = self.packages[owner];
        // Path as the package spells it → its file, for the hard links that come after it.
        let mut files: BTreeMap<&str, TreeKind> = BTreeMap::new();
        let linked: std::collections::BTreeSet<_> = package
            .index
            .entries
            .iter()
            .filter_map(|entry| if let Kind::Hardlink(target) = &entry.kind { Some(target.as_str()) } else { None })
            .collect();
        for entry in &package.index.entries {
            let kind = match &entry.kind {
                Kind::Directory => TreeKind::Directory,
                Kind::Symlink(target) => TreeKind::Symlink(target.clone()),
                Kind::File { contents, library } => {
                    let inode = linked.contains(entry.path.as_str()).then_some(self.inodes);
                    self.inodes += 1;
                    TreeKind::File { body: package.body(contents), library: library.clone(), inode }
                }
                Kind::Hardlink(target) => files.get(target.as_str()).cloned().ok_or_else(|| UnpackError::Entry {
                    package: package.index.package.clone(),
                    path: entry.path.clone(),
                    reason: "is a hard link to a file that does not come before it",
                })?,
            };
            if linked.contains(entry.path.as_str()) {
                files.insert(&entry.path, kind.clone());
            }
            self.put(owner, entry, kind)?;
        }
        Ok(())
    }

    fn put(&mut self, owner: usize, entry: &Entry, kind: TreeKind) -> Result<(), UnpackError> {
        let package = self.packages[owner];
        let path = self.place(package, &entry.path)?;
        let path = self.diversions.place(&path, &package.index.package).to_owned();
        if self.strip.iter().any(|strip| strip.takes(&path)) {
            return Ok(());
        }
        // As dpkg does, a directory that is a link elsewhere is unpacked through the link.
        if kind == TreeKind::Directory && self.links.contains_key(&path) {
            return Ok(());
        }
        let node = TreeNode {
            kind,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            owner: Some(owner),
            xattrs: entry.xattrs.clone(),
        };
        if let Some(there) = self.tree.get(&path) {
            match self.compare(there, &node, owner) {
                Verdict::Keep => return Ok(()),
                Verdict::Replace => {}
                Verdict::Clash(other) => {
                    let name = |owner: usize| self.packages[owner].index.package.clone();
                    return Err(UnpackError::Clash {
                        path,
                        left: other.map_or_else(|| "the merged /usr".to_owned(), name),
                        right: name(owner),
                    });
                }
            }
        }
        self.tree.insert(path, node);
        Ok(())
    }

    fn compare(&self, there: &TreeNode, new: &TreeNode, owner: usize) -> Verdict {
        let same = match (&there.kind, &new.kind) {
            // A directory that we made gives way to the package's, and the first package's stays.
            (TreeKind::Directory, TreeKind::Directory) if there.owner.is_none() => return Verdict::Replace,
            (TreeKind::Directory, TreeKind::Directory) => true,
            (TreeKind::Symlink(left), TreeKind::Symlink(right)) => left == right,
            (TreeKind::File { body: left, .. }, TreeKind::File { body: right, .. }) => {
                there.mode == new.mode && same_contents(left, right)
            }
            _ => false,
        };
        match there.owner {
            _ if same => Verdict::Keep,
            Some(other) if self.replaces(owner, other) => Verdict::Replace,
            Some(other) if self.replaces(other, owner) => Verdict::Keep,
            other => Verdict::Clash(other),
        }
    }

    /// Whether the package may take over files of the other, by its field `Replaces`.
    fn replaces(&self, package: usize, other: usize) -> bool {
        let (package, other) = (&self.packages[package].index, &self.packages[other].index);
        let Ok(version) = other.version.parse::<Version>() else { return false };
        Dependency::parse_field(&package.replaces).unwrap_or_default().iter().any(|dependency| {
            dependency.alternatives.iter().any(|named| named.name == other.package && named.accepts(&version))
        })
    }
}

enum Verdict {
    Keep,
    Replace,
    Clash(Option<usize>),
}

fn same_contents(left: &crate::layer::Body, right: &crate::layer::Body) -> bool {
    use crate::layer::Body;
    match (left, right) {
        (Body::Span(one), Body::Span(two)) if (one.size, one.crc32) == (two.size, two.crc32) => {
            // The checksum only spares the reading of files that differ.
            let limit = 64 << 20;
            let read = |body| super::contents::read(body, limit).ok();
            read(left).is_some_and(|bytes| Some(bytes) == read(right))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::fixture::FakeDeb, *};
    use crate::{
        layer::{Body, MTIME, Node},
        lock::{Directory, Symlink},
        store::Store,
    };

    fn items(debs: Vec<FakeDeb>, options: &Options<'_>) -> Result<Vec<Item>, UnpackError> {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let packed: Vec<_> = debs.into_iter().map(|deb| deb.pack(&store).unwrap()).collect();
        let items = lay_out(&packed, options)?.items;
        assert!(items.is_sorted_by(|left, right| left.path < right.path), "sorted, each path once");
        assert!(items.iter().all(|item| item.mtime == MTIME));
        Ok(items)
    }

    fn shown(items: &[Item], wanted: &[&str]) -> Vec<String> {
        let describe = |item: &Item| match &item.node {
            Node::Directory => format!("{}/ {:o}", item.path, item.mode),
            Node::File(Body::Literal(bytes)) => format!("{} literal {}", item.path, bytes.len()),
            Node::File(Body::Span(span)) => format!("{} span {}", item.path, span.size),
            Node::Symlink(target) => format!("{} -> {target}", item.path),
            Node::Hardlink(target) => format!("{} == {target}", item.path),
            Node::Whiteout => format!("{} is hidden", item.path),
        };
        let is_wanted = |item: &&Item| wanted.iter().any(|prefix| item.path.starts_with(prefix));
        items.iter().filter(is_wanted).map(describe).collect()
    }

    #[test]
    fn the_root_is_merged_into_usr() {
        let old = FakeDeb::new("old")
            .directory("./bin/")
            .file("./bin/sh", b"sh")
            .directory("./lib64/")
            .symlink("./lib64/ld.so", "../lib/ld.so")
            .file("./lib/ld.so", b"elf");
        let new =
            FakeDeb::new("new").symlink("./bin", "usr/bin").symlink("./lib", "usr/lib").file("./usr/bin/awk", b"awk!");
        let items = items(vec![old, new], &Options::default()).unwrap();
        assert_eq!(
            shown(&items, &["bin", "lib", "sbin", "usr/bin", "usr/lib"]),
            [
                "bin -> usr/bin",
                "lib -> usr/lib",
                "lib64 -> usr/lib64",
                "sbin -> usr/sbin",
                "usr/bin/ 755",
                "usr/bin/awk span 4",
                "usr/bin/sh span 2",
                "usr/lib/ 755",
                "usr/lib/ld.so span 3",
                "usr/lib64/ 755",
                "usr/lib64/ld.so -> ../lib/ld.so",
            ]
        );
    }

    #[test]
    fn hard_links_point_to_the_first_name() {
        let deb =
            FakeDeb::new("demo").file("./usr/z", b"one").hardlink("./usr/a", "./usr/z").hardlink("./usr/m", "usr/z");
        let all = items(vec![deb], &Options::default()).unwrap();
        assert_eq!(shown(&all, &["usr/a", "usr/m", "usr/z"]), ["usr/a span 3", "usr/m == usr/a", "usr/z == usr/a"]);
        let deb =
            FakeDeb::new("demo").file("./doc/z", b"one").hardlink("./usr/x", "./doc/z").hardlink("./usr/y", "./doc/z");
        let options = Options { strip: vec![Strip::Below("doc".to_owned())], ..Options::default() };
        let all = items(vec![deb], &options).unwrap();
        assert_eq!(
            shown(&all, &["doc", "usr/x", "usr/y"]),
            ["usr/x span 3", "usr/y == usr/x"],
            "the stripped name was the root"
        );
    }

    #[test]
    fn one_path_from_two_packages_must_be_the_same() {
        let make = |name: &str, contents: &[u8]| FakeDeb::new(name).directory("./usr/").file("./usr/x", contents);
        let error = items(vec![make("b", b"1"), make("a", b"2")], &Options::default()).unwrap_err();
        assert_eq!(error.to_string(), "`/usr/x` comes from a and from b, and they differ");
        let same = items(vec![make("b", b"1"), make("a", b"1")], &Options::default()).unwrap();
        assert_eq!(shown(&same, &["usr/x"]), ["usr/x span 1"]);
        for (replaces, expect) in [("Replaces: a (<< 2)", "usr/x span 3"), ("Replaces: other, a", "usr/x span 3")] {
            let all = vec![make("b", b"333").field(replaces), make("a", b"1")];
            assert_eq!(shown(&items(all, &Options::default()).unwrap(), &["usr/x"]), [expect]);
        }
        let outdated = vec![make("b", b"333").field("Replaces: a (<< 1)"), make("a", b"1")];
        assert!(items(outdated, &Options::default()).is_err());
        let twice = items(vec![make("a", b"1"), make("a", b"1")], &Options::default()).unwrap_err();
        assert_eq!(twice.to_string(), "the package a is there twice");
    }

    #[test]
    fn a_path_goes_through_links_but_not_through_files() {
        let link = FakeDeb::new("link").directory("./usr/real/").symlink("./usr/link", "real");
        let through = FakeDeb::new("through").directory("./usr/link/").file("./usr/link/x", b"1");
        let all = items(vec![link, through], &Options::default()).unwrap();
        assert_eq!(shown(&all, &["usr/link", "usr/real"]), ["usr/link -> real", "usr/real/ 755", "usr/real/x span 1"]);
        let file = FakeDeb::new("file").file("./usr/x", b"1");
        let below = FakeDeb::new("below").file("./usr/x/y", b"1");
        let error = items(vec![file, below], &Options::default()).unwrap_err();
        assert_eq!(error.to_string(), "`/usr/x` is both a directory and something else");
        let circle = FakeDeb::new("circle").symlink("./a", "b").symlink("./b", "a").file("./a/x", b"1");
        assert!(matches!(items(vec![circle], &Options::default()), Err(UnpackError::Entry { .. })));
    }

    #[test]
    fn licences_stay_when_documentation_goes() {
        let deb = FakeDeb::new("demo")
            .file("./usr/share/doc/demo/copyright", b"1")
            .file("./usr/share/doc/demo/README", b"1")
            .file("./usr/share/man/man1/demo.1", b"1")
            .file("./usr/share/locale/de/demo.mo", b"1");
        let strip = vec![Strip::Documentation, Strip::Manuals];
        let all = items(vec![deb], &Options { strip, ..Options::default() }).unwrap();
        assert_eq!(
            shown(&all, &["usr/share/doc/demo", "usr/share/man/", "usr/share/locale/de/"]),
            ["usr/share/doc/demo/ 755", "usr/share/doc/demo/copyright span 1", "usr/share/locale/de/demo.mo span 1"]
        );
    }

    #[test]
    fn a_system_from_nothing_has_what_programs_expect() {
        let deb = FakeDeb::new("python3.11-minimal").file("./usr/lib/python3.11/os.py", b"1");
        let all = items(vec![deb], &Options::default()).unwrap();
        let wanted = [
            "tmp",
            "root",
            "var/run",
            "var/lock",
            "run/lock",
            "etc",
            "usr/local/lib",
            "var/lib/dpkg/status.d/",
            "home",
        ];
        assert_eq!(
            shown(&all, &wanted),
            [
                "etc/ 755",
                "etc/group literal 44",
                "etc/nsswitch.conf literal 44",
                "etc/opt/ 755",
                "etc/passwd literal 161",
                "home/ 755",
                "home/nonroot/ 700",
                "root/ 700",
                "run/lock/ 1777",
                "tmp/ 1777",
                "usr/local/lib/ 755",
                "usr/local/lib/python3.11/ 755",
                "usr/local/lib/python3.11/dist-packages/ 755",
                "var/lib/dpkg/status.d/python3.11-minimal span 59",
                "var/lib/dpkg/status.d/python3.11-minimal.md5sums span 9",
                "var/lock -> /run/lock",
                "var/run -> /run",
            ]
        );
    }

    #[test]
    fn the_local_time_is_that_of_the_base_unless_another_is_wanted() {
        let facts = Facts::default();
        let check = |over: Over<'_>, zone: Option<&str>, expect: &[&str]| {
            let zones = FakeDeb::new("tzdata")
                .file("./usr/share/zoneinfo/Europe/Berlin", b"zone")
                .file("./usr/share/zoneinfo/Etc/UTC", b"utc");
            let options = Options { over, time_zone: zone.map(str::to_owned), ..Options::default() };
            let found = items(vec![zones], &options).map(|all| shown(&all, &["etc/localtime", "etc/timezone"]));
            assert_eq!(found.unwrap_or_else(|error| vec![error.to_string()]), expect, "{zone:?}");
        };
        let utc = ["etc/localtime -> /usr/share/zoneinfo/Etc/UTC", "etc/timezone literal 8"];
        let berlin = ["etc/localtime -> /usr/share/zoneinfo/Europe/Berlin", "etc/timezone literal 14"];
        check(Over::Scratch, None, &utc);
        check(Over::Base(&facts), None, &[]);
        check(Over::Base(&facts), Some("Europe/Berlin"), &berlin);
        check(Over::Base(&facts), Some("Europe/Rome"), &["no package has the time zone `Europe/Rome`"]);
    }

    #[test]
    fn over_a_base_its_links_and_directories_hold() {
        let directory = |path: &str| Directory { path: path.to_owned(), mode: 0o755, uid: 0, gid: 0 };
        let facts = Facts {
            directories: ["/usr", "/usr/lib", "/var", "/var/lib", "/var/lib/dpkg"].map(directory).into(),
            symlinks: vec![Symlink { path: "/lib".to_owned(), target: "usr/lib".to_owned() }],
            ..Facts::default()
        };
        let deb = FakeDeb::new("demo").directory("./lib/").file("./lib/x/y", b"1");
        let all = items(vec![deb], &Options { over: Over::Base(&facts), ..Options::default() }).unwrap();
        assert_eq!(
            shown(&all, &[""]),
            [
                "usr/lib/x/ 755",
                "usr/lib/x/y span 1",
                "var/lib/dpkg/status.d/ 755",
                "var/lib/dpkg/status.d/demo span 45",
                "var/lib/dpkg/status.d/demo.md5sums span 9",
            ]
        );
    }
}
