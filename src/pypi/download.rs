//! Wheels into the store: once per digest, whoever asks and however many processes do.

use std::{fs, io, path::Path, sync::Arc};

use reqwest::header::{ACCEPT_ENCODING, CONTENT_LENGTH, HeaderValue};
use url::Url;

use super::{IndexError, PackageIndex, folder::local_file, settings::Location};
use crate::{
    fs::FileLock,
    http::{HttpError, Method},
    lock::{LockedWheel, WheelSource},
    oci::Digest,
    progress::{Event, Task, TaskKind},
    python::{IndexFile, MetadataFile, WheelName, Yanked},
    store::{Blob, Ingest, Store, StoreError},
};

/// Most bytes of a wheel.
const LARGEST: u64 = 64 << 30;

/// A wheel that was named itself, in the store.
#[derive(Clone, Debug)]
pub struct DirectWheel {
    /// Its file name.
    pub wheel: WheelName,
    /// As an index would list it, digest and size included.
    pub file: IndexFile,
    /// Its bytes.
    pub blob: Blob,
    /// Whether whoever named it said its SHA-256 too.
    pub hash_told: bool,
}

impl PackageIndex {
    /// Fetches `file`, listed by index `index`, and checks it against the digest and size that the
    /// index gives.
    ///
    /// # Errors
    /// When it cannot be fetched or kept, or is not what the index says.
    pub async fn fetch_wheel(&self, index: &str, file: &IndexFile) -> Result<Blob, IndexError> {
        let url = url_of(file)?;
        self.fetch_file(&Listed::of(index, file, &url)).await
    }

    /// The digest and size of `file`: as the index gives them, else learnt from the file.
    ///
    /// # Errors
    /// When they had to be learnt and the file cannot be fetched.
    pub async fn digest_and_size(&self, index: &str, file: &IndexFile) -> Result<(Digest, u64), IndexError> {
        if let (Some(digest), Some(size)) = (file.sha256, file.size) {
            return Ok((digest, size));
        }
        if let Some(digest) = file.sha256
            && let Some(size) = self.announced_size(index, file).await
        {
            return Ok((digest, size));
        }
        let blob = self.fetch_wheel(index, file).await?;
        Ok((*blob.digest(), blob.size()))
    }

    /// Fetches the wheel at `url`, checked against a `#sha256=` fragment if there is one.
    ///
    /// # Errors
    /// When the URL does not end in a wheel's name, or the wheel cannot be fetched or kept.
    pub async fn direct(&self, url: &Url) -> Result<DirectWheel, IndexError> {
        let file = direct_file(url).ok_or_else(|| IndexError::Url { url: crate::http::redacted(url) })?;
        self.take_in(file).await
    }

    /// Takes in the wheel at `path`, relative to the recipe.
    ///
    /// # Errors
    /// When it is no wheel, or cannot be read or kept.
    pub async fn local(&self, path: &Path) -> Result<DirectWheel, IndexError> {
        let path = self.local_path(path)?;
        let fail = |source| IndexError::Folder { path: path.clone(), source };
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let size = path.metadata().map_err(fail)?.len();
        let file = local_file(&path, name, size).ok_or_else(|| fail(io::ErrorKind::InvalidFilename.into()))?;
        self.take_in(file).await
    }

    async fn take_in(&self, file: IndexFile) -> Result<DirectWheel, IndexError> {
        let wheel = file.name.parse().map_err(|source| IndexError::Metadata { file: file.name.clone(), source })?;
        let url = url_of(&file)?;
        let blob = self.fetch_file(&Listed::of("", &file, &url)).await?;
        let hash_told = file.sha256.is_some();
        let file = IndexFile { sha256: Some(*blob.digest()), size: Some(blob.size()), ..file };
        Ok(DirectWheel { wheel, file, blob, hash_told })
    }

