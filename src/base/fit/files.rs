//! The files of layers over those of a base: that they come to lie where they were meant to, on what they were
//! meant for.

use std::collections::BTreeSet;

use super::Misfit;
use crate::base::{
    entries::{Entry, Kind, LayerEntries, Recorded},
    tree::{Node, Tree},
};

/// What would come to lie elsewhere, or on something else.
pub(super) fn misfits(old: &Tree, new: &Tree, ours: &[LayerEntries]) -> Vec<Misfit> {
    let mut laying = Laying { old, new, parents: BTreeSet::new(), misfits: Vec::new() };
    for layer in ours {
        for path in layer.whiteouts.iter().chain(&layer.opaque) {
            laying.mark(path);
        }
        for (path, recorded) in &layer.entries {
            laying.entry(path, recorded);
        }
    }
    laying.aliases();
    let mut misfits: Vec<Misfit> = Vec::new();
    for misfit in laying.misfits {
        if !misfits.contains(&misfit) {
            misfits.push(misfit);
        }
    }
    misfits
}

/// Links to directories near the root that lead elsewhere, or that only one of the bases has: whatever layers
/// hold, they may go through them.
pub(super) fn links(old: &Tree, new: &Tree) -> Vec<Misfit> {
    let both = aliases(old).into_iter().chain(aliases(new)).collect::<BTreeSet<_>>();
    let moved = both.into_iter().filter_map(|path| {
        let (was, is) = (old.walk(&path).end?, new.walk(&path).end?);
        (was != is).then_some(Misfit::Link { path, old: was, new: is })
    });
    moved.collect()
}

/// Links to directories in the root and in the directories of the root.
fn aliases(tree: &Tree) -> Vec<String> {
    let near = |path: &&str| path.matches('/').count() < 2;
    let links = tree.iter().filter(|(path, node)| near(path) && matches!(node.kind, Kind::Symlink(_)));
    links.filter(|(path, _)| tree.has_directory(path)).map(|(path, _)| path.to_owned()).collect()
}

struct Laying<'a> {
    old: &'a Tree,
    new: &'a Tree,
    /// Where entries lie, as they did over the old base.
    parents: BTreeSet<String>,
    misfits: Vec<Misfit>,
}

