//! The indexes of a build, asked through one client and remembered for the length of a run.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OnceCell;
use url::Url;

use super::{
    IndexError, Settings,
    settings::{Asked, Location},
};
use crate::{
    http::Client,
    oci::Platform,
    progress::Observer,
    python::{CoreMetadata, FileUrl, IndexFile, PackageName},
    store::Store,
};

/// The indexes of a build; cheap to clone. Every page and METADATA is fetched once a run.
#[derive(Clone)]
pub struct PackageIndex(Arc<Inner>);

pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) store: Store,
    pub(super) settings: Settings,
    pub(super) observer: Arc<dyn Observer>,
    default: Option<Location>,
    pages: Memo<(String, PackageName), Option<Arc<Project>>>,
    metadata: Memo<FileUrl, Arc<CoreMetadata>>,
    pub(super) links: Memo<Url, Arc<Vec<IndexFile>>>,
    pub(super) passwords: Memo<(String, String), Option<String>>,
    /// How far from their ends METADATA lay in wheels of a project, in bytes.
    pub(super) tails: Mutex<BTreeMap<PackageName, u64>>,
}

pub(super) type Memo<K, V> = Mutex<BTreeMap<K, Arc<OnceCell<V>>>>;

/// A project as the one index that has it offers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Name of the index, `default` for the default one.
    pub index: String,
    /// Its files, in the page's order; folders list theirs sorted.
    pub files: Vec<IndexFile>,
}

