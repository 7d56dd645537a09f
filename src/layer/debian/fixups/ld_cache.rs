//! `/etc/ld.so.cache` and the links to libraries by their `SONAME`, as `ldconfig` makes them. The loader
//! finds Debian's own folders without it, but not those that packages name in `/etc/ld.so.conf.d`; and
//! Python's `ctypes.util.find_library` reads nothing else.
//!
//! Format 1.1 of glibc, the only one since 2.32; folders of `glibc-hwcaps` are not looked into.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BTreeMap, BTreeSet},
};

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
const MAGIC: &[u8; 20] = b"glibc-ld.so.cache1.1";
const LITTLE_ENDIAN: u8 = 2;
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
/// Who made the cache: the program whose work this is says it, and what stands in its place without it.
const LDCONFIG: &str = "usr/sbin/ldconfig";
const GENERATOR: &[u8] = b"wheelwright";

/// One line of `ldconfig -p`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    key: String,
    path: String,
    flags: u32,
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
    for (folder, canonical) in folders(tree)? {
        for (soname, found) in libraries(tree, &canonical) {
            if !found.is_link {
                tree.add_symlink(&format!("{canonical}/{soname}"), &found.file);
            }
            lines.push(Line { path: format!("{folder}/{soname}"), key: soname, flags: found.flags });
        }
    }
    if !lines.is_empty()
        && let Some(cache) = write(lines, &generator(tree)?)
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

/// Folders in the order in which they are searched, each once: as named, and as it is.
fn folders(tree: &Tree) -> Result<Vec<(String, String)>, UnpackError> {
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
    let mut seen = BTreeSet::new();
    let known = named.into_iter().filter_map(|folder| {
        let folder = folder.trim_end_matches('/').to_owned();
        let canonical = tree.resolve(folder.strip_prefix('/')?)?;
        let exists = matches!(tree.get(&canonical), Some(TreeNode { kind: TreeKind::Directory, .. }));
        (exists && seen.insert(canonical.clone())).then_some((folder, canonical))
    });
    Ok(known.collect())
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

/// glibc's order of library names: numbers by their value, and after every other letter.
fn compare(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    while let Some(&first) = left.first() {
        let numbers = (first.is_ascii_digit(), right.first().is_some_and(u8::is_ascii_digit));
        let order = match numbers {
            (true, true) => number(&mut left).cmp(&number(&mut right)),
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let order = Some(&first).cmp(&right.first());
                left = &left[1..];
                right = right.get(1..).unwrap_or_default();
                order
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    if right.is_empty() { Ordering::Equal } else { Ordering::Less }
}

fn number(text: &mut &[u8]) -> u64 {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    digits.iter().fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

/// The file; none where it would not fit into 4 GiB.
fn write(mut lines: Vec<Line>, generator: &[u8]) -> Option<Vec<u8>> {
    lines.sort_by(|left, right| compare(&right.key, &left.key).then_with(|| right.flags.cmp(&left.flags)));
    let (strings, places) = string_table(lines.iter().flat_map(|line| [line.key.as_str(), line.path.as_str()]))?;
    let start = u32::try_from(48 + 24 * lines.len()).ok()?;
    let strings_size = u32::try_from(strings.len()).ok()?;
    let extension = start.checked_add(strings_size)?.checked_next_multiple_of(4)?;
    let mut file = MAGIC.to_vec();
    let mut word = |word: u32| file.extend(word.to_le_bytes());
    word(u32::try_from(lines.len()).ok()?);
    word(strings_size);
    word(u32::from(LITTLE_ENDIAN));
    word(extension);
    [0; 3].into_iter().for_each(&mut word);
    for line in &lines {
        word(line.flags);
        word(start.checked_add(*places.get(line.key.as_str())?)?);
        word(start.checked_add(*places.get(line.path.as_str())?)?);
        [0; 3].into_iter().for_each(&mut word);
    }
    file.extend(strings);
    file.resize(usize::try_from(extension).ok()?, 0);
    // One section, of kind 0: who made this.
    let section = [EXTENSION_MAGIC, 1, 0, 0, extension + 24, u32::try_from(generator.len()).ok()?];
    file.extend(section.iter().flat_map(|word| word.to_le_bytes()));
    file.extend(generator);
    Some(file)
}

/// All strings, each once, those that end another one inside of it; and where each begins.
fn string_table<'a>(strings: impl Iterator<Item = &'a str>) -> Option<(Vec<u8>, BTreeMap<&'a str, u32>)> {
    let distinct: BTreeSet<_> = strings.collect();
    let mut ordered: Vec<_> = distinct.into_iter().collect();
    ordered.sort_by_cached_key(|text| Reverse(text.bytes().rev().collect::<Vec<_>>()));
    let (mut table, mut places) = (Vec::new(), BTreeMap::new());
    let mut previous = "";
    for text in ordered {
        let place = if previous.ends_with(text) {
            table.len() - text.len() - 1
        } else {
            table.extend(text.bytes());
            table.push(0);
            table.len() - text.len() - 1
        };
        places.insert(text, u32::try_from(place).ok()?);
        previous = text;
    }
    Some((table, places))
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
        assert!(cache.starts_with(MAGIC));
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
        let folders: Vec<_> = folders(&tree).unwrap().into_iter().map(|(named, _)| named).collect();
        assert_eq!(folders, ["/lib/x", "/opt/own", "/lib"]);
    }
}
