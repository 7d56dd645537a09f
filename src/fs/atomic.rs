//! Files that are there whole or not at all: written beside their place, synced, renamed.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use tempfile::{NamedTempFile, TempPath};

use super::temporary_file;

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
    /// When something else than a file stands there, such as a device, and when the folder cannot be made or written.
    pub fn create(target: impl Into<PathBuf>) -> io::Result<Self> {
        let target = target.into();
        refuse_others(&target)?;
        let folder = folder_of(&target);
        fs::create_dir_all(folder)?;
        Ok(Self { file: temporary_file(folder)?, target })
    }

    /// As [`AtomicFile::create`], but the file is written in `folder`, which exists and lies on the
    /// same file system.
    ///
    /// # Errors
    /// When a folder cannot be made or written.
    pub fn create_in(folder: &Path, target: impl Into<PathBuf>) -> io::Result<Self> {
        let target = target.into();
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(Self { file: temporary_file(folder)?, target })
    }

    /// Syncs the bytes, makes the file readable by others as the umask of a plain file would
    /// (0644), and moves it into place, over what stood there.
    ///
    /// # Errors
    /// When syncing or renaming fails; nothing is left behind then.
    pub fn commit(self) -> io::Result<()> {
        self.finish()?;
        // Open, and so locked, until it has its name.
        self.file.persist(&self.target).map(drop).map_err(|error| error.error)
    }

    /// As [`AtomicFile::commit`] without waiting for the disk: other processes see all or nothing, but a
    /// power failure may leave a part. For what can be had again, and is checked when it is read.
    ///
    /// # Errors
    /// When renaming fails; nothing is left behind then.
    pub fn commit_unsynced(self) -> io::Result<()> {
        self.file.persist(&self.target).map(drop).map_err(|error| error.error)
    }

    /// Syncs and closes the file, ready to be moved into place later, together with others.
    ///
    /// # Errors
    /// When syncing fails; nothing is left behind then.
    pub fn seal(self) -> io::Result<SealedFile> {
        self.finish()?;
        Ok(SealedFile { file: self.file.into_temp_path(), target: self.target })
    }

    fn finish(&self) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        self.file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
        self.file.as_file().sync_all()
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

/// The folder in which `file` lies or shall lie.
#[must_use]
pub(crate) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// Refuses a place where something else than a file stands, which a file would take the place of: a folder, a device, a
/// pipe, and the links by which a program reaches its own streams (`/dev/stdout`), wherever these lead.
///
/// # Errors
/// When it is such a place.
pub(crate) fn refuse_others(target: &Path) -> io::Result<()> {
    let is_stream = fs::read_link(target).is_ok_and(|link| link.starts_with("/proc"));
    if is_stream || fs::metadata(target).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "what stands there is no file, and would be replaced"));
    }
    Ok(())
}

/// Whether a file can be put at `target`: one is begun in its folder, or where that would be made, and taken away again.
///
/// # Errors
/// When something else than a file stands there, and when the folder cannot be written.
pub(crate) fn probe(target: &Path) -> io::Result<()> {
    refuse_others(target)?;
    let is_there = |folder: &&Path| folder.as_os_str().is_empty() || folder.symlink_metadata().is_ok();
    let folder = folder_of(target).ancestors().find(is_there).filter(|folder| *folder != Path::new(""));
    temporary_file(folder.unwrap_or(Path::new("."))).map(drop)
}

/// Puts `bytes` at `path`, whole or not at all.
///
/// # Errors
/// When something else than a file stands there, the folder cannot be written or the disk is full; `path` is then as it was.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.commit()
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;
    use crate::fs::sorted_entries;

    #[test]
    fn only_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write_atomic(&path("file"), b"old").unwrap();
        fs::create_dir(path("folder")).unwrap();
        let _socket = UnixListener::bind(path("socket")).unwrap();
        for (target, name) in [("/dev/null", "device"), ("/proc/self/fd/1", "stream"), ("file", "linked")] {
            symlink(target, path(name)).unwrap();
        }
        let kinds = || {
            let entries = sorted_entries(folder.path()).unwrap();
            entries.iter().map(|entry| entry.file_type().unwrap()).collect::<Vec<_>>()
        };
        let before = kinds();
        for other in ["folder", "socket", "device", "stream"] {
            let error = write_atomic(&path(other), b"new").unwrap_err();
            assert!(error.to_string().contains("is no file"), "{other}: {error}");
            assert!(probe(&path(other)).is_err(), "{other}");
        }
        for wrong in ["file/x", "file/x/y", "device/x"] {
            assert!(probe(&path(wrong)).is_err(), "{wrong}");
        }
        for right in ["file", "linked", "new", "absent/file", "absent/more/file"] {
            probe(&path(right)).unwrap();
        }
        assert_eq!(kinds(), before);
        for file in ["file", "linked", "absent/file"] {
            write_atomic(&path(file), b"new").unwrap();
            assert_eq!(fs::read(path(file)).unwrap(), b"new", "{file}");
        }
    }
}
