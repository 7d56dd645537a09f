//! Whether a recipe still says what it said when it was locked, and where it does not, the difference.

use std::{collections::BTreeMap, fmt};

use super::Input;

/// Items of a list told by name; of more, how many.
const TOLD: usize = 5;

/// One key of the recipe that makes the lock stale.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stale {
    /// The key, such as `wheels.require`.
    pub key: String,
    /// What became of it.
    pub change: Change,
}

/// What became of a key since the lock was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// The recipe did not say it then.
    Added,
    /// It says something else now; of a file, its contents are others.
    Changed,
    /// It does not say it any more.
    Removed,
    /// One value took the place of another.
    Became {
        /// What stood there.
        before: String,
        /// What stands there.
        after: String,
    },
    /// A list has other items.
    Items {
        /// New ones.
        added: Vec<String>,
        /// Those that are gone.
        removed: Vec<String>,
        /// Requirements on one distribution that ask something else of it: then and now.
        became: Vec<(String, String)>,
    },
    /// A list has the same items in another order.
    Order,
}

impl Stale {
    /// Whether the lock was made for another base than the recipe has.
    #[must_use]
    pub fn is_of_base(&self) -> bool {
        self.key == "base" && matches!(self.change, Change::Became { .. })
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` ", self.key)?;
        match &self.change {
            Change::Added => formatter.write_str("was added"),
            Change::Changed => formatter.write_str("changed"),
            Change::Removed => formatter.write_str("was removed"),
            Change::Became { before, after } => write!(formatter, "is `{after}` and was `{before}`"),
            Change::Order => formatter.write_str("has another order"),
            Change::Items { added, removed, became } => {
                let became: Vec<String> =
                    became.iter().map(|(before, after)| format!("`{after}` in place of `{before}`")).collect();
                let quoted = |items: &[String]| items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>();
                let parts = [("gained", quoted(added)), ("lost", quoted(removed)), ("has", became)];
                let parts = parts.into_iter().filter(|(_, items)| !items.is_empty());
                let parts: Vec<String> = parts.map(|(verb, items)| format!("{verb} {}", listed(&items))).collect();
                formatter.write_str(&parts.join(" and "))
            }
        }
    }
}

pub(super) fn compare(then: &BTreeMap<String, Input>, now: &BTreeMap<String, Input>) -> Vec<Stale> {
    let gone = then.keys().filter(|key| !now.contains_key(*key)).map(|key| (key, Change::Removed));
    let here = now.iter().filter_map(|(key, input)| match then.get(key) {
        None => Some((key, Change::Added)),
        Some(before) if before.digest() == input.digest() => None,
        Some(before) => Some((key, difference(before, input))),
    });
    let mut stale: Vec<Stale> = gone.chain(here).map(|(key, change)| Stale { key: key.clone(), change }).collect();
    stale.sort();
    stale
}

fn difference(before: &Input, after: &Input) -> Change {
    match (before, after) {
        (Input::Text(before), Input::Text(after)) => Change::Became { before: before.clone(), after: after.clone() },
        (Input::Items(before), Input::Items(after)) => items(before, after),
        _ => Change::Changed,
    }
}

fn items(before: &[String], after: &[String]) -> Change {
    let without = |list: &[String], other: &[String]| -> Vec<String> {
        list.iter().filter(|item| !other.contains(item)).cloned().collect()
    };
    let (mut added, mut removed) = (without(after, before), without(before, after));
    let mut became = Vec::new();
    removed.retain(|old| match added.iter().position(|new| subject(new) == subject(old)) {
        Some(position) => {
            became.push((old.clone(), added.remove(position)));
            false
        }
        None => true,
    });
    if added.is_empty() && removed.is_empty() && became.is_empty() {
        return Change::Order;
    }
    Change::Items { added, removed, became }
}

/// What a requirement is about: `numpy` of `NumPy[fast]<2`.
fn subject(item: &str) -> String {
    let end = item.find(|letter: char| " [(<>=!~;@".contains(letter)).unwrap_or(item.len());
    item[..end].replace(['_', '.'], "-").to_ascii_lowercase()
}

fn listed(items: &[String]) -> String {
    match items.len().checked_sub(TOLD) {
        None | Some(0) => items.join(", "),
        Some(more) => format!("{} and {more} more", items[..TOLD].join(", ")),
    }
}
