//! The packed form of a .deb: one file of the store with all contents, and an index of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Library, UnpackError};
use crate::{
    layer::{Body, Method, Span},
    oci::Digest,
    store::{Blob, Bucket, Store},
};

/// Raised whenever index or packing change, so that older notes are not read.
const FORMAT: u32 = 3;

/// A .deb whose files lie in the store, each a stream of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// What is in it.
    pub index: Index,
    /// The contents.
    pub blob: Blob,
}

/// What a .deb holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Binary package name.
    pub package: String,
    /// Debian version.
    pub version: String,
    /// `amd64`, `all` …
    pub architecture: String,
    /// The field `Replaces`: whose files this package may take over.
    pub replaces: String,
    /// `control`, `md5sums`, `postinst` …
    pub control_files: BTreeMap<String, Stretch>,
    /// In the order of the .deb, the root left out.
    pub entries: Vec<Entry>,
    /// Digest of the contents.
    pub contents: Digest,
}

/// One path of a .deb.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// From the root, without a slash at either end, without `.` and `..`.
    pub path: String,
    /// Permission bits, set-id and sticky included.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Seconds since 1970.
    pub mtime: u64,
    /// What stands there.
    pub kind: Kind,
    /// Extended attributes by their names; of all that there are, only `security.capability`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Its contents.
        contents: Stretch,
        /// What it says of itself, where it is a shared library.
        library: Option<Library>,
    },
    /// A symbolic link with this text.
    Symlink(String),
    /// Another name of the file at this path of the same package.
    Hardlink(String),
}

/// Where the contents of one file lie in the packed form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stretch {
    /// Where the stream begins.
    pub offset: u64,
    /// Bytes of the stream.
    pub compressed: u64,
    /// Bytes of the file.
    pub size: u64,
    /// CRC-32 (IEEE) of the file.
    pub crc32: u32,
    /// Raw deflate, or the plain bytes.
    pub deflated: bool,
}

impl Packed {
    /// The contents of one file.
    #[must_use]
    pub fn span(&self, stretch: &Stretch) -> Span {
        Span {
            blob: self.blob.clone(),
            offset: stretch.offset,
            compressed: stretch.compressed,
            size: stretch.size,
            crc32: stretch.crc32,
            sha256: None,
            method: if stretch.deflated { Method::Deflate } else { Method::Stored },
        }
    }

    pub(super) fn body(&self, stretch: &Stretch) -> Body {
        Body::Span(self.span(stretch))
    }

    /// The file of the store that holds the contents of all files.
    #[must_use]
    pub const fn contents(&self) -> &Blob {
        &self.blob
    }

    /// The packed form of the .deb with `digest`, if it was made before and is still whole.
    #[must_use]
    pub fn recall(store: &Store, digest: &Digest) -> Option<Self> {
        let index: Index = serde_json::from_slice(&store.note(Bucket::Packed, &key(digest))?).ok()?;
        let blob = store.blob(&index.contents)?;
        let fits =
            |stretch: &Stretch| stretch.offset.checked_add(stretch.compressed).is_some_and(|end| end <= blob.size());
        let files = index.entries.iter().filter_map(|entry| match &entry.kind {
            Kind::File { contents, .. } => Some(contents),
            _ => None,
        });
        files.chain(index.control_files.values()).all(fits).then_some(Self { index, blob })
    }

    pub(super) fn remember(&self, store: &Store, digest: &Digest) -> Result<(), UnpackError> {
        let package = &self.index.package;
        let note = serde_json::to_vec(&self.index).map_err(|source| UnpackError::Read {
            package: package.clone(),
            what: "the index".to_owned(),
            source: source.into(),
        })?;
        let keep = |source| UnpackError::Keep { package: package.clone(), source };
        store.keep(Bucket::Packed, &key(digest), &note).map_err(keep)
    }
}

fn key(digest: &Digest) -> String {
    format!("{FORMAT}-{}", digest.hex())
}
