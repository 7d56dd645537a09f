//! What all commands share: the flags, the environment, the reporter, and a builder made of them.

use std::{num::NonZeroUsize, sync::Arc, thread};

use super::{
    args::Global, debian_mirrors, environment::Environment, error::CliError, network, package_indexes,
    progress::Reporter,
};
use crate::{
    builder::{Builder, Settings},
    http,
    layer::wheel::RecordCheck,
    registry,
    store::Store,
};

/// One run of the program.
pub(super) struct Session {
    flags: Global,
    environment: Environment,
    reporter: Arc<dyn Reporter>,
}

impl Session {
    pub(super) const fn new(flags: Global, environment: Environment, reporter: Arc<dyn Reporter>) -> Self {
        Self { flags, environment, reporter }
    }

    /// A builder with everything that flags and environment say.
    ///
    /// # Errors
    /// When one of them makes no sense, or the store cannot be opened.
    pub(super) fn builder(&self) -> Result<Builder, CliError> {
        Ok(Builder::new(self.settings()?)?)
    }

    /// What such a builder is made of.
    ///
    /// # Errors
    /// As for [`Session::builder`].
    pub(super) fn settings(&self) -> Result<Settings, CliError> {
        let indexes = package_indexes::read(&self.environment)?;
        let mirrors = debian_mirrors::read(&self.environment)?;
        let options = network::read(&self.environment, indexes.certificates)?;
        let epoch = self.environment.epoch()?;
        let store = self.flags.store.clone().map_or_else(|| self.environment.store(), Ok)?;
        Ok(Settings {
            store: Store::open(store)?,
            http: http::Client::new(http::Options { offline: self.flags.offline, ..options })?,
            default_index: indexes.default,
            indexes: indexes.indexes,
            index_credentials: indexes.credentials,
            mirrors,
            credentials: Arc::new(self.environment.credentials()),
            registry: registry::Options {
                plain_http: self.flags.plain_http.iter().cloned().collect(),
                ..registry::Options::default()
            },
            observer: Arc::clone(&self.reporter) as Arc<dyn crate::progress::Observer>,
            records: RecordCheck::Skip,
            jobs: self.flags.jobs.unwrap_or_else(cores),
            now: self.environment.now,
            epoch,
        })
    }

    /// Tells what the program itself decided or did.
    pub(super) fn note(&self, text: &str) {
        self.reporter.note(text);
    }

    /// Clears the screen of what is not to stay.
    pub(super) fn finish(&self) {
        self.reporter.finish();
    }
}

fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
