//! Files of the user's that were hashed before, known again by what the kernel says of them, so that a build in
//! which nothing changed reads none.
//!
//! A file is the same when its size, its inode, its device and both of its times are. The time of its last change
//! (mtime) anybody can set; that of its last status change (ctime) only the kernel sets, and it moves with every
//! write and with every setting of the other. A file that is written twice within one tick of the clock would
//! look the same after it: so nothing is remembered of a file unless both times lay some seconds before the
//! program began, which was before it was read. Git treats its index in the same way.
//!
//! [Racy Git](https://git-scm.com/docs/racy-git).

use std::{
    collections::BTreeMap,
    fs::{File, Metadata},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{
    oci::{Digest, Hasher},
    store::{Bucket, Store, StoreError},
};

/// How long a file must have rested, in seconds: more than the coarsest clock of a file system, two seconds.
const REST: i64 = 3;

/// What is remembered of the files in one place.
pub(super) struct Seen {
    key: String,
    /// What earlier runs remembered.
    known: BTreeMap<String, Sighting>,
    /// What is worth remembering now.
    found: BTreeMap<String, Sighting>,
    /// Times after this one, in seconds since 1970, are too young.
    before: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sighting {
    stamp: Stamp,
    digest: Digest,
}

/// What the kernel says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    device: u64,
    inode: u64,
    /// Seconds and nanoseconds.
    mtime: (i64, i64),
    ctime: (i64, i64),
}

impl Seen {
    /// What is remembered of the files of one `kind` in `folder`, by a program that began at `now`, in seconds
    /// since 1970.
    pub(super) fn at(store: &Store, folder: &Path, kind: &str, now: Option<u64>) -> Self {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let key = format!("{kind}-1-{}", Digest::of(folder.as_os_str().as_encoded_bytes()).hex());
        let known = store.note(Bucket::Files, &key).and_then(|note| serde_json::from_slice(&note).ok());
        let before = now.and_then(|now| i64::try_from(now).ok()).map_or(i64::MIN, |now| now - REST);
        Self { key, known: known.unwrap_or_default(), found: BTreeMap::new(), before }
    }

    /// The digest of the file at `path`, which is remembered as `name`, and what the kernel says of it. Reads it
    /// only if it is not known.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn digest(&mut self, name: &str, path: &Path) -> io::Result<(Digest, Metadata)> {
        self.digest_of(name, File::open(path)?)
    }

    /// As [`Seen::digest`], of a file that is open.
    ///
    /// # Errors
    /// When it cannot be read, and when it is none.
    pub(super) fn digest_of(&mut self, name: &str, mut file: File) -> io::Result<(Digest, Metadata)> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
        }
        let stamp = Stamp::of(&metadata);
        if let Some(known) = self.known.get(name).filter(|known| known.stamp == stamp) {
            self.found.insert(name.to_owned(), *known);
            return Ok((known.digest, metadata));
        }
        let mut hasher = Hasher::new();
        io::copy(&mut file, &mut hasher)?;
        let digest = hasher.finish();
        // What was written while it was read is not what was read.
        if stamp.has_rested(self.before) && Stamp::of(&file.metadata()?) == stamp {
            self.found.insert(name.to_owned(), Sighting { stamp, digest });
        }
        Ok((digest, metadata))
    }

    /// Remembers what was found, in place of what was known.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(super) fn keep(self, store: &Store) -> Result<(), StoreError> {
        if self.found == self.known {
            return Ok(());
        }
        store.keep(Bucket::Files, &self.key, &serde_json::to_vec(&self.found).unwrap_or_default())
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            device: metadata.dev(),
            inode: metadata.ino(),
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
            ctime: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    const fn has_rested(&self, before: i64) -> bool {
        self.mtime.0 < before && self.ctime.0 < before
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        io::Write as _,
        time::{Duration, UNIX_EPOCH},
    };

    use super::*;
    use crate::fs::write_atomic;

    /// Long after any file of a test was written: all of them have rested.
    const LATER: u64 = 1 << 40;

    struct Place {
        folder: tempfile::TempDir,
        store: Store,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path().join("store")).unwrap();
            Self { folder, store }
        }

        fn file(&self) -> std::path::PathBuf {
            self.folder.path().join("file")
        }

        /// The digest as a run at `now` finds it, and whether it had to read the file.
        fn digest(&self, now: u64) -> (Digest, bool) {
            let mut seen = Seen::at(&self.store, self.folder.path(), "test", Some(now));
            let known = seen.known.get("file").copied();
            let (digest, metadata) = seen.digest("file", &self.file()).unwrap();
            let read = known.is_none_or(|known| known.stamp != Stamp::of(&metadata));
            seen.keep(&self.store).unwrap();
            (digest, read)
        }
    }

    #[test]
    fn what_rested_and_did_not_change_is_not_read_again() {
        let place = Place::new();
        write_atomic(&place.file(), b"one").unwrap();
        assert_eq!(place.digest(LATER), (Digest::of(b"one"), true));
        assert_eq!(place.digest(LATER), (Digest::of(b"one"), false));
        write_atomic(&place.file(), b"two").unwrap();
        assert_eq!(place.digest(LATER), (Digest::of(b"two"), true));
    }

    #[test]
    fn what_is_young_is_read_every_time() {
        let place = Place::new();
        write_atomic(&place.file(), b"one").unwrap();
        let written = u64::try_from(fs::metadata(place.file()).unwrap().ctime()).unwrap();
        for now in [0, written, written + 3] {
            assert_eq!(place.digest(now), (Digest::of(b"one"), true), "{now}");
        }
        assert_eq!(place.digest(written + 4), (Digest::of(b"one"), true));
        assert_eq!(place.digest(written), (Digest::of(b"one"), false), "it is known now");
    }

    /// Same size, same inode, same mtime: what fools those who look at these alone.
    #[test]
    fn a_change_behind_an_old_time_is_noticed() {
        let place = Place::new();
        write_atomic(&place.file(), b"one").unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let set = |text: &[u8]| {
            let mut file = File::options().write(true).open(place.file()).unwrap();
            file.write_all(text).unwrap();
            file.set_modified(time).unwrap();
        };
        set(b"one");
        let inode = fs::metadata(place.file()).unwrap().ino();
        place.digest(LATER);
        std::thread::sleep(Duration::from_millis(20));
        set(b"two");
        let metadata = fs::metadata(place.file()).unwrap();
        assert_eq!((metadata.ino(), metadata.len(), metadata.modified().unwrap()), (inode, 3, time));
        assert_eq!(place.digest(LATER), (Digest::of(b"two"), true));
    }
}
