//! METADATA of wheels: from beside them, out of them, or from an earlier run.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path, sync::Arc};

use bytes::Bytes;
use reqwest::{
    StatusCode,
    header::{CONTENT_RANGE, HeaderMap, HeaderValue, RANGE},
};
use url::Url;

use super::{
    DirectWheel, IndexError, PackageIndex,
    tail::{Step, Window, extract, locate},
};
use crate::{
    http::{HttpError, Request},
    oci::Digest,
    python::{CoreMetadata, IndexFile, MetadataFile, WheelName},
    store::Bucket,
};

/// Bytes of the first look into a wheel: mostly the whole directory, and METADATA just before it.
const TAIL: u64 = 32 << 10;
/// Most bytes that one further look may ask for.
const MOST: u64 = 48 << 20;
/// Looks after which a wheel is given up: directory, header, data.
const LOOKS: u32 = 5;

/// Something that hands out parts of a wheel.
enum Parts {
    Remote(Url),
    Local(Arc<File>),
}

/// Why parts were not to be had.
enum Obstacle {
    /// Only the whole file can be had.
    Whole,
    Failed(IndexError),
}

impl PackageIndex {
    pub(super) async fn fetch_metadata(&self, index: &str, file: &IndexFile) -> Result<CoreMetadata, IndexError> {
        let wheel: WheelName = file.name.parse().map_err(|source| unusable(&file.name, source))?;
        let key = file.sha256.map(|digest| format!("metadata-1-{}", digest.hex()));
        let note = key.as_ref().and_then(|key| self.inner().store.note(Bucket::Pages, key));
        let text = if let Some(text) = note {
            text
        } else {
            let text = self.metadata_text(index, file, &wheel).await?;
            if let Some(key) = &key {
                self.inner().store.keep(Bucket::Pages, key, head(&text))?;
            }
            text
        };
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
        let parts = Parts::Local(open(direct.blob.path())?);
        let text = self.read_parts(&parts, &direct.wheel).await;
        let text = text.map_err(|obstacle| no_way_round(obstacle, &direct.wheel))?;
        CoreMetadata::parse(&text).map_err(|source| unusable(direct.wheel.file(), source))
    }

    async fn metadata_text(&self, index: &str, file: &IndexFile, wheel: &WheelName) -> Result<Vec<u8>, IndexError> {
        if let Some(blob) = file.sha256.as_ref().and_then(|digest| self.inner().store.blob(digest)) {
            let parts = Parts::Local(open(blob.path())?);
            return self.read_parts(&parts, wheel).await.map_err(|obstacle| no_way_round(obstacle, wheel));
        }
        if let Ok(path) = file.url.to_file_path() {
            let parts = Parts::Local(open(&path)?);
            return self.read_parts(&parts, wheel).await.map_err(|obstacle| no_way_round(obstacle, wheel));
        }
        if let Some(text) = self.metadata_beside(index, file).await? {
            return Ok(text);
        }
        let parts = Parts::Remote(self.with_credentials(index, &file.url));
        match self.read_parts(&parts, wheel).await {
            Ok(text) => Ok(text),
            Err(Obstacle::Failed(error)) => Err(error),
            Err(Obstacle::Whole) => {
                let blob = self.fetch_wheel(index, file).await?;
                let parts = Parts::Local(open(blob.path())?);
                self.read_parts(&parts, wheel).await.map_err(|obstacle| no_way_round(obstacle, wheel))
            }
        }
    }

    /// METADATA as a file of its own (PEP 658), when the index says there is one and has it.
    async fn metadata_beside(&self, index: &str, file: &IndexFile) -> Result<Option<Vec<u8>>, IndexError> {
        let MetadataFile::Present(digest) = &file.core_metadata else { return Ok(None) };
        let url = self.with_credentials(index, &file.metadata_url());
        let _permit = self.inner().requests.acquire().await;
        match self.inner().client.fetch(&Request::get(url)).await {
            Ok(answer) if digest.as_ref().is_some_and(|digest| Digest::of(&answer.body) != *digest) => {
                Err(IndexError::MetadataDigest { file: file.name.clone() })
            }
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
                    Step::Found(found) => located = Some(found),
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
            Parts::Remote(url) => self.request_part(url, wheel, &format!("bytes=-{TAIL}"), TAIL).await,
            Parts::Local(file) => {
                let total = file.metadata().map_err(|source| Obstacle::Failed(no_read(wheel, source)))?.len();
                local_part(file, (total.saturating_sub(TAIL), total), total)
                    .map_err(|source| Obstacle::Failed(no_read(wheel, source)))
            }
        }
    }

    async fn part(&self, parts: &Parts, wheel: &WheelName, range: (u64, u64)) -> Result<Window, Obstacle> {
        let (from, to) = range;
        match parts {
            Parts::Remote(_) if to.saturating_sub(from) > MOST || to <= from => Err(Obstacle::Whole),
            Parts::Remote(url) => self.request_part(url, wheel, &format!("bytes={from}-{}", to - 1), to - from).await,
            Parts::Local(file) => {
                let total = file.metadata().map_err(|source| Obstacle::Failed(no_read(wheel, source)))?.len();
                local_part(file, range, total).map_err(|source| Obstacle::Failed(no_read(wheel, source)))
            }
        }
    }

    async fn request_part(&self, url: &Url, wheel: &WheelName, range: &str, most: u64) -> Result<Window, Obstacle> {
        let value = HeaderValue::from_str(range).map_err(|_| Obstacle::Whole)?;
        let request = Request::get(url.clone()).header(RANGE, value).limit(most);
        let _permit = self.inner().requests.acquire().await;
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

/// `bytes 10-19/20`: where a part starts and how long the whole is.
fn content_range(headers: &HeaderMap) -> Option<(u64, u64)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, total) = text.split_once('/')?;
    Some((range.split('-').next()?.parse().ok()?, total.parse().ok()?))
}

/// METADATA without its description, which is most of it.
fn head(text: &[u8]) -> &[u8] {
    let ends = [b"\n\n".as_slice(), b"\n\r\n"];
    let end = ends.iter().filter_map(|end| text.windows(end.len()).position(|part| part == *end)).min();
    end.map_or(text, |end| &text[..=end])
}
