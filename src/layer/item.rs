//! What a layer holds, before it is a tar.

use bytes::Bytes;

use crate::store::Blob;

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
    /// How it is stored.
    pub method: Method,
}

/// How a stream is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Raw deflate, RFC 1951.
    Deflate,
    /// Plain bytes.
    Stored,
}
