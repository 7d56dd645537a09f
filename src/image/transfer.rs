//! The two ways images move: out of a source, into a sink.

use std::{fmt, io};

pub use bytes::Bytes;
use futures_util::{StreamExt as _, future::BoxFuture, stream::BoxStream};

use super::{Artifact, Attachment, Manifest, ManifestError};
use crate::{
    hint::{Advise, Hint},
    oci::{Descriptor, Digest},
};

/// Bytes that arrive in pieces.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// A blob whose bytes can be had as often as needed, so that every upload can be tried again.
pub trait BlobSource: Send + Sync {
    /// Digest, size and type, known before any byte is read.
    fn descriptor(&self) -> &Descriptor;

    /// The bytes from offset `from` on. Whoever reads to the end checks the digest.
    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>>;

    /// The `length` bytes from offset `from` on, or fewer at the end. Whoever reads them checks what they
    /// are. A place that can give nothing but the whole may refuse.
    fn open_range(&self, from: u64, length: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        Box::pin(async move { Ok(first(self.open(from).await?, length)) })
    }

    /// The bytes were found to be wrong: whoever keeps what they are made of throws away what is
    /// damaged, and says whether anything was. Blocks.
    fn distrust(&self) -> bool {
        false
    }

    /// The repository that holds the blob already, so that a sink in the same registry can mount it.
    fn origin(&self) -> Option<&Origin> {
        None
    }
}

/// The first `length` bytes of a stream; the rest is not asked for.
fn first(stream: ByteStream, length: u64) -> ByteStream {
    let state = (stream, length);
    futures_util::stream::unfold(state, async |(mut stream, left)| {
        let piece = if left == 0 { None } else { stream.next().await }?;
        let piece = piece.map(|mut piece| {
            piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            piece
        });
        let taken = piece.as_ref().map_or(left, |piece| piece.len() as u64);
        Some((piece, (stream, left - taken)))
    })
    .boxed()
}

/// A repository that holds a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Host and port.
    pub registry: String,
    /// Path in the registry.
    pub repository: String,
}

/// Somewhere images come from: a registry reference, a layout, an archive.
pub trait Source: Send + Sync {
    /// What the source's reference names: an image index or a single manifest.
    fn root(&self) -> BoxFuture<'_, Result<Manifest, TransferError>>;

    /// The manifest or index that `descriptor` points to.
    fn manifest<'a>(&'a self, descriptor: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, TransferError>>;

    /// The blob that `descriptor` points to.
    fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource>;

    /// What is listed there as attached to the manifest `subject`. Whoever reads it sees whether it says so itself.
    fn attached<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Vec<Attachment>, TransferError>> {
        let _ = subject;
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// Somewhere images go: a registry repository, a layout, an archive.
pub trait Sink: Send + Sync {
    /// Blobs that may be put at the same time.
    fn width(&self) -> usize {
        4
    }

    /// The first call: tells what will come, so that the sink may look whether it has it all.
    fn prepare<'a>(&'a self, root: &'a Manifest) -> BoxFuture<'a, Result<(), TransferError>> {
        let _ = root;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Puts a blob there, or finds that it is there already.
    fn put_blob<'a>(&'a self, blob: &'a dyn BlobSource) -> BoxFuture<'a, Result<Moved, TransferError>>;

    /// What [`Sink::put_blob`] would do, without doing it.
    fn foresee<'a>(&'a self, blob: &'a dyn BlobSource) -> BoxFuture<'a, Result<Moved, TransferError>> {
        Box::pin(async { Ok(Moved::Sent(blob.descriptor().size)) })
    }

    /// Puts a blob there that the sink said it had, and then missed.
    fn put_blob_again<'a>(&'a self, blob: &'a dyn BlobSource) -> BoxFuture<'a, Result<Moved, TransferError>> {
        self.put_blob(blob)
    }

    /// Puts a manifest or index there under its digest, or finds that it is there already; everything it points to is.
    fn put_manifest<'a>(&'a self, manifest: &'a Manifest) -> BoxFuture<'a, Result<Moved, TransferError>>;

    /// Attaches an artifact to its subject, which is there already.
    fn attach<'a>(&'a self, artifact: &'a Artifact) -> BoxFuture<'a, Result<(), TransferError>> {
        Box::pin(async move {
            for blob in &artifact.blobs {
                self.put_blob(&**blob).await?;
            }
            self.put_manifest(&artifact.manifest).await.map(drop)
        })
    }

    /// Makes `root`, which is there already, what the sink's names point to. The last call: until it
    /// returns, nobody sees anything new.
    fn publish<'a>(&'a self, root: &'a Manifest) -> BoxFuture<'a, Result<(), TransferError>>;
}

/// What it took to have a blob in the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    /// It was there.
    Existed,
    /// The registry linked it from another repository.
    Mounted,
    /// So many bytes were sent or written.
    Sent(u64),
}

impl Moved {
    /// What was done, in a word.
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Sent(_) => "sent",
            Self::Mounted => "mounted",
            Self::Existed => "there already",
        }
    }
}

