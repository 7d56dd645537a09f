//! A recipe, a lock of what lies below it, and an index on loopback: locking without a network.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex},
};

use super::{BuildError, Builder, Kept, Project, Settings};
use crate::{
    fs::write_atomic,
    http::{Client, Options},
    lock::{Facts, Interpreter, Lock, LockedPlatform, Scheme},
    oci::Platform,
    progress::{Event, Observer},
    pypi::testing::{FakeIndex, Manner, Wheel},
    python::Libc,
    recipe::Recipe,
    store::Store,
};

/// A project in a folder of its own.
pub(super) struct Bench {
    pub(super) folder: tempfile::TempDir,
    heard: Arc<Heard>,
    /// What time it is, if that is known.
    pub(super) now: Option<u64>,
}

/// Keeps warnings.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn observe(&self, event: &Event<'_>) {
        if let Event::Warning { message, .. } = event {
            self.0.lock().unwrap().push((*message).to_owned());
        }
    }
}

impl Bench {
    /// A folder with these files.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), heard: Arc::default(), now: None };
        for (name, text) in files {
            bench.write(name, text);
        }
        bench
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        write_atomic(&self.folder.path().join(name), text.as_bytes()).unwrap();
    }

    /// The recipe with `rest` behind what every recipe says.
    pub(super) fn project(&self, rest: &str) -> Project {
        let head = "name = \"app\"\nbase = \"registry.example/python:3.11\"\n";
        let platforms = "platforms = [\"linux/amd64\", \"linux/arm64\"]\n";
        let recipe = Recipe::parse("app.toml", &format!("{head}{platforms}{rest}"));
        let recipe = recipe.unwrap_or_else(|error| panic!("{error}"));
        Project { recipe, folder: self.folder.path().to_owned() }
    }

    /// A builder over an index of `wheels`, whose log comes with it.
    pub(super) async fn builder(&self, wheels: &[Wheel]) -> (Builder, FakeIndex) {
        self.builder_over(FakeIndex::serve(wheels, Manner::Modern).await)
    }

    /// A builder over this index.
    pub(super) fn builder_over(&self, server: FakeIndex) -> (Builder, FakeIndex) {
        let settings = Settings {
            default_index: server.settings().default,
            observer: Arc::clone(&self.heard) as Arc<dyn Observer>,
            jobs: NonZeroUsize::MIN,
            now: self.now,
            ..Settings::new(
                Store::open(self.folder.path().join("store")).unwrap(),
                Client::new(Options { retries: 0, ..Options::default() }).unwrap(),
            )
        };
        (Builder::new(settings).unwrap(), server)
    }

    /// Locks the recipe that ends in `rest`, as if its base were known, keeping what `before` has.
    pub(super) async fn lock(
        &self,
        wheels: &[Wheel],
        rest: &str,
        before: Option<&Lock>,
        upgrade: &[&str],
    ) -> Result<Lock, BuildError> {
        let project = self.project(rest);
        let known = before.cloned().unwrap_or_else(|| base(&project));
        let names: Vec<String> = upgrade.iter().map(|name| (*name).to_owned()).collect();
        self.builder(wheels).await.0.lock(&project, &Kept::but(&known, &names)?).await
    }

    /// Locks the recipe `text`, of whose base nothing is known.
    pub(super) async fn lock_text(&self, wheels: &[Wheel], text: &str) -> Result<Lock, BuildError> {
        let recipe = Recipe::parse("app.toml", text).unwrap_or_else(|error| panic!("{error}"));
        let project = Project { recipe, folder: self.folder.path().to_owned() };
        self.builder(wheels).await.0.lock(&project, &Kept::nothing()).await
    }

    /// The warnings so far.
    pub(super) fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.0.lock().unwrap())
    }
}

/// A lock of the base of `project` and of nothing else.
pub(super) fn base(project: &Project) -> Lock {
    let platforms = project.recipe.platforms.iter().map(|platform| below(platform.get_ref())).collect();
    let inputs = super::inputs::inputs(project).unwrap();
    Lock { version: Lock::VERSION, inputs, platforms, images: Vec::new() }
}

/// `name version`, for each wheel of the image.
pub(super) fn wheels(lock: &Lock, variant: Option<&str>, platform: &str) -> String {
    let image = lock.image(variant, &platform.parse().unwrap()).unwrap();
    let wheels = image.wheels.iter().map(|wheel| format!("{} {}", wheel.name, wheel.version));
    wheels.collect::<Vec<_>>().join(", ")
}

fn below(platform: &Platform) -> LockedPlatform {
    let site = "/usr/local/lib/python3.11/site-packages".to_owned();
    let scheme = Scheme {
        purelib: site.clone(),
        platlib: site,
        scripts: "/usr/local/bin".to_owned(),
        data: "/usr/local".to_owned(),
        headers: "/usr/local/include/python3.11".to_owned(),
    };
    let python = Interpreter {
        path: "/usr/local/bin/python3".to_owned(),
        version: "3.11.2".parse().unwrap(),
        free_threaded: false,
        scheme,
    };
    let facts = Facts { python: Some(python), libc: Some(Libc::Glibc(2, 36)), ..Facts::default() };
    let base = Some(crate::oci::Digest::of(platform.to_string().as_bytes()));
    LockedPlatform::new(platform.clone(), base, facts)
}
