//! The two digests of a layer, computed beside the inflating thread or in it.

use std::{
    io,
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    thread::{Scope, ScopedJoinHandle},
};

use super::{LayerError, rope::OpenBlob};
use crate::{
    oci::{DiffId, Digest, Hasher},
    store::Blob,
};

/// How many threads one layer may keep busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// Best when there are as many layers to make as cores.
    One,
    /// One inflates, one hashes.
    Two,
}

/// Bytes of the tar that travel together.
pub(super) const CHUNK: usize = 256 * 1024;

/// Pieces of work on their way to the hashing thread.
const QUEUE: usize = 16;

/// Takes in the tar and the blob piece by piece.
pub(super) enum Hashes<'scope> {
    Here(Box<Digests>),
    Beside { work: SyncSender<Work>, spare: Receiver<Vec<u8>>, thread: ScopedJoinHandle<'scope, io::Result<Digests>> },
}

pub(super) enum Work {
    Tar(Vec<u8>),
    Literal(Vec<u8>),
    Range(Blob, u64, u64),
}

#[derive(Default)]
pub(super) struct Digests {
    tar: Hasher,
    blob: Hasher,
    open: OpenBlob,
    buffer: Vec<u8>,
}

impl<'scope> Hashes<'scope> {
    pub(super) fn new(threads: Threads, scope: &'scope Scope<'scope, '_>) -> Self {
        match threads {
            Threads::One => Self::Here(Box::default()),
            Threads::Two => {
                let (work, queue) = sync_channel(QUEUE);
                let (back, spare) = channel();
                Self::Beside { work, spare, thread: scope.spawn(move || Digests::default().follow(&queue, &back)) }
            }
        }
    }

    /// Takes a full buffer of the tar and gives one back that may be overwritten.
    pub(super) fn tar(&mut self, buffer: Vec<u8>) -> Result<Vec<u8>, LayerError> {
        match self {
            Self::Here(digests) => {
                digests.tar.update(&buffer);
                Ok(buffer)
            }
            Self::Beside { work, spare, .. } => {
                work.send(Work::Tar(buffer)).map_err(|_| LayerError::Thread)?;
                Ok(spare.try_recv().unwrap_or_else(|_| vec![0; CHUNK]))
            }
        }
    }

    pub(super) fn literal(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        match self {
            Self::Here(digests) => {
                digests.blob.update(bytes);
                Ok(())
            }
            Self::Beside { work, .. } => work.send(Work::Literal(bytes.to_vec())).map_err(|_| LayerError::Thread),
        }
    }

    pub(super) fn range(&mut self, blob: &Blob, offset: u64, length: u64) -> Result<(), LayerError> {
        match self {
            Self::Here(digests) => digests
                .range(blob, offset, length)
                .map_err(|source| LayerError::Read { digest: *blob.digest(), source }),
            Self::Beside { work, .. } => {
                work.send(Work::Range(blob.clone(), offset, length)).map_err(|_| LayerError::Thread)
            }
        }
    }

    /// The digests of the tar and of the blob.
    pub(super) fn finish(self) -> Result<(DiffId, Digest), LayerError> {
        let digests = match self {
            Self::Here(digests) => *digests,
            Self::Beside { work, thread, .. } => {
                drop(work);
                let result = thread.join().map_err(|_| LayerError::Thread)?;
                result.map_err(|source| LayerError::Read { digest: Digest::of(b""), source })?
            }
        };
        Ok((DiffId(digests.tar.finish()), digests.blob.finish()))
    }
}

impl Digests {
    fn follow(mut self, queue: &Receiver<Work>, back: &Sender<Vec<u8>>) -> io::Result<Self> {
        while let Ok(work) = queue.recv() {
            match work {
                Work::Tar(buffer) => {
                    self.tar.update(&buffer);
                    // The other side may be done already; the buffer is then simply freed.
                    let _ = back.send(buffer);
                }
                Work::Literal(bytes) => self.blob.update(&bytes),
                Work::Range(blob, offset, length) => self.range(&blob, offset, length)?,
            }
        }
        Ok(self)
    }

    fn range(&mut self, blob: &Blob, mut offset: u64, length: u64) -> io::Result<()> {
        self.buffer.resize(CHUNK, 0);
        let end = offset + length;
        while offset < end {
            let count = usize::try_from(end - offset).unwrap_or(CHUNK).min(CHUNK);
            self.open.read(blob, offset, &mut self.buffer[..count])?;
            self.blob.update(&self.buffer[..count]);
            offset += count as u64;
        }
        Ok(())
    }
}