/// Why an image could not be moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// Something failed in the source or the sink, in that room's own words.
    #[error(transparent)]
    Room(Failure),
    /// The bytes of a blob could not be read.
    #[error("cannot read {digest}")]
    Read {
        /// Of which blob.
        digest: Digest,
        /// Why.
        source: io::Error,
    },
    /// A blob's bytes are not what its descriptor says.
    #[error("{digest}: the bytes that came have {found}")]
    Corrupt {
        /// What was promised.
        digest: Digest,
        /// Another digest, or a wrong number of bytes.
        found: String,
    },
    /// A manifest or index is malformed.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Something cannot be attached to an image.
    #[error("cannot attach {what} to {subject}")]
    Attach {
        /// Of which type, or with which predicate.
        what: String,
        /// To which manifest.
        subject: Digest,
        /// Why.
        source: Box<TransferError>,
    },
    /// A list leads from an image to something that is about another one.
    #[error("{artifact} is listed as attached to {subject}, and says of itself that it is not")]
    OtherSubject {
        /// The artifact's manifest.
        artifact: Digest,
        /// What it is listed for.
        subject: Digest,
    },
    /// Indexes within indexes without end.
    #[error("there is more below {root} than any image needs")]
    Sprawling {
        /// The outermost index.
        root: Digest,
    },
}

/// The error of a room that implements a source or a sink.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn Advise>,
    lost: Option<Vec<Digest>>,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, formatter)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl Failure {
    /// The room's own error, for whoever knows its type.
    #[must_use]
    pub fn error(&self) -> &(dyn std::error::Error + 'static) {
        &*self.error
    }
}

impl TransferError {
    /// Wraps an error of the room that implements the source or sink.
    pub fn room(error: impl Advise) -> Self {
        Self::Room(Failure { error: Box::new(error), lost: None })
    }

    /// Wraps an error of a sink that misses blobs which it said it had: these, or some of them that
    /// it does not name.
    pub fn lost(error: impl Advise, blobs: Vec<Digest>) -> Self {
        Self::Room(Failure { error: Box::new(error), lost: Some(blobs) })
    }

    /// The blobs that the sink misses although it said it had them, if that is what is wrong.
    #[must_use]
    pub fn lost_blobs(&self) -> Option<&[Digest]> {
        match self {
            Self::Room(failure) => failure.lost.as_deref(),
            _ => None,
        }
    }
}

impl Advise for TransferError {
    fn hint(&self) -> Option<Hint> {
        match self {
            Self::Room(failure) => failure.error.hint(),
            Self::Manifest(error) => error.hint(),
            Self::Attach { source, .. } => source.hint().or_else(|| {
                Some(Hint::new("`--attest none` brings the image there alone, `--attest index` lists it in the index"))
            }),
            Self::OtherSubject { .. } => Some(Hint::new(
                "have the artifact removed from the list, or leave out what is attached: `--attest none`",
            )),
            Self::Corrupt { .. } => Some(Hint::new("push the image anew from where it was made, or name another")),
            Self::Sprawling { .. } => Some(Hint::new("name the image for one platform by its digest")),
            Self::Read { .. } => {
                Some(Hint::new("run again; if it stays so, the image has to be pushed or written anew"))
            }
        }
    }
}

/// A small blob that lies in memory, such as a config.
#[derive(Clone, Debug)]
pub struct Memory {
    descriptor: Descriptor,
    bytes: Bytes,
}

impl Memory {
    /// A blob of `bytes`, with their digest and size.
    #[must_use]
    pub fn new(media_type: crate::oci::MediaType, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { descriptor: Descriptor::of(media_type, &bytes), bytes }
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl BlobSource for Memory {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        let rest =
            self.bytes.slice(usize::try_from(from).map_or(self.bytes.len(), |from| from.min(self.bytes.len()))..);
        Box::pin(async move {
            let stream: ByteStream = Box::pin(futures_util::stream::once(async move { Ok(rest) }));
            Ok(stream)
        })
    }
}
