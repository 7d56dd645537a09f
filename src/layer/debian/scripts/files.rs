//! Directories, links and modes that scripts make by their plain names: `mkdir`, `ln`, `chmod` and their kin.

use bytes::Bytes;

use super::{
    super::tree::{Tree, TreeKind, TreeNode},
    Answer, Machine,
    arguments::Arguments,
};
use crate::{debian::shell::Called, layer::Body};

/// Most letters of a path with all folders on the way to it: as many directories may have to be made.
const LONGEST: usize = 64 << 10;
/// Most letters of the target of a link: `PATH_MAX`.
const LONGEST_TARGET: usize = 4096;
/// The option that names the folder into which files go.
const TARGET_FOLDER: &[&str] = &["-t", "--target-directory"];

pub(super) fn call(machine: &mut Machine<'_>, words: &[&str]) -> Answer {
    let (name, words) = words.split_first()?;
    let arguments = |valued: &[&str]| Arguments::parse(words, valued);
    let done = match *name {
        "install" => install(
            machine,
            &arguments(&["-m", "--mode", "-o", "-g", "--owner", "--group", "-t", "--target-directory"]),
        ),
        "chown" | "chgrp" => change_owners(machine, name, &arguments(&[])),
        "mkdir" => make_directories(machine, &arguments(&["-m", "--mode"])),
        "ln" => link(machine.tree, &arguments(&[])),
        "touch" => touch(machine, &arguments(&["-r", "-d", "-t"])),
        "rm" => remove(machine.tree, &arguments(&[])),
        "rmdir" => remove_empty(machine.tree, &arguments(&[])),
        "cp" => copy(machine, &arguments(TARGET_FOLDER)),
        "mv" => rename(machine.tree, &arguments(TARGET_FOLDER)),
        "ucf" => keep_configuration(machine.tree, &arguments(&["--src-dir", "-s", "--debconf-template"])),
        "chmod" => change_modes(machine.tree, words),
        _ => return None,
    };
    Some(if done { Called::done() } else { Called::undone() })
}

/// Puts a file of root's at an absolute path, in place of any other; not where something else stands.
pub(super) fn write(machine: &mut Machine<'_>, path: &str, text: &str) -> bool {
    let mode = 0o666 & !machine.umask;
    put(machine.tree, path, Body::Literal(Bytes::copy_from_slice(text.as_bytes())), mode)
}

fn put(tree: &mut Tree, path: &str, body: Body, mode: u32) -> bool {
    let Some(place) = place(tree, path) else { return false };
    let is_file = tree.get(&place).is_none_or(|node| matches!(node.kind, TreeKind::File { .. }));
    if is_file {
        let mut node = TreeNode::made(TreeKind::File { body, library: None, inode: None }, mode);
        if let Some(there) = tree.get(&place) {
            (node.mode, node.uid, node.gid) = (there.mode, there.uid, there.gid);
        }
        tree.insert(place, node);
    }
    is_file
}

/// Where an absolute path really is, if its folder is there.
fn place(tree: &Tree, path: &str) -> Option<String> {
    let place = tree.place(path.strip_prefix('/').filter(|path| !path.ends_with('/'))?)?;
    let parent = place.rsplit_once('/').map_or("", |(parent, _)| parent);
    let fits = parent.is_empty() || matches!(tree.get(parent)?.kind, TreeKind::Directory);
    (fits && !place.is_empty()).then_some(place)
}

fn touch(machine: &mut Machine<'_>, arguments: &Arguments<'_>) -> bool {
    arguments.rest.iter().all(|path| exists(machine.tree, path) || write(machine, path, ""))
}

/// Moves files and links.
fn rename(tree: &mut Tree, arguments: &Arguments<'_>) -> bool {
    let known = arguments.only(&[
        "f",
        "v",
        "n",
        "T",
        "--force",
        "--verbose",
        "--no-clobber",
        "--no-target-directory",
        "-t",
        "--target-directory",
    ]);
    let Some(pairs) = pairs(tree, arguments).filter(|_| known) else { return false };
    pairs.iter().all(|(from, to)| {
        if arguments.has(&["n", "--no-clobber"]) && exists(tree, to) {
            return true;
        }
        let (Some(from), Some(to)) = (place(tree, from), place(tree, to)) else { return false };
        let is_folder = |path: &str| tree.get(path).is_some_and(|node| node.kind == TreeKind::Directory);
        if from == to || is_folder(&from) || is_folder(&to) {
            return false;
        }
        let node = tree.remove(&from);
        node.map(|node| tree.insert(to, node)).is_some()
    })
}