impl PackageIndex {
    /// The indexes of `settings`. Whether this run is offline is the client's to say.
    #[must_use]
    pub fn new(client: Client, store: Store, settings: Settings, observer: Arc<dyn Observer>) -> Self {
        let default = settings.default.location();
        Self(Arc::new(Inner {
            client,
            store,
            settings,
            observer,
            default,
            pages: Mutex::default(),
            metadata: Mutex::default(),
            links: Mutex::default(),
            passwords: Mutex::default(),
            tails: Mutex::default(),
        }))
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The store that wheels are kept in.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Who hears what happens.
    #[must_use]
    pub fn observer(&self) -> &dyn Observer {
        &*self.0.observer
    }

    /// The files of `package` in the first index, of those used for it on `platform`, that has it;
    /// nothing when none has.
    ///
    /// # Errors
    /// When an index cannot be asked or its answer is no page.
    pub async fn project(
        &self,
        package: &PackageName,
        platform: &Platform,
    ) -> Result<Option<Arc<Project>>, IndexError> {
        for asked in self.0.settings.indexes_for(package, platform, self.0.default.as_ref()) {
            if let Some(project) = self.project_in(asked, package).await? {
                return Ok(Some(project));
            }
        }
        Ok(None)
    }

    /// The names of the indexes that [`PackageIndex::project`] asks, in order.
    #[must_use]
    pub fn indexes_for(&self, package: &PackageName, platform: &Platform) -> Vec<String> {
        let asked = self.0.settings.indexes_for(package, platform, self.0.default.as_ref());
        asked.into_iter().map(|asked| asked.name.to_owned()).collect()
    }

    /// What `file`, a wheel of index `index`, says of itself.
    ///
    /// # Errors
    /// When METADATA cannot be had, or makes no sense.
    pub async fn metadata(&self, index: &str, file: &IndexFile) -> Result<Arc<CoreMetadata>, IndexError> {
        let cell = cell(&self.0.metadata, file.url.clone());
        cell.get_or_try_init(|| async { self.fetch_metadata(index, file).await.map(Arc::new) }).await.cloned()
    }

    pub(super) async fn project_in(
        &self,
        asked: Asked<'_>,
        package: &PackageName,
    ) -> Result<Option<Arc<Project>>, IndexError> {
        let cell = cell(&self.0.pages, (asked.name.to_owned(), package.clone()));
        cell.get_or_try_init(|| self.ask(asked, package)).await.cloned()
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(super) fn named(&self, index: &str) -> Option<Asked<'_>> {
        self.0.settings.named(index, self.0.default.as_ref())
    }

    async fn ask(&self, asked: Asked<'_>, package: &PackageName) -> Result<Option<Arc<Project>>, IndexError> {
        let files = match asked.location {
            Location::Folder(folder) => self.folder_files(folder, package)?,
            Location::Simple(root) => self.page(asked.name, root, package).await?,
            Location::Links(page) => self.linked_files(asked.name, page, package).await?,
        };
        Ok(files.map(|files| Arc::new(Project { index: asked.name.to_owned(), files })))
    }
}

pub(super) fn cell<K: Ord, V>(memo: &Memo<K, V>, key: K) -> Arc<OnceCell<V>> {
    let mut cells = memo.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(cells.entry(key).or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::{Options, Proxies},
        lock::{LockedWheel, WheelSource},
        oci::Digest,
        pypi::{
            DefaultIndex, Index,
            scripted::{Reply, Scripted, listed},
            testing::{FakeIndex, Manner, Wheel, package_index, package_index_with},
        },
    };

    fn amd64() -> Platform {
        "linux/amd64".parse().unwrap()
    }

    async fn first(index: &PackageIndex, name: &str) -> (Arc<Project>, Arc<CoreMetadata>) {
        let project = index.project(&name.parse().unwrap(), &amd64()).await.unwrap().unwrap();
        let metadata = index.metadata(&project.index, &project.files[0]).await.unwrap();
        (project, metadata)
    }

    #[tokio::test]
    async fn every_kind_of_index_gives_the_same_facts() {
        let wheel = Wheel::new("demo", "1.0+cpu").requires(&["numpy<2"]).python(">=3.8");
        for (manner, requests) in [(Manner::Modern, 2), (Manner::Plain, 3), (Manner::Bare, 3)] {
            let (server, folder) =
                (FakeIndex::serve(std::slice::from_ref(&wheel), manner).await, tempfile::tempdir().unwrap());
            let index = package_index(&folder, server.settings());
            let (project, metadata) = first(&index, "demo").await;
            assert_eq!(metadata.requires[0].to_string(), "numpy<2", "{manner:?}");
            assert_eq!(project.files[0].requires_python.as_ref().unwrap().to_string(), ">=3.8");
            let facts = index.digest_and_size("default", &project.files[0]).await.unwrap();
            assert_eq!(facts, (Digest::of(&wheel.bytes()), wheel.bytes().len() as u64), "{manner:?}");
            assert_eq!(server.requests().len(), requests, "{manner:?}");
            assert!(index.project(&"other".parse().unwrap(), &amd64()).await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn pages_are_asked_for_again_and_used_when_offline() {
        let server = FakeIndex::serve(&[Wheel::new("demo", "1.0")], Manner::Modern).await;
        let folder = tempfile::tempdir().unwrap();
        first(&package_index(&folder, server.settings()), "demo").await;
        server.requests();
        first(&package_index(&folder, server.settings()), "demo").await;
        assert_eq!(server.requests(), ["GET /simple/demo/ 304"]);
        let offline = Options { offline: true, ..Options::default() };
        let index = package_index_with(&folder, server.settings(), offline);
        first(&index, "demo").await;
        assert!(server.requests().is_empty());
        let error = index.project(&"other".parse().unwrap(), &amd64()).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot ask index `default` for other");
    }

    #[tokio::test]
    async fn the_first_index_that_has_a_package_is_the_only_one() {
        let house = FakeIndex::serve(&[Wheel::new("private", "1.0")], Manner::Modern).await;
        let public = FakeIndex::serve(&[Wheel::new("private", "9.0"), Wheel::new("open", "1.0")], Manner::Modern).await;
        let folder = tempfile::tempdir().unwrap();
        let mut settings = public.settings();
        settings.indexes.push(Index {
            name: "house".to_owned(),
            location: Location::Simple(house.url.clone()),
            packages: Vec::new(),
            platforms: Vec::new(),
        });
        let index = package_index(&folder, settings);
        assert_eq!(first(&index, "private").await.1.version.to_string(), "1.0");
        assert_eq!(first(&index, "open").await.0.index, "default");
    }

    #[tokio::test]
    async fn locked_wheels_are_found_through_their_index() {
        let wheel = Wheel::new("demo", "1.0");
        let server = FakeIndex::serve(std::slice::from_ref(&wheel), Manner::Modern).await;
        let folder = tempfile::tempdir().unwrap();
        let locked = LockedWheel {
            uploaded: None,
            own_hash: false,
            name: "demo".to_owned(),
            version: "1.0".to_owned(),
            file: wheel.file(),
            sha256: Digest::of(&wheel.bytes()),
            size: wheel.bytes().len() as u64,
            source: WheelSource::Index("default".to_owned()),
            why: Vec::new(),
        };
        let fetch = async |locked: &LockedWheel| package_index(&folder, server.settings()).download(locked).await;
        let gone = LockedWheel { sha256: Digest::of(b"other"), ..locked.clone() };
        let elsewhere = LockedWheel { source: WheelSource::Index("house".to_owned()), ..gone.clone() };
        assert_eq!(
            fetch(&gone).await.unwrap_err().to_string(),
            "index `default` does not list demo-1.0-py3-none-any.whl"
        );
        assert_eq!(fetch(&elsewhere).await.unwrap_err().to_string(), "there is no index called `house`");
        server.requests();
        assert_eq!(fetch(&locked).await.unwrap().read().unwrap(), wheel.bytes());
        assert_eq!(server.requests(), ["GET /files/demo-1.0-py3-none-any.whl 200"]);
        fetch(&locked).await.unwrap();
        assert!(server.requests().is_empty());
    }

    #[tokio::test]
    async fn folders_urls_and_paths_give_wheels_too() {
        let wheel = Wheel::new("demo", "1.0").requires(&["numpy"]);
        let folder = tempfile::tempdir().unwrap();
        wheel.lay(&folder.path().join("wheels"));
        let default = DefaultIndex::Other(Location::Folder("wheels".into()));
        let index =
            package_index(&folder, Settings { default, folder: folder.path().to_owned(), ..Settings::default() });
        let (project, metadata) = first(&index, "demo").await;
        assert_eq!(metadata.requires.len(), 1);
        let digest = Digest::of(&wheel.bytes());
        assert_eq!(index.digest_and_size("default", &project.files[0]).await.unwrap().0, digest);
        let local = index.local(&std::path::Path::new("wheels").join(wheel.file())).await.unwrap();
        assert_eq!((local.wheel.file(), *local.blob.digest()), (wheel.file().as_str(), digest));
        assert_eq!(index.metadata_of(&local).await.unwrap(), *metadata);
        let server = FakeIndex::serve(std::slice::from_ref(&wheel), Manner::Plain).await;
        let url = |fragment: &str| server.url.join(&format!("/files/{}{fragment}", wheel.file())).unwrap();
        assert_eq!(*index.direct(&url("")).await.unwrap().blob.digest(), digest);
        index.store().evict(&digest).unwrap();
        let wrong = url(&format!("#sha256={}", "0".repeat(64)));
        assert!(matches!(index.direct(&wrong).await.unwrap_err(), IndexError::Store(_)));
    }

    #[tokio::test]
    async fn a_proxy_is_gone_through_unless_the_host_is_excepted() {
        let server = FakeIndex::serve(&[Wheel::new("demo", "1.0")], Manner::Modern).await;
        let proxy = Proxies { http: Some(server.url.to_string()), ..Proxies::default() };
        let asked = async |proxies: Proxies, root: &str| {
            let folder = tempfile::tempdir().unwrap();
            let default = DefaultIndex::Other(Location::Simple(root.parse().unwrap()));
            let options = Options { retries: 0, proxies, ..Options::default() };
            let index = package_index_with(&folder, Settings { default, ..Settings::default() }, options);
            let _ = index.project(&"demo".parse().unwrap(), &amd64()).await;
            server.requests()
        };
        let root = "http://index.example/simple/";
        assert_eq!(asked(proxy.clone(), root).await, ["GET http://index.example/simple/demo/ 404"]);
        assert_eq!(
            asked(Proxies { except: Some("127.0.0.1".to_owned()), ..proxy }, server.url.as_str()).await,
            ["GET /simple/demo/ 200"]
        );
    }

    #[tokio::test]
    async fn pages_are_believed_as_long_as_their_server_says() {
        let file = listed(&Wheel::new("demo", "1.0"));
        let page = |header: &str| Reply::page(std::slice::from_ref(&file)).with(header);
        let asked = async |replies: Vec<Reply>, times: &[u64]| {
            let server = Scripted::serve(&[("/simple/demo/", replies)]).await;
            let folder = tempfile::tempdir().unwrap();
            for now in times {
                let index = package_index(&folder, Settings { now: Some(*now), ..server.settings() });
                assert!(index.project(&"demo".parse().unwrap(), &amd64()).await.unwrap().is_some());
            }
            server.requests().len()
        };
        assert_eq!(asked(vec![page("cache-control: max-age=600")], &[0, 599, 600, 1199]).await, 2);
        assert_eq!(asked(vec![page("cache-control: no-cache, max-age=600")], &[0, 1]).await, 2);
        assert_eq!(asked(vec![page("x-nothing: said")], &[0, 1]).await, 2);
        let same = Reply::new("304 Not Modified", "").with("cache-control: max-age=600");
        assert_eq!(asked(vec![page("etag: \"1\""), same], &[0, 1, 600, 601]).await, 3);
    }
}
