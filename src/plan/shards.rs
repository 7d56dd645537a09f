//! Which machine makes which image: a pure function of what the images are made of.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
};

use crate::{
    lock::{LockedImage, LockedPlatform},
    oci::Digest,
};

/// What an image costs beside its bytes, in bytes: requests, documents, a layer of scripts.
const EACH: u64 = 1_000_000;

/// One image for one platform, as work to be given to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// Its name among all: of two that are equally large, the one that comes first goes first.
    pub name: String,
    /// The files that it is made of, with their sizes.
    files: BTreeMap<Digest, u64>,
}

impl Load {
    /// The image that a lock describes.
    #[must_use]
    pub fn of(name: String, platform: &LockedPlatform, image: &LockedImage) -> Self {
        let wheels = image.wheels.iter().map(|wheel| (wheel.sha256, wheel.size));
        let packages = platform.debian.iter().map(|package| (package.sha256, package.size));
        Self { name, files: wheels.chain(packages).collect() }
    }

    /// Bytes of the files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.values().sum()
    }
}

/// A machine, while work is given out.
#[derive(Clone, Default)]
struct Bin {
    cost: u64,
    files: BTreeSet<Digest>,
}

impl Bin {
    /// What the machine would have to do in all, with `load`. Files that it has anyway cost nothing.
    fn with(&self, load: &Load) -> u64 {
        let new: u64 = load.files.iter().filter(|(file, _)| !self.files.contains(file)).map(|(_, size)| size).sum();
        self.cost + EACH + new
    }

    /// What `load` would add.
    fn more(&self, load: &Load) -> u64 {
        self.with(load) - self.cost
    }

    fn take(&mut self, load: &Load) {
        self.cost = self.with(load);
        self.files.extend(load.files.keys());
    }
}

/// For each of `loads`, which of the `shards` makes it, counted from zero. The largest is given away first: to
/// whoever has most of its files already, as long as that one does not come to do more than its share; else to
/// whoever has least to do with it.
#[must_use]
pub fn assign(loads: &[Load], shards: NonZeroUsize) -> Vec<usize> {
    let mut order: Vec<(usize, &Load)> = loads.iter().enumerate().collect();
    order.sort_by(|(_, one), (_, other)| other.bytes().cmp(&one.bytes()).then_with(|| one.name.cmp(&other.name)));
    let share = share(loads, shards);
    let mut bins = vec![Bin::default(); shards.get()];
    let mut assigned = vec![0; loads.len()];
    for (position, load) in order {
        let rank = |bin: &Bin| {
            let fits = bin.with(load) <= share;
            (!fits, if fits { bin.more(load) } else { 0 }, bin.with(load))
        };
        if let Some((number, bin)) = bins.iter_mut().enumerate().min_by_key(|(number, bin)| (rank(bin), *number)) {
            bin.take(load);
            assigned[position] = number;
        }
    }
    assigned
}

/// What one of them had to do if nothing were done twice; at least the largest of `loads`.
fn share(loads: &[Load], shards: NonZeroUsize) -> u64 {
    let files: BTreeMap<Digest, u64> = loads.iter().flat_map(|load| load.files.clone()).collect();
    let all = files.values().sum::<u64>() + EACH * loads.len() as u64;
    let largest = loads.iter().map(|load| load.bytes() + EACH).max().unwrap_or_default();
    largest.max(all.div_ceil(shards.get() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(name: &str, files: &[(&str, u64)]) -> Load {
        let files = files.iter().map(|(file, megabytes)| (Digest::of(file.as_bytes()), megabytes * 1_000_000));
        Load { name: name.to_owned(), files: files.collect() }
    }

    fn check(loads: &[Load], shards: usize, expect: &[usize]) {
        assert_eq!(assign(loads, NonZeroUsize::new(shards).unwrap()), expect);
    }

    #[test]
    fn work_is_spread_by_bytes() {
        let own: Vec<Load> =
            [("a", 50), ("b", 10), ("c", 20), ("d", 20)].map(|(name, size)| load(name, &[(name, size)])).into();
        check(&own, 2, &[0, 1, 1, 1]);
        check(&own, 1, &[0, 0, 0, 0]);
        check(&own[..2], 4, &[0, 1]);
        check(&[], 3, &[]);
        let equal: Vec<Load> = ["a", "b", "c", "d"].map(|name| load(name, &[])).into();
        check(&equal, 2, &[0, 1, 0, 1]);
    }

    #[test]
    fn files_in_common_count_once() {
        let torch = |name| load(name, &[("torch", 800), (name, 1)]);
        // With it here already, the second one with torch costs little; so does everything else there.
        check(&[torch("a"), torch("b"), load("c", &[("c", 500)]), load("d", &[("d", 400)])], 2, &[0, 0, 1, 1]);
    }

    #[test]
    fn the_order_in_which_images_are_named_changes_nothing() {
        let loads: Vec<Load> =
            (0..40_u64).map(|number| load(&format!("{number:02}"), &[("all", 30), ("x", number % 7)])).collect();
        let shards = NonZeroUsize::new(5).unwrap();
        let expect: BTreeMap<&str, usize> =
            loads.iter().map(|load| load.name.as_str()).zip(assign(&loads, shards)).collect();
        let turned: Vec<Load> = loads.iter().rev().cloned().collect();
        let found: BTreeMap<&str, usize> =
            turned.iter().map(|load| load.name.as_str()).zip(assign(&turned, shards)).collect();
        assert_eq!(found, expect);
        let most = (0..5).map(|shard| expect.values().filter(|found| **found == shard).count()).max();
        assert!(most < Some(11), "{expect:?}");
    }
}
