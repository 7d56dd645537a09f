//! What is computed of a layer's tar and blob as they come: their digests, and the encoded form of a
//! tar that is encoded as a whole. In a thread beside the inflating one, or in that.

use std::{
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    thread::{self, Scope, ScopedJoinHandle},
};

use super::{LayerError, lay::encoder::Encoder, rope::OpenBlob};
use crate::{
    oci::{DiffId, Digest, Hasher},
    store::Blob,
};

/// How many threads one layer may keep busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// Best when there are as many layers to make as cores.
    One,
    /// One inflates, one hashes. Where something is compressed, more help with that.
    Two,
}

impl Threads {
    /// Threads that compress, where something is compressed.
    pub(super) const fn encoders(self) -> u32 {
        match self {
            Self::One => 1,
            Self::Two => 4,
        }
    }
}

/// Bytes of the tar that travel together.
pub(super) const CHUNK: usize = 256 * 1024;

/// Pieces of work on their way to the hashing thread.
const QUEUE: usize = 16;

/// Takes in the tar and the blob piece by piece.
pub(super) enum Hashes<'scope> {
    Here(Box<Digests>),
    Beside {
        work: SyncSender<Work>,
        spare: Receiver<Vec<u8>>,
        thread: ScopedJoinHandle<'scope, Result<Digests, LayerError>>,
    },
}

pub(super) enum Work {
    /// A buffer, and how many of its bytes count.
    Tar(Vec<u8>, usize),
    Literal(Vec<u8>),
    Range(Blob, u64, u64),
}

/// What came out.
pub(super) struct Sums {
    /// Of the tar.
    pub(super) diff_id: DiffId,
    /// Of the literals and ranges.
    pub(super) blob: Digest,
    /// What the encoder made of the tar, if there was one.
    pub(super) encoded: Option<Blob>,
}

#[derive(Default)]
pub(super) struct Digests {
    tar: Hasher,
    blob: Hasher,
    encoder: Option<Encoder>,
    open: OpenBlob,
    buffer: Vec<u8>,
}

impl<'scope> Hashes<'scope> {
    pub(super) fn new(
        threads: Threads,
        encoder: Option<Encoder>,
        scope: &'scope Scope<'scope, '_>,
    ) -> Result<Self, LayerError> {
        let digests = Digests { encoder, ..Digests::default() };
        match threads {
            Threads::One => Ok(Self::Here(Box::new(digests))),
            Threads::Two => {
                let (work, queue) = sync_channel(QUEUE);
                let (back, spare) = channel();
                let thread = thread::Builder::new().spawn_scoped(scope, move || digests.follow(&queue, &back));
                Ok(Self::Beside { work, spare, thread: thread.map_err(|source| LayerError::NoThread { source })? })
            }
        }
    }

    /// Takes a buffer of [`CHUNK`] bytes, of which the first `filled` continue the tar, and gives
    /// another one back, whatever is in it.
    pub(super) fn tar(&mut self, buffer: Vec<u8>, filled: usize) -> Result<Vec<u8>, LayerError> {
        match self {
            Self::Here(digests) => {
                digests.tar(&buffer[..filled])?;
                Ok(buffer)
            }
            Self::Beside { work, spare, .. } => {
                work.send(Work::Tar(buffer, filled)).map_err(|_| LayerError::Thread)?;
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
            Self::Here(digests) => digests.range(blob, offset, length),
            Self::Beside { work, .. } => {
                work.send(Work::Range(blob.clone(), offset, length)).map_err(|_| LayerError::Thread)
            }
        }
    }

    /// What came out of everything, if `result` says that everything was taken in.
    pub(super) fn finish(self, result: Result<(), LayerError>) -> Result<Sums, LayerError> {
        let digests = match self {
            Self::Here(digests) => Ok(*digests),
            Self::Beside { work, thread, .. } => {
                drop(work);
                thread.join().unwrap_or(Err(LayerError::Thread))
            }
        };
        let digests = match (result, digests) {
            (Ok(()), digests) => digests?,
            // The thread's own error says more than the broken channel it leaves behind.
            (Err(LayerError::Thread), Err(error)) | (Err(error), _) => return Err(error),
        };
        let encoded = digests.encoder.map(Encoder::finish).transpose()?;
        Ok(Sums { diff_id: DiffId(digests.tar.finish()), blob: digests.blob.finish(), encoded })
    }
}

impl Digests {
    fn follow(mut self, queue: &Receiver<Work>, back: &Sender<Vec<u8>>) -> Result<Self, LayerError> {
        while let Ok(work) = queue.recv() {
            match work {
                Work::Tar(buffer, filled) => {
                    self.tar(&buffer[..filled])?;
                    // The other side may be done already; the buffer is then simply freed.
                    let _ = back.send(buffer);
                }
                Work::Literal(bytes) => self.blob.update(&bytes),
                Work::Range(blob, offset, length) => self.range(&blob, offset, length)?,
            }
        }
        Ok(self)
    }

    fn tar(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.tar.update(bytes);
        self.encoder.as_mut().map_or(Ok(()), |encoder| encoder.write(bytes))
    }

    fn range(&mut self, blob: &Blob, mut offset: u64, length: u64) -> Result<(), LayerError> {
        self.buffer.resize(CHUNK, 0);
        let end = offset + length;
        while offset < end {
            let count = usize::try_from(end - offset).unwrap_or(CHUNK).min(CHUNK);
            let read = self.open.read(blob, offset, &mut self.buffer[..count]);
            read.map_err(|source| LayerError::Read { digest: *blob.digest(), source })?;
            self.blob.update(&self.buffer[..count]);
            offset += count as u64;
        }
        Ok(())
    }
}
