//! Directories, links and modes that scripts make by their plain names: `mkdir`, `ln`, `chmod` and their kin.

use bytes::Bytes;

use super::{
    super::tree::{Tree, TreeKind, TreeNode},
    Answer, Machine,
    arguments::Arguments,
};
use crate::{debian::shell::Called, layer::Body};

pub(super) fn call(machine: &mut Machine<'_>, words: &[&str]) -> Answer {
    let (name, words) = words.split_first()?;
    let arguments = |valued: &[&str]| Arguments::parse(words, valued);
    let done = match *name {
        "install" => install(machine, &arguments(&["-m", "--mode", "-o", "-g", "--owner", "--group"])),
        "chown" | "chgrp" => change_owners(machine, name, &arguments(&[])),
        "mkdir" => make_directories(machine, &arguments(&["-m", "--mode"])),
        "ln" => link(machine.tree, &arguments(&[])),
        "touch" => touch(machine, &arguments(&["-r", "-d", "-t"])),
        "rm" => remove(machine.tree, &arguments(&[])),
        "rmdir" => remove_empty(machine.tree, &arguments(&[])),
        "cp" => copy(machine.tree, &arguments(&[])),
        "mv" => rename(machine.tree, &arguments(&[])),
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
    let place = tree.place(path.strip_prefix('/')?)?;
    let parent = place.rsplit_once('/').map_or("", |(parent, _)| parent);
    let fits = parent.is_empty() || matches!(tree.get(parent)?.kind, TreeKind::Directory);
    (fits && !place.is_empty()).then_some(place)
}

fn touch(machine: &mut Machine<'_>, arguments: &Arguments<'_>) -> bool {
    arguments.rest.iter().all(|path| exists(machine.tree, path) || write(machine, path, ""))
}

fn rename(tree: &mut Tree, arguments: &Arguments<'_>) -> bool {
    copy(tree, arguments) && remove_all(tree, arguments.rest[0])
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

/// `install -d`, and `install` of one file.
fn install(machine: &mut Machine<'_>, arguments: &Arguments<'_>) -> bool {
    let mode = arguments.value(&["-m", "--mode"]).map_or(Some(0o755), octal);
    let owner = arguments.value(&["-o", "--owner"]).map_or(Some(0), |name| machine.uid(name));
    let group = arguments.value(&["-g", "--group"]).map_or(Some(0), |name| machine.gid(name));
    let known = arguments.only(&["d", "D", "p", "v", "--directory", "-m", "--mode", "-o", "-g", "--owner", "--group"]);
    let (Some(mode), Some(owner), Some(group), true) = (mode, owner, group, known) else { return false };
    let tree = &mut *machine.tree;
    let targets: Vec<&str> = if arguments.has(&["d", "--directory"]) {
        if !arguments.rest.iter().all(|path| make_directory(tree, path, mode)) {
            return false;
        }
        arguments.rest.clone()
    } else {
        let [_, target] = arguments.rest[..] else { return false };
        if !copy(tree, arguments) {
            return false;
        }
        vec![target]
    };
    targets.iter().all(|path| set(tree, path, |node| (node.mode, node.uid, node.gid) = (mode, owner, group)))
}

fn link(tree: &mut Tree, arguments: &Arguments<'_>) -> bool {
    let known = arguments.only(&["s", "f", "n", "T", "v", "--symbolic", "--force", "--no-dereference"]);
    let ([target, path], true, true) = (&arguments.rest[..], known, arguments.has(&["s", "--symbolic"])) else {
        return false;
    };
    let Some(place) = place(tree, path) else { return false };
    match tree.get(&place).map(|node| &node.kind) {
        Some(TreeKind::Directory) => return false,
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
    let below: Vec<String> = tree.below(&place).map(|(path, _)| path.to_owned()).collect();
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

/// One file to another name, or into a folder.
fn copy(tree: &mut Tree, arguments: &Arguments<'_>) -> bool {
    let [from, to] = arguments.rest[..] else { return false };
    let (body, mode) = match from.strip_prefix('/').and_then(|from| tree.look(from)) {
        Some(TreeNode { kind: TreeKind::File { body, .. }, mode, .. }) => (body.clone(), *mode),
        None if from == "/dev/null" => (Body::Literal(Bytes::new()), 0o644),
        _ => return false,
    };
    let into = to.strip_prefix('/').and_then(|to| tree.look(to)).is_some_and(|node| node.kind == TreeKind::Directory);
    let name = from.rsplit('/').next().unwrap_or(from);
    let to = if into { format!("{}/{name}", to.trim_end_matches('/')) } else { to.to_owned() };
    put(tree, &to, body, mode)
}

/// `ucf NEW TARGET`: the administrator's file stays; a new image has none.
fn keep_configuration(tree: &mut Tree, arguments: &Arguments<'_>) -> bool {
    if arguments.has(&["p", "--purge"]) {
        return true;
    }
    let [_, target] = arguments.rest[..] else { return false };
    exists(tree, target) || copy(tree, arguments)
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
        paths.extend(
            tree.below(&place)
                .filter(|(_, node)| !matches!(node.kind, TreeKind::Symlink(_)))
                .map(|(path, _)| path.to_owned()),
        );
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
