//! Files of an archive on their way into the store: once between all processes, checked.

use url::Url;

use super::{AptError, Archive, archive::unfetched};
use crate::{
    http::{HttpError, Request, StatusCode, redacted},
    lock::{LockedPackage, LockedSuite},
    oci::Digest,
    progress::{Event, Task, TaskKind},
    store::{Blob, StoreError},
};

/// A file whose checksum is known.
pub(super) struct Wanted<'a> {
    /// In messages.
    pub(super) name: &'a str,
    pub(super) sha256: Digest,
    pub(super) size: u64,
    /// Most bytes that are taken.
    pub(super) limit: u64,
}

/// Why a mirror will not do.
enum Refused {
    Http(HttpError),
    Bytes(AptError),
}

impl Wanted<'_> {
    fn not_kept(&self, source: StoreError) -> AptError {
        AptError::Keep { file: self.name.to_owned(), source }
    }

    fn wrong_size(&self, url: String, found: String) -> AptError {
        AptError::WrongSize { url, expected: self.size, found }
    }
}

fn is_gone(error: &HttpError) -> bool {
    error.status() == Some(StatusCode::NOT_FOUND)
}

impl Archive {
    /// The .deb of a lock: from the store, from the first mirror that has it, or from an archive of past
    /// states; `suites` says when it was listed.
    ///
    /// # Errors
    /// When none of them has it, or what comes is not what the lock says.
    pub async fn download(&self, package: &LockedPackage, suites: &[LockedSuite]) -> Result<Blob, AptError> {
        let name = package.path.rsplit('/').next().unwrap_or(&package.path);
        let wanted = Wanted { name, sha256: package.sha256, size: package.size, limit: package.size };
        let mut urls = self.mirrors.urls(&package.archive, &package.path);
        let is_it = |suite: &&LockedSuite| {
            suite.archive == package.archive && package.suite.as_ref().is_none_or(|name| *name == suite.suite)
        };
        if let Some(suite) = suites.iter().find(is_it).filter(|_| !urls.is_empty()) {
            let malformed = |source| AptError::Malformed { file: "lock".to_owned(), source };
            let moment = suite.date.parse().map_err(malformed)?;
            urls.extend(self.mirrors.past_urls(&package.archive, moment, &package.path));
        }
        match self.bring((&package.archive, &package.path), urls, &wanted).await {
            Err(AptError::Fetch { source, .. }) if source.status() == Some(StatusCode::NOT_FOUND) => {
                Err(AptError::Gone {
                    package: format!("{} {}", package.name, package.version),
                    archive: package.archive.clone(),
                    path: package.path.clone(),
                    source,
                })
            }
            result => result,
        }
    }

    /// A file of an archive, from the store or from the first of `urls` that has it.
    pub(super) async fn bring(
        &self,
        (archive, path): (&str, &str),
        urls: Vec<Url>,
        wanted: &Wanted<'_>,
    ) -> Result<Blob, AptError> {
        let here = || self.store.blob(&wanted.sha256).filter(|blob| blob.size() == wanted.size);
        if let Some(blob) = here() {
            return Ok(blob);
        }
        let (store, digest) = (self.store.clone(), wanted.sha256);
        let lock = tokio::task::spawn_blocking(move || store.lock(&digest)).await;
        let lock = lock.map_err(|_| AptError::Interrupted { file: wanted.name.to_owned() })?;
        let _lock = lock.map_err(|source| wanted.not_kept(source))?;
        // Whoever held the lock may have brought it.
        if let Some(blob) = here() {
            return Ok(blob);
        }
        let (mut unreached, mut refused) = (None, None);
        for url in urls {
            match self.try_url(url, wanted).await? {
                Ok(blob) => return Ok(blob),
                // That one mirror does not have it says less than that another did not answer.
                Err(Refused::Http(error)) if is_gone(&error) => unreached = unreached.or(Some(error)),
                Err(Refused::Http(error)) => unreached = Some(error),
                Err(Refused::Bytes(error)) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.unwrap_or_else(|| unfetched(archive, path, unreached)))
    }

    /// The file from one mirror. One that lags or lies does not spoil the others; a store that cannot be
    /// written does.
    async fn try_url(&self, url: Url, wanted: &Wanted<'_>) -> Result<Result<Blob, Refused>, AptError> {
        let shown = redacted(&url);
        let mut ingest = self.store.ingest().map_err(|source| wanted.not_kept(source))?;
        match self.stream(&Request::get(url).limit(wanted.limit), wanted, &mut ingest).await {
            Ok(()) if ingest.size() != wanted.size => {
                Ok(Err(Refused::Bytes(wanted.wrong_size(shown, format!("{} bytes", ingest.size())))))
            }
            Err(HttpError::TooLarge { .. }) => Ok(Err(Refused::Bytes(wanted.wrong_size(shown, "more".to_owned())))),
            Err(error) => Ok(Err(Refused::Http(error))),
            Ok(()) => match ingest.commit_as(wanted.name, &wanted.sha256, Some(wanted.size)) {
                Err(StoreError::Mismatch { found, .. }) => {
                    Ok(Err(Refused::Bytes(AptError::Corrupt { url: shown, expected: wanted.sha256, found })))
                }
                result => result.map(Ok).map_err(|source| wanted.not_kept(source)),
            },
        }
    }

    async fn stream(
        &self,
        request: &Request,
        wanted: &Wanted<'_>,
        into: &mut crate::store::Ingest,
    ) -> Result<(), HttpError> {
        let task = Task { kind: TaskKind::Download, name: wanted.name };
        self.observer.observe(&Event::Started { task, total: Some(wanted.size) });
        let advanced = |bytes| self.observer.observe(&Event::Advanced { task, bytes });
        let result = self.http.download(request, into, &advanced).await;
        self.observer.observe(&Event::Finished { task });
        result.map(|_| ())
    }
}
