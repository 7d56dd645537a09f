//! The indexes of an archive, by their checksums.

use std::{io::BufReader, sync::Arc};

use super::{AptError, DEBIAN, Mirrors, SECURITY, Signatures, Universe, release::Checked};
use crate::{
    debian::{Compression, DebianError, IndexFile, decompress, packages},
    http::{Client, HttpError, StatusCode},
    oci::Digest,
    progress::Observer,
    store::{Blob, Store},
};

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
    /// Whether security updates are asked for.
    pub security: bool,
    /// Who must have signed the suites.
    pub signatures: Signatures,
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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// Everything agrees with the release file, which the key of this fingerprint signed.
    Signed(String),
    /// Everything agrees with the release file; whose that is was *not* verified.
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
        for (archive, suite, folder) in suites(query) {
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
        let Checked { release, digest, trust } = self.release(archive, suite, folder, query).await?;
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
        let found = Found { date: release.date, release: digest, packages: file.sha256, trust };
        Ok((found, name, blob))
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
fn suites(query: &Query) -> Vec<(&'static str, String, String)> {
    let suite = query.suite.as_str();
    let folder = |suite: &str| format!("dists/{suite}");
    let mut suites = vec![(DEBIAN, suite.to_owned(), folder(suite))];
    // Unstable is its own update.
    if !matches!(suite, "sid" | "unstable" | "experimental") {
        let updates = [(DEBIAN, "updates"), (SECURITY, "security")];
        for (archive, end) in updates.into_iter().filter(|(archive, _)| query.security || *archive != SECURITY) {
            let suite = format!("{suite}-{end}");
            suites.push((archive, suite.clone(), folder(&suite)));
        }
    }
    suites
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
        Some(source) => {
            AptError::Fetch { archive: archive.to_owned(), file: path.to_owned(), source: Box::new(source) }
        }
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

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        io::{BufRead as _, Read as _, Write as _},
        net::TcpListener,
        sync::Mutex,
    };

    use super::*;
    use crate::{
        debian::openpgp::{Keyring, testing::Secret},
        hint::Advise as _,
        lock::LockedPackage,
        progress::Silent,
    };

    /// An archive in a process: path → bytes. Remembers what it was asked for.
    struct Server {
        url: String,
        files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
        asked: Arc<Mutex<Vec<String>>>,
    }

    impl Server {
        fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap());
            let (files, asked) = (Arc::new(Mutex::new(BTreeMap::new())), Arc::new(Mutex::new(Vec::new())));
            let server = Self { url, files: files.clone(), asked: asked.clone() };
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
                    let first = request.next().unwrap().unwrap();
                    let path = first.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
                    while request.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                    let found: Option<Vec<u8>> = files.lock().unwrap().get(&path).cloned();
                    asked.lock().unwrap().push(path);
                    let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
                    let body = found.unwrap_or_default();
                    let head =
                        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                    stream.write_all(&[head.as_bytes(), &body].concat()).unwrap();
                }
            });
            server
        }

        fn serve(&self, path: &str, bytes: &[u8]) {
            self.files.lock().unwrap().insert(path.to_owned(), bytes.to_vec());
        }

        /// A suite with one index, gzipped, under its digest.
        fn suite(&self, root: &str, suite: &str, index: &str, fields: &str) {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(index.as_bytes()).unwrap();
            let index = writer.finish().unwrap();
            let hex = Digest::of(&index).hex();
            let folder = format!("{root}/dists/{suite}");
            let release = format!(
                "Suite: old\nCodename: {suite}\nDate: Sat, 21 Nov 2026 00:53:02 UTC\nAcquire-By-Hash: yes\n{fields}\
                 SHA256:\n {hex} {} main/binary-amd64/Packages.gz\n",
                index.len()
            );
            self.serve(&format!("{folder}/InRelease"), release.as_bytes());
            self.serve(&format!("{folder}/main/binary-amd64/by-hash/SHA256/{hex}"), &index);
        }

        fn asked(&self) -> Vec<String> {
            std::mem::take(&mut *self.asked.lock().unwrap())
        }

        fn archive(&self, store: &Store, options: crate::http::Options) -> Archive {
            let mirror = |archive| vec![format!("{}{archive}", self.url).parse().unwrap()];
            let mirrors = Mirrors::new(mirror("main"), mirror("security"));
            Archive::new(Client::new(options).unwrap(), store.clone(), mirrors, Arc::new(Silent))
        }
    }

    fn index(lines: &[(&str, &str)]) -> String {
        let zeros = "0".repeat(64);
        let paragraph = |(name, version): &(&str, &str)| {
            format!("Package: {name}\nVersion: {version}\nFilename: pool/{name}.deb\nSize: 1\nSHA256: {zeros}\n\n")
        };
        lines.iter().map(paragraph).collect()
    }

    fn query(now: Option<u64>) -> Query {
        Query {
            suite: "demo".to_owned(),
            architecture: "amd64".to_owned(),
            security: true,
            signatures: Signatures::Unchecked,
            now,
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
    }

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store)
    }

    #[test]
    fn a_universe_is_the_suite_with_its_updates() {
        let (server, (_folder, store)) = (Server::start(), store());
        server.suite("main", "demo", &index(&[("a", "1"), ("b", "1")]), "");
        server.suite(
            "security",
            "demo-security",
            &index(&[("a", "1+deb1")]),
            "Valid-Until: Sat, 28 Nov 2026 00:53:02 UTC\n",
        );
        let online = server.archive(&store, crate::http::Options::default());
        let (universe, evidence) = run(online.universe(&query(Some(1_795_222_382)))).unwrap();
        let highest = |name| universe.highest(name).map(|one| format!("{} {}", one.archive, one.package.version));
        assert_eq!(highest("a").unwrap(), "debian-security 1+deb1");
        assert_eq!(highest("b").unwrap(), "debian 1");
        let found: Vec<_> = evidence
            .iter()
            .map(|one| (one.suite.as_str(), one.found.as_ref().map(|found| found.trust.clone())))
            .collect();
        let trusted = Some(Trust::ChecksumsOnly);
        assert_eq!(found, [("demo", trusted.clone()), ("demo-updates", None), ("demo-security", trusted)]);

        assert_eq!(server.asked().len(), 5);
        run(online.universe(&query(None))).unwrap();
        assert!(server.asked().iter().all(|path| path.ends_with("InRelease")), "indexes come from the store");

        let late = run(online.universe(&query(Some(1_900_000_000)))).unwrap_err();
        assert!(matches!(late, AptError::Expired { .. }), "{late}");
    }

    #[test]
    fn an_archive_that_is_not_what_it_says_is_refused() {
        let (server, (_folder, store)) = (Server::start(), store());
        let archive = server.archive(&store, crate::http::Options::default());
        let fails = || run(archive.universe(&query(None))).unwrap_err();
        let missing = fails();
        assert_eq!(missing.to_string(), "cannot fetch `dists/demo/InRelease` of the archive `debian`");
        assert!(missing.hint().unwrap().to_string().contains("debian.suite"));

        server.suite("main", "other", &index(&[]), "");
        let other = server.files.lock().unwrap()["main/dists/other/InRelease"].clone();
        server.serve("main/dists/demo/InRelease", &other);
        assert_eq!(fails().to_string(), "asked for the suite `demo`, the archive sent `other`");

        server.suite("main", "demo", &index(&[("a", "1")]), "");
        let by_hash =
            server.files.lock().unwrap().keys().find(|path| path.starts_with("main/dists/demo/main")).cloned().unwrap();
        let mut index = server.files.lock().unwrap()[&by_hash].clone();
        index[12] ^= 1;
        server.serve(&by_hash, &index);
        assert!(matches!(fails(), AptError::Keep { source: crate::store::StoreError::Mismatch { .. }, .. }));
    }

    fn chain(error: &dyn std::error::Error) -> String {
        error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
    }

    #[test]
    fn suites_are_signed() {
        let (server, (_folder, store)) = (Server::start(), store());
        let archive = server.archive(&store, crate::http::Options::default());
        let (debian, other) = (Secret::new(1), Secret::new(2));
        let signatures = Signatures::By(Keyring::parse(&debian.public(&[])).unwrap());
        let query = Query { security: false, signatures, ..query(None) };
        let path = "main/dists/demo/InRelease";
        let suite = |package: &str, date: &str| {
            server.suite("main", "demo", &index(&[(package, "1")]), "");
            let release = server.files.lock().unwrap()[path].clone();
            String::from_utf8(release).unwrap().replace("Sat, 21 Nov 2026", date)
        };
        let check = |release: &str, expect: Result<&str, &str>| {
            server.serve(path, release.as_bytes());
            let found = run(archive.universe(&query)).map(|(_, evidence)| evidence[0].found.clone().unwrap().trust);
            let expect = expect.map(|signer| Trust::Signed(signer.to_owned())).map_err(str::to_owned);
            assert_eq!(found.map_err(|error| chain(&error)), expect);
        };
        let fingerprint = debian.fingerprint();
        let text = suite("a", "Sat, 21 Nov 2026");
        check(&text, Err("the archive's suite `demo` is not signed"));
        check(
            &other.clear_sign(&text),
            Err(&format!(
                "the signature of the archive's suite `demo` does not count: it is signed by {}, which is not in the keyring",
                other.fingerprint()
            )),
        );
        check(&debian.clear_sign(&text), Ok(&fingerprint));
        check(
            &debian.clear_sign(&text).replace("Date: Sat", "Date: Sun"),
            Err(&format!(
                "the signature of the archive's suite `demo` does not count: its signature by {fingerprint} does not fit it"
            )),
        );
        let newer = debian.clear_sign(&suite("b", "Sun, 22 Nov 2026"));
        check(&newer, Ok(&fingerprint));
        // A replay: the signature is good, and the updates since then would be missed.
        check(
            &debian.clear_sign(&text),
            Err(
                "the archive's suite `demo` is of Sat, 21 Nov 2026 00:53:02 UTC, older than the one seen before, of Sun, 22 Nov 2026 00:53:02 UTC",
            ),
        );
        check(&newer, Ok(&fingerprint));
    }

    #[test]
    fn a_mirror_that_will_not_do_is_passed_over() {
        let ((good, bad), (_folder, store)) = ((Server::start(), Server::start()), store());
        let debian = Secret::new(1);
        for server in [&good, &bad] {
            server.suite("main", "demo", &index(&[("a", "1")]), "");
        }
        let path = "main/dists/demo/InRelease";
        let text = String::from_utf8(good.files.lock().unwrap()[path].clone()).unwrap();
        good.serve(path, debian.clear_sign(&text).as_bytes());
        let mirrors = [&bad, &good].map(|server| format!("{}main", server.url).parse().unwrap()).to_vec();
        let http = Client::new(crate::http::Options::default()).unwrap();
        let archive = Archive::new(http, store, Mirrors::new(mirrors, Vec::new()), Arc::new(Silent));
        let signatures = Signatures::By(Keyring::parse(&debian.public(&[])).unwrap());
        let query = Query { security: false, signatures, ..query(None) };
        assert_eq!(run(archive.universe(&query)).unwrap().0.len(), 1);
    }

    #[test]
    fn a_deb_is_fetched_once_and_checked() {
        let (server, (_folder, store)) = (Server::start(), store());
        let archive = server.archive(&store, crate::http::Options::default());
        server.serve("main/pool/a.deb", b"contents");
        let package = |archive: &str, path: &str, bytes: &[u8]| LockedPackage {
            name: "a".to_owned(),
            version: "1".to_owned(),
            archive: archive.to_owned(),
            path: path.to_owned(),
            sha256: Digest::of(bytes),
            size: bytes.len() as u64,
            why: Vec::new(),
        };
        let good = package(DEBIAN, "pool/a.deb", b"contents");
        let mut text = Vec::new();
        let blob = run(archive.download(&good)).unwrap();
        blob.open().unwrap().read_to_end(&mut text).unwrap();
        assert_eq!(text, b"contents");
        run(archive.download(&good)).unwrap();
        assert_eq!(server.asked(), ["main/pool/a.deb"]);

        let fails = |package: &LockedPackage| run(archive.download(package)).unwrap_err();
        let gone = fails(&package(SECURITY, "pool/a.deb", b"other"));
        assert_eq!(gone.to_string(), "a 1: `pool/a.deb` has gone from the archive `debian-security`");
        assert!(matches!(fails(&package(DEBIAN, "pool/a.deb", b"CONTENTS")), AptError::Keep { .. }));
        assert!(matches!(fails(&package(DEBIAN, "../a.deb", b"x")), AptError::Place { .. }));
        assert!(matches!(fails(&package("elsewhere", "pool/a.deb", b"x")), AptError::Place { .. }));
    }

    #[test]
    fn offline_the_last_release_file_will_do() {
        let (server, (_folder, store)) = (Server::start(), store());
        for (root, suite) in [("main", "demo"), ("main", "demo-updates"), ("security", "demo-security")] {
            server.suite(root, suite, &index(&[("a", "1")]), "");
        }
        run(server.archive(&store, crate::http::Options::default()).universe(&query(None))).unwrap();
        server.asked();
        let offline = server.archive(&store, crate::http::Options { offline: true, ..crate::http::Options::default() });
        assert_eq!(run(offline.universe(&query(None))).unwrap().0.len(), 1);
        assert!(server.asked().is_empty());
    }
}
