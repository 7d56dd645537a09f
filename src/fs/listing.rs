//! Folders read in one order on every machine.

use std::{fs, io, path::Path};

/// The entries of `folder`, sorted by the bytes of their names.
///
/// # Errors
/// When the folder or one of its entries cannot be read.
#[expect(clippy::disallowed_methods, reason = "the one place where a folder is listed")]
pub fn sorted_entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries)
}
