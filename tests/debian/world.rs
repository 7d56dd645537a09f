//! Mirrors on loopback, and builders at a moment of their own.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    thread,
};

use tempfile::TempDir;
use wheelwright::{
    apt::Mirrors,
    builder::{Builder, Built, Kept, Project, RemoteCache, Selection, Settings},
    fs::write_atomic,
    http::{Client, Options},
    image::Graph,
    layer::wheel::RecordCheck,
    lock::Lock,
    progress::Silent,
    pypi,
    recipe::Recipe,
    registry::{self, Anonymous},
    store::Store,
    testing::Base,
};

/// A day in 2026, in seconds since 1970.
pub(super) const TODAY: u64 = 1_795_222_382;

/// A server of files by their paths.
pub(crate) struct Mirror {
    pub(crate) url: String,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Mirror {
    pub(crate) fn start(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let files = Arc::new(Mutex::new(files.clone()));
        let served = Arc::clone(&files);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(first)) = request.next() else { continue };
                let path = first.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
                while request.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let found = served.lock().unwrap().get(&path).cloned();
                let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
                let body = found.unwrap_or_default();
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
        });
        Self { url, files }
    }

    /// Serves these files and no other from now on.
    pub(crate) fn now_serves(&self, files: &BTreeMap<String, Vec<u8>>) {
        self.files.lock().unwrap().clone_from(files);
    }

    /// Serves something else in the place of the one file whose path ends so; nothing at all for `None`.
    pub(crate) fn replace(&self, end: &str, bytes: Option<&[u8]>) {
        let mut files = self.files.lock().unwrap();
        let path = files.keys().find(|path| path.ends_with(end)).unwrap().clone();
        match bytes {
            Some(bytes) => files.insert(path, bytes.to_vec()),
            None => files.remove(&path),
        };
    }
}

/// A project, on a machine that has never built anything.
pub(super) struct Machine {
    folder: TempDir,
    builder: Builder,
}

impl Machine {
    /// At `now`, in seconds since 1970.
    pub(super) fn at(now: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let builder = Builder::new(Settings {
            store: Store::open(folder.path().join("store")).unwrap(),
            http: Client::new(Options { retries: 0, ..Options::default() }).unwrap(),
            default_index: pypi::DefaultIndex::default(),
            indexes: Vec::new(),
            index_credentials: pypi::Credentials::default(),
            mirrors: Mirrors::default(),
            credentials: Arc::new(Anonymous),
            registry: registry::Options::default(),
            interpreters: wheelwright::compiler::Search::default(),
            remote: RemoteCache::default(),
            observer: Arc::new(Silent),
            records: RecordCheck::Skip,
            jobs: NonZeroUsize::MIN,
            now: Some(now),
            epoch: None,
        });
        Self { folder, builder: builder.unwrap() }
    }

    /// With a base image in the folder `base`.
    pub(super) fn with_base(self, base: &Base) -> Self {
        for (path, bytes) in base.layout() {
            write_atomic(&self.folder.path().join("base").join(path), &bytes).unwrap();
        }
        self
    }

    pub(super) fn project(&self, recipe: &str) -> Project {
        let recipe = Recipe::parse("app.toml", recipe).unwrap_or_else(|error| panic!("{error}"));
        Project { recipe, folder: self.folder.path().to_owned() }
    }

    pub(super) async fn lock(&self, recipe: &str) -> Result<Lock, String> {
        self.lock_after(recipe, Kept::nothing()).await
    }

    pub(super) async fn lock_after(&self, recipe: &str, kept: Kept<'_>) -> Result<Lock, String> {
        self.builder.lock(&self.project(recipe), &kept).await.map_err(|error| chain(&error))
    }

    pub(super) async fn build(&self, recipe: &str, lock: &Lock) -> Result<Built, String> {
        let built = self.builder.build(&self.project(recipe), lock, &Selection::default()).await;
        built.map_err(|error| chain(&error))
    }
}

/// The digest of what was built.
pub(super) fn digest(built: &Built) -> String {
    Graph::of_index(&built.index).root().descriptor().digest.to_string()
}

/// An error and its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}
