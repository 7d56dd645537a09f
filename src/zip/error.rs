//! Why a wheel is refused: always with the entry and the offset.

use std::io;

use crate::hint::{Advise, Hint};

/// A wheel that cannot be read, or is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ZipError {
    /// The file system said no.
    #[error("cannot read {length} bytes at offset {offset}")]
    Read {
        /// From where.
        offset: u64,
        /// How many.
        length: u64,
        /// Why.
        source: io::Error,
    },
    /// The archive as a whole is not what a wheel may be.
    #[error("{refusal} (at offset {offset})")]
    Archive {
        /// What is wrong.
        refusal: Refusal,
        /// Where.
        offset: u64,
    },
    /// One entry is not what an entry of a wheel may be.
    #[error("`{}`: {refusal} (at offset {offset})", name.escape_debug())]
    Entry {
        /// The entry's name.
        name: String,
        /// What is wrong.
        refusal: Refusal,
        /// Where.
        offset: u64,
    },
}

/// Everything that the reader refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No end-of-central-directory record at the end of the file.
    #[error("not a zip archive, or bytes follow its end")]
    NoEnd,
    /// A comment could hide a second archive.
    #[error("the archive has a comment")]
    Comment,
    /// The archive says it is one of several.
    #[error("the archive spans several disks")]
    Disks,
    /// The zip64 records contradict the others or each other.
    #[error("the zip64 records are malformed")]
    Zip64,
    /// Size, offset or count of the central directory do not fit the file.
    #[error("the central directory is not where the archive says")]
    Directory,
    /// A header does not begin with its signature, or is cut.
    #[error("a header is malformed")]
    Header,
    /// Bytes between two entries, before the first or after the last.
    #[error("bytes belong to no entry")]
    Gap,
    /// Two entries share bytes.
    #[error("entries overlap")]
    Overlap,
    /// Local and central header say different things.
    #[error("local header and central directory disagree")]
    Disagreement,
    /// The data descriptor says something else than the central directory.
    #[error("the data descriptor disagrees with the central directory")]
    Descriptor,
    /// Encrypted contents.
    #[error("the entry is encrypted")]
    Encrypted,
    /// Patched data, or a reserved flag.
    #[error("the entry uses an unsupported feature")]
    Flags,
    /// Neither stored nor deflated.
    #[error("the compression method is neither stored nor deflate")]
    Method,
    /// A stored entry whose two sizes differ.
    #[error("the sizes of a stored entry differ")]
    StoredSize,
    /// High bytes in a name without the UTF-8 flag, or no UTF-8.
    #[error("the name is not UTF-8, or not marked as such")]
    NameEncoding,
    /// `..`, absolute, NUL, backslash, control character, empty or `.` component.
    #[error("the name is not a plain relative path")]
    NamePath,
    /// Longer than any system takes.
    #[error("the name is too long")]
    NameLength,
    /// A second entry of the same name with other contents.
    #[error("the name stands twice, with different contents")]
    Duplicate,
    /// A file whose name is also a directory's.
    #[error("the name is both a file and a directory")]
    FileAndDirectory,
    /// A directory with contents.
    #[error("a directory has contents")]
    DirectoryContents,
    /// More entries than the limit.
    #[error("more entries than allowed")]
    TooMany,
    /// More bytes than the limit.
    #[error("unpacks to more bytes than allowed")]
    TooLarge,
    /// A ratio of compression that is out of reach for honest data, or for deflate.
    #[error("unpacks to implausibly many bytes")]
    Bomb,
    /// The deflate stream is broken.
    #[error("the deflate stream is broken")]
    Stream,
    /// The deflate stream ends before the stored bytes do.
    #[error("bytes follow the end of the deflate stream")]
    StreamEndsEarly,
    /// The stored bytes end before the deflate stream does.
    #[error("the deflate stream does not end where its bytes do")]
    StreamEndsLate,
    /// The contents are longer or shorter than both headers say.
    #[error("the contents are not as long as declared")]
    Size,
    /// The contents do not have the declared CRC-32.
    #[error("the contents have another checksum than declared")]
    Checksum,
    /// The contents do not have the SHA-256 that RECORD gives.
    #[error("the contents have another SHA-256 than RECORD says")]
    Record,
}

impl Refusal {
    /// This refusal, of the entry `name` at `offset`.
    #[must_use]
    pub fn of(self, name: &str, offset: u64) -> ZipError {
        ZipError::Entry { name: name.to_owned(), refusal: self, offset }
    }

    pub(super) const fn at(self, offset: u64) -> ZipError {
        ZipError::Archive { refusal: self, offset }
    }
}

impl ZipError {
    /// What is wrong, when it is not the file system.
    #[must_use]
    pub const fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Archive { refusal, .. } | Self::Entry { refusal, .. } => Some(*refusal),
            Self::Read { .. } => None,
        }
    }
}

impl Advise for ZipError {
    fn hint(&self) -> Option<Hint> {
        self.refusal().map(|refusal| match refusal {
            Refusal::TooMany | Refusal::TooLarge | Refusal::Bomb => {
                Hint::new("raise the limits only if you trust where this wheel comes from")
            }
            _ => Hint::new(
                "take another version of this wheel, or build it anew: other tools read this file differently",
            ),
        })
    }
}