fn exists(tree: &Tree, path: &str) -> bool {
    path.strip_prefix('/').is_some_and(|path| tree.look(path).is_some())
}

fn make_directories(machine: &mut Machine<'_>, arguments: &Arguments<'_>) -> bool {
    let mode = arguments.value(&["-m", "--mode"]).map_or(Some(0o777 & !machine.umask), octal);
    let known = arguments.only(&["p", "--parents", "v", "--verbose", "-m", "--mode"]);
    let Some(mode) = mode.filter(|_| known) else { return false };
    arguments.rest.iter().all(|path| make_directory(machine.tree, path, mode))
}

fn make_directory(tree: &mut Tree, path: &str, mode: u32) -> bool {
    let Some(relative) = path.strip_prefix('/').map(|path| path.trim_end_matches('/')) else { return false };
    if !is_bounded(relative) {
        return false;
    }
    let ends = relative.match_indices('/').map(|(at, _)| at).chain([relative.len()]);
    for end in ends {
        let Some(place) = tree.resolve(&relative[..end]) else { return false };
        match tree.get(&place) {
            Some(node) if node.kind == TreeKind::Directory => {}
            Some(_) => return false,
            None => {
                let mode = if end == relative.len() { mode } else { 0o755 };
                tree.add_directory(&place, mode);
            }
        }
    }
    true
}

/// Whether a path has no more folders than can be made.
pub(super) fn is_bounded(path: &str) -> bool {
    path.len().saturating_mul(path.matches('/').count()) <= LONGEST
}

/// `install -d`, and `install` of files.
fn install(machine: &mut Machine<'_>, arguments: &Arguments<'_>) -> bool {
    const KNOWN: [&str; 15] = [
        "d",
        "D",
        "p",
        "v",
        "T",
        "--directory",
        "-m",
        "--mode",
        "-o",
        "-g",
        "--owner",
        "--group",
        "-t",
        "--target-directory",
        "--no-target-directory",
    ];
    let mode = arguments.value(&["-m", "--mode"]).map_or(Some(0o755), octal);
    let owner = arguments.value(&["-o", "--owner"]).map_or(Some(0), |name| machine.uid(name));
    let group = arguments.value(&["-g", "--group"]).map_or(Some(0), |name| machine.gid(name));
    let (Some(mode), Some(owner), Some(group), true) = (mode, owner, group, arguments.only(&KNOWN)) else {
        return false;
    };
    let tree = &mut *machine.tree;
    let written = if arguments.has(&["d", "--directory"]) {
        let all = arguments.rest.iter().all(|path| make_directory(tree, path, mode));
        all.then(|| arguments.rest.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>())
    } else {
        make_ancestors(tree, arguments).then(|| write_copies(tree, arguments, |_| mode)).flatten()
    };
    let attributes = |node: &mut TreeNode| (node.mode, node.uid, node.gid) = (mode, owner, group);
    written.is_some_and(|written| written.iter().all(|path| set(tree, path, attributes)))
}

/// The folders that `install -D` makes for what it installs.
fn make_ancestors(tree: &mut Tree, arguments: &Arguments<'_>) -> bool {
    let folder = arguments.value(TARGET_FOLDER).or_else(|| Some(arguments.rest.last()?.rsplit_once('/')?.0));
    !arguments.has(&["D"]) || folder.is_some_and(|folder| folder.is_empty() || make_directory(tree, folder, 0o755))
}

fn link(tree: &mut Tree, arguments: &Arguments<'_>) -> bool {
    let known = arguments.only(&["s", "f", "n", "T", "v", "--symbolic", "--force", "--no-dereference"]);
    let ([target, path], true, true) = (&arguments.rest[..], known, arguments.has(&["s", "--symbolic"])) else {
        return false;
    };
    let Some(place) = place(tree, path).filter(|_| target.len() < LONGEST_TARGET) else { return false };
    // A link to a folder is gone through, unless it is said not to be.
    let is_followed = !arguments.has(&["n", "T", "--no-dereference"]);
    match tree.get(&place).map(|node| &node.kind) {
        Some(TreeKind::Directory) => return false,
        Some(TreeKind::Symlink(_)) if is_followed && is_folder(tree, path) => return false,
        None if is_followed && tree.link(&place).is_some() => return false,
        Some(_) if !arguments.has(&["f", "--force"]) => return false,
        _ => {}
    }
    tree.insert(place, TreeNode::made(TreeKind::Symlink((*target).to_owned()), 0o777));
    true
}

