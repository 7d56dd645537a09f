//! What a layer holds, before it is a tar.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::MTIME;
pub use crate::zip::Method;
use crate::{
    oci::Digest,
    store::Blob,
    zip::{Entry, ZipError, read_entry},
};

/// One entry of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Path from the root without a leading or trailing slash, `usr/lib/python3`. Canonical: no
    /// empty, `.` or `..` component, no component that is a symlink in the base.
    pub path: String,
    /// What stands there.
    pub node: Node,
    /// Permission bits, set-id and sticky included.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Seconds since 1970.
    pub mtime: u64,
    /// Extended attributes by their names, such as `security.capability`.
    pub xattrs: BTreeMap<String, Vec<u8>>,
}

impl Item {
    /// Something of root's, with the time and without the attributes that everything has.
    #[must_use]
    pub const fn new(path: String, node: Node, mode: u32) -> Self {
        Self { path, node, mode, uid: 0, gid: 0, mtime: MTIME, xattrs: BTreeMap::new() }
    }
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Directory,
    /// A regular file.
    File(Body),
    /// A symbolic link with this text.
    Symlink(String),
    /// A second name of the file at this path of the same layer.
    Hardlink(String),
    /// Nothing: what lower layers have at this path is hidden.
    ///
    /// [Image specification, "Whiteouts"](https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#whiteouts).
    Whiteout,
}

/// The contents of a regular file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Small, in memory.
    Literal(Bytes),
    /// A stream inside a file of the store.
    Span(Span),
}

/// A stretch of a stored file that holds the contents of one file, deflated or plain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The wheel, or the packed form of a .deb or local file.
    pub blob: Blob,
    /// Where the stream begins in it.
    pub offset: u64,
    /// Bytes of the stream.
    pub compressed: u64,
    /// Bytes it inflates to.
    pub size: u64,
    /// CRC-32 (IEEE) of those.
    pub crc32: u32,
    /// SHA-256 that they must have; nothing to leave that unchecked.
    pub sha256: Option<Digest>,
    /// How it is stored.
    pub method: Method,
}

/// Marks that hide what lower layers have at these absolute paths. Sorted.
#[must_use]
pub fn whiteouts(hidden: &[String]) -> Vec<Item> {
    let mark = |path: &String| Item::new(path.trim_start_matches('/').to_owned(), Node::Whiteout, 0o644);
    let mut marks: Vec<Item> = hidden.iter().map(mark).collect();
    marks.sort_by(|left, right| left.path.as_bytes().cmp(right.path.as_bytes()));
    marks
}

impl Body {
    /// Bytes of the contents.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Literal(bytes) => bytes.len() as u64,
            Self::Span(span) => span.size,
        }
    }

    /// The contents, in memory.
    ///
    /// # Errors
    /// When they are larger than `limit` bytes, cannot be read, or are not what was said of them.
    pub fn read(&self, limit: u64) -> Result<Bytes, ZipError> {
        match self {
            Self::Literal(bytes) => Ok(bytes.clone()),
            Self::Span(span) => span.read(limit),
        }
    }
}

impl Span {
    /// The span of a wheel's entry.
    #[must_use]
    pub fn of_entry(blob: &Blob, entry: &Entry) -> Self {
        Self {
            blob: blob.clone(),
            offset: entry.data_offset,
            compressed: entry.compressed,
            size: entry.size,
            crc32: entry.crc32,
            sha256: None,
            method: entry.method,
        }
    }

    fn read(&self, limit: u64) -> Result<Bytes, ZipError> {
        let entry = Entry {
            name: self.blob.digest().to_string(),
            method: self.method,
            crc32: self.crc32,
            compressed: self.compressed,
            size: self.size,
            header_offset: self.offset,
            data_offset: self.offset,
            executable: false,
        };
        let fail = |source| ZipError::Read { offset: self.offset, length: self.compressed, source };
        let file = self.blob.open().map_err(fail)?;
        read_entry(&file, &entry, limit).map(Bytes::from)
    }
}
