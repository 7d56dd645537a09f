//! A blob that lies in a registry: streamed, resumed where it was cut, verified at the end.

use std::io;

use futures_util::{future::BoxFuture, stream};
use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_RANGE, RANGE},
};

use super::{RegistryError, Repository, call::Call};
use crate::{
    http::pause,
    image::{BlobSource, ByteStream, Bytes, Origin, TransferError},
    oci::{Descriptor, Hasher},
};

/// So much progress forgives earlier cuts.
const PROGRESS: u64 = 1 << 20;

/// A blob of a [`Repository`].
#[derive(Clone)]
pub struct RemoteBlob {
    repository: Repository,
    /// Where it is looked for before.
    mirrors: Vec<Repository>,
    descriptor: Descriptor,
    origin: Origin,
}

struct Reader {
    repository: Repository,
    descriptor: Descriptor,
    /// Of the next byte that the caller gets.
    offset: u64,
    /// Behind the last byte, where only a part is wanted.
    part: Option<u64>,
    /// Present when everything from the first byte on was seen.
    hasher: Option<Hasher>,
    response: Option<Response>,
    /// Bytes to throw away because the registry began again at the start.
    skip: u64,
    cuts: u32,
    offset_of_last_cut: u64,
}

impl RemoteBlob {
    pub(super) fn new(repository: Repository, mirrors: Vec<Repository>, descriptor: Descriptor) -> Self {
        // What a mirror holds is in the registry itself as well, and can be mounted there.
        let origin =
            Origin { registry: repository.registry_name().to_owned(), repository: repository.name().to_owned() };
        Self { repository, mirrors, descriptor, origin }
    }

    /// A reader that is connected: a blob that is not there is told of here, not in the middle of a
    /// transfer.
    async fn connected(&self, from: u64, part: Option<u64>) -> Result<Reader, RegistryError> {
        for mirror in &self.mirrors {
            match self.reader(mirror, from, part).await {
                Err(error) => tracing::debug!(%mirror, %error, "the next place is tried"),
                found => return found,
            }
        }
        self.reader(&self.repository, from, part).await
    }

    async fn reader(&self, place: &Repository, from: u64, part: Option<u64>) -> Result<Reader, RegistryError> {
        let mut reader = Reader {
            repository: place.clone(),
            descriptor: self.descriptor.clone(),
            offset: from,
            part,
            hasher: (from == 0 && part.is_none()).then(Hasher::new),
            response: None,
            skip: 0,
            cuts: 0,
            offset_of_last_cut: from,
        };
        reader.connect().await?;
        Ok(reader)
    }
}

impl BlobSource for RemoteBlob {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        Box::pin(async move { Ok(self.connected(from, None).await?.into_stream()) })
    }

    fn open_range(&self, from: u64, length: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
        let end = from.saturating_add(length).min(self.descriptor.size);
        Box::pin(async move {
            if from >= end {
                let nothing: ByteStream = Box::pin(stream::empty());
                return Ok(nothing);
            }
            Ok(self.connected(from, Some(end)).await?.into_stream())
        })
    }

    fn origin(&self) -> Option<&Origin> {
        Some(&self.origin)
    }
}

impl Reader {
    fn into_stream(self) -> ByteStream {
        Box::pin(stream::try_unfold(self, async |mut reader| {
            let piece = reader.next().await.map_err(into_io)?;
            Ok(piece.map(|piece| (piece, reader)))
        }))
    }

    /// Behind the last byte that the caller gets.
    fn end_of_wanted(&self) -> u64 {
        self.part.unwrap_or(self.descriptor.size)
    }

    async fn next(&mut self) -> Result<Option<Bytes>, RegistryError> {
        loop {
            if self.offset >= self.end_of_wanted() {
                return self.end().await;
            }
            if self.response.is_none() {
                self.connect().await?;
            }
            match self.chunk().await {
                Some(chunk) => {
                    let fresh = self.without_skipped(chunk);
                    if !fresh.is_empty() {
                        return self.take(fresh).map(Some);
                    }
                }
                None => self.cut().await?,
            }
        }
    }

