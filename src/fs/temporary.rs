//! Temporary files, locked by whoever writes them: a file that nobody locks was left by a run that
//! died, and the next run removes it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use tempfile::NamedTempFile;

use super::{folder_of, sorted_entries};

/// What the names of temporary files begin with, wherever they lie. They lie in folders of users too, who may call
/// files of their own `.wheelwright-…`: nobody chooses this.
const PREFIX: &str = ".wheelwright-unfinished-";

/// A new file in `folder`, locked until it is closed; gone when dropped unless it is persisted.
///
/// # Errors
/// When the folder cannot be written.
pub fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        // Whoever asks knows the place; the error is the system's own.
        let open = |path: &Path| File::options().read(true).write(true).create_new(true).mode(0o600).open(path);
        let file = tempfile::Builder::new().prefix(PREFIX).make_in(folder, open)?;
        if claim(file.as_file())? {
            return Ok(file);
        }
    }
}

/// Whether a file of this name is under construction, or was when its program died.
#[must_use]
pub fn is_temporary(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(PREFIX.as_bytes())
}

/// Removes the temporary files in `folder` that no running process writes.
///
/// Housekeeping: what cannot be listed, opened or removed stays.
pub fn sweep(folder: &Path) {
    sweep_all(folder, |name| name.starts_with(PREFIX));
}

/// Removes the temporary files beside `file` that no running process writes.
pub(crate) fn sweep_beside(file: &Path) {
    sweep(folder_of(file));
}

/// Removes the files in `folder` of whatever name that no running process holds.
pub(super) fn sweep_all(folder: &Path, is_ours: impl Fn(&str) -> bool) {
    for entry in sorted_entries(folder).unwrap_or_default() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && entry.file_name().to_str().is_some_and(&is_ours) {
            remove_unlocked(&entry.path());
        }
    }
}

/// Locks a file that was just opened. False when a sweeper was faster and has removed it.
pub(super) fn claim(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    match file.lock() {
        // Where the file system has no locks, nobody sweeps either.
        Err(error) if error.kind() != io::ErrorKind::Unsupported => return Err(error),
        _ => {}
    }
    Ok(file.metadata()?.nlink() > 0)
}

fn remove_unlocked(path: &Path) {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(file) = File::open(path) else { return };
    // A file that has lost its name since is somebody else's by now, if there is one of this name.
    if file.try_lock().is_ok() && file.metadata().is_ok_and(|found| found.nlink() > 0) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::write_atomic;

    #[test]
    fn only_what_nobody_writes_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let names = || {
            let entries = sorted_entries(folder.path()).unwrap();
            entries.iter().map(|entry| entry.file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        let alive = temporary_file(folder.path()).unwrap();
        let dead = temporary_file(folder.path()).unwrap().into_temp_path().keep().unwrap();
        write_atomic(&folder.path().join("mine"), b"").unwrap();
        assert_eq!(names().len(), 3);
        sweep(folder.path());
        assert!(!dead.exists() && alive.path().exists());
        assert_eq!(names().len(), 2);
        drop(alive);
        assert_eq!(names(), ["mine"]);
        sweep(&folder.path().join("absent"));
    }

    #[test]
    fn files_of_users_stay() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".wheelwright-version", ".wheelwright-config", ".wheelwright-image.json", ".wheelwright-a1B2c3"] {
            let path = folder.path().join(name);
            write_atomic(&path, b"mine").unwrap();
            sweep(folder.path());
            assert!(path.exists() && !is_temporary(name.as_ref()), "{name}");
        }
    }

    #[test]
    fn what_the_system_says_is_told_alone() {
        let error = temporary_file(Path::new("/dev/null/folder")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory);
        assert!(!error.to_string().contains("/dev/null"), "{error}");
    }

    #[test]
    fn a_file_that_was_swept_while_it_was_made_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write_atomic(&path, b"").unwrap();
        let file = File::open(&path).unwrap();
        remove_unlocked(&path);
        assert!(!claim(&file).unwrap());
    }
}
