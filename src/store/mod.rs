//! What is kept between builds: blobs by digest, and small notes by key. A plain folder, shared by
//! processes, that may be deleted at any time.
//!
//! ```text
//! ROOT/CACHEDIR.TAG
//! ROOT/v1/blobs/sha256/ab/<64 hex>     files as downloaded or made, read-only
//! ROOT/v1/<bucket>/<key>               notes; each bucket says its own format version in its keys
//! ROOT/v1/ingest/<random>              blobs and notes under construction, locked while written
//! ROOT/v1/locks/<64 hex>               one per blob being fetched
//! ```
//!
//! Whoever opens the store removes what runs that died left in `ingest` and `locks`: all that no
//! process holds locked.

mod blob;
mod ingest;

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

pub use blob::Blob;
pub use ingest::Ingest;

use crate::{
    fs::{AtomicFile, FileLock, sweep, sweep_locks},
    hint::{Advise, Hint},
    oci::Digest,
};

const SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55\n# Wheelwright's store: safe to delete.\n";

/// Bytes of the checksum before a remembered note.
const SUM: usize = 4;

/// The store in a folder.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// A family of notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Bucket {
    /// Layer key → digest, size and diff id.
    Layers,
    /// Layer key → where its deflate streams are cut.
    Splices,
    /// Pages and metadata of package indexes, with their validators.
    Pages,
    /// SHA-256 of a .deb or file → the digest and index of its packed form.
    Packed,
    /// What was checked and found well.
    Checks,
    /// What layers of base images hold, by diff id, and what is known of base images, by digest.
    Bases,
}

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system said no.
    #[error("cannot {action} `{}` in the store", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A blob is not what it was said to be.
    #[error("{subject}: expected {expected}, got {found}")]
    Mismatch {
        /// Name of the file, as the user knows it.
        subject: String,
        /// Digest or size that was promised.
        expected: String,
        /// Digest or size that came.
        found: String,
    },
}

impl Store {
    /// Opens the store at `root`, which is made if it is missing, and tidies it.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let store = Self { root: root.into() };
        sweep(&store.versioned("ingest"));
        sweep_locks(&store.versioned("locks"));
        let tag = store.root.join("CACHEDIR.TAG");
        if !tag.exists() {
            let write = || store.written(&tag, SIGNATURE)?.commit();
            write().map_err(|source| StoreError::io("create", &tag, source))?;
        }
        Ok(store)
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The blob with `digest`, if it is here. Its size is as the file system says; its bytes are
    /// checked by whoever streams them.
    #[must_use]
    pub fn blob(&self, digest: &Digest) -> Option<Blob> {
        let path = self.blob_path(digest);
        let size = fs::metadata(&path).ok()?.len();
        Some(Blob::new(*digest, size, path))
    }

    /// Begins a blob whose digest is not known yet, or not yet proved.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn ingest(&self) -> Result<Ingest, StoreError> {
        let folder = self.workplace().map_err(|source| StoreError::io("create", &self.root, source))?;
        Ingest::begin(self.clone(), &folder)
    }

    /// Keeps `bytes` as a blob.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put(&self, bytes: &[u8]) -> Result<Blob, StoreError> {
        let mut ingest = self.ingest()?;
        ingest.write_all(bytes).map_err(|source| StoreError::io("write", &self.root, source))?;
        ingest.commit()
    }

    /// Throws a blob away, because its bytes were found to be wrong.
    ///
    /// # Errors
    /// When the file is there and cannot be removed.
    pub fn evict(&self, digest: &Digest) -> Result<(), StoreError> {
        let path = self.blob_path(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", &path, error)),
            _ => Ok(()),
        }
    }

    /// Waits for other processes that fetch `digest`, and keeps them waiting while held: look for
    /// the blob again after this returns. Blocks.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock(&self, digest: &Digest) -> Result<FileLock, StoreError> {
        let path = self.versioned("locks").join(digest.hex());
        FileLock::exclusive(&path).map_err(|source| StoreError::io("lock", &path, source))
    }

    /// The note under `key`, if there is one. `key` may contain `/`.
    #[must_use]
    pub fn note(&self, bucket: Bucket, key: &str) -> Option<Vec<u8>> {
        fs::read(self.note_path(bucket, key)).ok()
    }

    /// Keeps a note under `key`, over an older one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep(&self, bucket: Bucket, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.note_path(bucket, key);
        let write = || self.written(&path, bytes)?.commit();
        write().map_err(|source| StoreError::io("write", &path, source))
    }

    fn written(&self, path: &Path, bytes: &[u8]) -> io::Result<AtomicFile> {
        let mut file = AtomicFile::create_in(&self.workplace()?, path)?;
        file.write_all(bytes)?;
        Ok(file)
    }

    /// The folder of files under construction, made if it is missing.
    fn workplace(&self) -> io::Result<PathBuf> {
        let folder = self.versioned("ingest");
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// What [`Store::remember`] wrote under `key`; nothing when that is missing or torn.
    #[must_use]
    pub fn recall(&self, bucket: Bucket, key: &str) -> Option<Vec<u8>> {
        let mut note = self.note(bucket, key)?;
        let sum = note.first_chunk::<SUM>().map(|sum| u32::from_be_bytes(*sum))?;
        note.drain(..SUM);
        (crc32fast::hash(&note) == sum).then_some(note)
    }

    /// Keeps a note that may be lost, without waiting for the disk: there are hundreds of them, and each
    /// can be had again.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn remember(&self, bucket: Bucket, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.note_path(bucket, key);
        let note = [&crc32fast::hash(bytes).to_be_bytes(), bytes].concat();
        let write = || self.written(&path, &note)?.commit_unsynced();
        write().map_err(|source| StoreError::io("write", &path, source))
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.versioned("blobs").join("sha256").join(&hex[..2]).join(&hex)
    }

    fn note_path(&self, bucket: Bucket, key: &str) -> PathBuf {
        let safe: String = key
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() || "-_+.".contains(letter) { letter } else { '_' })
            .collect();
        self.versioned(bucket.folder()).join(match safe.len() {
            0..=200 if safe == key && !key.starts_with('.') => safe,
            _ => Digest::of(key.as_bytes()).hex(),
        })
    }

    fn versioned(&self, folder: &str) -> PathBuf {
        self.root.join("v1").join(folder)
    }
}