    /// Fetches a wheel that a lock names, from wherever its index lists it now.
    ///
    /// # Errors
    /// When the index does not list it any more, and when it cannot be fetched or is another file.
    pub async fn download(&self, wheel: &LockedWheel) -> Result<Blob, IndexError> {
        if let Some(blob) = self.inner().store.blob(&wheel.sha256).filter(|blob| blob.size() == wheel.size) {
            let index = if let WheelSource::Index(index) = &wheel.source { index } else { "" };
            self.prove(index, &wheel.file, &blob).await?;
            return Ok(blob);
        }
        match &wheel.source {
            WheelSource::Index(index) => self.download_listed(index, wheel).await,
            WheelSource::Url(url) => {
                let url = url.parse().map_err(|_| IndexError::Url { url: url.clone() })?;
                self.fetch_file(&Listed::locked("", &url, wheel)).await
            }
            WheelSource::Path(path) => {
                let path = self.local_path(Path::new(path))?;
                let url =
                    Url::from_file_path(&path).map_err(|()| IndexError::Url { url: path.display().to_string() })?;
                self.fetch_file(&Listed::locked("", &url, wheel)).await
            }
        }
    }

    /// By the page that an earlier run kept, if that still holds, else by a new one.
    async fn download_listed(&self, index: &str, wheel: &LockedWheel) -> Result<Blob, IndexError> {
        let unknown = || IndexError::UnknownIndex { index: index.to_owned() };
        let not_listed = || IndexError::NotListed { index: index.to_owned(), file: wheel.file.clone() };
        let asked = self.named(index).ok_or_else(unknown)?;
        let package = wheel.name.parse().map_err(|_| not_listed())?;
        let fetch = async |listed: IndexFile| self.fetch_file(&Listed::locked(index, &url_of(&listed)?, wheel)).await;
        let kept = match asked.location {
            Location::Simple(root) => self.remembered_page(index, root, &package).unwrap_or_default(),
            Location::Links(_) | Location::Folder(_) => Vec::new(),
        };
        let mut tried = None;
        if let Some(listed) = listed(&kept, wheel) {
            tried = Some(listed.url.clone());
            match fetch(listed).await {
                Err(IndexError::Fetch { source, .. }) if moved(&source) => {}
                result => return result,
            }
        }
        let project = self.project_in(asked, &package).await?.ok_or_else(not_listed)?;
        match listed(&project.files, wheel) {
            Some(listed) if tried.as_ref() != Some(&listed.url) => fetch(listed).await,
            _ => Err(not_listed()),
        }
    }

    /// What `HEAD` says; a wrong answer is noticed when the wheel comes.
    async fn announced_size(&self, index: &str, file: &IndexFile) -> Option<u64> {
        if let Some(blob) = file.sha256.as_ref().and_then(|digest| self.inner().store.blob(digest)) {
            return Some(blob.size());
        }
        let plain = HeaderValue::from_static("identity");
        let mut request = self.request(index, &url_of(file).ok()?).await.ok()?.header(ACCEPT_ENCODING, plain);
        request.method = Method::HEAD;
        let _permit = self.inner().client.question().await;
        let response = self.inner().client.send(&request).await.ok()?;
        response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok().filter(|size| *size > 0)
    }

    async fn fetch_file(&self, file: &Listed<'_>) -> Result<Blob, IndexError> {
        let stored = || file.digest.as_ref().and_then(|digest| self.inner().store.blob(digest));
        if let Some(blob) = stored() {
            return Ok(blob);
        }
        let _lock = match file.digest {
            Some(digest) => Some(locked(&self.inner().store, digest).await?),
            None => None,
        };
        if let Some(blob) = stored() {
            return Ok(blob);
        }
        let ingest = match file.url.scheme() {
            "file" => copied(self.inner().store.clone(), file.url).await?,
            "http" | "https" => self.downloaded(file).await?,
            _ => return Err(IndexError::Url { url: crate::http::redacted(file.url) }),
        };
        let blob = match file.digest {
            Some(digest) => ingest.commit_as(file.name, &digest, file.size)?,
            None => ingest.commit()?,
        };
        self.prove(file.index, file.name, &blob).await?;
        Ok(blob)
    }

