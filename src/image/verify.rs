//! Blobs read to their end: checked against their descriptors, whichever way they are read.

use std::io::{self, Read, Write};

use bytes::{Buf as _, BytesMut};
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::{BlobSource, ByteStream, Bytes, TransferError};
use crate::oci::{Descriptor, Digest, Hasher};

/// Pieces that wait between the network and the thread that works on them.
const PIECES_IN_FLIGHT: usize = 4;

/// Compares bytes that pass with a digest and a size.
pub struct Check {
    hasher: Hasher,
    seen: u64,
    digest: Digest,
    size: u64,
}

/// Bytes that are not what their descriptor says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{digest}: the bytes that came have {found}")]
pub struct Mismatch {
    /// What was promised.
    pub digest: Digest,
    /// Another digest, or a wrong number of bytes.
    pub found: String,
}

/// Why a blob could not be written down.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The blob did not come, or came wrong.
    #[error(transparent)]
    Blob(#[from] TransferError),
    /// Its bytes could not be written.
    #[error("cannot write {digest}")]
    Write {
        /// Of which blob.
        digest: Digest,
        /// Why.
        source: io::Error,
    },
}

/// Bytes that arrive in pieces, for code that reads and may block.
pub struct PieceReader {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl Check {
    /// Expects what `descriptor` says.
    #[must_use]
    pub fn new(descriptor: &Descriptor) -> Self {
        Self { hasher: Hasher::new(), seen: 0, digest: descriptor.digest, size: descriptor.size }
    }

    /// Adds `bytes`.
    ///
    /// # Errors
    /// As soon as there are more bytes than promised.
    pub fn update(&mut self, bytes: &[u8]) -> Result<(), Mismatch> {
        self.hasher.update(bytes);
        self.seen = self.seen.saturating_add(bytes.len() as u64);
        if self.seen > self.size { Err(self.mismatch(format!("more than {} bytes", self.size))) } else { Ok(()) }
    }

    /// Compares, once all bytes were added.
    ///
    /// # Errors
    /// When they are too few or have another digest.
    pub fn finish(self) -> Result<(), Mismatch> {
        if self.seen != self.size {
            return Err(self.mismatch(format!("{} of {} bytes", self.seen, self.size)));
        }
        let found = self.hasher.finish();
        if found == self.digest {
            Ok(())
        } else {
            Err(Mismatch { digest: self.digest, found: format!("the digest {found}") })
        }
    }

    const fn mismatch(&self, found: String) -> Mismatch {
        Mismatch { digest: self.digest, found }
    }
}

impl From<Mismatch> for TransferError {
    fn from(mismatch: Mismatch) -> Self {
        Self::Corrupt { digest: mismatch.digest, found: mismatch.found }
    }
}

impl From<Mismatch> for io::Error {
    fn from(mismatch: Mismatch) -> Self {
        Self::new(io::ErrorKind::InvalidData, mismatch)
    }
}

/// The same bytes, followed by an error unless they are what `descriptor` says. `stream` starts at
/// the blob's first byte; the error's inner error is a [`Mismatch`].
#[must_use]
pub fn verified(stream: ByteStream, descriptor: &Descriptor) -> ByteStream {
    let state = Some((stream, Check::new(descriptor)));
    futures_util::stream::unfold(state, async |state| {
        let (mut stream, mut check) = state?;
        match stream.next().await {
            Some(Ok(piece)) => match check.update(&piece) {
                Ok(()) => Some((Ok(piece), Some((stream, check)))),
                Err(mismatch) => Some((Err(mismatch.into()), None)),
            },
            Some(Err(error)) => Some((Err(error), None)),
            None => check.finish().err().map(|mismatch| (Err(mismatch.into()), None)),
        }
    })
    .boxed()
}

/// All bytes of a small blob, checked.
///
/// # Errors
/// When it is larger than `limit` bytes, cannot be read, or is not what its descriptor says.
pub async fn read_whole(blob: &dyn BlobSource, limit: u64) -> Result<Bytes, TransferError> {
    let Descriptor { digest, size, .. } = *blob.descriptor();
    let unreadable = |source| TransferError::Read { digest, source };
    if size > limit {
        let text = format!("{size} bytes are more than the {limit} that a document may have");
        return Err(unreadable(io::Error::new(io::ErrorKind::FileTooLarge, text)));
    }
    let mut check = Check::new(blob.descriptor());
    let mut whole = BytesMut::new();
    let mut stream = blob.open(0).await?;
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(unreadable)?;
        check.update(&piece)?;
        whole.extend_from_slice(&piece);
    }
    check.finish()?;
    Ok(whole.freeze())
}

