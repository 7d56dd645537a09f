//! The indexes of an archive, by their checksums.

use std::{io::BufReader, sync::Arc};

use super::{AptError, DEBIAN, Mirrors, SECURITY, Universe};
use crate::{
    debian::{Compression, DebianError, IndexFile, Release, decompress, packages},
    http::{Client, HttpError, Request, StatusCode},
    oci::Digest,
    progress::Observer,
    store::{Blob, Bucket, Store},
};

/// Most bytes of a release file; Debian's have some hundred kilobytes.
const RELEASE_LIMIT: u64 = 16 << 20;
/// Most bytes of a compressed index; Debian's have nine million.
const INDEX_LIMIT: u64 = 512 << 20;
/// The forms of an index, the smallest first.
const FORMS: [&str; 3] = ["Packages.xz", "Packages.gz", "Packages"];

/// The client of Debian archives; cheap to clone.
#[derive(Clone)]
pub struct Archive {
    pub(super) http: Client,
    pub(super) store: Store,
    pub(super) mirrors: Arc<Mirrors>,
    pub(super) observer: Arc<dyn Observer>,
}

/// Which packages are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// `bookworm`: its updates and security updates come with it.
    pub suite: String,
    /// Debian's name: `amd64`, `arm64` …
    pub architecture: String,
    /// The time in seconds since 1970, against which the validity of release files is held; not
    /// checked where there is none.
    pub now: Option<u64>,
}

/// What the packages of a suite were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// `bookworm`, `bookworm-updates` …
    pub suite: String,
    /// `debian` or `debian-security`.
    pub archive: &'static str,
    /// What was found there; none where the archive has no such suite, or not for the architecture.
    pub found: Option<Found>,
}

/// An index that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// When the suite was last changed, as the release file spells it.
    pub date: String,
    /// Of `InRelease`.
    pub release: Digest,
    /// Of the compressed index.
    pub packages: Digest,
    /// How far the bytes can be trusted.
    pub trust: Trust,
}

/// How far the indexes of an archive can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// Everything agrees with the release file; that the release file is Debian's was *not* verified.
    ChecksumsOnly,
}

impl Archive {
    /// A client that keeps in `store` what it fetches from `mirrors`.
    pub fn new(http: Client, store: Store, mirrors: Mirrors, observer: Arc<dyn Observer>) -> Self {
        Self { http, store, mirrors: Arc::new(mirrors), observer }
    }

    /// All packages of `query.suite`, its updates and its security updates, and what they were read from.
    ///
    /// # Errors
    /// When the suite itself cannot be had for the architecture, and when anything that was fetched is
    /// not what it should be. Suites of updates may be missing: that is told in the evidence.
    pub async fn universe(&self, query: &Query) -> Result<(Universe, Vec<Evidence>), AptError> {
        let mut universe = Universe::default();
        let mut evidence = Vec::new();
        for (archive, suite, folder) in suites(&query.suite) {
            let index = match self.index(archive, &suite, &folder, query).await {
                Err(error) if suite != query.suite && is_missing(&error) => None,
                index => Some(index?),
            };
            let found = match index {
                Some((found, file, blob)) => {
                    universe = read(universe, archive, file, blob).await?;
                    Some(found)
                }
                None => None,
            };
            evidence.push(Evidence { suite, archive, found });
        }
        universe.complete().map_err(|source| AptError::Malformed { file: "Packages".to_owned(), source })?;
        Ok((universe, evidence))
    }

    /// The compressed index of a suite, checked.
    async fn index(
        &self,
        archive: &'static str,
        suite: &str,
        folder: &str,
        query: &Query,
    ) -> Result<(Found, String, Blob), AptError> {
        let path = format!("{folder}/InRelease");
        let bytes = self.release(archive, &path).await?;
        let release = Release::parse(&path, &bytes).map_err(|source| AptError::Malformed { file: path, source })?;
        check(&release, suite, query)?;
        let (name, file) = FORMS
            .iter()
            .map(|form| format!("main/binary-{}/{form}", query.architecture))
            .find_map(|name| release.files.get(&name).map(|file| (name.clone(), *file)))
            .ok_or_else(|| AptError::NoArchitecture {
                suite: suite.to_owned(),
                architecture: query.architecture.clone(),
            })?;
        let path = match name.rsplit_once('/') {
            Some((parent, _)) if release.by_hash => format!("{folder}/{parent}/by-hash/SHA256/{}", file.sha256.hex()),
            _ => format!("{folder}/{name}"),
        };
        let blob = self.checked(archive, &path, &file).await?;
        let found = Found {
            date: release.date,
            release: Digest::of(&bytes),
            packages: file.sha256,
            trust: Trust::ChecksumsOnly,
        };
        Ok((found, name, blob))
    }

