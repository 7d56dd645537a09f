//! The indexes of an archive, by their checksums.

use std::{
    io::{BufReader, Read},
    sync::Arc,
};

use super::{AptError, DEBIAN, Mirrors, Origin, SECURITY, Signatures, Standing, Universe, release::Checked};
use crate::{
    debian::{Compression, DebianError, IndexFile, Package, Release, Timestamp, decompress, packages},
    http::{Client, HttpError, StatusCode},
    lock::LockedSuite,
    oci::Digest,
    progress::Observer,
    store::{Blob, Store},
};

/// Most bytes of a compressed index; Debian's have nine million.
const INDEX_LIMIT: u64 = 512 << 20;
/// Most bytes of what is in it; Debian's have fifty million.
const PLAIN_LIMIT: u64 = 512 << 20;
/// Bytes that a package takes at least: each counts as so many, that none is too small to count.
const PACKAGE: u64 = 512;
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
    /// `main`, `non-free-firmware` …
    pub components: Vec<String>,
    /// Debian's name: `amd64`, `arm64` …
    pub architecture: String,
    /// Whether security updates are asked for.
    pub security: bool,
    /// Whether backports are asked for; they are taken only where they are named.
    pub backports: bool,
    /// Who must have signed the suites.
    pub signatures: Signatures,
    /// The time in seconds since 1970, against which the validity of release files is held; not
    /// checked where there is none.
    pub now: Option<u64>,
    /// The suites of an earlier lock: release files older than those are refused.
    pub locked: Vec<LockedSuite>,
    /// Archives besides Debian's.
    pub others: Vec<Other>,
}

/// An archive besides Debian's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// By which the mirrors, the lock and wishes call it.
    pub name: String,
    /// The folder below `dists`.
    pub suite: String,
    /// `main` …
    pub components: Vec<String>,
    /// Who must have signed it.
    pub signatures: Signatures,
    /// Names of packages, `*` at the end for any rest, that are taken from here unasked, and no others; when
    /// empty, every package, where it is asked for from here or nobody else has it.
    pub only_for: Vec<String>,
}

/// What the packages of a suite were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// `bookworm`, `bookworm-updates` …
    pub suite: String,
    /// `debian`, `debian-security`, or the name of another.
    pub archive: String,
    /// What was found there; none where the archive has no such suite, or not for the architecture.
    pub found: Option<Found>,
}

/// A suite that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// When the suite was last changed.
    pub date: Timestamp,
    /// Of `InRelease`, which vouches for everything else.
    pub release: Digest,
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

/// A suite that belongs to the one that is asked for, or is asked for besides.
pub(super) struct Part<'q> {
    pub(super) archive: &'q str,
    pub(super) suite: String,
    components: &'q [String],
    pub(super) signatures: &'q Signatures,
    pub(super) standing: Standing,
    /// Whether there may be no such suite.
    pub(super) optional: bool,
    /// Which packages are taken from there; when empty, all.
    only_for: &'q [String],
}

/// An index that was fetched and checked.
struct Listing {
    component: String,
    file: String,
    blob: Blob,
}

impl Evidence {
    /// What a lock keeps of it; nothing of a suite that was not there.
    #[must_use]
    pub fn locked(&self) -> Option<LockedSuite> {
        let found = self.found.as_ref()?;
        let signed_by = if let Trust::Signed(key) = &found.trust { Some(key.clone()) } else { None };
        let (archive, suite, date) = (self.archive.clone(), self.suite.clone(), found.date.to_string());
        Some(LockedSuite { archive, suite, date, release: found.release, signed_by })
    }
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
        for part in parts(query) {
            let found = match self.part(&part, query).await {
                Err(error) if part.optional && is_missing(&error) => None,
                found => Some(found?),
            };
            let Part { archive, suite, standing, only_for, .. } = part;
            let archive = archive.to_owned();
            let found = match found {
                None => None,
                Some((found, listings)) => {
                    for Listing { component, file, blob } in listings {
                        let (archive, suite) = (archive.clone(), suite.clone());
                        let origin = Arc::new(Origin { archive, suite, component, standing });
                        universe = read(universe, origin, only_for.to_vec(), (file, blob)).await?;
                    }
                    Some(found)
                }
            };
            evidence.push(Evidence { suite, archive, found });
        }
        universe.complete().map_err(|source| AptError::Malformed { file: "Packages".to_owned(), source })?;
        Ok((universe, evidence))
    }

    /// The compressed indexes of a suite, checked.
    async fn part(&self, part: &Part<'_>, query: &Query) -> Result<(Found, Vec<Listing>), AptError> {
        let folder = format!("dists/{}", part.suite);
        let Checked { release, digest, trust } = self.release(part, &folder, query).await?;
        let mut listings = Vec::new();
        for component in part.components {
            let Some((file, listed)) = listing(&release, component, &query.architecture) else {
                let has_component = release.components.is_empty() || release.components.contains(component);
                // Updates have only the components that they update.
                if part.optional && !has_component {
                    continue;
                }
                return Err(absent(part, component, query, &release));
            };
            let paths = places(&folder, &file, &listed, &release);
            let blob = self.checked(part.archive, &paths, &listed).await?;
            listings.push(Listing { component: component.clone(), file, blob });
        }
        let date = release.timestamp();
        Ok((Found { date, release: digest, trust }, listings))
    }

    /// A file whose checksum is known, from the store or a mirror; under the first of `paths` that a mirror has.
    pub(super) async fn checked(&self, archive: &str, paths: &[String], file: &IndexFile) -> Result<Blob, AptError> {
        let name = paths.last().map_or("", String::as_str);
        let limit = file.size.min(INDEX_LIMIT);
        let wanted = super::download::Wanted { name, sha256: file.sha256, size: file.size, limit };
        let urls = paths.iter().flat_map(|path| self.mirrors.urls(archive, path)).collect();
        self.bring((archive, name), urls, &wanted).await
    }
}

