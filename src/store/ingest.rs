//! A blob under construction: hashed as it is written, renamed into place when it is right.

use std::{
    fs,
    io::{self, Seek as _, Write},
    path::Path,
};

use tempfile::NamedTempFile;

use super::{Blob, Store, StoreError};
use crate::{
    fs::temporary_file,
    oci::{Digest, Hasher},
};

/// A blob on its way in; dropped without [`Ingest::commit`], it leaves nothing.
pub struct Ingest {
    store: Store,
    file: NamedTempFile,
    hasher: Hasher,
    size: u64,
}

impl Ingest {
    pub(super) fn begin(store: Store, folder: &Path) -> Result<Self, StoreError> {
        let file = temporary_file(folder).map_err(|source| StoreError::io("create a file in", folder, source))?;
        Ok(Self { store, file, hasher: Hasher::new(), size: 0 })
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Forgets everything written, because the sender began again.
    ///
    /// # Errors
    /// When the file cannot be truncated.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file.as_file().set_len(0)?;
        self.file.as_file_mut().rewind()?;
        self.hasher = Hasher::new();
        self.size = 0;
        Ok(())
    }

    /// Keeps the blob under whatever digest it has.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn commit(self) -> Result<Blob, StoreError> {
        let digest = self.hasher.clone().finish();
        self.place(digest)
    }

    /// Keeps the blob if it has the `digest` and `size` that were promised for `subject`.
    ///
    /// # Errors
    /// When digest or size differ, and when the store cannot be written; nothing is kept then.
    pub fn commit_as(self, subject: &str, digest: &Digest, size: Option<u64>) -> Result<Blob, StoreError> {
        let mismatch =
            |expected: String, found: String| StoreError::Mismatch { subject: subject.to_owned(), expected, found };
        if let Some(size) = size.filter(|size| *size != self.size) {
            return Err(mismatch(format!("{size} bytes"), format!("{} bytes", self.size)));
        }
        let found = self.hasher.clone().finish();
        if found != *digest {
            return Err(mismatch(digest.to_string(), found.to_string()));
        }
        self.place(found)
    }

    fn place(self, digest: Digest) -> Result<Blob, StoreError> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.store.blob_path(&digest);
        let fail = |source| StoreError::io("write", &path, source);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(fail)?;
        }
        self.file.as_file().set_permissions(fs::Permissions::from_mode(0o444)).map_err(fail)?;
        self.file.persist(&path).map_err(|error| fail(error.error))?;
        Ok(Blob::new(digest, self.size, path))
    }
}

impl Write for Ingest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
