//! METADATA of wheels: from beside them, out of them, or from an earlier run.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::{Arc, PoisonError},
};

use super::{
    DirectWheel, IndexError, PackageIndex,
    download::url_of,
    tail::{Step, Window, extract, locate},
};
use crate::{
    http::{HttpError, Request},
    oci::Digest,
    python::{CoreMetadata, IndexFile, MetadataFile, WheelName},
    store::{Blob, Bucket},
};
use bytes::Bytes;
use reqwest::{
    StatusCode,
    header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE},
};

/// Bytes of the first look into a wheel: mostly the whole directory, and METADATA just before it.
const TAIL: u64 = 32 << 10;
/// Most bytes of a first look.
const LARGEST_TAIL: u64 = 1 << 20;
/// Most bytes that one further look may ask for.
const MOST: u64 = 48 << 20;
/// Looks after which a wheel is given up: directory, header, data.
const LOOKS: u32 = 5;

/// Most bytes that a server may say a wheel has.
const LARGEST_WHEEL: u64 = 1 << 40;
/// Most bytes of METADATA beside a wheel.
const LARGEST_METADATA: u64 = 16 << 20;

/// Where METADATA was read: what an index tells is proven when the wheel comes.
#[derive(Clone, Copy)]
enum Origin {
    Wheel,
    Index,
}

/// Something that hands out parts of a wheel.
enum Parts {
    /// With the size that the index gives.
    Remote(Box<Request>, Option<u64>),
    Local(Arc<File>),
}

/// Why parts were not to be had.
enum Obstacle {
    /// Only the whole file can be had.
    Whole,
    Failed(IndexError),
}

impl Origin {
    /// The key of the note about the wheel with `digest`.
    fn key(self, digest: &Digest) -> String {
        let origin = match self {
            Self::Wheel => "metadata-2",
            Self::Index => "told-2",
        };
        format!("{origin}-{}", digest.hex())
    }
}

impl PackageIndex {
    pub(super) async fn fetch_metadata(&self, index: &str, file: &IndexFile) -> Result<CoreMetadata, IndexError> {
        let wheel: WheelName = file.name.parse().map_err(|source| unusable(&file.name, source))?;
        let text = self.metadata_text(index, file, &wheel).await?;
        let metadata = CoreMetadata::parse(&text).map_err(|source| unusable(&file.name, source))?;
        if metadata.name != *wheel.name() || metadata.version != *wheel.version() {
            let reason = format!("its metadata is of {} {}", metadata.name, metadata.version);
            return Err(IndexError::Broken { file: file.name.clone(), reason });
        }
        Ok(metadata)
    }

    /// What a wheel that was named itself says of itself.
    ///
    /// # Errors
    /// When it holds no METADATA, or one that makes no sense.
    pub async fn metadata_of(&self, direct: &DirectWheel) -> Result<CoreMetadata, IndexError> {
        let text = self.local_text(direct.blob.path(), &direct.wheel).await?;
        CoreMetadata::parse(&text).map_err(|source| unusable(direct.wheel.file(), source))
    }

    /// The METADATA of a wheel that a lock names, as far as it is at hand: in the store, or beside the recipe.
    ///
    /// # Errors
    /// When a wheel that lies here cannot be read.
    pub async fn kept_metadata(
        &self,
        (file, digest): (&str, &Digest),
        path: Option<&Path>,
    ) -> Result<Option<Vec<u8>>, IndexError> {
        let Ok(wheel) = file.parse::<WheelName>() else { return Ok(None) };
        if let Some(path) = path {
            return self.local_text(&self.local_path(path)?, &wheel).await.map(Some);
        }
        let note = |origin: Origin| self.inner().store.note(Bucket::Pages, &origin.key(digest));
        match (note(Origin::Wheel), self.inner().store.blob(digest)) {
            (Some(text), _) => Ok(Some(text)),
            (None, Some(blob)) => self.local_text(blob.path(), &wheel).await.map(Some),
            (None, None) => Ok(note(Origin::Index)),
        }
    }

    /// Checks that the wheel in `blob` says of itself what index `index` told of it, if that was asked.
    pub(super) async fn prove(&self, index: &str, name: &str, blob: &Blob) -> Result<(), IndexError> {
        let (read, told) = (Origin::Wheel.key(blob.digest()), Origin::Index.key(blob.digest()));
        let note = |key: &str| self.inner().store.note(Bucket::Pages, key);
        if note(&read).is_some() {
            return Ok(());
        }
        let (Some(told), Ok(wheel)) = (note(&told), name.parse::<WheelName>()) else { return Ok(()) };
        let text = self.local_text(blob.path(), &wheel).await?;
        if CoreMetadata::parse(&told) != CoreMetadata::parse(&text) {
            return Err(IndexError::MetadataDiffers { index: index.to_owned(), file: name.to_owned() });
        }
        Ok(self.inner().store.keep(Bucket::Pages, &read, head(&text))?)
    }

