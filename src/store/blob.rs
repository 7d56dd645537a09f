//! A blob that lies in the store.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::oci::Digest;

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

    /// Reads the whole file: for small ones.
    ///
    /// # Errors
    /// When the file has gone or cannot be read.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.path)
    }
}
