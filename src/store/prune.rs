//! Files that were not used for long, or longest, removed from a store that nobody uses.

use std::time::Duration;

use super::{Alone, DAY, StoreError, remove};

/// What may stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// What was not used for so long goes.
    pub unused_for: Option<Duration>,
    /// Bytes of all files together; what was used longest ago goes first.
    pub size: Option<u64>,
}

/// What came of pruning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Files that were removed.
    pub removed: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Files that are left.
    pub left: u64,
    /// Their bytes.
    pub left_bytes: u64,
}

impl Alone {
    /// Removes what `limits` do not allow to stay. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// When a folder cannot be read or a file cannot be removed; what was removed before is gone then.
    pub fn prune(&self, limits: Limits, now: u64) -> Result<Pruned, StoreError> {
        let mut entries = self.0.entries()?;
        entries.sort_by(|left, right| (left.used, &left.name).cmp(&(right.used, &right.name)));
        let mut pruned = Pruned {
            left: entries.len() as u64,
            left_bytes: entries.iter().map(|entry| entry.size).sum(),
            ..Pruned::default()
        };
        for entry in entries {
            // A mark may be a day older than the use.
            let unused = Duration::from_secs(now.saturating_sub(entry.used)).saturating_sub(DAY);
            let too_old = limits.unused_for.is_some_and(|limit| unused >= limit && now > entry.used);
            if too_old || limits.size.is_some_and(|size| pruned.left_bytes > size) {
                remove(&entry.path)?;
                pruned.removed += 1;
                pruned.removed_bytes += entry.size;
                pruned.left -= 1;
                pruned.left_bytes -= entry.size;
            }
        }
        Ok(pruned)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        time::{SystemTime, UNIX_EPOCH},
    };

    use super::*;
    use crate::store::{Bucket, Store};

    fn used(path: &std::path::Path, days: u32) {
        let time: SystemTime = UNIX_EPOCH + DAY * days;
        File::open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let check = |limits: Limits, expect: &[&str]| {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            for (text, days) in [("ten bytes.", 10), ("old", 5), ("new", 20)] {
                used(store.put(text.as_bytes()).unwrap().path(), days);
            }
            store.keep(Bucket::Layers, "a", b"note").unwrap();
            used(&folder.path().join("v1/layers/a"), 19);
            assert!(matches!(Store::open_alone(folder.path()), Err(StoreError::InUse { .. })));
            drop(store);
            let alone = Store::open_alone(folder.path()).unwrap();
            let pruned = alone.prune(limits, 20 * DAY.as_secs()).unwrap();
            let store = &alone.0;
            let kept = |text: &&str| store.blob(&crate::oci::Digest::of(text.as_bytes())).is_some();
            let mut left: Vec<&str> = ["ten bytes.", "old", "new"].into_iter().filter(kept).collect();
            left.extend(store.has_note(Bucket::Layers, "a").then_some("note"));
            assert_eq!((left.as_slice(), pruned.left), (expect, expect.len() as u64), "{limits:?}");
            assert_eq!(pruned.removed + pruned.left, 4);
        };
        let days = |days| Limits { unused_for: Some(DAY * days), size: None };
        check(days(15), &["ten bytes.", "old", "new", "note"]);
        check(days(14), &["ten bytes.", "new", "note"]);
        check(days(9), &["new", "note"]);
        check(days(0), &["new"]);
        let size = |size| Limits { unused_for: None, size: Some(size) };
        check(size(100), &["ten bytes.", "old", "new", "note"]);
        check(size(23), &["ten bytes.", "new", "note"]);
        check(size(11), &["new", "note"]);
        check(size(0), &[]);
        check(Limits { unused_for: Some(DAY * 14), size: Some(11) }, &["new", "note"]);
    }
}