    /// As read from the wheel itself, if it is at hand; else as the index told it, in an earlier run or
    /// now.
    async fn metadata_text(&self, index: &str, file: &IndexFile, wheel: &WheelName) -> Result<Vec<u8>, IndexError> {
        if !file.url.is_remote()
            && let Ok(path) = url_of(file)?.to_file_path()
        {
            return self.local_text(&path, wheel).await;
        }
        let Some(digest) = file.sha256 else { return self.remote_text(index, file, wheel).await };
        let note = |origin: Origin| self.inner().store.note(Bucket::Pages, &origin.key(&digest));
        if let Some(text) = note(Origin::Wheel) {
            return Ok(text);
        }
        let (origin, text) = match self.inner().store.blob(&digest) {
            Some(blob) => (Origin::Wheel, self.local_text(blob.path(), wheel).await?),
            None => match note(Origin::Index) {
                Some(text) => return Ok(text),
                None => (Origin::Index, self.remote_text(index, file, wheel).await?),
            },
        };
        self.inner().store.keep(Bucket::Pages, &origin.key(&digest), head(&text))?;
        Ok(text)
    }

    async fn local_text(&self, path: &Path, wheel: &WheelName) -> Result<Vec<u8>, IndexError> {
        let parts = Parts::Local(open(path)?);
        self.read_parts(&parts, wheel).await.map_err(|obstacle| no_way_round(obstacle, wheel))
    }

    async fn remote_text(&self, index: &str, file: &IndexFile, wheel: &WheelName) -> Result<Vec<u8>, IndexError> {
        if let Some(text) = self.metadata_beside(index, file).await? {
            return Ok(text);
        }
        let parts = Parts::Remote(Box::new(self.request(index, &url_of(file)?).await?), file.size);
        match self.read_parts(&parts, wheel).await {
            Ok(text) => Ok(text),
            Err(Obstacle::Failed(error)) => Err(error),
            Err(Obstacle::Whole) => {
                let blob = self.fetch_wheel(index, file).await?;
                self.local_text(blob.path(), wheel).await
            }
        }
    }

    /// METADATA as a file of its own (PEP 658), when the index says there is one and has it.
    async fn metadata_beside(&self, index: &str, file: &IndexFile) -> Result<Option<Vec<u8>>, IndexError> {
        let MetadataFile::Present(digest) = &file.core_metadata else { return Ok(None) };
        let url = file.metadata_url().map_err(|_| IndexError::Url { url: file.name.clone() })?;
        let request = self.request(index, &url).await?.limit(LARGEST_METADATA);
        let _permit = self.inner().client.question().await;
        match self.inner().client.fetch(&request).await {
            Ok(answer) if digest.as_ref().is_some_and(|digest| Digest::of(&answer.body) != *digest) => {
                Err(IndexError::MetadataDigest { file: file.name.clone() })
            }
            // Without a hash, only its end tells whether it is whole; the wheel can tell more.
            Ok(answer) if digest.is_none() && !is_whole(&answer.body) => Ok(None),
            Ok(answer) => Ok(Some(answer.body.to_vec())),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(source) => Err(IndexError::Fetch { file: file.name.clone(), source }),
        }
    }

