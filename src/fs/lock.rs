//! Locks between processes, held as long as the value lives.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::Path,
};

use super::temporary::{claim, sweep, sweep_all};

/// An advisory lock on a file of its own; released when dropped or when the process dies.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Waits until no other process holds the lock at `path`, and keeps all others out.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn exclusive(path: &Path) -> io::Result<Self> {
        loop {
            let file = open(path)?;
            if claim(&file)? {
                return Ok(Self { _file: file });
            }
        }
    }

    /// Waits until no other process holds the lock at `path` alone, and keeps out those that want to. The
    /// lock file stays.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn shared(path: &Path) -> io::Result<Self> {
        let file = open(path)?;
        match file.lock_shared() {
            // Where the file system has no locks, nobody can have it alone either.
            Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
            _ => Ok(Self { _file: file }),
        }
    }

    /// The lock at `path`, unless another process has it, shared or alone. The lock file stays.
    ///
    /// # Errors
    /// When the lock file cannot be made, and where the file system has no locks.
    pub fn alone(path: &Path) -> io::Result<Option<Self>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Keeps the temporary files in `folder`, which exists, from being swept, those too that are closed
    /// and wait for their names; what runs that died left there is swept first. Waits for nobody.
    ///
    /// # Errors
    /// When the folder cannot be opened.
    pub fn keeping(folder: &Path) -> io::Result<Self> {
        let file = File::open(folder)?;
        // Nobody keeps it: whatever is unfinished in it will stay so.
        if file.try_lock().is_ok() {
            sweep(folder);
        }
        file.lock_shared()?;
        Ok(Self { _file: file })
    }

    /// Waits until no other process holds `folder` itself, which exists, and keeps all others out.
    ///
    /// # Errors
    /// When the folder cannot be opened.
    pub fn folder(folder: &Path) -> io::Result<Self> {
        let file = File::open(folder)?;
        file.lock()?;
        Ok(Self { _file: file })
    }
}

/// Removes the lock files in `folder`, which holds nothing else, that nobody holds.
pub fn sweep_locks(folder: &Path) {
    sweep_all(folder, |_| true);
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::options().create(true).truncate(false).write(true).open(path)
}
