//! What is kept, and where: blobs once for all repositories, and small files that say which
//! repository has which blob, manifest and tag.
//!
//! ```text
//! v1/blobs/<hex>                                 bytes, 0444; the number of digits tells the algorithm
//! v1/repositories/<name>/_blobs/<hex>            empty: the repository has this blob
//! v1/repositories/<name>/_manifests/<hex>        the media type it was pushed with
//! v1/repositories/<name>/_tags/<tag>             a digest
//! v1/repositories/<name>/_referrers/<hex>/<hex>  empty: the second manifest's subject is the first
//! v1/uploads/                                    unfinished; emptied at the start
//! ```

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tempfile::NamedTempFile;

use super::digest::Digest;
use crate::fs::{sorted_entries, write_atomic};

pub(super) struct Disk {
    root: PathBuf,
    blobs: PathBuf,
    /// Held as long as the registry runs: what it has under way is nobody else's.
    _lock: fs::File,
}

/// A manifest as it was pushed.
pub(super) struct Kept {
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
}

/// The folder of unfinished uploads.
pub(super) fn uploads_folder(root: &Path) -> PathBuf {
    root.join("v1/uploads")
}

impl Disk {
    /// Opens the folder `root`, or makes it. `None` when another server is at work there.
    pub(super) fn open(root: &Path) -> io::Result<Option<Self>> {
        let blobs = root.join("v1/blobs");
        fs::create_dir_all(&blobs)?;
        Self::with_blobs(root, blobs)
    }

    /// The same, with blobs that lie elsewhere.
    pub(super) fn with_blobs(root: &Path, blobs: PathBuf) -> io::Result<Option<Self>> {
        let lock = fs::File::open(root)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        let uploads = uploads_folder(root);
        absent_is_none(fs::remove_dir_all(&uploads))?;
        fs::create_dir_all(&uploads)?;
        Ok(Some(Self { root: root.join("v1"), blobs, _lock: lock }))
    }

    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.hex())
    }

    /// The size of a blob that the repository has.
    pub(super) fn blob_size(&self, name: &str, digest: &Digest) -> Option<u64> {
        self.place(name, "_blobs", digest.hex()).exists().then_some(())?;
        Some(self.blob_path(digest).metadata().ok()?.len())
    }

    /// Moves a finished upload, whose digest was checked, to its place.
    pub(super) fn keep_blob(&self, name: &str, digest: &Digest, file: NamedTempFile) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o444))?;
        file.persist(self.blob_path(digest)).map_err(|error| error.error)?;
        self.link_blob(name, digest)
    }

    pub(super) fn link_blob(&self, name: &str, digest: &Digest) -> io::Result<()> {
        write_atomic(&self.place(name, "_blobs", digest.hex()), b"")
    }

    /// False when the repository did not have it. The bytes stay: other repositories may have them.
    pub(super) fn unlink_blob(&self, name: &str, digest: &Digest) -> io::Result<bool> {
        removed(&self.place(name, "_blobs", digest.hex()))
    }

    /// Whether any repository on this registry has the blob, for mounts without `from`.
    pub(super) fn holds(&self, digest: &Digest) -> bool {
        self.blob_path(digest).exists()
    }

    pub(super) fn manifest(&self, name: &str, digest: &Digest) -> io::Result<Option<Kept>> {
        let Some(media_type) = absent_is_none(fs::read_to_string(self.place(name, "_manifests", digest.hex())))? else {
            return Ok(None);
        };
        Ok(absent_is_none(fs::read(self.blob_path(digest)))?.map(|bytes| Kept { media_type, bytes: bytes.into() }))
    }

    pub(super) fn has_manifest(&self, name: &str, digest: &Digest) -> bool {
        self.place(name, "_manifests", digest.hex()).exists()
    }

    pub(super) fn keep_manifest(&self, name: &str, digest: &Digest, kept: &Kept) -> io::Result<()> {
        let path = self.blob_path(digest);
        if !path.exists() {
            write_atomic(&path, &kept.bytes)?;
        }
        write_atomic(&self.place(name, "_manifests", digest.hex()), kept.media_type.as_bytes())
    }

    /// Removes a manifest and the tags that name it; false when it was not there.
    pub(super) fn delete_manifest(&self, name: &str, digest: &Digest) -> io::Result<bool> {
        for tag in self.tags(name)? {
            if self.tag(name, &tag)? == Some(digest.clone()) {
                self.delete_tag(name, &tag)?;
            }
        }
        for subject in names(&self.place(name, "_referrers", ""))? {
            removed(&self.place(name, "_referrers", &subject).join(digest.hex()))?;
        }
        removed(&self.place(name, "_manifests", digest.hex()))
    }

    pub(super) fn tag(&self, name: &str, tag: &str) -> io::Result<Option<Digest>> {
        let text = absent_is_none(fs::read_to_string(self.place(name, "_tags", tag)))?;
        Ok(text.and_then(|text| text.parse().ok()))
    }

    pub(super) fn set_tag(&self, name: &str, tag: &str, digest: &Digest) -> io::Result<()> {
        write_atomic(&self.place(name, "_tags", tag), digest.to_string().as_bytes())
    }

    pub(super) fn delete_tag(&self, name: &str, tag: &str) -> io::Result<bool> {
        removed(&self.place(name, "_tags", tag))
    }

    /// Sorted by bytes.
    pub(super) fn tags(&self, name: &str) -> io::Result<Vec<String>> {
        // A file that is being replaced stands beside it for a moment under a name no tag can have.
        Ok(names(&self.place(name, "_tags", ""))?.into_iter().filter(|tag| !tag.starts_with('.')).collect())
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.place(name, "_tags", "").exists() || self.place(name, "_manifests", "").exists()
    }

    pub(super) fn add_referrer(&self, name: &str, subject: &Digest, digest: &Digest) -> io::Result<()> {
        write_atomic(&self.place(name, "_referrers", subject.hex()).join(digest.hex()), b"")
    }

    /// The manifests whose subject is `subject`, sorted.
    pub(super) fn referrers(&self, name: &str, subject: &Digest) -> io::Result<Vec<Digest>> {
        let found = names(&self.place(name, "_referrers", subject.hex()))?;
        Ok(found.iter().filter_map(|hex| Digest::from_hex(hex).ok()).collect())
    }

    fn place(&self, name: &str, kind: &str, file: &str) -> PathBuf {
        self.root.join("repositories").join(name).join(kind).join(file)
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = absent_is_none(sorted_entries(folder))?.unwrap_or_default();
    Ok(entries.into_iter().filter_map(|entry| entry.file_name().into_string().ok()).collect())
}

fn removed(path: &Path) -> io::Result<bool> {
    Ok(absent_is_none(fs::remove_file(path))?.is_some())
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
