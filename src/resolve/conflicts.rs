//! The order of decisions, and how conflicts change it.
//!
//! When two packages get in each other's way again and again, the one whose versions are thrown out
//! is decided earlier from then on, and the one that was in the way is taken back and decided last:
//! by then everyone has said what is wanted of it. (uv decides it before packages without conflicts;
//! that walks through every version of a package whose dependency is the one that suffers.)

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    package::Package,
    ranges::{Versions, pins},
};
use crate::python::{PackageName, Version};

/// Conflicts after which the order is changed.
const PATIENCE: u32 = 5;

/// When a package is decided: the greatest first; among equals, the one that was found first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Priority {
    ConflictLate(Reverse<usize>),
    Found(Reverse<usize>),
    ConflictEarly(Reverse<usize>),
    Pinned(Reverse<usize>),
    Fixed(Reverse<usize>),
    Root,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Late,
    Early,
}

/// What is known about the order so far.
#[derive(Debug, Default)]
pub(super) struct Order {
    found: BTreeMap<PackageName, usize>,
    fixed: BTreeMap<PackageName, Version>,
    roles: BTreeMap<PackageName, (Role, usize)>,
    affected: BTreeMap<Package, u32>,
    culprits: BTreeMap<Package, u32>,
    to_raise: Vec<Package>,
    to_lower: Vec<Package>,
}

impl Order {
    /// An order in which `fixed` packages come first: there is nothing to choose about them.
    pub(super) fn new(fixed: BTreeMap<PackageName, Version>) -> Self {
        Self { fixed, ..Self::default() }
    }

    /// Takes note that something requires `name`.
    pub(super) fn find(&mut self, name: &PackageName) {
        let next = self.found.len();
        self.found.entry(name.clone()).or_insert(next);
    }

    /// When `package`, of which `versions` are still possible, is decided.
    pub(super) fn priority(&self, package: &Package, versions: &Versions) -> Priority {
        let Some(name) = package.name() else { return Priority::Root };
        let found = Reverse(self.found.get(name).copied().unwrap_or(usize::MAX));
        if self.fixed.contains_key(name) {
            return Priority::Fixed(found);
        }
        if is_pinned(versions) {
            return Priority::Pinned(found);
        }
        match self.roles.get(name) {
            Some((Role::Early, when)) => Priority::ConflictEarly(Reverse(*when)),
            Some((Role::Late, when)) => Priority::ConflictLate(Reverse(*when)),
            None => Priority::Found(found),
        }
    }

    /// A version of `affected` was thrown out because of `culprits`.
    pub(super) fn conflict(&mut self, affected: &Package, culprits: &[&Package]) {
        let mut real = false;
        for culprit in culprits.iter().filter(|culprit| culprit.name() != affected.name()) {
            real = true;
            let count = self.culprits.entry((*culprit).clone()).or_default();
            *count += 1;
            if *count == PATIENCE {
                self.to_lower.push((*culprit).clone());
            }
        }
        if real {
            let count = self.affected.entry(affected.clone()).or_default();
            *count += 1;
            if *count == PATIENCE {
                self.to_raise.push(affected.clone());
            }
        }
    }

    /// Draws the consequences of the conflicts so far: the packages whose decisions should be taken
    /// back.
    pub(super) fn reconsider(&mut self) -> Vec<Package> {
        for package in std::mem::take(&mut self.to_raise) {
            self.affected.remove(&package);
            self.give(&package, Role::Early);
        }
        let lowered = std::mem::take(&mut self.to_lower);
        let changed = |package: &Package| {
            self.culprits.remove(package);
            self.give(package, Role::Late)
        };
        lowered.into_iter().filter(changed).collect()
    }

    /// Whether that changed anything. Once early, a package stays so.
    fn give(&mut self, package: &Package, role: Role) -> bool {
        let Some(name) = package.name() else { return false };
        let when = self.roles.len();
        match self.roles.get_mut(name) {
            Some((old, _)) if *old >= role => false,
            Some(entry) => {
                entry.0 = role;
                true
            }
            None => {
                self.roles.insert(name.clone(), (role, when));
                true
            }
        }
    }
}

fn is_pinned(versions: &Versions) -> bool {
    use std::ops::Bound;
    let lowest = versions.iter().next().map(|(low, _)| low);
    matches!(lowest, Some(Bound::Included(version)) if pins(versions, version))
}
