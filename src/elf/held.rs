//! Those parts of a file that are in memory.

use std::ops::Range;

use super::Malformed;

/// Parts of a file, in order, none touching the next.
#[derive(Clone, Debug)]
pub(super) struct Held<'a> {
    /// Bytes of the whole file.
    pub(super) size: u64,
    /// Each with its offset.
    pub(super) parts: Vec<(u64, &'a [u8])>,
}

/// Why reading stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The file is wrong.
    Malformed(Malformed),
    /// These parts of it are needed too.
    Unread(Vec<Range<u64>>),
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl<'a> Held<'a> {
    /// The bytes of `range`, all of them.
    pub(super) fn get(&self, range: &Range<u64>) -> Result<&'a [u8], Stop> {
        if range.end > self.size || range.start > range.end {
            return Err(Malformed::Truncated.into());
        }
        if range.is_empty() {
            return Ok(&[]);
        }
        let unread = || Stop::Unread(vec![range.clone()]);
        let behind = self.parts.partition_point(|(offset, _)| *offset <= range.start);
        let (offset, bytes) = behind.checked_sub(1).map(|part| self.parts[part]).ok_or_else(unread)?;
        let start = usize::try_from(range.start - offset).ok().ok_or_else(unread)?;
        let length = usize::try_from(range.end - range.start).ok().ok_or_else(unread)?;
        start.checked_add(length).and_then(|end| bytes.get(start..end)).ok_or_else(unread)
    }
}
