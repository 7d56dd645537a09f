//! A repository in a registry: manifests by tag and digest, and whether a blob is there.

use std::fmt;

use reqwest::{
    Method, Response,
    header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderName},
};
use url::Url;

use super::{
    Registry, RegistryError,
    authenticator::Authenticator,
    blob::RemoteBlob,
    call::{Call, Payload},
    gate::Gates,
    upload,
};
use crate::{
    http::{Client, pause},
    image::{BlobSource, Manifest, Moved},
    oci::{Descriptor, Digest, MediaType},
};

/// Manifests up to 4 MiB must be accepted everywhere; none above is.
pub(super) const LARGEST_MANIFEST: u64 = 4 << 20;

const DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Everything we can read, Docker's names for it included.
pub(super) const MANIFEST_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// A repository, opened to be read or written; cheap to clone.
#[derive(Clone)]
pub struct Repository {
    registry: Registry,
    host: String,
    name: String,
    root: Url,
    actions: &'static str,
}

/// What a tag points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Of the manifest or index.
    pub digest: Digest,
    /// As the registry declares it.
    pub media_type: Option<MediaType>,
    /// In bytes.
    pub size: Option<u64>,
}

impl Repository {
    pub(super) fn new(
        registry: Registry,
        (host, name): (&str, &str),
        actions: &'static str,
    ) -> Result<Self, RegistryError> {
        let unknown = || RegistryError::Name { registry: host.to_owned() };
        let root = registry.shared.options.root(host).ok_or_else(unknown)?;
        Ok(Self { registry, host: host.to_owned(), name: name.to_owned(), root, actions })
    }

    /// What `tag` points to, without reading it: many registries count reads, not questions.
    ///
    /// # Errors
    /// When the registry cannot be reached or knows no such tag.
    pub async fn resolve(&self, tag: &str) -> Result<Resolved, RegistryError> {
        let call = accepting(Call::new(Method::HEAD, self.manifest_url(tag)?, &tag));
        let response = self.send(&call, &[200]).await;
        let resolved = match response {
            Ok(response) => read_head(&response),
            // Some registries do not answer HEAD, or answer it with another status than GET.
            Err(error) if matches!(error.status().map(|status| status.as_u16()), Some(400 | 403 | 404 | 405)) => None,
            Err(error) => return Err(error),
        };
        if let Some(resolved) = resolved {
            return Ok(resolved);
        }
        let manifest = self.get_manifest(tag).await?;
        let Descriptor { media_type, digest, size, .. } = manifest.descriptor().clone();
        Ok(Resolved { digest, media_type: Some(media_type), size: Some(size) })
    }

    /// The manifest or index with `digest`, its bytes verified.
    ///
    /// # Errors
    /// When the registry cannot be reached, does not have it, or sends something else.
    pub async fn manifest(&self, digest: &Digest) -> Result<Manifest, RegistryError> {
        let manifest = self.get_manifest(&digest.to_string()).await?;
        if manifest.descriptor().digest != *digest {
            return Err(self.mismatch(digest, &manifest.descriptor().digest));
        }
        Ok(manifest)
    }

    /// Puts a manifest or index `at` a digest or a tag.
    ///
    /// # Errors
    /// When the registry cannot be reached, refuses it, or stores something else.
    pub async fn put_manifest(&self, manifest: &Manifest, at: &str) -> Result<(), RegistryError> {
        self.store_manifest(manifest, at).await.map(drop)
    }

    pub(super) async fn store_manifest(&self, manifest: &Manifest, at: &str) -> Result<Response, RegistryError> {
        let descriptor = manifest.descriptor();
        let call = Call::new(Method::PUT, self.manifest_url(at)?, &at)
            .with(CONTENT_TYPE, descriptor.media_type.as_ref())
            .carrying(Payload::Bytes(manifest.bytes().clone()));
        let mut attempt = 1;
        let response = loop {
            match self.send(&call, &[200, 201, 202, 204]).await {
                // That cannot be: the digest was made of these bytes. The reference registry says so when it
                // reads a file that another push of the same image is writing.
                Err(error) if error.code() == Some("DIGEST_INVALID") && attempt <= self.http().options().retries => {
                    tracing::debug!(attempt, %error, "trying again");
                    tokio::time::sleep(pause(attempt, self.http().options().pause)).await;
                }
                response => break response?,
            }
            attempt += 1;
        };
        self.check_digest(&response, &descriptor.digest)?;
        Ok(response)
    }

    /// Whether the repository has a manifest or index.
    ///
    /// # Errors
    /// When the registry cannot be reached, or wants credentials that we do not have.
    pub async fn has_manifest(&self, descriptor: &Descriptor) -> Result<bool, RegistryError> {
        let call = Call::new(Method::HEAD, self.manifest_url(&descriptor.digest.to_string())?, &descriptor.digest);
        self.is_there(&accepting(call), descriptor.size).await
    }

    /// Whether the repository has a blob.
    ///
    /// # Errors
    /// When the registry cannot be reached, or wants credentials that we do not have.
    pub async fn has_blob(&self, descriptor: &Descriptor) -> Result<bool, RegistryError> {
        let call = Call::new(Method::HEAD, self.blob_url(&descriptor.digest)?, &descriptor.digest);
        self.is_there(&call, descriptor.size).await
    }

    /// A blob of the repository, read on demand.
    #[must_use]
    pub fn blob(&self, descriptor: &Descriptor) -> RemoteBlob {
        RemoteBlob::new(self.clone(), Vec::new(), descriptor.clone())
    }

    /// Puts `blob` there: finds it, mounts it, or sends it.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses it, and when `blob` cannot be read.
    pub async fn put_blob(&self, blob: &dyn BlobSource) -> Result<Moved, RegistryError> {
        upload::put(self, blob).await
    }