/// Where a file of a suite lies: under its digest, where the archive keeps it so, and under its name. Not all
/// that have the first for some files have it for every file.
pub(super) fn places(folder: &str, name: &str, file: &IndexFile, release: &Release) -> Vec<String> {
    let by_hash = name.rsplit_once('/').filter(|_| release.by_hash);
    let by_hash = by_hash.map(|(parent, _)| format!("{folder}/{parent}/by-hash/SHA256/{}", file.sha256.hex()));
    by_hash.into_iter().chain([format!("{folder}/{name}")]).collect()
}

/// The smallest form of an index that the release file lists.
fn listing(release: &Release, component: &str, architecture: &str) -> Option<(String, IndexFile)> {
    let names = FORMS.iter().map(|form| format!("{component}/binary-{architecture}/{form}"));
    names.into_iter().find_map(|name| release.files.get(&name).map(|file| (name.clone(), *file)))
}

fn absent(part: &Part<'_>, component: &str, query: &Query, release: &Release) -> AptError {
    let suite = part.suite.clone();
    if release.components.is_empty() || release.components.iter().any(|known| known == component) {
        return AptError::NoArchitecture { suite, architecture: query.architecture.clone() };
    }
    AptError::NoComponent { suite, component: component.to_owned(), available: release.components.clone() }
}

/// The suites that belong to the one that is asked for, itself first, and those of other archives.
pub(super) fn parts(query: &Query) -> Vec<Part<'_>> {
    let suite = query.suite.as_str();
    let part = |archive, end: &str, standing, optional| Part {
        archive,
        suite: format!("{suite}{end}"),
        components: &query.components,
        signatures: &query.signatures,
        standing,
        optional,
        only_for: &[],
    };
    let mut parts = vec![part(DEBIAN, "", Standing::Regular, false)];
    // Unstable is its own update.
    if !matches!(suite, "sid" | "unstable" | "experimental") {
        parts.push(part(DEBIAN, "-updates", Standing::Regular, true));
        parts.extend(query.security.then(|| part(SECURITY, "-security", Standing::Regular, true)));
    }
    parts.extend(query.backports.then(|| part(DEBIAN, "-backports", Standing::OnRequest, false)));
    parts.extend(query.others.iter().map(|other| Part {
        archive: &other.name,
        suite: other.suite.clone(),
        components: &other.components,
        signatures: &other.signatures,
        standing: if other.only_for.is_empty() { Standing::OnRequest } else { Standing::Regular },
        optional: false,
        only_for: &other.only_for,
    }));
    parts
}

/// Whether a package is one of `patterns`; every one is where there are none.
fn is_one_of(patterns: &[String], package: &str) -> bool {
    let fits = |pattern: &String| match pattern.strip_suffix('*') {
        Some(start) => package.starts_with(start),
        None => package == pattern,
    };
    patterns.is_empty() || patterns.iter().any(fits)
}

