//! The client of OCI registries: images out of a repository, images into one.
//!
//! [Distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
//! Uploads are one streamed PUT each, from a source that can be opened again, so that every failure
//! ends in a fresh session. Chunks are for registries behind a proxy that limits bodies, and only when
//! asked for, because registries break them in different ways. Credentials go to the registry and its
//! token server only.

mod authenticator;
mod blob;
mod call;
mod challenge;
mod credentials;
mod error;
mod gate;
mod host;
mod location;
mod meter;
mod referrers;
mod repository;
mod sink;
mod source;
mod tags;
mod token;
mod upload;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    http::Client,
    oci::{Digest, Reference},
};

pub use blob::RemoteBlob;
pub use credentials::{Anonymous, Credential, CredentialError, CredentialFiles, CredentialProvider};
pub use error::{Asked, RegistryError};
pub use host::Options;
pub use location::Refusal;
pub use referrers::Attached;
pub use repository::{Repository, Resolved};
pub use sink::RegistrySink;
pub use source::RegistrySource;

use authenticator::Authenticator;
use gate::Gates;

/// All registries, as seen with one set of credentials; cheap to clone.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

struct Shared {
    http: Client,
    options: Options,
    authenticator: Authenticator,
    gates: Gates,
    /// Uploads that were given up and not cancelled yet.
    abandoned: Mutex<Vec<upload::Abandoned>>,
    /// In which repository of a registry a blob was put, or found, so that others there can mount it.
    placed: Mutex<BTreeMap<(String, Digest), String>>,
    /// Held by whoever changes a tag that lists referrers.
    lists: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Registries that were seen to list referrers themselves.
    listing: Mutex<BTreeSet<String>>,
}

impl Registry {
    /// A client over `http` that asks `credentials` when a registry wants to know who calls.
    #[must_use]
    pub fn new(http: Client, credentials: Arc<dyn CredentialProvider>, options: Options) -> Self {
        let authenticator = Authenticator::new(http.clone(), credentials);
        let gates = Gates::new(options.requests, options.uploads);
        let (abandoned, placed) = (Mutex::default(), Mutex::default());
        let (lists, listing) = (Mutex::default(), Mutex::default());
        Self { shared: Arc::new(Shared { http, options, authenticator, gates, abandoned, placed, lists, listing }) }
    }

    /// Cancels the uploads whose futures were dropped before they ended, so that no half of a blob
    /// waits in a registry. Failures are passed over: registries forget such uploads by themselves,
    /// some after a week.
    pub async fn tidy(&self) {
        let abandoned = std::mem::take(&mut *lock(&self.shared.abandoned));
        futures_util::future::join_all(abandoned.into_iter().map(|upload| upload.cancel(self.clone()))).await;
    }

    /// The repository that `reference` names, to be read.
    ///
    /// # Errors
    /// When the registry's name makes no URL.
    pub fn to_read(&self, reference: &Reference) -> Result<Repository, RegistryError> {
        Repository::new(self.clone(), (reference.registry(), reference.repository()), "pull")
    }

    /// The repository that `reference` names, to be written.
    ///
    /// # Errors
    /// When the registry's name makes no URL.
    pub fn to_write(&self, reference: &Reference) -> Result<Repository, RegistryError> {
        Repository::new(self.clone(), (reference.registry(), reference.repository()), "pull,push")
    }

    /// The images that `reference` names, out of the registry's mirrors or, where they fail, out of
    /// itself.
    ///
    /// # Errors
    /// When the name of the registry or of a mirror makes no URL.
    pub fn source(&self, reference: &Reference) -> Result<RegistrySource, RegistryError> {
        let mirrors = self.shared.options.mirrors(reference.registry(), reference.repository());
        let mirrors = mirrors.iter().map(|(host, name)| Repository::new(self.clone(), (host, name), "pull"));
        Ok(RegistrySource::new(self.to_read(reference)?, mirrors.collect::<Result<_, _>>()?, reference))
    }

    /// Where `reference` names, with the tag it carries and `more_tags`.
    ///
    /// # Errors
    /// When the registry's name makes no URL, or a tag breaks the grammar of tags.
    pub fn sink(&self, reference: &Reference, more_tags: &[String]) -> Result<RegistrySink, RegistryError> {
        let mut tags: Vec<String> = reference.tag().map(str::to_owned).into_iter().collect();
        for tag in more_tags {
            reference.tagged(tag).map_err(|source| RegistryError::Tag { tag: tag.clone(), source })?;
            if !tags.contains(tag) {
                tags.push(tag.clone());
            }
        }
        Ok(RegistrySink::new(self.to_write(reference)?, tags))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
