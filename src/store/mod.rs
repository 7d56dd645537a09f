//! What is kept between builds: blobs by digest, and small notes by key. A plain folder, shared by
//! processes, that may be deleted, or carried elsewhere, at any time.
//!
//! ```text
//! ROOT/CACHEDIR.TAG
//! ROOT/v1/store.lock                   held shared by every process at work, alone by one that prunes
//! ROOT/v1/blobs/sha256/ab/<64 hex>     files as downloaded or made, read-only
//! ROOT/v1/<bucket>/<key>               notes behind their CRC-32; each bucket says its own format version in
//!                                      its keys. The buckets are those of [`Bucket::ALL`]
//! ROOT/v1/ingest/<random>              blobs and notes under construction, locked while written
//! ROOT/v1/locks/<64 hex>               one per blob being fetched and per layer being made
//! ```
//!
//! Files appear whole, by renaming, and are not waited for on the disk: after a power failure some may be
//! torn. A torn note is none, and of a torn blob the size or the digest is wrong, which whoever reads it
//! finds out; then it is removed and had again. The time of a file's last change is that of its last use, set
//! anew at most once a day, so that what nobody uses can be told (`prune`).
//!
//! Whoever opens the store removes what runs that died left in `ingest` and `locks`: all that no
//! process holds locked.

mod blob;
mod carry;
mod entries;
mod ingest;
mod prune;
mod verify;

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

pub use blob::Blob;
pub use carry::Carried;
pub use entries::Usage;
pub use ingest::Ingest;
pub use prune::{Limits, Pruned};
pub use verify::Verified;

use crate::{
    fs::{AtomicFile, FileLock, sweep, sweep_locks},
    hint::{Advise, Hint},
    oci::Digest,
};

const SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55\n# Wheelwright's store: safe to delete.\n";

/// Bytes of the checksum before a note.
const SUM: usize = 4;

/// How old the mark of a file's last use may become before it is set anew.
const DAY: Duration = Duration::from_hours(24);

/// The store in a folder. As long as it lives, nobody prunes it.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    /// By which files are marked as used; they are not where there is none.
    now: Option<SystemTime>,
    _shared: Arc<FileLock>,
}

/// A store that no other process uses.
#[derive(Debug)]
pub struct Alone(Store);

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
    /// What was written down of layers in registries.
    Records,
    /// Digests of the user's own files, by what the kernel says of them.
    Files,
    /// What recipes were built from, and how long that took.
    Builds,
    /// What layers of base images hold, by diff id, and what is known of base images, by digest.
    Bases,
}

