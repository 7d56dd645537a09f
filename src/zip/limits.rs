//! Bounds on what a wheel may unpack to.

use super::{Entry, Refusal, ZipError, names};

/// Deflate cannot do better: 258 bytes for two bits, and a little for the blocks.
const BEST_RATIO: u64 = 1040;

/// A wheel that unpacks to less is never called a bomb for its ratio.
const SMALL: u64 = 1 << 30;

/// Bounds on a wheel; the defaults leave room for ten times the largest wheels there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most entries: 1 000 000.
    pub entries: u64,
    /// Most bytes of all contents together: 64 GiB.
    pub total: u64,
    /// Most bytes of contents per stored byte, over the whole wheel, once it unpacks to over 1 GiB: 100.
    pub ratio: u64,
    /// Most bytes of all names together, and of the paths of all folders that they stand in: 64 MiB.
    pub names: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 1_000_000, total: 64 << 30, ratio: 100, names: 64 << 20 }
    }
}

impl Limits {
    /// Expects the entries sorted by name.
    pub(super) fn check_names(&self, entries: &[Entry]) -> Result<(), ZipError> {
        if names::extent(entries) > self.names { Err(Refusal::TooMany.at(0)) } else { Ok(()) }
    }

    pub(super) fn check(&self, entries: &[Entry]) -> Result<(), ZipError> {
        let (mut total, mut stored) = (0_u64, 0_u64);
        for entry in entries {
            let refuse = |refusal: Refusal| refusal.of(&entry.name, entry.header_offset);
            total = total.saturating_add(entry.size);
            stored = stored.saturating_add(entry.compressed);
            if total > self.total {
                return Err(refuse(Refusal::TooLarge));
            }
            if entry.size / BEST_RATIO > entry.compressed {
                return Err(refuse(Refusal::Bomb));
            }
        }
        if total > SMALL && total / self.ratio.max(1) > stored {
            return Err(Refusal::Bomb.at(0));
        }
        Ok(())
    }
}
