//! Blobs that are a stretch of a file: a whole file of a layout, or a part of an archive.

use std::{
    io::{self, SeekFrom},
    path::{Path, PathBuf},
};

use bytes::BytesMut;
use futures_util::{StreamExt as _, future::BoxFuture};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _, Take},
};

use super::LayoutError;
use crate::{
    image::{BlobSource, ByteStream, TransferError},
    oci::Descriptor,
};

/// Bytes read at once.
const PIECE: usize = 256 << 10;

/// A blob in a file.
#[derive(Clone, Debug)]
pub struct FileBlob {
    descriptor: Descriptor,
    path: PathBuf,
    start: u64,
    /// Whether the file is the blob and nothing else.
    whole: bool,
}

impl FileBlob {
    /// The blob that is all of the file at `path`.
    #[must_use]
    pub const fn whole(descriptor: Descriptor, path: PathBuf) -> Self {
        Self { descriptor, path, start: 0, whole: true }
    }

    /// The blob that begins at byte `start` of the file at `path`.
    #[must_use]
    pub const fn within(descriptor: Descriptor, path: PathBuf, start: u64) -> Self {
        Self { descriptor, path, start, whole: false }
    }
}

impl BlobSource for FileBlob {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        Box::pin(async move {
            let unreadable = |source| LayoutError::Read { path: self.path.clone(), source };
            let file = open_at(&self.path, self.start.saturating_add(from)).await.map_err(unreadable)?;
            let Descriptor { digest, size, .. } = self.descriptor;
            let there = if self.whole { file.metadata().await.map_err(unreadable)?.len() } else { size };
            if there != size {
                return Err(TransferError::Corrupt { digest, found: format!("{there} bytes in place of {size}") });
            }
            let rest = file.take(self.descriptor.size.saturating_sub(from));
            Ok(futures_util::stream::unfold(Some(rest), async |rest| next_piece(rest?).await).boxed())
        })
    }
}

async fn open_at(path: &Path, position: u64) -> io::Result<File> {
    let mut file = File::open(path).await?;
    file.seek(SeekFrom::Start(position)).await?;
    Ok(file)
}

async fn next_piece(mut rest: Take<File>) -> Option<(io::Result<bytes::Bytes>, Option<Take<File>>)> {
    let mut piece = BytesMut::with_capacity(PIECE);
    match rest.read_buf(&mut piece).await {
        Ok(0) => None,
        Ok(_) => Some((Ok(piece.freeze()), Some(rest))),
        Err(error) => Some((Err(error), None)),
    }
}
