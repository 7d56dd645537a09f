//! What lies in the store, file by file.

use std::{
    fs::DirEntry,
    io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Bucket, Store, StoreError};
use crate::{fs::sorted_entries, oci::Digest};

/// How much of one kind lies in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// `blobs`, or the folder of a bucket.
    pub kind: &'static str,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the one that was not used for longest was used, in seconds since 1970.
    pub oldest: Option<u64>,
}

/// A file of the store.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    /// Below the folder of the format, such as `blobs/sha256/ab/…`.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) size: u64,
    /// Last use, in seconds since 1970.
    pub(super) used: u64,
}

/// What a file of the store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Blob(Digest),
    Note(Bucket),
}

impl Store {
    /// How much there is of everything.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn usage(&self) -> Result<Vec<Usage>, StoreError> {
        let entries = self.entries()?;
        let of = |kind: &'static str, is_meant: &dyn Fn(&Entry) -> bool| {
            let mut usage = Usage { kind, files: 0, bytes: 0, oldest: None };
            for entry in entries.iter().filter(|entry| is_meant(entry)) {
                usage.files += 1;
                usage.bytes += entry.size;
                usage.oldest = Some(usage.oldest.map_or(entry.used, |oldest| oldest.min(entry.used)));
            }
            usage
        };
        let blobs = of("blobs", &|entry| matches!(entry.kind, Kind::Blob(_)));
        let notes = Bucket::ALL.map(|bucket| of(bucket.folder(), &|entry| entry.kind == Kind::Note(bucket)));
        Ok(std::iter::once(blobs).chain(notes).collect())
    }

    /// Every blob and note, sorted by kind and name. What other programs put there is none.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        let blobs = self.versioned("blobs").join("sha256");
        for folder in listed(&blobs)? {
            for file in listed(&folder.path())? {
                let digest = file.file_name().to_str().and_then(|name| format!("sha256:{name}").parse().ok());
                if let Some(digest) = digest.filter(|digest| self.blob_path(digest) == file.path()) {
                    entries.extend(self.entry(&file, Kind::Blob(digest)));
                }
            }
        }
        for bucket in Bucket::ALL {
            for file in listed(&self.versioned(bucket.folder()))? {
                entries.extend(self.entry(&file, Kind::Note(bucket)));
            }
        }
        Ok(entries)
    }

    /// Nothing when the file has gone since it was listed, or is none.
    fn entry(&self, file: &DirEntry, kind: Kind) -> Option<Entry> {
        let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        let path = file.path();
        let name = path.strip_prefix(self.versioned("")).ok()?.to_str()?.to_owned();
        Some(Entry { kind, name, size: metadata.len(), used: seconds(metadata.modified().ok()?), path })
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The entries of a folder; none where it is missing.
fn listed(folder: &Path) -> Result<Vec<DirEntry>, StoreError> {
    match sorted_entries(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        result => result.map_err(|source| StoreError::io("read", folder, source)),
    }
}
