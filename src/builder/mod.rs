//! The whole way from a recipe to an image: [`Builder::lock`] chooses everything and writes it down,
//! [`Builder::build`] makes what the lock names, [`Builder::deliver`] brings it where it shall go.

mod attesting;
mod build;
mod bytecode;
mod carried;
mod check;
mod config;
mod debian;
mod destination;
mod error;
mod explain;
mod export;
mod files;
mod foreseeing;
mod fleet;
mod from_lock;
mod gathering;
mod inputs;
mod inventory;
mod kept;
mod kept_documents;
mod listing;
mod local_wheels;
mod locking;
mod make;
mod memo;
mod mending;
mod needed;
mod opened;
mod over;
mod replacing;
mod scripts;
mod rebase;
mod parts;
mod paths;
mod policy;
mod portrait;
mod proving;
mod remote;
mod reporting;
mod seen;
mod signing;
mod stated;
mod timings;
mod turns;
mod undone;
mod verifying;
mod wheels;
mod why;
#[cfg(test)]
mod testing;

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

pub use attesting::{Attest, Effort};
pub use destination::Destination;
pub use error::BuildError;
pub use explain::{Answer, Explanation, Link, Newer};
pub use fleet::{Failure, Fate, Fleet};
pub use foreseeing::{Foreboding, Foreseen, ForeseenLayer, fetched, warnings};
pub use inventory::Origin;
pub use kept::Kept;
pub use listing::Listing;
pub use portrait::{FileFacts, PackageKind, Portrait};
pub use proving::{BaseProof, Difference, Proof, ProofError, Prove, ProvedImage, Sample};
pub use rebase::{Rebase, RebaseError, Rebased, RebasedImage};
pub use remote::{Holder, Recorded, RemoteCache};
pub use reporting::Reported;
pub use signing::{Signable, SignatureError, Signed};
pub use timings::PastBuild;
use tokio::sync::Semaphore;
use turns::Turns;
pub use verifying::{Checks, Depth};
pub use why::{Since, Why};

use crate::{
    apt::{Archive, Mirrors},
    compiler,
    http::Client,
    image::{Artifact, Index},
    layer::wheel::RecordCheck,
    oci::{Digest, Platform},
    plan::LayerKey,
    progress::{Event, Observer, Silent},
    pypi,
    recipe::{Base, Recipe},
    registry::{self, CredentialProvider, Registry},
    remote::{Check, LayerIndex},
    store::Store,
};

/// Everything a build needs from outside of recipe and lock.
#[derive(Clone)]
pub struct Settings {
    /// Where files are kept between builds.
    pub store: Store,
    /// How to reach the network.
    pub http: Client,
    /// The index for packages that the recipe binds to no other.
    pub default_index: pypi::DefaultIndex,
    /// The user's own further indexes; the recipe's come before them.
    pub indexes: Vec<pypi::Index>,
    /// Credentials of package indexes, beside what their URLs carry.
    pub index_credentials: pypi::Credentials,
    /// Mirrors of Debian's archives; the recipe's come before them.
    pub mirrors: Mirrors,
    /// Credentials of registries.
    pub credentials: Arc<dyn CredentialProvider>,
    /// How registries are spoken to.
    pub registry: registry::Options,
    /// Where layers that other builds made are found, and told of.
    pub remote: RemoteCache,
    /// Who hears what happens.
    pub observer: Arc<dyn Observer>,
    /// Whether the files of wheels are held against their RECORD.
    pub records: RecordCheck,
    /// Where interpreters are looked for that compile sources, where a recipe wants that and names none.
    pub interpreters: compiler::Search,
    /// Layers made at the same time.
    pub jobs: NonZeroUsize,
    /// Seconds since 1970, against which the age of indexes is held; not checked where there is none.
    pub now: Option<u64>,
    /// `SOURCE_DATE_EPOCH`: the time in configs, in seconds since 1970; else 1980-01-01.
    pub epoch: Option<u64>,
}

impl Settings {
    /// A program's own store and client, and for everything else what asks nothing of the machine: the public
    /// indexes and archives, no credentials, no observer, as many layers at a time as there are cores.
    #[must_use]
    pub fn new(store: Store, http: Client) -> Self {
        Self {
            store,
            http,
            default_index: pypi::DefaultIndex::default(),
            indexes: Vec::new(),
            index_credentials: pypi::Credentials::default(),
            mirrors: Mirrors::default(),
            credentials: Arc::new(registry::Anonymous),
            registry: registry::Options::default(),
            remote: RemoteCache::default(),
            observer: Arc::new(Silent),
            records: RecordCheck::Skip,
            interpreters: compiler::Search::default(),
            jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            now: None,
            epoch: None,
        }
    }
}

/// A recipe, and the folder from which its paths start.
#[derive(Clone, Debug)]
pub struct Project {
    /// The recipe.
    pub recipe: Recipe,
    /// Its folder.
    pub folder: PathBuf,
}

impl Project {
    /// The same on another base, which stands in `place`, as messages call it. A path counts from the
    /// working folder, as on a command line.
    ///
    /// # Errors
    /// When wheels are wanted and the base has no interpreter for them.
    pub fn on(self, place: &str, base: Base) -> Result<Self, BuildError> {
        let base = match base {
            Base::Layout { path, tag } => Base::Layout { path: paths::from_folder(&self.folder, path), tag },
            Base::Archive { path, tag } => Base::Archive { path: paths::from_folder(&self.folder, path), tag },
            other => other,
        };
        Ok(Self { recipe: self.recipe.on(place, base)?, ..self })
    }
}