/// Writes a blob into `writer` from a thread that may block, checking it on the way, and gives the
/// writer back. On failure the writer is dropped.
///
/// # Errors
/// When the blob cannot be read, is not what its descriptor says, or cannot be written.
pub async fn save<W: Write + Send + 'static>(blob: &dyn BlobSource, mut writer: W) -> Result<W, SaveError> {
    let digest = blob.descriptor().digest;
    let mut check = Check::new(blob.descriptor());
    let stream = blob.open(0).await?;
    consume(stream, move |reader| {
        while let Some(piece) = reader.next_piece() {
            let piece = piece.map_err(|source| TransferError::Read { digest, source })?;
            check.update(&piece).map_err(TransferError::from)?;
            writer.write_all(&piece).map_err(|source| SaveError::Write { digest, source })?;
        }
        check.finish().map_err(TransferError::from)?;
        Ok(writer)
    })
    .await
}

/// Runs `work`, which may block, on the bytes of `stream`, in a thread of its own. `work` need not
/// read to the end.
///
/// # Panics
/// When `work` does.
pub async fn consume<T: Send + 'static>(
    mut stream: ByteStream,
    work: impl FnOnce(&mut PieceReader) -> T + Send + 'static,
) -> T {
    let (sender, pieces) = mpsc::channel(PIECES_IN_FLIGHT);
    let worker = tokio::task::spawn_blocking(move || work(&mut PieceReader { pieces, current: Bytes::new() }));
    while let Some(piece) = stream.next().await {
        if sender.send(piece).await.is_err() {
            break;
        }
    }
    drop(sender);
    match worker.await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

impl PieceReader {
    /// The next piece as it came; nothing at the end.
    pub fn next_piece(&mut self) -> Option<io::Result<Bytes>> {
        if self.current.is_empty() { self.pieces.blocking_recv() } else { Some(Ok(std::mem::take(&mut self.current))) }
    }
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.current = piece?,
                None => return Ok(0),
            }
        }
        let count = self.current.len().min(buffer.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;
    use crate::{image::Memory, oci::MediaType};

    /// A stream of `bytes`, three at a time.
    fn pieces(bytes: &'static [u8]) -> ByteStream {
        futures_util::stream::iter(bytes.chunks(3).map(|chunk| Ok(Bytes::from_static(chunk)))).boxed()
    }

    #[tokio::test]
    async fn only_the_promised_bytes_pass() {
        let descriptor = Descriptor::of(MediaType::ImageLayerGzip, b"wheelwright");
        for (bytes, found) in [
            (&b"wheelwright"[..], None),
            (b"wheel", Some("5 of 11 bytes")),
            (b"wheelwright and more", Some("more than 11 bytes")),
            (b"wheelwrighT", Some("the digest sha256:")),
        ] {
            let result = verified(pieces(bytes), &descriptor).try_collect::<Vec<_>>().await;
            match found {
                None => assert_eq!(result.unwrap().concat(), bytes),
                Some(found) => assert!(result.unwrap_err().to_string().contains(found), "{found}"),
            }
        }
    }

    #[tokio::test]
    async fn documents_are_bounded() {
        let blob = Memory::new(MediaType::ImageConfig, &b"{}"[..]);
        assert_eq!(&read_whole(&blob, 2).await.unwrap()[..], b"{}");
        assert!(matches!(read_whole(&blob, 1).await, Err(TransferError::Read { .. })));
    }

    #[tokio::test]
    async fn work_may_stop_early_and_read_in_any_size() {
        let first = consume(pieces(b"abcdefghij"), |reader| {
            let mut two = [0; 2];
            reader.read_exact(&mut two).map(|()| (two, reader.next_piece()))
        });
        let (two, rest) = first.await.unwrap();
        assert_eq!((&two, &rest.unwrap().unwrap()[..]), (b"ab", &b"c"[..]));
    }

    #[tokio::test]
    async fn what_is_saved_is_checked() {
        let good = Memory::new(MediaType::ImageConfig, &b"{}"[..]);
        assert_eq!(save(&good, Vec::new()).await.unwrap(), b"{}");
    }
}