    async fn read_parts(&self, parts: &Parts, wheel: &WheelName) -> Result<Vec<u8>, Obstacle> {
        // Forms that this reader does not know are read whole by nobody else either: say what is wrong.
        let broken = |reason: &'static str| {
            let reason = reason.to_owned();
            Obstacle::Failed(IndexError::Broken { file: wheel.file().to_owned(), reason })
        };
        let mut window = self.last_part(parts, wheel).await?;
        let mut located = None;
        for _ in 0..LOOKS {
            if located.is_none() {
                match locate(&window, wheel).map_err(broken)? {
                    Step::Found(found) => {
                        self.learn_tail(parts, wheel, window.total - found.start().min(window.total));
                        located = Some(found);
                    }
                    Step::Need(range) => {
                        window = self.part(parts, wheel, (range.start, range.end)).await?;
                        continue;
                    }
                }
            }
            if let Some(found) = &located {
                match extract(&window, found).map_err(broken)? {
                    Step::Found(text) => return Ok(text),
                    Step::Need(range) => window = self.part(parts, wheel, (range.start, range.end)).await?,
                }
            }
        }
        Err(broken("its METADATA cannot be found"))
    }

    async fn last_part(&self, parts: &Parts, wheel: &WheelName) -> Result<Window, Obstacle> {
        match parts {
            Parts::Remote(request, promised) => {
                let tail = self.usual_tail(wheel);
                let window = self.request_part(request, wheel, &format!("bytes=-{tail}"), tail).await?;
                match promised {
                    Some(promised) if *promised != window.total => Err(Obstacle::Failed(IndexError::Size {
                        file: wheel.file().to_owned(),
                        promised: *promised,
                        found: window.total,
                    })),
                    _ => Ok(window),
                }
            }
            Parts::Local(file) => {
                let total = file.metadata().map_err(|source| Obstacle::Failed(no_read(wheel, source)))?.len();
                local_part(file, (total.saturating_sub(TAIL), total), total)
                    .map_err(|source| Obstacle::Failed(no_read(wheel, source)))
            }
        }
    }

    /// Bytes to ask for first: as many as other wheels of the project needed.
    fn usual_tail(&self, wheel: &WheelName) -> u64 {
        let tails = self.inner().tails.lock().unwrap_or_else(PoisonError::into_inner);
        tails.get(wheel.name()).copied().unwrap_or(TAIL)
    }

    fn learn_tail(&self, parts: &Parts, wheel: &WheelName, needed: u64) {
        // A little more: the next version will have grown.
        let needed = needed + needed / 8;
        if matches!(parts, Parts::Remote(..)) && needed > TAIL && needed < LARGEST_TAIL {
            let mut tails = self.inner().tails.lock().unwrap_or_else(PoisonError::into_inner);
            let tail = tails.entry(wheel.name().clone()).or_insert(needed);
            *tail = needed.max(*tail);
        }
    }

    async fn part(&self, parts: &Parts, wheel: &WheelName, range: (u64, u64)) -> Result<Window, Obstacle> {
        let (from, to) = range;
        match parts {
            Parts::Remote(..) if to.saturating_sub(from) > MOST || to <= from => Err(Obstacle::Whole),
            Parts::Remote(request, _) => {
                self.request_part(request, wheel, &format!("bytes={from}-{}", to - 1), to - from).await
            }
            Parts::Local(file) => {
                let total = file.metadata().map_err(|source| Obstacle::Failed(no_read(wheel, source)))?.len();
                local_part(file, range, total).map_err(|source| Obstacle::Failed(no_read(wheel, source)))
            }
        }
    }

    async fn request_part(
        &self,
        request: &Request,
        wheel: &WheelName,
        range: &str,
        most: u64,
    ) -> Result<Window, Obstacle> {
        let value = HeaderValue::from_str(range).map_err(|_| Obstacle::Whole)?;
        let request = request.clone().header(RANGE, value).limit(most);
        let _permit = self.inner().client.question().await;
        match self.inner().client.fetch(&request).await {
            Ok(answer) if answer.status == StatusCode::PARTIAL_CONTENT => {
                let (start, total) = content_range(&answer.headers).ok_or(Obstacle::Whole)?;
                Ok(Window { start, total, bytes: answer.body })
            }
            // A server without ranges sends everything: fine, if that is little.
            Ok(answer) if answer.status == StatusCode::OK => {
                Ok(Window { start: 0, total: answer.body.len() as u64, bytes: answer.body })
            }
            Ok(_) | Err(HttpError::TooLarge { .. }) => Err(Obstacle::Whole),
            Err(source) => Err(Obstacle::Failed(IndexError::Fetch { file: wheel.file().to_owned(), source })),
        }
    }
}

fn no_way_round(obstacle: Obstacle, wheel: &WheelName) -> IndexError {
    match obstacle {
        Obstacle::Failed(error) => error,
        Obstacle::Whole => {
            IndexError::Broken { file: wheel.file().to_owned(), reason: "its METADATA cannot be found".to_owned() }
        }
    }
}

fn local_part(file: &File, range: (u64, u64), total: u64) -> io::Result<Window> {
    let (from, to) = range;
    let length = usize::try_from(to.saturating_sub(from).min(MOST)).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, from)?;
    Ok(Window { start: from, total, bytes: Bytes::from(bytes) })
}

fn open(path: &Path) -> Result<Arc<File>, IndexError> {
    File::open(path).map(Arc::new).map_err(|source| IndexError::Folder { path: path.to_owned(), source })
}

fn no_read(wheel: &WheelName, source: io::Error) -> IndexError {
    IndexError::Folder { path: wheel.file().into(), source }
}

fn unusable(file: &str, source: crate::python::PythonError) -> IndexError {
    IndexError::Metadata { file: file.to_owned(), source }
}

/// Whether METADATA ends where a line does, or has a body behind its headers.
fn is_whole(text: &[u8]) -> bool {
    text.ends_with(b"\n") || head(text).len() < text.len()
}

/// `bytes 10-19/20`: where a part starts and how long the whole is.
fn content_range(headers: &HeaderMap) -> Option<(u64, u64)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    let (start, total) = (range.split('-').next()?.parse().ok()?, total.parse().ok()?);
    (start <= total && total <= LARGEST_WHEEL).then_some((start, total))
}

/// METADATA without its description, which is most of it.
fn head(text: &[u8]) -> &[u8] {
    let ends = [b"\n\n".as_slice(), b"\n\r\n"];
    let end = ends.iter().filter_map(|end| text.windows(end.len()).position(|part| part == *end)).min();
    end.map_or(text, |end| &text[..=end])
}
