//! Files that everybody may write, and programs that run with the rights of their owner.

use std::collections::BTreeMap;

use super::some;
use crate::{
    base::{Kind, Node},
    verify::{Code, Finding, Owner, Subject},
};

const EVERYBODY_WRITES: u32 = 0o002;
const STICKY: u32 = 0o1000;
const SET_ID: u32 = 0o6000;

pub(super) fn check(subject: &Subject) -> Vec<Finding> {
    let mut findings = world_writable(subject);
    findings.extend(set_id(subject));
    findings
}

/// One finding a layer: whoever writes `chmod -R 777` does it to thousands of files.
fn world_writable(subject: &Subject) -> Vec<Finding> {
    let mut layers: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (path, node) in subject.tree.iter().filter(|(_, node)| is_open(node)) {
        // What lies in a folder that is open itself says nothing new.
        let above = layers.get(&node.layer).and_then(|paths| paths.last());
        if above.is_none_or(|above| !is_below(path, above)) {
            layers.entry(node.layer).or_default().push(format!("/{path}"));
        }
    }
    let finding = |(layer, paths): (usize, Vec<String>)| {
        let noun = if paths.len() == 1 { "path is" } else { "paths are" };
        let message = format!("{} {noun} writable for everybody: {}", paths.len(), some(&paths));
        let finding = Finding::new(Code::WORLD_WRITABLE, &subject.platform, message);
        let finding = finding.at(&common_folder(&paths)).of(Owner::Layer(subject.layer_name(layer).to_owned()));
        finding.hinted("give them to the user that the image runs as, with mode 0755 or 0644")
    };
    layers.into_iter().map(finding).collect()
}

fn is_open(node: &Node) -> bool {
    let kept_apart = node.kind == Kind::Directory && node.mode & STICKY != 0;
    matches!(node.kind, Kind::File | Kind::Directory) && node.mode & EVERYBODY_WRITES != 0 && !kept_apart
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_start_matches('/')).is_some_and(|rest| rest.starts_with('/'))
}

/// The folder that holds all of `paths`, or the one path.
fn common_folder(paths: &[String]) -> String {
    let mut parts: Vec<&str> = paths.first().map(|path| path.split('/').collect()).unwrap_or_default();
    for path in paths {
        let shared = parts.iter().zip(path.split('/')).take_while(|(left, right)| *left == right).count();
        parts.truncate(shared);
    }
    parts.join("/")
}

/// What no package brought, and the lowest layer neither, which is the system's own.
fn set_id(subject: &Subject) -> Vec<Finding> {
    let added = subject.tree.iter().filter(|(_, node)| {
        let of_system = || matches!(subject.owners.find(node), Some(Owner::Package(_)));
        node.kind == Kind::File && node.mode & SET_ID != 0 && node.layer > 0 && !of_system()
    });
    let finding = |(path, node): (&str, &Node)| {
        let user = if node.uid == 0 { "root".to_owned() } else { format!("user {}", node.uid) };
        let message = format!("it has mode {:04o} and runs with the rights of {user}", node.mode);
        let finding = Finding::new(Code::SET_ID, &subject.platform, message).at(path).of(subject.owner(node));
        finding.hinted("remove the set-id bits: containers that may not gain rights cannot use them")
    };
    added.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_folder_stands_for_many_paths() {
        let check = |paths: &[&str], expect: &str| {
            assert_eq!(common_folder(&paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>()), expect);
        };
        check(&["/a/b"], "/a/b");
        check(&["/a/b", "/a/c/d"], "/a");
        check(&["/ab", "/a"], "");
        assert!(is_below("a/b", "/a") && !is_below("ab", "/a"));
    }
}