    /// What [`Repository::put_blob`] would do, as far as that can be known without doing it.
    ///
    /// # Errors
    /// When the registry cannot be reached.
    pub async fn foresee_blob(&self, blob: &dyn BlobSource) -> Result<Moved, RegistryError> {
        upload::foresee(self, blob).await
    }

    /// Puts `blob` there although the registry says that it has it.
    ///
    /// # Errors
    /// As [`Repository::put_blob`].
    pub async fn put_blob_again(&self, blob: &dyn BlobSource) -> Result<Moved, RegistryError> {
        upload::put_again(self, blob).await
    }

    /// Host and port, as in references.
    #[must_use]
    pub fn registry_name(&self) -> &str {
        &self.host
    }

    /// Path of the repository in its registry.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) const fn root(&self) -> &Url {
        &self.root
    }

    pub(super) const fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(super) fn http(&self) -> &Client {
        &self.registry.shared.http
    }

    /// Of how many bytes a request of an upload may consist, if the registry has such a rule.
    pub(super) fn chunk(&self) -> Option<u64> {
        self.registry.shared.options.chunks.get(&self.host).copied()
    }

    pub(super) fn gates(&self) -> &Gates {
        &self.registry.shared.gates
    }

    pub(super) fn authenticator(&self) -> &Authenticator {
        &self.registry.shared.authenticator
    }

    /// The scopes a token must have; our own first, because some registries look at no other.
    pub(super) fn scopes(&self, mount_from: Option<&str>) -> Vec<String> {
        let own = format!("repository:{}:{}", self.name, self.actions);
        std::iter::once(own).chain(mount_from.map(|name| format!("repository:{name}:pull"))).collect()
    }

    pub(super) fn url(&self, end: &str) -> Result<Url, RegistryError> {
        let url = self.root.join(&format!("{}/{end}", self.name));
        url.map_err(|_| RegistryError::Name { registry: self.host.clone() })
    }

    pub(super) fn blob_url(&self, digest: &Digest) -> Result<Url, RegistryError> {
        self.url(&format!("blobs/{digest}"))
    }

    pub(super) fn mismatch(&self, expected: &impl ToString, found: &impl ToString) -> RegistryError {
        let (expected, found) = (expected.to_string(), found.to_string());
        RegistryError::Mismatch { repository: self.to_string(), expected, found }
    }

    /// Registries that say what they stored must have stored what we sent.
    pub(super) fn check_digest(&self, response: &Response, digest: &Digest) -> Result<(), RegistryError> {
        match response.headers().get(DIGEST).and_then(|value| value.to_str().ok()) {
            Some(found) if found.starts_with("sha256:") && found != digest.to_string() => {
                Err(self.mismatch(digest, &found))
            }
            _ => Ok(()),
        }
    }

    async fn is_there(&self, call: &Call<'_>, size: u64) -> Result<bool, RegistryError> {
        match self.send(call, &[200]).await {
            // A size that is not ours means bytes that are not ours: better sent once too often.
            Ok(response) => Ok(length(&response).is_none_or(|found| found == size)),
            // What is wrong beyond the absence, the upload will tell better.
            Err(error) if matches!(error.status().map(|status| status.as_u16()), Some(400 | 403 | 404 | 405)) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn manifest_url(&self, at: &str) -> Result<Url, RegistryError> {
        self.url(&format!("manifests/{at}"))
    }

    pub(super) async fn get_manifest(&self, at: &str) -> Result<Manifest, RegistryError> {
        let call = accepting(Call::new(Method::GET, self.manifest_url(at)?, &at));
        let mut attempt = 1;
        let (declared, bytes) = loop {
            let response = self.send(&call, &[200]).await?;
            let declared = content_type(&response);
            match self.read(response, at, LARGEST_MANIFEST).await {
                Ok(bytes) => break (declared, bytes),
                Err(error) => self.wait_after(error.into(), attempt).await?,
            }
            attempt += 1;
        };
        let manifest = Manifest::parse(bytes, declared.as_ref())
            .map_err(|source| RegistryError::Manifest { repository: self.to_string(), source })?;
        self.check_type(&manifest, declared.as_ref())?;
        Ok(manifest)
    }

    /// A document that is an index to one reader and a manifest to another is a trick.
    fn check_type(&self, manifest: &Manifest, declared: Option<&MediaType>) -> Result<(), RegistryError> {
        let own = &manifest.descriptor().media_type;
        if let Some(declared) = declared.filter(|declared| *declared != own && is_manifest_type(declared)) {
            return Err(self.mismatch(declared, own));
        }
        if manifest.is_index() && manifest.value().get("layers").is_some() {
            return Err(self.mismatch(&"an index or a manifest", &"both in one document"));
        }
        Ok(())
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.host, self.name)
    }
}

fn accepting(call: Call<'_>) -> Call<'_> {
    MANIFEST_TYPES.iter().fold(call, |call, media_type| call.with(ACCEPT, media_type))
}

fn is_manifest_type(media_type: &MediaType) -> bool {
    MANIFEST_TYPES.contains(&media_type.to_string().as_str())
}

pub(super) fn read_head(response: &Response) -> Option<Resolved> {
    let digest = response.headers().get(DIGEST)?.to_str().ok()?.parse().ok()?;
    Some(Resolved { digest, media_type: content_type(response), size: length(response) })
}

fn content_type(response: &Response) -> Option<MediaType> {
    let text = response.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    Some(MediaType::from(text.split(';').next()?.trim()))
}

/// From the header: a HEAD request has no body that `reqwest` could measure.
fn length(response: &Response) -> Option<u64> {
    response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