    /// The newest release file; offline, the last one that was seen.
    async fn release(&self, archive: &str, path: &str) -> Result<Vec<u8>, AptError> {
        let urls = self.mirrors.urls(archive, path);
        let key =
            format!("release-1-{}", Digest::of(urls.iter().map(url::Url::as_str).collect::<String>().as_bytes()).hex());
        let mut last = None;
        for url in urls {
            match self.http.fetch(&Request::get(url).limit(RELEASE_LIMIT)).await {
                Ok(fetched) => {
                    let keep = |source| AptError::Keep { file: path.to_owned(), source };
                    self.store.keep(Bucket::Pages, &key, &fetched.body).map_err(keep)?;
                    return Ok(fetched.body.to_vec());
                }
                Err(error) => last = Some(error),
            }
        }
        match (last, self.store.note(Bucket::Pages, &key)) {
            (Some(HttpError::Offline { .. }), Some(bytes)) => Ok(bytes),
            (last, _) => Err(unfetched(archive, path, last)),
        }
    }

    /// A file whose checksum is known, from the store or a mirror.
    async fn checked(&self, archive: &str, path: &str, file: &IndexFile) -> Result<Blob, AptError> {
        if let Some(blob) = self.store.blob(&file.sha256).filter(|blob| blob.size() == file.size) {
            return Ok(blob);
        }
        let limit = file.size.min(INDEX_LIMIT);
        self.bring(archive, path, &super::download::Wanted { name: path, sha256: file.sha256, size: file.size, limit })
            .await
    }
}

/// Archive, suite and its folder of each suite that belongs to `suite`.
fn suites(suite: &str) -> Vec<(&'static str, String, String)> {
    let folder = |suite: &str| format!("dists/{suite}");
    let mut suites = vec![(DEBIAN, suite.to_owned(), folder(suite))];
    // Unstable is its own update.
    if !matches!(suite, "sid" | "unstable" | "experimental") {
        for (archive, end) in [(DEBIAN, "updates"), (SECURITY, "security")] {
            let suite = format!("{suite}-{end}");
            suites.push((archive, suite.clone(), folder(&suite)));
        }
    }
    suites
}

fn check(release: &Release, suite: &str, query: &Query) -> Result<(), AptError> {
    if !release.is(suite) {
        let found = release.codename.as_ref().or(release.suite.as_ref());
        return Err(AptError::OtherSuite {
            asked: suite.to_owned(),
            found: found.cloned().unwrap_or_else(|| "a nameless suite".to_owned()),
        });
    }
    match (release.valid_until, query.now) {
        (Some(until), Some(now)) if until < now => Err(AptError::Expired { suite: suite.to_owned(), until }),
        _ => Ok(()),
    }
}

fn is_missing(error: &AptError) -> bool {
    match error {
        AptError::Fetch { source, .. } => source.status() == Some(StatusCode::NOT_FOUND),
        AptError::NoArchitecture { .. } => true,
        _ => false,
    }
}

pub(super) fn unfetched(archive: &str, path: &str, last: Option<HttpError>) -> AptError {
    match last {
        Some(source) => AptError::Fetch { archive: archive.to_owned(), file: path.to_owned(), source },
        None => AptError::Place { archive: archive.to_owned(), path: path.to_owned() },
    }
}

/// Adds an index to the universe, on a thread that may take its time.
async fn read(mut universe: Universe, archive: &'static str, file: String, blob: Blob) -> Result<Universe, AptError> {
    let name = file.clone();
    let task = tokio::task::spawn_blocking(move || {
        let unreadable = |source| AptError::Read { file: file.clone(), source };
        let malformed = |source: DebianError| AptError::Malformed { file: file.clone(), source };
        let stem = file.rfind("Packages").map_or(file.as_str(), |end| &file[..end + "Packages".len()]);
        let compression = Compression::of(&file, stem).map_err(malformed)?;
        let plain = decompress(compression, blob.open().map_err(unreadable)?).map_err(unreadable)?;
        for package in packages(&file, BufReader::with_capacity(64 << 10, plain)) {
            universe.add(archive, package.map_err(malformed)?);
        }
        Ok(universe)
    });
    task.await.map_err(|_| AptError::Interrupted { file: name })?
}