    async fn downloaded(&self, file: &Listed<'_>) -> Result<Ingest, IndexError> {
        let observer = Arc::clone(&self.inner().observer);
        let task = Task { kind: TaskKind::Download, name: file.name };
        let mut ingest = self.inner().store.ingest()?;
        let request = self.request(file.index, file.url).await?.limit(file.size.unwrap_or(LARGEST));
        observer.observe(&Event::Started { task, total: file.size });
        let advanced = |bytes| observer.observe(&Event::Advanced { task, bytes });
        let result = self.inner().client.download(&request, &mut ingest, &advanced).await;
        observer.observe(&Event::Finished { task });
        result.map_err(|source| IndexError::Fetch { file: file.name.to_owned(), source })?;
        Ok(ingest)
    }
}

/// A file to fetch, with what is known of it.
struct Listed<'a> {
    /// Name of the index that listed it; empty where the recipe names the file.
    index: &'a str,
    url: &'a Url,
    name: &'a str,
    digest: Option<Digest>,
    size: Option<u64>,
}

impl<'a> Listed<'a> {
    fn of(index: &'a str, file: &'a IndexFile, url: &'a Url) -> Self {
        Self { index, url, name: &file.name, digest: file.sha256, size: file.size }
    }

    fn locked(index: &'a str, url: &'a Url, wheel: &'a LockedWheel) -> Self {
        Self { index, url, name: &wheel.file, digest: Some(wheel.sha256), size: Some(wheel.size) }
    }
}

pub(super) fn url_of(file: &IndexFile) -> Result<Url, IndexError> {
    file.url.parse().map_err(|_| IndexError::Url { url: file.name.clone() })
}

/// The file of `files` that the lock means: a file of the same name with another digest is another.
pub(super) fn listed(files: &[IndexFile], wheel: &LockedWheel) -> Option<IndexFile> {
    let same = |file: &&IndexFile| {
        file.name == wheel.file && file.sha256.as_ref().is_none_or(|digest| *digest == wheel.sha256)
    };
    files.iter().find(same).cloned()
}

/// Whether the server says that nothing, or nothing for us, lies at a URL: signed URLs run out.
fn moved(error: &HttpError) -> bool {
    error.status().is_some_and(|status| matches!(status.as_u16(), 400 | 401 | 403 | 404 | 410))
}

fn direct_file(url: &Url) -> Option<IndexFile> {
    let page = format!("<a href=\"{}\">", url.as_str().replace('&', "&amp;").replace('"', "%22"));
    let files = crate::python::ProjectPage::parse(page.as_bytes(), "text/html", url).ok()?.files;
    let file = files.into_iter().next()?;
    Some(IndexFile { core_metadata: MetadataFile::Absent, yanked: Yanked::No, ..file })
}

async fn locked(store: &Store, digest: Digest) -> Result<FileLock, IndexError> {
    let (store, path) = (store.clone(), store.root().to_owned());
    let lock = tokio::task::spawn_blocking(move || store.lock(&digest)).await;
    match lock {
        Ok(lock) => Ok(lock?),
        Err(error) => Err(StoreError::Io { action: "lock", path, source: io::Error::other(error) }.into()),
    }
}

async fn copied(store: Store, url: &Url) -> Result<Ingest, IndexError> {
    let path = url.to_file_path().map_err(|()| IndexError::Url { url: crate::http::redacted(url) })?;
    let fail = |source| IndexError::Folder { path: path.clone(), source };
    let from = path.clone();
    let copy = move || -> Result<Ingest, IndexError> {
        let fail = |source| IndexError::Folder { path: from.clone(), source };
        let mut ingest = store.ingest()?;
        io::copy(&mut fs::File::open(&from).map_err(fail)?, &mut ingest).map_err(fail)?;
        Ok(ingest)
    };
    tokio::task::spawn_blocking(copy).await.map_err(|error| fail(io::Error::other(error)))?
}
