//! `/etc/ld.so.cache` and the links to libraries by their `SONAME`, as `ldconfig` makes them. The loader
//! finds Debian's own folders without it, but not those that packages name in `/etc/ld.so.conf.d`; and
//! Python's `ctypes.util.find_library` reads nothing else.
//!
//! Libraries for processors with more than the least that Debian asks for lie in folders of
//! `glibc-hwcaps`, and are found under the same names.

mod file;

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use self::file::{Line, compare, write};
use super::{
    super::{
        Library,
        library::is_library_name,
        tree::{TreeKind, TreeNode},
    },
    Tree, UnpackError,
};

const CACHE: &str = "etc/ld.so.cache";
const CONFIGURATION: &str = "etc/ld.so.conf";
/// What stands in `ld.so.conf` where `libc-bin`, which brings it, is left out.
const DEFAULT: &str = "include /etc/ld.so.conf.d/*.conf\n";
/// Searched after those that the configuration names.
const SYSTEM: [&str; 2] = ["/lib", "/usr/lib"];
/// Folders in it are named by what a processor must be able to do: `x86-64-v3`.
const CAPABILITIES: &str = "glibc-hwcaps";
/// Who made the cache: the program whose work this is says it, and what stands in its place without it.
const LDCONFIG: &str = "usr/sbin/ldconfig";
const GENERATOR: &[u8] = b"wheelwright";

/// A folder that is searched.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Folder {
    /// As the configuration names it.
    named: String,
    /// As it is.
    canonical: String,
    /// What a processor must be able to do for its libraries.
    capabilities: Option<String>,
}

/// A library of one folder, under the name it is asked for.
struct Found {
    /// The newest file of that name.
    file: String,
    is_link: bool,
    flags: u32,
}

pub(super) fn apply(tree: &mut Tree) -> Result<(), UnpackError> {
    let mut lines = Vec::new();
    let folders = folders(tree)?;
    for Folder { named, canonical, capabilities } in &folders {
        for (soname, found) in libraries(tree, canonical) {
            // Those for some processors get no links, and stand in the cache as their files are called.
            let file = if capabilities.is_some() { &found.file } else { &soname };
            let path = format!("{named}/{file}");
            if capabilities.is_none() && !found.is_link {
                tree.add_symlink(&format!("{canonical}/{soname}"), &found.file);
            }
            lines.push(Line { path, key: soname, flags: found.flags, capabilities: capabilities.clone() });
        }
    }
    let capabilities = folders.into_iter().filter_map(|folder| folder.capabilities).collect();
    if !lines.is_empty()
        && let Some(cache) = write(lines, &capabilities, &generator(tree)?)
    {
        tree.add_file(CACHE, cache);
    }
    Ok(())
}

/// `ldconfig (Debian GLIBC 2.36-9) stable release version 2.36`, as the program itself has it.
fn generator(tree: &Tree) -> Result<Vec<u8>, UnpackError> {
    let program = tree.read(LDCONFIG)?.unwrap_or_default();
    let start = b"ldconfig (";
    let text = program.windows(start.len()).position(|window| window == start).map(|at| &program[at..]);
    let text = text.and_then(|text| text.split(|byte| *byte == 0).next()).filter(|text| text.len() < 256);
    Ok(text.unwrap_or(GENERATOR).to_vec())
}

/// Folders in the order in which they are searched, each once; right behind each those for processors that can more.
fn folders(tree: &Tree) -> Result<Vec<Folder>, UnpackError> {
    let mut named = Vec::new();
    let main = tree.read(CONFIGURATION)?.unwrap_or_else(|| DEFAULT.as_bytes().to_vec());
    for line in String::from_utf8_lossy(&main).lines().filter_map(meaning) {
        match line.strip_prefix("include").filter(|rest| rest.starts_with([' ', '\t'])) {
            Some(pattern) => {
                for path in matching(tree, pattern.trim()) {
                    let text = tree.read(&path)?.unwrap_or_default();
                    named.extend(String::from_utf8_lossy(&text).lines().filter_map(meaning).map(str::to_owned));
                }
            }
            None => named.push(line.to_owned()),
        }
    }
    named.extend(SYSTEM.map(str::to_owned));
    let (mut seen, mut folders) = (BTreeSet::new(), Vec::new());
    for folder in named {
        let named = folder.trim_end_matches('/').to_owned();
        let Some(canonical) = named.strip_prefix('/').and_then(|path| directory(tree, path)) else { continue };
        let below = for_processors(tree, &named, &canonical);
        let plain = Folder { named, canonical, capabilities: None };
        let new = std::iter::once(plain).chain(below).filter(|folder| seen.insert(folder.canonical.clone()));
        folders.extend(new);
    }
    Ok(folders)
}

