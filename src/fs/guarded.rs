//! Files of others, of which no more is read than is allowed.

use std::{
    cell::Cell,
    io::{self, Read, Seek, SeekFrom},
};

/// Lets only so many bytes through until it is told anew: readers of tars take names of any length into memory.
pub(crate) struct Guarded<'a, R> {
    inner: R,
    allowed: &'a Cell<u64>,
}

impl<'a, R> Guarded<'a, R> {
    /// `inner`, of which as many bytes may be read as `allowed` says, which falls meanwhile.
    pub(crate) const fn new(inner: R, allowed: &'a Cell<u64>) -> Self {
        Self { inner, allowed }
    }
}

impl<R: Read> Read for Guarded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.allowed.get().checked_sub(count as u64);
        let refuse = || io::Error::new(io::ErrorKind::InvalidData, "the headers of an entry are too large");
        self.allowed.set(left.ok_or_else(refuse)?);
        Ok(count)
    }
}

impl<R: Seek> Seek for Guarded<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}
