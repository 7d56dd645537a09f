//! Files of an archive on their way into the store: once between all processes, checked.

use super::{AptError, Archive, archive::unfetched};
use crate::{
    http::{HttpError, Request, StatusCode},
    lock::LockedPackage,
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

impl Archive {
    /// The .deb of a lock, from the store or from the first mirror that has it.
    ///
    /// # Errors
    /// When no mirror has it, or what comes is not what the lock says.
    pub async fn download(&self, package: &LockedPackage) -> Result<Blob, AptError> {
        let name = package.path.rsplit('/').next().unwrap_or(&package.path);
        let wanted = Wanted { name, sha256: package.sha256, size: package.size, limit: package.size };
        match self.bring(&package.archive, &package.path, &wanted).await {
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

    pub(super) async fn bring(&self, archive: &str, path: &str, wanted: &Wanted<'_>) -> Result<Blob, AptError> {
        let here = || self.store.blob(&wanted.sha256).filter(|blob| blob.size() == wanted.size);
        if let Some(blob) = here() {
            return Ok(blob);
        }
        let keep = |source: StoreError| AptError::Keep { file: wanted.name.to_owned(), source };
        let (store, digest) = (self.store.clone(), wanted.sha256);
        let lock = tokio::task::spawn_blocking(move || store.lock(&digest)).await;
        let _lock = lock.map_err(|_| AptError::Interrupted { file: wanted.name.to_owned() })?.map_err(keep)?;
        // Whoever held the lock may have brought it.
        if let Some(blob) = here() {
            return Ok(blob);
        }
        let mut last = unfetched(archive, path, None);
        for url in self.mirrors.urls(archive, path) {
            let mut ingest = self.store.ingest().map_err(keep)?;
            match self.stream(&Request::get(url).limit(wanted.limit), wanted, &mut ingest).await {
                Ok(()) => match ingest.commit_as(wanted.name, &wanted.sha256, Some(wanted.size)) {
                    // A mirror that lags or lies does not spoil the others.
                    Err(error @ StoreError::Mismatch { .. }) => last = keep(error),
                    result => return result.map_err(keep),
                },
                Err(error) => last = unfetched(archive, path, Some(error)),
            }
        }
        Err(last)
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