impl Laying<'_> {
    /// Where `path` lies over both bases, if that is the same place.
    fn place(&mut self, path: &str) -> Option<String> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (was, is) = (self.old.through_links(parent), self.new.through_links(parent));
        if was != is {
            let misfit = self.shortest(parent);
            self.misfits.push(misfit);
            return None;
        }
        let ends = was.match_indices('/').map(|(end, _)| end).chain([was.len()]);
        for parent in ends.map(|end| &was[..end]).filter(|parent| !parent.is_empty()) {
            if !self.parents.contains(parent) && is_other(self.new.node(parent)) {
                self.misfits.push(Misfit::NotDirectory { path: parent.to_owned() });
                return None;
            }
        }
        let place = if was.is_empty() { name.to_owned() } else { format!("{was}/{name}") };
        self.parents.insert(was);
        Some(place)
    }

    /// The first folder on the way along `path` that leads elsewhere now.
    fn shortest(&self, path: &str) -> Misfit {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        let ways =
            ends.map(|end| (&path[..end], self.old.through_links(&path[..end]), self.new.through_links(&path[..end])));
        let mut moved = ways.filter(|(_, old, new)| old != new);
        let (path, old, new) = moved.next().expect("the whole path leads elsewhere");
        Misfit::Link { path: path.to_owned(), old, new }
    }

    fn entry(&mut self, path: &str, recorded: &Recorded) {
        let Some(place) = self.place(path) else { return };
        let (was, is) = (self.old.node(&place), self.new.node(&place));
        let Some(is) = is else { return };
        if recorded.entry.kind == Kind::Directory {
            self.directory(place, &recorded.entry, was, is);
        } else if !was.is_some_and(|was| same(was, is)) && !brings(recorded, is) {
            self.misfits.push(Misfit::Overwritten { path: place });
        }
    }

    fn directory(&mut self, path: String, entry: &Entry, was: Option<&Node>, is: &Node) {
        let of = |mode: u32, uid: u64, gid: u64| format!("{mode:04o} of {uid}:{gid}");
        let (ours, theirs) = (of(entry.mode, entry.uid, entry.gid), of(is.mode, is.uid, is.gid));
        match (&is.kind, was) {
            _ if was.is_some_and(|was| same(was, is)) => {}
            (Kind::Directory, _) if ours == theirs => {}
            (Kind::Directory, _) => self.misfits.push(Misfit::Attributes { path, theirs, ours }),
            (Kind::Symlink(target), _) => {
                let new = self.new.walk(&path).end.unwrap_or_else(|| target.trim_start_matches('/').to_owned());
                self.misfits.push(Misfit::Link { old: path.clone(), path, new });
            }
            _ => self.misfits.push(Misfit::NotDirectory { path }),
        }
    }

    /// What a layer removes must be what it was made to remove; where nothing is left of it there is nothing to
    /// say.
    fn mark(&mut self, path: &str) {
        let Some(place) = self.place(path) else { return };
        let below = |tree: &'_ Tree| -> Vec<(String, Node)> {
            let itself = tree.node(&place).map(|node| (place.clone(), node.clone()));
            let inside = tree.below(&place).map(|(path, node)| (path, node.clone()));
            itself.into_iter().chain(inside).collect()
        };
        let (was, is) = (below(self.old), below(self.new));
        let known = |(path, node): &(String, Node)| {
            was.binary_search_by(|(there, _)| there.cmp(path)).is_ok_and(|found| same(&was[found].1, node))
        };
        if !is.iter().all(known) {
            self.misfits.push(Misfit::Hidden { path: path.to_owned() });
        }
    }

    /// What lies in a directory could be reached through links to it as well.
    fn aliases(&mut self) {
        for path in aliases(self.old) {
            let Some(was) = self.old.walk(&path).end else { continue };
            let inside = format!("{was}/");
            let used = self.parents.contains(&was)
                || self.parents.range(inside.clone()..).next().is_some_and(|parent| parent.starts_with(&inside));
            let is = self.new.walk(&path).end;
            if used && is.as_deref() != Some(&*was) {
                let new = is.unwrap_or_else(|| path.clone());
                self.misfits.push(Misfit::Link { path, old: was, new });
            }
        }
    }
}

/// Whether something stands there that is no directory.
fn is_other(node: Option<&Node>) -> bool {
    node.is_some_and(|node| node.kind != Kind::Directory)
}

/// Whether nothing tells two things apart. Files are not read for it: their sizes and what they say of
/// themselves must do.
fn same(old: &Node, new: &Node) -> bool {
    let attributes = |node: &Node| (node.mode, node.uid, node.gid, node.size);
    // Of layers with tables of their files not everything is read.
    let differ = old.evidence.as_ref().zip(new.evidence.as_ref()).is_some_and(|(old, new)| old != new)
        || old.elf.as_ref().zip(new.elf.as_ref()).is_some_and(|(old, new)| old != new);
    old.kind == new.kind && attributes(old) == attributes(new) && !differ
}

/// Whether a layer brings just what is there already.
fn brings(recorded: &Recorded, there: &Node) -> bool {
    let Recorded { entry, evidence, elf } = recorded;
    if entry.kind != there.kind || entry.size != there.size {
        return false;
    }
    match &entry.kind {
        Kind::Symlink(_) => true,
        Kind::File if entry.size == 0 => true,
        Kind::File => {
            let told = evidence.is_some() || elf.is_some();
            told && *evidence == there.evidence && *elf == there.elf
        }
        _ => false,
    }
}