impl Bucket {
    /// Every bucket.
    pub const ALL: [Self; 9] = [
        Self::Layers,
        Self::Splices,
        Self::Pages,
        Self::Packed,
        Self::Checks,
        Self::Records,
        Self::Files,
        Self::Builds,
        Self::Bases,
    ];
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
    /// Other processes use the store.
    #[error("other processes use the store `{}`", root.display())]
    InUse {
        /// Its folder.
        root: PathBuf,
    },
    /// An archive of a store cannot be read.
    #[error("cannot read `{}`", archive.display())]
    ReadArchive {
        /// The archive.
        archive: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An archive of a store cannot be written.
    #[error("cannot write `{}`", archive.display())]
    WriteArchive {
        /// The archive.
        archive: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An archive of a store holds something else.
    #[error("`{}` cannot be imported: `{entry}` {problem}", archive.display())]
    Foreign {
        /// The archive.
        archive: PathBuf,
        /// The path in it.
        entry: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl Store {
    /// Opens the store at `root`, which is made if it is missing, and tidies it. Waits for a process that
    /// prunes it. Blocks.
    ///
    /// # Errors
    /// When the folder cannot be made or written.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        let path = lock_path(&root);
        let shared = FileLock::shared(&path).map_err(|source| StoreError::io("lock", &path, source))?;
        Self::opened(root, shared)
    }

    /// Opens the store at `root` to be pruned.
    ///
    /// # Errors
    /// When another process uses it, and when the folder cannot be made or written.
    pub fn open_alone(root: impl Into<PathBuf>) -> Result<Alone, StoreError> {
        let root = root.into();
        let path = lock_path(&root);
        match FileLock::alone(&path).map_err(|source| StoreError::io("lock", &path, source))? {
            Some(alone) => Ok(Alone(Self::opened(root, alone)?)),
            None => Err(StoreError::InUse { root }),
        }
    }

    /// The store, which marks what is read from now on as used at `now`, in seconds since 1970.
    #[must_use]
    pub fn at(mut self, now: Option<u64>) -> Self {
        self.now = now.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        self
    }

    fn opened(root: PathBuf, lock: FileLock) -> Result<Self, StoreError> {
        let store = Self { root, now: None, _shared: Arc::new(lock) };
        sweep(&store.versioned("ingest"));
        sweep_locks(&store.versioned("locks"));
        let tag = store.root.join("CACHEDIR.TAG");
        if !tag.exists() {
            let write = || store.written(&tag, &[SIGNATURE])?.commit();
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
        let metadata = fs::metadata(&path).ok()?;
        if self.is_stale(&metadata)
            && let Ok(file) = File::open(&path)
        {
            self.mark(&file);
        }
        Some(Blob::new(*digest, metadata.len(), path))
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
        remove(&self.blob_path(digest))
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

    /// The note under `key`, if there is one that is whole. `key` may contain `/`.
    #[must_use]
    pub fn note(&self, bucket: Bucket, key: &str) -> Option<Vec<u8>> {
        verify::whole(&mut self.open_note(bucket, key).ok()?).ok()?
    }

    /// Whether there is a note under `key` that is not torn. None of it is held in memory.
    #[must_use]
    pub fn has_whole_note(&self, bucket: Bucket, key: &str) -> bool {
        self.open_note(bucket, key).and_then(|mut note| verify::is_whole(&mut note)).unwrap_or(false)
    }

    /// Opens a note, and marks that it is used.
    fn open_note(&self, bucket: Bucket, key: &str) -> io::Result<File> {
        let note = File::open(self.note_path(bucket, key))?;
        if note.metadata().is_ok_and(|metadata| self.is_stale(&metadata)) {
            self.mark(&note);
        }
        Ok(note)
    }

    /// Whether there is a note under `key`, whole or not.
    #[must_use]
    pub fn has_note(&self, bucket: Bucket, key: &str) -> bool {
        self.note_path(bucket, key).is_file()
    }

    /// Keeps a note under `key`, over an older one. It may be lost when the machine fails, and can be had
    /// again.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep(&self, bucket: Bucket, key: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let (path, sum) = (self.note_path(bucket, key), crc32fast::hash(bytes).to_be_bytes());
        let write = || self.written(&path, &[&sum, bytes])?.commit_unsynced();
        write().map_err(|source| StoreError::io("write", &path, source))
    }

    /// Throws the note under `key` away.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn forget(&self, bucket: Bucket, key: &str) -> Result<(), StoreError> {
        remove(&self.note_path(bucket, key))
    }

    fn is_stale(&self, metadata: &fs::Metadata) -> bool {
        let age = |now: SystemTime| now.duration_since(metadata.modified().ok()?).ok();
        self.now.and_then(age).is_some_and(|age| age >= DAY)
    }

    /// Marks a file as used now. Who may not, because it is somebody else's, leaves it.
    fn mark(&self, file: &File) {
        if let Some(now) = self.now {
            let _ = file.set_modified(now);
        }
    }

    /// A file that holds these bytes and has yet to be put there.
    fn written(&self, path: &Path, parts: &[&[u8]]) -> io::Result<AtomicFile> {
        let mut file = AtomicFile::create_in(&self.workplace()?, path)?;
        for part in parts {
            file.write_all(part)?;
        }
        Ok(file)
    }

    /// The folder of files under construction, made if it is missing.
    fn workplace(&self) -> io::Result<PathBuf> {
        let folder = self.versioned("ingest");
        fs::create_dir_all(&folder)?;
        Ok(folder)
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

fn lock_path(root: &Path) -> PathBuf {
    root.join("v1/store.lock")
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path, error)),
        _ => Ok(()),
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
            Self::Records => "records",
            Self::Files => "files",
            Self::Builds => "builds",
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
            Self::InUse { .. } => Some(Hint::new("wait until the builds that run now have ended")),
            Self::ReadArchive { .. } | Self::Foreign { .. } => {
                Some(Hint::new("name a file that `wheelwright cache export` wrote"))
            }
            Self::WriteArchive { .. } => Some(Hint::new("name a file where you may write, with room on the disk")),
            Self::Mismatch { .. } => {
                Some(Hint::new("run again; if it stays so, the file was changed where it comes from"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::write_atomic;

    #[test]
    fn notes_are_whole_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.note(Bucket::Pages, "a"), None);
        store.keep(Bucket::Pages, "a", b"page").unwrap();
        assert_eq!(store.note(Bucket::Pages, "a").as_deref(), Some(b"page".as_slice()));
        let path = folder.path().join("v1/pages/a");
        let whole = fs::read(&path).unwrap();
        for torn in [&whole[..3], &whole[..whole.len() - 1], &vec![0; whole.len()]] {
            write_atomic(&path, torn).unwrap();
            assert_eq!(store.note(Bucket::Pages, "a"), None, "{torn:?}");
        }
        store.forget(Bucket::Pages, "a").unwrap();
        assert!(!store.has_note(Bucket::Pages, "a"));
        store.forget(Bucket::Pages, "a").unwrap();
    }

    #[test]
    fn what_is_used_is_marked_once_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let blob = store.put(b"wheel").unwrap();
        store.keep(Bucket::Checks, "a", b"b").unwrap();
        store.keep(Bucket::Checks, "looked-at", b"b").unwrap();
        let notes = ["a", "looked-at"].map(|name| folder.path().join("v1/checks").join(name));
        let files = [&[blob.path().to_owned()][..], &notes].concat();
        let long_ago = SystemTime::UNIX_EPOCH + DAY;
        let times = || files.iter().map(|file| fs::metadata(file).unwrap().modified().unwrap());
        for file in &files {
            File::open(file).unwrap().set_modified(long_ago).unwrap();
        }
        let used = |now| {
            let store = store.clone().at(now);
            store.blob(blob.digest()).unwrap();
            store.note(Bucket::Checks, "a").unwrap();
            assert!(store.has_whole_note(Bucket::Checks, "looked-at"));
            times().map(|time| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).collect::<Vec<_>>()
        };
        let day = DAY.as_secs();
        assert_eq!(used(None), [day; 3]);
        assert_eq!(used(Some(2 * day - 1)), [day; 3]);
        assert_eq!(used(Some(2 * day)), [2 * day; 3]);
        assert_eq!(used(Some(2 * day + 1)), [2 * day; 3]);
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
