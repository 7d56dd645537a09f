//! Whether a recipe still says what it said when it was locked.

use std::{collections::BTreeMap, fmt};

use crate::oci::Digest;

/// One key of the recipe that makes the lock stale.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stale {
    /// The key, such as `wheels.require`.
    pub key: String,
    /// What became of it.
    pub change: Change,
}

/// What became of a key since the lock was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The recipe did not say it then.
    Added,
    /// It says something else now.
    Changed,
    /// It does not say it any more.
    Removed,
}

impl fmt::Display for Stale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = match self.change {
            Change::Added => "was added",
            Change::Changed => "changed",
            Change::Removed => "was removed",
        };
        write!(formatter, "`{}` {change}", self.key)
    }
}

pub(super) fn compare(then: &BTreeMap<String, Digest>, now: &BTreeMap<String, Digest>) -> Vec<Stale> {
    let gone = then.keys().filter(|key| !now.contains_key(*key)).map(|key| (key, Change::Removed));
    let here = now.iter().filter_map(|(key, digest)| match then.get(key) {
        None => Some((key, Change::Added)),
        Some(before) => (before != digest).then_some((key, Change::Changed)),
    });
    let mut stale: Vec<Stale> = gone.chain(here).map(|(key, change)| Stale { key: key.clone(), change }).collect();
    stale.sort();
    stale
}
