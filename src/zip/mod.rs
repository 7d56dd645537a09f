//! The strict reader of wheels. A wheel's compressed bytes go into layers as they are, so whatever
//! two readers could understand differently is refused, by name and offset: an entry is read exactly
//! one way or not at all.
//!
//! Source: [APPNOTE 6.3.10](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), sections 4.3-4.5.

mod central;
mod content;
mod entry;
mod error;
mod fields;
mod limits;
mod local;
mod names;

use std::io;

pub use content::{read_entry, starts_with};
pub use entry::{Entry, Method};
pub use error::{Refusal, ZipError};
pub use limits::Limits;

/// Bytes that can be read from any place: a file, a memory map, a slice.
pub trait ReadAt {
    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    /// When the bytes end before the buffer is full.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for std::fs::File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }
}

impl ReadAt for [u8] {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = start.checked_add(buffer.len()).and_then(|end| self.get(start..end));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Reads the directory of the wheel in `file`, `length` bytes long, and checks that every byte of it
/// belongs to exactly one entry. Contents are not inflated. Entries come in the order of their names.
///
/// # Errors
/// When the file cannot be read, and for everything that is listed in [`Refusal`].
pub fn read_directory(file: &(impl ReadAt + ?Sized), length: u64, limits: &Limits) -> Result<Vec<Entry>, ZipError> {
    let directory = central::read_all(file, length, limits)?;
    let mut entries = local::check_all(file, directory)?;
    limits.check(&entries)?;
    entries.sort_by(|left, right| left.name.as_bytes().cmp(right.name.as_bytes()));
    limits.check_names(&entries)?;
    names::check_together(&mut entries)?;
    Ok(entries)
}

#[cfg(test)]
mod tests;
