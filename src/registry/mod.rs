//! The client of OCI registries: images out of a repository, images into one.
//!
//! [Distribution specification](https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md).
//! Uploads are one streamed PUT each, from a source that can be opened again, so that every failure
//! ends in a fresh session; chunked uploads are absent on purpose, because registries break them in
//! different ways. Credentials go to the registry and its token server only.

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
mod platform;
mod repository;
mod sink;
mod source;
mod token;
mod upload;

use std::sync::Arc;

use crate::{http::Client, oci::Reference};

pub use blob::RemoteBlob;
pub use credentials::{Anonymous, Credential, CredentialError, CredentialFiles, CredentialProvider};
pub use error::{Asked, RegistryError};
pub use host::Options;
pub use location::Refusal;
pub use platform::manifest_for;
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
}

impl Registry {
    /// A client over `http` that asks `credentials` when a registry wants to know who calls.
    #[must_use]
    pub fn new(http: Client, credentials: Arc<dyn CredentialProvider>, options: Options) -> Self {
        let authenticator = Authenticator::new(http.clone(), credentials);
        let gates = Gates::new(options.requests, options.uploads);
        Self { shared: Arc::new(Shared { http, options, authenticator, gates }) }
    }

    /// The repository that `reference` names, to be read.
    ///
    /// # Errors
    /// When the registry's name makes no URL.
    pub fn to_read(&self, reference: &Reference) -> Result<Repository, RegistryError> {
        Repository::new(self.clone(), reference, "pull")
    }

    /// The repository that `reference` names, to be written.
    ///
    /// # Errors
    /// When the registry's name makes no URL.
    pub fn to_write(&self, reference: &Reference) -> Result<Repository, RegistryError> {
        Repository::new(self.clone(), reference, "pull,push")
    }

    /// The images that `reference` names.
    ///
    /// # Errors
    /// When the registry's name makes no URL.
    pub fn source(&self, reference: &Reference) -> Result<RegistrySource, RegistryError> {
        Ok(RegistrySource::new(self.to_read(reference)?, reference))
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