    /// The next piece of the answer; nothing when it ended, broke or stalled.
    async fn chunk(&mut self) -> Option<Bytes> {
        let limit = self.repository.http().options().stall;
        tokio::time::timeout(limit, self.response.as_mut()?.chunk()).await.ok()?.ok()?
    }

    fn without_skipped(&mut self, mut chunk: Bytes) -> Bytes {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
        self.skip -= skipped as u64;
        chunk.split_off(skipped)
    }

    fn take(&mut self, chunk: Bytes) -> Result<Bytes, RegistryError> {
        self.offset += chunk.len() as u64;
        if self.offset > self.end_of_wanted() {
            return Err(self.wrong(&format!("more than {} bytes", self.end_of_wanted())));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&chunk);
        }
        Ok(chunk)
    }

    async fn end(&mut self) -> Result<Option<Bytes>, RegistryError> {
        if let Some(hasher) = self.hasher.take() {
            let found = hasher.finish();
            if found != self.descriptor.digest {
                return Err(self.wrong(&found));
            }
            // Nothing may follow; an answer that breaks now has brought all it had to.
            if self.response.is_some() && self.chunk().await.is_some_and(|chunk| !chunk.is_empty()) {
                return Err(self.wrong(&format!("more than {} bytes", self.descriptor.size)));
            }
        }
        Ok(None)
    }

    /// Counts a cut, waits, and has the next piece come over a new connection.
    async fn cut(&mut self) -> Result<(), RegistryError> {
        self.response = None;
        self.cuts = if self.offset >= self.offset_of_last_cut + PROGRESS { 1 } else { self.cuts + 1 };
        self.offset_of_last_cut = self.offset;
        let options = self.repository.http().options();
        if self.cuts > options.retries {
            return Err(RegistryError::Cut {
                repository: self.repository.to_string(),
                subject: self.descriptor.digest.to_string(),
                received: self.offset,
            });
        }
        tracing::debug!(digest = %self.descriptor.digest, offset = self.offset, "resuming");
        tokio::time::sleep(pause(self.cuts, options.pause)).await;
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), RegistryError> {
        let url = self.repository.blob_url(&self.descriptor.digest)?;
        let whole = || Call::new(Method::GET, url.clone(), &self.descriptor.digest);
        let last = self.part.map(|end| end.saturating_sub(1).to_string()).unwrap_or_default();
        let response = match self.offset {
            0 if self.part.is_none() => self.repository.send(&whole(), &[200]).await?,
            offset => {
                let rest = whole().with(RANGE, &format!("bytes={offset}-{last}"));
                let response = self.repository.send(&rest, &[200, 206, 416]).await?;
                match response.status() {
                    StatusCode::PARTIAL_CONTENT if starts_at(&response) == Some(offset) => {
                        self.skip = 0;
                        self.response = Some(response);
                        return Ok(());
                    }
                    // What lies before a part may be a thousand times as much.
                    _ if self.part.is_some() => {
                        return Err(RegistryError::NoRanges { repository: self.repository.to_string() });
                    }
                    StatusCode::OK => response,
                    _ => self.repository.send(&whole(), &[200]).await?,
                }
            }
        };
        if let Some(length) = response.content_length().filter(|length| *length != self.descriptor.size) {
            return Err(self.wrong(&format!("{length} bytes")));
        }
        self.skip = self.offset;
        self.response = Some(response);
        Ok(())
    }

    fn wrong(&self, found: &impl ToString) -> RegistryError {
        let Descriptor { digest, size, .. } = &self.descriptor;
        self.repository.mismatch(&format!("{digest} of {size} bytes"), found)
    }
}

fn starts_at(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

fn into_io(error: RegistryError) -> io::Error {
    let kind = match error {
        RegistryError::Mismatch { .. } => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