/// Which of a recipe's images are built.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these platforms; all of the recipe's when empty.
    pub platforms: Vec<Platform>,
    /// The variant; none for a recipe without variants.
    pub variant: Option<String>,
}

/// An image that has been built and not yet been brought anywhere.
#[derive(Clone)]
pub struct Built {
    /// The variant.
    pub variant: Option<String>,
    /// The image index.
    pub index: Index,
    /// Its layers, platform by platform, base first.
    pub layers: Vec<BuiltLayer>,
    /// What came of holding wheels against each other, platform by platform.
    pub checks: Vec<BuiltCheck>,
    /// What its index lists beside the images.
    pub listed: Vec<Artifact>,
}

/// What came of holding the wheels of an image against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltCheck {
    /// What others may be told.
    pub check: Check,
    /// The key of one of the layers.
    pub beside: Digest,
}

/// A layer of an image that has been built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltLayer {
    /// Of which platform's image.
    pub platform: Platform,
    /// What a person calls it.
    pub name: String,
    /// Under which others find it; nothing for the base's, and for files of the user's.
    pub key: Option<LayerKey>,
    /// Of the compressed blob.
    pub digest: Digest,
    /// Bytes of the compressed blob.
    pub size: u64,
    /// What it took.
    pub made: Made,
    /// How long that took.
    pub time: Duration,
    /// Why it is what it is; nothing for the base's.
    pub why: Option<Why>,
    /// Wheels and packages in it.
    pub holds: Vec<Held>,
}

/// A wheel or a package in a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Bytes of the file it came as, or of the part of it that is in the layer.
    pub size: u64,
}

/// What it took to have a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is the base's.
    Base,
    /// It was made by an earlier build.
    Cached,
    /// Another build made it, and its bytes are in a registry.
    Remote,
    /// It was made now.
    Built,
}

impl std::fmt::Display for Made {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Base => "base",
            Self::Cached => "cached",
            Self::Remote => "remote",
            Self::Built => "built",
        })
    }
}

/// Builds images.
#[derive(Clone)]
pub struct Builder {
    settings: Arc<Settings>,
    registry: Registry,
    /// What other builds made.
    layers: Arc<LayerIndex>,
    pool: Arc<rayon::ThreadPool>,
    /// Downloads of all layers and platforms together.
    downloads: Arc<Semaphore>,
    /// Debian's indexes take a hundred megabytes each while packages are chosen: one at a time.
    indexes: Arc<Semaphore>,
    /// Files that are fetched and layers that are made, each once in this process.
    turns: Arc<Turns>,
    warned: Arc<Mutex<BTreeSet<String>>>,
    /// Interpreters that compile.
    compilers: Arc<Mutex<bytecode::Found>>,
}

impl Builder {
    /// A builder with these settings.
    ///
    /// # Errors
    /// When threads cannot be had.
    pub fn new(settings: Settings) -> Result<Self, BuildError> {
        let registry =
            Registry::new(settings.http.clone(), Arc::clone(&settings.credentials), settings.registry.clone());
        let layers = Arc::new(settings.remote.index(&registry)?);
        let threads = rayon::ThreadPoolBuilder::new().num_threads(settings.jobs.get());
        // Whoever waits for work that panicked hears of it by its channel: nobody's process is aborted.
        let threads = threads.panic_handler(|_| ()).thread_name(|number| format!("layer-{number}"));
        let pool = threads.build();
        let pool = pool.map_err(|source| BuildError::Threads { source })?;
        let downloads = Arc::new(Semaphore::new(settings.http.options().downloads.max(1)));
        let indexes = Arc::new(Semaphore::new(1));
        Ok(Self {
            settings: Arc::new(settings),
            registry,
            layers,
            pool: Arc::new(pool),
            downloads,
            indexes,
            turns: Arc::default(),
            warned: Arc::default(),
            compilers: Arc::default(),
        })
    }

    fn tell(&self, event: &Event<'_>) {
        self.settings.observer.observe(event);
    }

    fn stage(&self, name: &str, subject: impl std::fmt::Display) {
        self.tell(&Event::Stage { name, subject: &subject.to_string() });
    }

    /// Warns once: what holds for several platforms is not said for each.
    fn warn(&self, message: &str, hint: Option<&crate::hint::Hint>) {
        let new = self.warned.lock().map_or(true, |mut warned| warned.insert(message.to_owned()));
        if !new {
            return;
        }
        self.tell(&Event::Warning { message, hint });
    }

    fn package_index(&self, project: &Project) -> pypi::PackageIndex {
        let settings = pypi::Settings {
            default: self.settings.default_index.clone(),
            indexes: inputs::indexes(project).chain(self.settings.indexes.iter().cloned()).collect(),
            folder: project.folder.clone(),
            credentials: self.settings.index_credentials.clone(),
            now: self.settings.now,
        };
        let observer = Arc::clone(&self.settings.observer);
        pypi::PackageIndex::new(self.settings.http.clone(), self.settings.store.clone(), settings, observer)
    }

    fn archive(&self, project: &Project) -> Archive {
        let mirrors = inputs::mirrors(project, &self.settings.mirrors);
        let observer = Arc::clone(&self.settings.observer);
        Archive::new(self.settings.http.clone(), self.settings.store.clone(), mirrors, observer)
    }
}