fn remove(tree: &mut Tree, arguments: &Arguments<'_>) -> bool {
    let all = arguments.has(&["r", "R", "--recursive"]);
    arguments.rest.iter().all(|path| {
        let Some(place) = path.strip_prefix('/').and_then(|path| tree.place(path)) else { return false };
        match tree.get(&place).map(|node| &node.kind) {
            None => true,
            Some(TreeKind::Directory) if !all => false,
            Some(_) => remove_all(tree, path),
        }
    })
}

fn remove_all(tree: &mut Tree, path: &str) -> bool {
    let Some(place) = path.strip_prefix('/').and_then(|path| tree.place(path)) else { return false };
    let Some(below) = tree.walk(&place) else { return false };
    for path in below {
        tree.remove(&path);
    }
    tree.remove(&place);
    true
}

/// `rmdir`, of which scripts expect that it may fail.
fn remove_empty(tree: &mut Tree, arguments: &Arguments<'_>) -> bool {
    for path in &arguments.rest {
        if let Some(place) = tree.place(path)
            && tree.get(&place).is_some_and(|node| node.kind == TreeKind::Directory)
            && tree.below(&place).next().is_none()
        {
            tree.remove(&place);
        }
    }
    true
}

/// Copies files.
fn copy(machine: &mut Machine<'_>, arguments: &Arguments<'_>) -> bool {
    let known = arguments.only(&[
        "f",
        "v",
        "n",
        "p",
        "a",
        "r",
        "R",
        "L",
        "P",
        "d",
        "T",
        "--force",
        "--verbose",
        "--no-clobber",
        "--dereference",
        "--no-dereference",
        "--archive",
        "--recursive",
        "--no-target-directory",
        "-t",
        "--target-directory",
    ]);
    let tree = &mut *machine.tree;
    let Some(pairs) = pairs(tree, arguments).filter(|_| known) else { return false };
    let is_archive = arguments.has(&["a", "--archive"]);
    let keeps_links = is_archive || arguments.has(&["d", "P", "--no-dereference"]);
    let keeps_owners = is_archive || arguments.has(&["p"]);
    let rights = if keeps_owners { 0o7777 } else { 0o777 & !machine.umask };
    pairs.iter().all(|(from, to)| {
        if arguments.has(&["n", "--no-clobber"]) && exists(tree, to) {
            return true;
        }
        let is_link = || tree.place(from).is_some_and(|place| tree.link(&place).is_some());
        if keeps_links && is_link() {
            return false;
        }
        let owner = tree.look(from.trim_start_matches('/')).map(|node| (node.mode, node.uid, node.gid));
        let kept = |node: &mut TreeNode| (node.mode, node.uid, node.gid) = owner.unwrap_or((node.mode, 0, 0));
        write_copy(tree, (*from, to.as_str()), |mode| mode & rights) && (!keeps_owners || set(tree, to, kept))
    })
}

/// Copies of files, and where they came to lie; none where one could not be made.
fn write_copies(tree: &mut Tree, arguments: &Arguments<'_>, mode: impl Fn(u32) -> u32) -> Option<Vec<String>> {
    let pairs = pairs(tree, arguments)?;
    pairs.into_iter().map(|(from, to)| write_copy(tree, (from, &to), &mode).then_some(to)).collect()
}

fn write_copy(tree: &mut Tree, (from, to): (&str, &str), mode: impl Fn(u32) -> u32) -> bool {
    let (body, rights) = match from.strip_prefix('/').and_then(|from| tree.look(from)) {
        Some(TreeNode { kind: TreeKind::File { body, .. }, mode, .. }) => (body.clone(), *mode),
        None if from == "/dev/null" => (Body::Literal(Bytes::new()), 0o644),
        _ => return false,
    };
    put(tree, to, body, mode(rights))
}

/// Each file of a command line, and where it goes: to the last name, or into the folder that goes by it. None where
/// there is no telling.
fn pairs<'a>(tree: &Tree, arguments: &Arguments<'a>) -> Option<Vec<(&'a str, String)>> {
    let named = arguments.value(TARGET_FOLDER);
    let (to, files) = match named {
        Some(folder) => (folder, &arguments.rest[..]),
        None => arguments.rest.split_last().map(|(to, files)| (*to, files))?,
    };
    let goes_into = !arguments.has(&["T", "--no-target-directory"]) && is_folder(tree, to);
    if files.is_empty() || !goes_into && (named.is_some() || files.len() > 1) {
        return None;
    }
    let inside = |from: &str| format!("{}/{}", to.trim_end_matches('/'), from.rsplit('/').next().unwrap_or(from));
    Some(files.iter().map(|from| (*from, if goes_into { inside(from) } else { to.to_owned() })).collect())
}