pub(super) fn is_missing(error: &AptError) -> bool {
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

/// Adds the packages of an index that are among `only_for` to the universe, on a thread that may take its time.
async fn read(
    mut universe: Universe,
    origin: Arc<Origin>,
    only_for: Vec<String>,
    (file, blob): (String, Blob),
) -> Result<Universe, AptError> {
    let name = file.clone();
    let task = tokio::task::spawn_blocking(move || {
        let unreadable = |source| AptError::Read { file: file.clone(), source };
        let malformed = |source: DebianError| AptError::Malformed { file: file.clone(), source };
        let stem = file.rfind("Packages").map_or(file.as_str(), |end| &file[..end + "Packages".len()]);
        let compression = Compression::of(&file, stem).map_err(malformed)?;
        let plain = decompress(compression, blob.open().map_err(unreadable)?).map_err(unreadable)?;
        let add = |package: Package| {
            if is_one_of(&only_for, &package.name) {
                universe.add(&origin, package);
            }
        };
        read_plain(&file, plain, PLAIN_LIMIT, add).map_err(malformed)?;
        Ok(universe)
    });
    task.await.map_err(|_| AptError::Interrupted { file: name })?
}

/// Gives every package of a decompressed index to `add`.
fn read_plain(file: &str, plain: impl Read, limit: u64, mut add: impl FnMut(Package)) -> Result<(), DebianError> {
    let too_large = || DebianError::TooLarge { what: file.to_owned(), limit };
    let mut plain = BufReader::with_capacity(64 << 10, plain.take(limit));
    let mut counted = 0;
    for package in packages(file, &mut plain) {
        add(package?);
        counted += PACKAGE;
        if counted > limit {
            return Err(too_large());
        }
    }
    if plain.get_ref().limit() == 0 { Err(too_large()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        io::{BufRead as _, Write as _},
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
            components: vec!["main".to_owned()],
            architecture: "amd64".to_owned(),
            security: true,
            backports: false,
            signatures: Signatures::Unchecked,
            now,
            locked: Vec::new(),
            others: Vec::new(),
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
        let highest =
            |name| universe.highest(name).map(|one| format!("{} {}", one.origin.archive, one.package.version));
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
    fn an_index_is_bounded_by_what_is_in_it() {
        let check = |text: &str, limit: u64, expect: Result<usize, &str>| {
            let mut count = 0;
            let read = read_plain("it", text.as_bytes(), limit, |_| count += 1);
            assert_eq!(read.map(|()| count).map_err(|error| error.to_string()), expect.map_err(str::to_owned));
        };
        let (small, too_large) = (index(&[("a", "1"); 7]), Err("it has more than 4096 bytes"));
        check(&small, 4096, Ok(7));
        check(&small.repeat(2), 4096, too_large);
        check(&format!("{}\nDescription: {}\n", small.trim_end(), "x".repeat(5000)), 4096, too_large);
    }

    #[test]
    fn other_archives_give_what_is_asked_of_them() {
        let (server, (_folder, store)) = (Server::start(), store());
        server.suite("main", "demo", &index(&[("a", "1"), ("b", "1")]), "");
        server.suite("company", "stable", &index(&[("a", "2"), ("b", "2"), ("tool-x", "3")]), "");
        let mut archive = server.archive(&store, crate::http::Options::default());
        let mirror = vec![format!("{}company", server.url).parse().unwrap()];
        archive.mirrors = Arc::new(Mirrors::clone(&archive.mirrors).with("company", mirror));
        let check = |only_for: &[&str], signatures: Signatures| -> Result<[String; 3], String> {
            let other = Other {
                name: "company".to_owned(),
                suite: "stable".to_owned(),
                components: vec!["main".to_owned()],
                signatures,
                only_for: only_for.iter().map(|name| (*name).to_owned()).collect(),
            };
            let query = Query { security: false, others: vec![other], ..query(None) };
            let (universe, evidence) = run(archive.universe(&query)).map_err(|error| error.to_string())?;
            assert_eq!(evidence.last().unwrap().archive, "company");
            let shown = |name| {
                let versions = universe.versions(name).iter();
                versions.map(|one| format!("{} {}", one.origin.archive, one.package.version)).collect::<Vec<_>>()
            };
            Ok(["a", "b", "tool-x"].map(|name| shown(name).join(", ")))
        };
        let unsigned = || Signatures::Unchecked;
        let all = ["debian 1, company 2", "debian 1, company 2", "company 3"].map(str::to_owned);
        assert_eq!(check(&[], unsigned()), Ok(all), "Debian's come first, whatever their versions");
        let some = ["debian 1", "company 2, debian 1", "company 3"].map(str::to_owned);
        assert_eq!(check(&["b", "tool-*"], unsigned()), Ok(some));
        let refused = check(&[], Signatures::By(Keyring::debian().unwrap()));
        assert_eq!(refused.unwrap_err(), "the archive's suite `stable` is not signed");
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
        assert!(matches!(fails(), AptError::Corrupt { .. }));
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
            suite: None,
            path: path.to_owned(),
            sha256: Digest::of(bytes),
            size: bytes.len() as u64,
            why: Vec::new(),
        };
        let good = package(DEBIAN, "pool/a.deb", b"contents");
        let mut text = Vec::new();
        let blob = run(archive.download(&good, &[])).unwrap();
        blob.open().unwrap().read_to_end(&mut text).unwrap();
        assert_eq!(text, b"contents");
        run(archive.download(&good, &[])).unwrap();
        assert_eq!(server.asked(), ["main/pool/a.deb"]);

        let fails = |package: &LockedPackage| run(archive.download(package, &[])).unwrap_err();
        let gone = fails(&package(SECURITY, "pool/a.deb", b"other"));
        assert_eq!(gone.to_string(), "a 1: `pool/a.deb` has gone from the archive `debian-security`");
        let url = format!("{}main/pool/a.deb", server.url);
        let corrupt = fails(&package(DEBIAN, "pool/a.deb", b"CONTENTS")).to_string();
        assert!(corrupt.starts_with(&format!("{url} sends other bytes than were promised: sha256:")), "{corrupt}");
        let sizes = [(&b"more contents"[..], "8 bytes", 13), (b"less", "more", 4)];
        for (promised, found, size) in sizes {
            let error = fails(&package(DEBIAN, "pool/a.deb", promised)).to_string();
            assert_eq!(error, format!("{url} sends {found} in place of the {size} bytes that were promised"));
        }
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
