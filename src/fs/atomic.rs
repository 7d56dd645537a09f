//! Files that are there whole or not at all: written beside their place, synced, renamed.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempPath};

/// A file under construction; gone without trace unless [`AtomicFile::commit`] is reached.
pub struct AtomicFile {
    file: NamedTempFile,
    target: PathBuf,
}

/// A finished file that waits to be moved into place; gone without trace unless it is committed.
pub struct SealedFile {
    file: TempPath,
    target: PathBuf,
}

impl AtomicFile {
    /// Begins the file that will stand at `target`, whose folder is made if it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub fn create(target: impl Into<PathBuf>) -> io::Result<Self> {
        let target = target.into();
        let folder = match target.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        fs::create_dir_all(folder)?;
        let file = tempfile::Builder::new().prefix(".wheelwright-").tempfile_in(folder)?;
        Ok(Self { file, target })
    }

    /// Syncs the bytes, makes the file readable by others as the umask of a plain file would
    /// (0644), and moves it into place, over what stood there.
    ///
    /// # Errors
    /// When syncing or renaming fails; nothing is left behind then.
    pub fn commit(self) -> io::Result<()> {
        self.seal()?.commit()
    }

    /// Syncs and closes the file, ready to be moved into place later, together with others.
    ///
    /// # Errors
    /// When syncing fails; nothing is left behind then.
    pub fn seal(self) -> io::Result<SealedFile> {
        use std::os::unix::fs::PermissionsExt as _;
        self.file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        self.file.as_file().sync_all()?;
        Ok(SealedFile { file: self.file.into_temp_path(), target: self.target })
    }
}

impl SealedFile {
    /// Moves the file into place, over what stood there.
    ///
    /// # Errors
    /// When renaming fails; nothing is left behind then.
    pub fn commit(self) -> io::Result<()> {
        self.file.persist(&self.target).map_err(|error| error.error)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Puts `bytes` at `path` without waiting for the disk: other processes see all or nothing, but a power
/// failure may leave a part. For what can be fetched again, and is checked when it is read.
///
/// # Errors
/// When the folder cannot be written or the disk is full; `path` is then as it was.
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    SealedFile { file: file.file.into_temp_path(), target: file.target }.commit()
}

/// Puts `bytes` at `path`, whole or not at all.
///
/// # Errors
/// When the folder cannot be written or the disk is full; `path` is then as it was.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}