fn is_folder(tree: &Tree, path: &str) -> bool {
    let node = path.strip_prefix('/').and_then(|path| tree.look(path));
    path == "/" || node.is_some_and(|node| node.kind == TreeKind::Directory)
}

/// `ucf NEW TARGET`: the administrator's file stays; a new image has none.
fn keep_configuration(tree: &mut Tree, arguments: &Arguments<'_>) -> bool {
    if arguments.has(&["p", "--purge"]) {
        return true;
    }
    let [from, target] = arguments.rest[..] else { return false };
    exists(tree, target) || write_copy(tree, (from, target), |mode| mode)
}

fn change_modes(tree: &mut Tree, words: &[&str]) -> bool {
    // A mode such as `-x` looks like an option.
    let (options, rest): (Vec<&str>, Vec<&str>) =
        words.iter().partition(|word| ["-R", "-f", "-c", "-v", "--"].contains(*word));
    let Some((mode, paths)) = rest.split_first() else { return false };
    let Some(change) = Mode::parse(mode) else { return false };
    paths.iter().all(|path| each(tree, path, options.contains(&"-R"), |node| node.mode = change.of(node)))
}

fn change_owners(machine: &mut Machine<'_>, name: &str, arguments: &Arguments<'_>) -> bool {
    if !arguments.only(&["R", "h", "f", "v", "c", "--recursive", "--no-dereference"]) {
        return false;
    }
    let Some((owner, paths)) = arguments.rest.split_first() else { return false };
    let (user, group) = if name == "chgrp" {
        ("", Some(*owner))
    } else {
        owner.split_once([':', '.']).map_or((*owner, None), |(user, group)| (user, Some(group)))
    };
    let uid = if user.is_empty() { Some(None) } else { machine.uid(user).map(Some) };
    let gid = group.map_or(Some(None), |group| machine.gid(group).map(Some));
    let (Some(uid), Some(gid)) = (uid, gid) else { return false };
    let recursive = arguments.has(&["R", "--recursive"]);
    paths.iter().all(|path| {
        each(machine.tree, path, recursive, |node| {
            node.uid = uid.unwrap_or(node.uid);
            node.gid = gid.unwrap_or(node.gid);
        })
    })
}

/// Changes what stands at `path`, and all below it if `recursive`.
fn each(tree: &mut Tree, path: &str, recursive: bool, change: impl Fn(&mut TreeNode)) -> bool {
    let Some(place) = path.strip_prefix('/').and_then(|path| tree.resolve(path)) else { return false };
    let mut paths = vec![place.clone()];
    if recursive {
        let Some(below) = tree.walk(&place) else { return false };
        paths.extend(below.into_iter().filter(|path| tree.link(path).is_none()));
    }
    tree.get(&place).is_some() && paths.iter().all(|path| tree.get_mut(path).map(&change).is_some())
}

fn set(tree: &mut Tree, path: &str, change: impl Fn(&mut TreeNode)) -> bool {
    each(tree, path, false, change)
}

pub(super) fn octal(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777)
}

/// What `chmod` is told.
enum Mode {
    Whole(u32),
    /// Bits taken, and bits given.
    Changed(u32, u32),
}

impl Mode {
    /// Octal, or clauses such as `u+s,go-w`; `X` and copies of others' rights are not understood.
    fn parse(text: &str) -> Option<Self> {
        if let Some(mode) = octal(text) {
            return Some(Self::Whole(mode));
        }
        let (mut taken, mut given) = (0, 0);
        for clause in text.split(',') {
            let at = clause.find(['+', '-', '='])?;
            let (who, rest) = clause.split_at(at);
            let who = if who.is_empty() { "a" } else { who };
            let mut bits = 0;
            for letter in who.chars() {
                bits |= match letter {
                    'u' => 0o4700,
                    'g' => 0o2070,
                    'o' => 0o1007,
                    'a' => 0o7777,
                    _ => return None,
                };
            }
            let mut rights = 0;
            for letter in rest[1..].chars() {
                rights |= match letter {
                    'r' => 0o444,
                    'w' => 0o222,
                    'x' => 0o111,
                    's' => 0o6000,
                    't' => 0o1000,
                    _ => return None,
                };
            }
            match rest.as_bytes()[0] {
                b'+' => given |= bits & rights,
                b'-' => taken |= bits & rights,
                _ => (taken, given) = (taken | bits & 0o777, given | bits & rights),
            }
        }
        Some(Self::Changed(taken, given))
    }

    fn of(&self, node: &TreeNode) -> u32 {
        match self {
            Self::Whole(mode) => *mode,
            Self::Changed(taken, given) => node.mode & !taken | given,
        }
    }
}