impl Bucket {
    const fn folder(self) -> &'static str {
        match self {
            Self::Layers => "layers",
            Self::Splices => "splices",
            Self::Pages => "pages",
            Self::Packed => "packed",
            Self::Checks => "checks",
            Self::Bases => "bases",
        }
    }
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

impl Advise for StoreError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some(Hint::new("free some space, or name another store with `--store DIR`"))
            }
            Self::Io { .. } => Some(Hint::new("name a folder you may write with `--store DIR`")),
            Self::Mismatch { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::write_atomic;

    #[test]
    fn what_is_remembered_is_whole_or_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.recall(Bucket::Pages, "a"), None);
        store.remember(Bucket::Pages, "a", b"page").unwrap();
        assert_eq!(store.recall(Bucket::Pages, "a").as_deref(), Some(b"page".as_slice()));
        let whole = store.note(Bucket::Pages, "a").unwrap();
        for torn in [&whole[..3], &whole[..whole.len() - 1], &vec![0; whole.len()]] {
            store.keep(Bucket::Pages, "a", torn).unwrap();
            assert_eq!(store.recall(Bucket::Pages, "a"), None, "{torn:?}");
        }
    }

    #[test]
    fn blobs_are_found_by_their_digest_only_when_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let digest = Digest::of(b"wheel");
        let mut ingest = store.ingest().unwrap();
        ingest.write_all(b"wheel").unwrap();
        assert!(store.blob(&digest).is_none());
        let blob = ingest.commit_as("demo.whl", &digest, Some(5)).unwrap();
        assert_eq!((blob.size(), blob.read().unwrap()), (5, b"wheel".to_vec()));
        assert!(!blob.remove_if_damaged().unwrap());
        store.evict(&digest).unwrap();
        assert!(store.blob(&digest).is_none());
    }

    #[test]
    fn damaged_blobs_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let blob = store.put(b"wheel").unwrap();
        write_atomic(blob.path(), b"whee1").unwrap();
        assert!(blob.remove_if_damaged().unwrap());
        assert!(store.blob(blob.digest()).is_none());
        assert!(blob.remove_if_damaged().is_err());
    }

    #[test]
    fn a_wrong_blob_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut ingest = store.ingest().unwrap();
        ingest.write_all(b"other").unwrap();
        let error = ingest.commit_as("demo.whl", &Digest::of(b"wheel"), None).unwrap_err();
        assert!(error.to_string().starts_with("demo.whl: expected sha256:"), "{error}");
        assert!(store.blob(&Digest::of(b"other")).is_none());
        assert!(crate::fs::sorted_entries(&folder.path().join("v1/ingest")).unwrap().is_empty());
    }

    #[test]
    fn what_a_dead_run_left_is_gone_after_the_next_opening() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (ingest, locks) = (folder.path().join("v1/ingest"), folder.path().join("v1/locks"));
        let mut alive = store.ingest().unwrap();
        let held = store.lock(&Digest::of(b"held")).unwrap();
        drop(store.lock(&Digest::of(b"released")).unwrap());
        // What a killed process leaves: a file without a lock.
        crate::fs::temporary_file(&ingest).unwrap().into_temp_path().keep().unwrap();
        let count = |folder: &Path| crate::fs::sorted_entries(folder).unwrap().len();
        assert_eq!((count(&ingest), count(&locks)), (2, 2));
        let again = Store::open(folder.path()).unwrap();
        assert_eq!((count(&ingest), count(&locks)), (1, 1));
        alive.write_all(b"wheel").unwrap();
        alive.commit().unwrap();
        drop(held);
        again.keep(Bucket::Checks, "a", b"b").unwrap();
        Store::open(folder.path()).unwrap();
        assert_eq!((count(&ingest), count(&locks)), (0, 0));
        assert!(again.blob(&Digest::of(b"wheel")).is_some());
    }

    #[test]
    fn notes_are_kept_under_any_key() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for key in ["plain", "../../escape", "a/b", &"long".repeat(200), ".."] {
            store.keep(Bucket::Pages, key, key.as_bytes()).unwrap();
            assert_eq!(store.note(Bucket::Pages, key).unwrap(), key.as_bytes());
        }
        assert!(!folder.path().join("escape").exists());
    }
}
