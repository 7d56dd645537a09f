//! `update-alternatives`: one name for several programs that do the same (`awk`, `pager`, `libblas.so.3`).
//! Without it the name is not there at all.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    super::tree::{Tree, TreeKind, TreeNode},
    Answer, Machine,
};
use crate::debian::shell::Called;

const FOLDER: &str = "etc/alternatives";
/// What the program remembers, and its name: the one is of no use without the other.
const MEMORY: &str = "var/lib/dpkg/alternatives";
const PROGRAM: &str = "usr/bin/update-alternatives";
/// Most lines that it remembers of one name.
const MOST: usize = 100_000;

/// Groups by their names.
#[derive(Debug, Default)]
pub(super) struct Alternatives {
    groups: BTreeMap<String, Group>,
}

/// Everything that goes by one name.
#[derive(Debug, Default)]
struct Group {
    link: String,
    /// What moves with it: name → link.
    slaves: BTreeMap<String, String>,
    /// By path.
    choices: BTreeMap<String, Choice>,
}

#[derive(Debug)]
struct Choice {
    priority: i64,
    /// Name → path.
    slaves: BTreeMap<String, String>,
}

pub(super) fn call(machine: &mut Machine<'_>, words: &[&str]) -> Answer {
    let ["update-alternatives", words @ ..] = words else { return None };
    let words: Vec<&str> =
        words.iter().copied().filter(|word| !["--quiet", "--verbose", "--force"].contains(word)).collect();
    Some(match words[..] {
        ["--install", link, name, path, priority, ref slaves @ ..] if is_name(name) => {
            match (priority.parse(), parse_slaves(slaves)) {
                (Ok(priority), Some(slaves)) if machine.tree.look(path.trim_start_matches('/')).is_some() => {
                    let added = machine.alternatives.add((link, name), path, priority, slaves);
                    if added { Called::done() } else { Called::undone() }
                }
                // What it would lead to was left out of the image.
                (Ok(_), Some(_)) => Called::done(),
                _ => Called::undone(),
            }
        }
        ["--remove" | "--remove-all" | "--auto" | "--display" | "--query" | "--list" | "--get-selections", ..] => {
            Called::done()
        }
        _ => Called::undone(),
    })
}

/// `--slave LINK NAME PATH` …: name, link and path.
fn parse_slaves<'a>(words: &[&'a str]) -> Option<Vec<(&'a str, &'a str, &'a str)>> {
    let slaves = words.chunks(4).map(|slave| match slave {
        ["--slave", link, name, path] if is_name(name) => Some((*name, *link, *path)),
        _ => None,
    });
    slaves.collect()
}

/// What update-alternatives(1) takes for one: no path, and no blanks in it.
fn is_name(name: &str) -> bool {
    !["", ".", ".."].contains(&name) && !name.contains(|letter: char| letter == '/' || letter.is_whitespace())
}

impl Alternatives {
    /// Whether there was room for it.
    fn add(&mut self, (link, name): (&str, &str), path: &str, priority: i64, slaves: Vec<(&str, &str, &str)>) -> bool {
        let group = self.groups.entry(name.to_owned()).or_default();
        if (group.slaves.len() + slaves.len() + 1).saturating_mul(group.choices.len() + 1) > MOST {
            return false;
        }
        link.clone_into(&mut group.link);
        let mut choice = Choice { priority, slaves: BTreeMap::new() };
        for (name, link, path) in slaves {
            group.slaves.insert(name.to_owned(), link.to_owned());
            choice.slaves.insert(name.to_owned(), path.to_owned());
        }
        group.choices.insert(path.to_owned(), choice);
        true
    }

    /// Links to the best of each group, unless it is known that the link of a base stays. Which is the best of each,
    /// with its priority.
    pub(super) fn write(self, tree: &mut Tree) -> BTreeMap<String, (String, i64)> {
        let remembers = tree.get(PROGRAM).is_some();
        let mut chosen = BTreeMap::new();
        for (name, group) in &self.groups {
            let best = group.choices.iter().max_by_key(|(path, choice)| (choice.priority, Reverse(*path)));
            let Some((path, choice)) = best else { continue };
            chosen.insert(name.clone(), (path.clone(), choice.priority));
            let own = format!("{FOLDER}/{name}");
            if tree.get(&own).is_none() && tree.link(&own).is_some() {
                continue;
            }
            link(tree, &group.link, name, path);
            for (name, path) in &choice.slaves {
                if let Some(place) = group.slaves.get(name)
                    && tree.look(path.trim_start_matches('/')).is_some()
                {
                    link(tree, place, name, path);
                }
            }
            if remembers {
                tree.add_file(&format!("{MEMORY}/{name}"), group.memory());
            }
        }
        chosen
    }
}

/// `link` → `/etc/alternatives/name` → `path`; not where a file stands.
fn link(tree: &mut Tree, link: &str, name: &str, path: &str) {
    let Some(place) = tree.place(link) else { return };
    if tree.get(&place).is_some_and(|node| !matches!(node.kind, TreeKind::Symlink(_))) {
        return;
    }
    let to = |target: String| TreeNode::made(TreeKind::Symlink(target), 0o777);
    tree.insert(place, to(format!("/{FOLDER}/{name}")));
    tree.insert(format!("{FOLDER}/{name}"), to(path.to_owned()));
}

impl Group {
    /// The file in which update-alternatives(1) keeps the group, "auto" its mode.
    fn memory(&self) -> String {
        let mut lines = vec!["auto".to_owned(), self.link.clone()];
        for (name, link) in &self.slaves {
            lines.extend([name.clone(), link.clone()]);
        }
        lines.push(String::new());
        for (path, choice) in &self.choices {
            lines.extend([path.clone(), choice.priority.to_string()]);
            let names: BTreeSet<&String> = self.slaves.keys().collect();
            lines.extend(names.into_iter().map(|name| choice.slaves.get(name).cloned().unwrap_or_default()));
        }
        lines.push(String::new());
        lines.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut all = Alternatives::default();
        let names: Vec<String> = (0..999).map(|number| number.to_string()).collect();
        let slaves: Vec<_> = names.iter().map(|name| (name.as_str(), "/link", "/path")).collect();
        let added = names.iter().filter(|path| all.add(("/link", "name"), path, 1, slaves.clone()));
        assert_eq!(added.count(), 50);
    }
}
