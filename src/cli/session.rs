//! What all commands share: the flags, the environment, the reporter, and a builder made of them.

use std::{
    num::NonZeroUsize,
    path::PathBuf,
    sync::{Arc, OnceLock},
    thread,
};

use super::{
    args::Global,
    debian_mirrors,
    environment::Environment,
    error::CliError,
    network, package_indexes,
    progress::{OfRecipe, Reporter},
};
use crate::{
    builder::{Builder, Settings},
    hint::Hint,
    http,
    progress::Event,
    store::Store,
};

/// One run of the program.
pub(super) struct Session {
    flags: Global,
    environment: Environment,
    reporter: Arc<dyn Reporter>,
    builder: OnceLock<Builder>,
}

impl Session {
    pub(super) const fn new(flags: Global, environment: Environment, reporter: Arc<dyn Reporter>) -> Self {
        Self { flags, environment, reporter, builder: OnceLock::new() }
    }

    /// The same run as one recipe among several sees it: what it tells names `recipe`.
    pub(super) fn within(&self, recipe: &str) -> Self {
        let reporter = Arc::new(OfRecipe::new(recipe.to_owned(), Arc::clone(&self.reporter)));
        Self { flags: self.flags.clone(), environment: self.environment.clone(), reporter, builder: OnceLock::new() }
    }

    /// Whether nothing may be asked of the network.
    pub(super) const fn is_offline(&self) -> bool {
        self.flags.reach.offline
    }

    /// A variable of the environment that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.text(name)
    }

    /// Layers made at the same time.
    pub(super) fn jobs(&self) -> NonZeroUsize {
        self.flags.jobs.unwrap_or_else(cores)
    }

    /// A builder with everything that flags and environment say.
    ///
    /// # Errors
    /// When one of them makes no sense, or the store cannot be opened.
    pub(super) fn builder(&self) -> Result<Builder, CliError> {
        self.builder_of(self.settings()?)
    }

    /// A builder with these settings.
    ///
    /// # Errors
    /// When threads cannot be had.
    pub(super) fn builder_of(&self, settings: Settings) -> Result<Builder, CliError> {
        let builder = Builder::new(settings)?;
        let _ = self.builder.set(builder.clone());
        Ok(builder)
    }

    /// Puts away what a run that has ended, in whatever way, left in registries.
    pub(super) async fn tidy(&self) {
        if let Some(builder) = self.builder.get() {
            builder.tidy().await;
        }
    }

    /// What such a builder is made of.
    ///
    /// # Errors
    /// As for [`Session::builder`].
    pub(super) fn settings(&self) -> Result<Settings, CliError> {
        let indexes = package_indexes::read(&self.environment)?;
        let mirrors = debian_mirrors::read(&self.environment)?;
        let mut options = network::read(&self.environment, indexes.certificates)?;
        options.roots.extend(self.flags.reach.authorities()?);
        let epoch = self.environment.epoch()?;
        let options = http::Options { offline: self.flags.reach.offline, ..options };
        let client = http::Client::new(self.flags.reach.limit(options))?;
        Ok(Settings {
            default_index: indexes.default,
            indexes: indexes.indexes,
            index_credentials: indexes.credentials,
            mirrors,
            credentials: Arc::new(self.environment.credentials()),
            registry: self.flags.reach.registry(),
            observer: Arc::clone(&self.reporter) as Arc<dyn crate::progress::Observer>,
            interpreters: self.environment.interpreters(),
            jobs: self.jobs(),
            now: self.environment.now,
            epoch,
            ..Settings::new(self.store()?, client)
        })
    }

    /// The store, which waits for a process that prunes it.
    ///
    /// # Errors
    /// When there is no place for it, or it cannot be opened.
    pub(super) fn store(&self) -> Result<Store, CliError> {
        Ok(Store::open(self.store_folder()?)?.at(self.environment.now))
    }

    /// The folder of the store.
    ///
    /// # Errors
    /// When there is no home, and no flag names one.
    pub(super) fn store_folder(&self) -> Result<PathBuf, CliError> {
        self.flags.store.clone().map_or_else(|| self.environment.store(), Ok)
    }

    /// Seconds since 1970, as the program started.
    pub(super) const fn now(&self) -> Option<u64> {
        self.environment.now
    }

    /// Tells what the program itself decided or did.
    pub(super) fn note(&self, text: &str) {
        self.reporter.note(text);
    }

    /// Tells of something that stops nothing and is not well.
    pub(super) fn warn(&self, message: &str, hint: Option<&Hint>) {
        self.reporter.observe(&Event::Warning { message, hint });
    }

    /// Clears the screen of what is not to stay.
    pub(super) fn finish(&self) {
        self.reporter.finish();
    }
}

fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
