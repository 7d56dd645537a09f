//! A made layer as a blob that can be sent as often as needed.

use std::{io::Read as _, sync::Arc};

use bytes::Bytes;
use futures_util::{future::BoxFuture, stream};

use super::{Rope, rope::RopeReader};
use crate::{
    image::{BlobSource, ByteStream, TransferError},
    oci::Descriptor,
};

/// Bytes handed over at a time.
const PIECE: usize = 512 * 1024;

/// A layer whose bytes are read from the store whenever they are asked for.
#[derive(Clone, Debug)]
pub struct VirtualLayer {
    descriptor: Descriptor,
    rope: Arc<Rope>,
}

impl VirtualLayer {
    /// The layer that `descriptor` describes and `rope` yields.
    #[must_use]
    pub fn new(descriptor: Descriptor, rope: Rope) -> Self {
        Self { descriptor, rope: Arc::new(rope) }
    }

    /// A blocking reader from `offset` on.
    #[must_use]
    pub fn reader(&self, offset: u64) -> RopeReader {
        Arc::clone(&self.rope).reader(offset)
    }
}

impl BlobSource for VirtualLayer {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn distrust(&self) -> bool {
        self.rope.remove_damaged()
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        let reader = self.reader(from);
        Box::pin(async move {
            let pieces: ByteStream = Box::pin(stream::try_unfold(reader, async |reader| {
                let read = tokio::task::spawn_blocking(move || next_piece(reader));
                read.await.map_err(std::io::Error::other)?
            }));
            Ok(pieces)
        })
    }
}

fn next_piece(mut reader: RopeReader) -> std::io::Result<Option<(Bytes, RopeReader)>> {
    let mut piece = Vec::with_capacity(PIECE);
    reader.by_ref().take(PIECE as u64).read_to_end(&mut piece)?;
    Ok((!piece.is_empty()).then(|| (Bytes::from(piece), reader)))
}
