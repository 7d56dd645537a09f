//! Shards: which part of the work of many recipes one machine does.

use std::num::NonZeroUsize;

use super::{build::Entry, error::CliError};
use crate::{
    builder::{Builder, Selection},
    lock::Lock,
    oci::Platform,
    plan::{Load, assign},
};

/// One of several machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    /// Counted from zero.
    number: usize,
    of: NonZeroUsize,
}

/// One image for one platform, and who makes it.
pub(super) struct Part {
    /// Which of the recipes.
    pub(super) entry: usize,
    /// Which of its orders.
    pub(super) order: usize,
    pub(super) platform: Platform,
    /// Of the files that it is made of.
    pub(super) bytes: u64,
    /// Counted from zero.
    pub(super) shard: usize,
}

impl Shard {
    /// Reads `2/4`, the second of four. Engines that count from zero say `1+1/4`.
    ///
    /// # Errors
    /// When it is no such thing; the message says how to write it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let written = || "write it as `I/N`, from `1/N` to `N/N`; who counts from 0 writes `I+1/N`".to_owned();
        let (number, of) = text.split_once('/').ok_or_else(written)?;
        let of: NonZeroUsize = of.parse().map_err(|_| written())?;
        let sum = number.split('+').try_fold(0_usize, |sum, term| sum.checked_add(term.trim().parse().ok()?));
        match sum {
            Some(number) if (1..=of.get()).contains(&number) => Ok(Self { number: number - 1, of }),
            _ => Err(written()),
        }
    }

    /// Whether it makes `part`.
    pub(super) const fn makes(self, part: &Part) -> bool {
        part.shard == self.number
    }

    pub(super) const fn of(self) -> NonZeroUsize {
        self.of
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.number + 1, self.of)
    }
}

/// Every image of `entries` for every platform, with the shard that makes it. Whoever has the same recipes and
/// locks comes to the same.
///
/// # Errors
/// When a lock lacks an image.
pub(super) fn split(entries: &[(Entry, Lock)], shards: NonZeroUsize) -> Result<Vec<Part>, CliError> {
    let (mut parts, mut loads): (Vec<Part>, Vec<Load>) = (Vec::new(), Vec::new());
    for (number, (entry, lock)) in entries.iter().enumerate() {
        let project = &entry.file.project;
        for (order, wanted) in entry.orders.iter().enumerate() {
            let name = project.recipe.name.get_ref();
            for (platform, load) in Builder::loads(project, lock, (&wanted.selection, name))? {
                parts.push(Part { entry: number, order, platform, bytes: load.bytes(), shard: 0 });
                loads.push(load);
            }
        }
    }
    for (part, shard) in parts.iter_mut().zip(assign(&loads, shards)) {
        part.shard = shard;
    }
    Ok(parts)
}

/// What of `selection` one part is.
pub(super) fn only(selection: &Selection, platform: &Platform) -> Selection {
    Selection { platforms: vec![platform.clone()], variant: selection.variant.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_one_or_from_zero() {
        let check = |text: &str, expect: &str| assert_eq!(Shard::parse(text).unwrap().to_string(), expect);
        check("1/4", "1/4");
        check("4/4", "4/4");
        check("0+1/4", "1/4");
        check("3+1/4", "4/4");
        for wrong in ["", "1", "0/4", "5/4", "4+1/4", "1/0", "a/4", "1/b", "-1/4", "1+/4"] {
            assert!(Shard::parse(wrong).is_err(), "{wrong}");
        }
    }
}
