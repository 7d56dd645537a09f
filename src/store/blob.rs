//! A blob that lies in the store.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::oci::{Digest, Hasher};

/// A file of the store; cheap to clone, opened when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    digest: Digest,
    size: u64,
    path: PathBuf,
}

impl Blob {
    pub(super) const fn new(digest: Digest, size: u64, path: PathBuf) -> Self {
        Self { digest, size, path }
    }

    /// SHA-256 of the bytes.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Number of bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Where the file lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file for reading.
    ///
    /// # Errors
    /// When the file has gone or cannot be opened.
    pub fn open(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// Removes the file if its bytes are not what its digest says; true when they were not.
    ///
    /// # Errors
    /// When the file cannot be read or removed.
    pub fn remove_if_damaged(&self) -> io::Result<bool> {
        let mut hasher = Hasher::new();
        let mut file = self.open()?;
        let mut piece = vec![0; 256 << 10];
        loop {
            match file.read(&mut piece)? {
                0 => break,
                count => hasher.update(&piece[..count]),
            }
        }
        let damaged = hasher.finish() != self.digest;
        if damaged {
            fs::remove_file(&self.path)?;
        }
        Ok(damaged)
    }

    /// Reads the whole file: for small ones.
    ///
    /// # Errors
    /// When the file has gone or cannot be read.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.path)
    }
}