/// The folders of `glibc-hwcaps` in a folder.
fn for_processors(tree: &Tree, place: &str, canonical: &str) -> Vec<Folder> {
    let Some(parent) = directory(tree, &format!("{canonical}/{CAPABILITIES}")) else { return Vec::new() };
    // A name with a colon could not be told from two in a list of paths.
    let entries = tree.list(&parent).map(|(name, _)| name).filter(|name| !name.starts_with('.') && !name.contains(':'));
    let found = entries.filter_map(|name| {
        let canonical = directory(tree, &format!("{parent}/{name}"))?;
        let named = format!("{place}/{CAPABILITIES}/{name}");
        Some(Folder { named, canonical, capabilities: Some(name.to_owned()) })
    });
    found.collect()
}

/// Where the directory at `path` is, links followed.
fn directory(tree: &Tree, path: &str) -> Option<String> {
    let canonical = tree.resolve(path)?;
    matches!(tree.get(&canonical), Some(TreeNode { kind: TreeKind::Directory, .. })).then_some(canonical)
}

fn meaning(line: &str) -> Option<&str> {
    let line = line.split('#').next().unwrap_or_default().trim();
    (!line.is_empty() && !line.starts_with("hwcap")).then_some(line)
}

/// Files that `FOLDER/BEFORE*AFTER` stands for.
fn matching(tree: &Tree, pattern: &str) -> Vec<String> {
    let pattern = pattern.strip_prefix('/').map_or_else(|| format!("etc/{pattern}"), str::to_owned);
    let Some((folder, name)) = pattern.rsplit_once('/') else { return Vec::new() };
    let Some((before, after)) = name.split_once('*') else { return vec![pattern] };
    let fits =
        |name: &str| name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after);
    tree.list(folder).filter(|(name, _)| fits(name)).map(|(name, _)| format!("{folder}/{name}")).collect()
}

/// The libraries of one folder by the name under which they are asked for.
fn libraries(tree: &Tree, folder: &str) -> BTreeMap<String, Found> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for (name, node) in tree.list(folder).filter(|(name, _)| is_library_name(name)) {
        let path = format!("{folder}/{name}");
        let Some(real) = tree.resolve(&path) else { continue };
        let Some(TreeNode { kind: TreeKind::File { library: Some(library), .. }, .. }) = tree.get(&real) else {
            continue;
        };
        let Some(flags) = flags(library) else { continue };
        let soname = library.soname.clone().unwrap_or_else(|| name.to_owned());
        // The development link `libz.so` is asked for by its own name; every other file by its SONAME.
        let is_development = name.strip_suffix(".so").is_some() && soname.starts_with(name);
        let own_name = name == soname || is_development;
        let is_link = matches!(node.kind, TreeKind::Symlink(_)) && own_name;
        let key = if is_link { name.to_owned() } else { soname };
        let candidate = Found { file: name.to_owned(), is_link, flags };
        match found.get(&key) {
            Some(there) if !newer(&candidate, there) => {}
            _ => {
                found.insert(key, candidate);
            }
        }
    }
    found
}

fn newer(candidate: &Found, there: &Found) -> bool {
    (!candidate.is_link && there.is_link)
        || (candidate.is_link == there.is_link && compare(&there.file, &candidate.file) == Ordering::Less)
}

/// How glibc marks libraries of a machine; none for machines that Debian has no name for.
fn flags(library: &Library) -> Option<u32> {
    const ELF_LIBC6: u32 = 3;
    let machine = match (library.machine, library.bits) {
        (3, 32) => 0,
        (62, 64) => 0x300,
        (183, 64) => 0xa00,
        (40, 32) => 0x900,
        (22, 64) => 0x400,
        (21, 64) => 0x500,
        (243, 64) => 0x1000,
        _ => return None,
    };
    Some(machine | ELF_LIBC6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Body;

    fn add_library(tree: &mut Tree, path: &str, soname: Option<&str>) {
        let library = Some(Library { machine: 62, bits: 64, soname: soname.map(str::to_owned) });
        let kind = TreeKind::File { body: Body::Literal(bytes::Bytes::new()), library, inode: None };
        tree.insert(path.to_owned(), TreeNode::made(kind, 0o644));
    }

    fn found(tree: &Tree, folder: &str) -> Vec<String> {
        libraries(tree, folder).into_iter().map(|(key, found)| format!("{key} {}", found.file)).collect()
    }

    #[test]
    fn names_are_ordered_as_glibc_orders_them() {
        let check = |left: &str, expect: Ordering, right: &str| {
            assert_eq!(compare(left, right), expect, "{left} {right}");
            assert_eq!(compare(right, left), expect.reverse(), "{right} {left}");
        };
        check("libz.so.1.9", Ordering::Less, "libz.so.1.10");
        check("libz.so", Ordering::Less, "libz.so.1");
        check("liba.so.1", Ordering::Less, "libb.so.1");
        check("libx.so.1", Ordering::Less, "libx1.so.1");
        check("libx.so", Ordering::Equal, "libx.so");
    }

    #[test]
    fn libraries_go_by_their_soname_and_get_a_link() {
        let mut tree = Tree::new();
        add_library(&mut tree, "usr/lib/libz.so.1.2", Some("libz.so.1"));
        add_library(&mut tree, "usr/lib/libz.so.1.10", Some("libz.so.1"));
        add_library(&mut tree, "usr/lib/libnone.so.3", None);
        add_library(&mut tree, "usr/lib/plugin.so", Some("plugin.so"));
        tree.add_file("usr/lib/libtext.so", "INPUT(libz.so.1)");
        tree.add_symlink("usr/lib/libz.so", "libz.so.1.10");
        tree.add_symlink("usr/lib/libother-9.so", "libz.so.1.10");
        tree.add_symlink("usr/lib/libnone.so", "libnone.so.3");
        tree.add_symlink("lib", "usr/lib");
        let expect =
            ["libnone.so libnone.so", "libnone.so.3 libnone.so.3", "libz.so libz.so", "libz.so.1 libz.so.1.10"];
        assert_eq!(found(&tree, "usr/lib"), expect);
        tree.add_parents().unwrap();
        apply(&mut tree).unwrap();
        assert_eq!(tree.resolve("usr/lib/libz.so.1").unwrap(), "usr/lib/libz.so.1.10");
        let cache = tree.read(CACHE).unwrap().unwrap();
        assert!(cache.starts_with(b"glibc-ld.so.cache1.1"));
        assert_eq!(cache[20..24], 4_u32.to_le_bytes());
        let text = String::from_utf8_lossy(&cache).into_owned();
        assert!(text.contains("/lib/libz.so.1\0") && !text.contains("\0libz.so.1\0"), "suffixes are shared");
    }

    #[test]
    fn folders_are_those_of_the_configuration_each_once() {
        let mut tree = Tree::new();
        tree.add_symlink("lib", "usr/lib");
        tree.add_file("usr/lib/x/a", "");
        tree.add_file("opt/own/a", "");
        tree.add_file("etc/ld.so.conf", "# all\ninclude /etc/ld.so.conf.d/*.conf\n");
        tree.add_file("etc/ld.so.conf.d/b.conf", "/usr/lib/x/\n/gone\n");
        tree.add_file("etc/ld.so.conf.d/a.conf", "/lib/x # first\n/opt/own\n");
        tree.add_parents().unwrap();
        let folders: Vec<_> = folders(&tree).unwrap().into_iter().map(|folder| folder.named).collect();
        assert_eq!(folders, ["/lib/x", "/opt/own", "/lib"]);
    }

    #[test]
    fn libraries_for_better_processors_come_first_under_their_name() {
        let mut tree = Tree::new();
        tree.add_symlink("lib", "usr/lib");
        add_library(&mut tree, "usr/lib/libz.so.1", Some("libz.so.1"));
        add_library(&mut tree, "usr/lib/glibc-hwcaps/x86-64-v3/libz.so.1.2", Some("libz.so.1"));
        add_library(&mut tree, "usr/lib/glibc-hwcaps/x86-64-v2/libz.so.1", Some("libz.so.1"));
        tree.add_directory("usr/lib/glibc-hwcaps/empty", 0o755);
        tree.add_directory("usr/lib/glibc-hwcaps/.hidden", 0o755);
        tree.add_file("usr/lib/glibc-hwcaps/file", "");
        tree.add_parents().unwrap();
        apply(&mut tree).unwrap();
        assert!(tree.get("usr/lib/glibc-hwcaps/x86-64-v3/libz.so.1").is_none(), "no link is made there");
        let cache = tree.read(CACHE).unwrap().unwrap();
        let word = |at: usize| u32::from_le_bytes(cache[at..at + 4].try_into().unwrap());
        let text = |at: u32| {
            let rest = &cache[usize::try_from(at).unwrap()..];
            String::from_utf8_lossy(rest.split(|byte| *byte == 0).next().unwrap()).into_owned()
        };
        let lines: Vec<_> =
            (0..3).map(|line| 48 + 24 * line).map(|at| (text(word(at + 8)), word(at + 16), word(at + 20))).collect();
        let of = |name: &str, end: &str| format!("/lib/glibc-hwcaps/{name}/libz.so.1{end}");
        let extended = 1 << 30;
        let expect = [
            (of("x86-64-v2", ""), 0, extended),
            (of("x86-64-v3", ".2"), 1, extended),
            ("/lib/libz.so.1".to_owned(), 0, 0),
        ];
        assert_eq!(lines, expect);
        let extension = usize::try_from(word(32)).unwrap();
        assert_eq!(
            (word(extension + 4), word(extension + 24)),
            (2, 1),
            "a section for the generator, one for the names"
        );
        let names = usize::try_from(word(extension + 32)).unwrap();
        assert_eq!(word(extension + 36), 8);
        assert_eq!([text(word(names)), text(word(names + 4))], ["x86-64-v2", "x86-64-v3"]);
        assert!(cache.ends_with(b"wheelwright"));
    }
}
