//! Images in registries signed with a key, and held against the signatures that they have.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::{BuildError, Builder, Built};
use crate::{
    cosign::{Payload, PayloadError, PublicKey, Signature, Signatures, SignaturesError, SigningKey, tag},
    hint::{Advise, Hint},
    http::pause,
    image::{BlobSource, Bytes, Graph, ManifestError, Source as _, TransferError, read_whole},
    oci::{Digest, Reference},
    registry::{RegistryError, Repository},
};

/// Most bytes of a payload; it has some hundred.
const LARGEST_PAYLOAD: u64 = 1 << 20;

/// How often a signature is added to a tag that others change at the same time.
const MOST_ATTEMPTS: u32 = 6;

/// What is signed below a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signable {
    /// The manifest or index that the name stands for.
    pub root: Digest,
    /// The images that an index lists, for known platforms: Podman and CRI-O ask for the signature of the one that
    /// they take, cosign for that of the root.
    pub images: Vec<Digest>,
}

/// A signature that holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Of the manifest or index.
    pub digest: Digest,
    /// The repository that it was signed for.
    pub identity: String,
}

/// Why an image does not count as signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Nobody has signed it.
    #[error("{image} is not signed: there is no {place}")]
    Unsigned {
        /// The image, by digest.
        image: Reference,
        /// Where signatures would lie.
        place: String,
    },
    /// What lies under the tag of signatures is something else.
    #[error("{place} cannot be read")]
    Unreadable {
        /// The tag.
        place: String,
        /// Why.
        source: SignaturesError,
    },
    /// Others have signed it.
    #[error("{image} is signed, and not by this key: {place} has {count} by others")]
    OtherKey {
        /// The image, by digest.
        image: Reference,
        /// Where signatures lie.
        place: String,
        /// How many there are.
        count: usize,
    },
    /// The key has signed another image, and somebody put that signature here.
    #[error("the signature of {image} is of another image, {signed}")]
    OtherDigest {
        /// The image, by digest.
        image: Reference,
        /// What the signature is of.
        signed: Digest,
    },
    /// What was signed is no claim about an image.
    #[error("the signature of {image} is of something that is not understood")]
    Payload {
        /// The image, by digest.
        image: Reference,
        /// Why.
        source: PayloadError,
    },
    /// What was signed is not there as it was.
    #[error("what was signed of {image} cannot be read")]
    Damaged {
        /// The image, by digest.
        image: Reference,
        /// Why.
        source: TransferError,
    },
}

impl Signable {
    /// What was built.
    #[must_use]
    pub fn of(built: &Built) -> Self {
        let images = built.index.images.iter().map(|image| image.manifest.descriptor().digest);
        Self { root: built.index.manifest.descriptor().digest, images: images.collect() }
    }

    /// What is about to be copied.
    ///
    /// # Errors
    /// When the root is malformed.
    pub fn of_graph(graph: &Graph) -> Result<Self, ManifestError> {
        let root = graph.root().descriptor().digest;
        let images = graph.images()?.into_iter().map(|(_, manifest)| manifest.descriptor().digest);
        Ok(Self { root, images: images.filter(|digest| *digest != root).collect() })
    }
}

impl Builder {
    /// What there is to sign under `reference`: the registry's own word, not a mirror's.
    ///
    /// # Errors
    /// When the registry cannot be reached, or what it has is malformed.
    pub async fn signable(&self, reference: &Reference) -> Result<Signable, BuildError> {
        let place = self.registry.to_write(reference)?;
        let root = match reference.digest() {
            Some(digest) => *digest,
            None => place.resolve(reference.tag().unwrap_or("latest")).await?.digest,
        };
        let listed = place.manifest(&root).await?.manifests();
        let listed = listed.map_err(|error| BuildError::Fetch { source: error.into() })?;
        let known = listed.into_iter().filter(|entry| entry.platform.is_some());
        Ok(Signable { root, images: known.map(|entry| entry.digest).collect() })
    }

    /// Signs what `signable` names with `key`, as an image of the repository of `reference`; whether it is there
    /// makes no difference, so that a name can come after its signatures. What the key has signed stays as it is.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses it, or what lies where signatures belong is something else.
    pub async fn sign(
        &self,
        reference: &Reference,
        signable: &Signable,
        key: &SigningKey,
    ) -> Result<Vec<Signed>, BuildError> {
        let place = self.registry.to_write(reference)?;
        self.stage("signing", reference.at(signable.root));
        let identity = place.to_string();
        let settle = self.settings.http.options().pause;
        let signed = std::iter::once(&signable.root).chain(&signable.images).map(async |digest| {
            let payload = Payload { digest: *digest, identity: identity.clone() };
            add(&place, &payload, (key, settle)).await?;
            Ok::<_, BuildError>(Signed { digest: *digest, identity: identity.clone() })
        });
        try_join_all(signed).await
    }

    /// Demands that the owner of `key` has signed what `reference` stands for at this moment. For which repository
    /// it was signed is told and not demanded, as cosign does it: copies stay signed.
    ///
    /// # Errors
    /// [`SignatureError`] when it does not count as signed; other ones when the registry cannot be reached.
    pub async fn verify_signature(&self, reference: &Reference, key: &PublicKey) -> Result<Signed, BuildError> {
        let digest = self.registry.source(reference)?.resolve().await?;
        let image = reference.at(digest);
        let tag = tag(&digest);
        let at = reference.tagged(&tag).map_err(|source| RegistryError::Tag { tag, source })?;
        let place = at.to_string();
        let list = match self.registry.source(&at)?.resolve().await {
            Err(error) if error.status().is_some_and(|status| status.as_u16() == 404) => {
                return Err(SignatureError::Unsigned { image, place }.into());
            }
            list => list?,
        };
        let source = self.registry.source(&reference.at(list))?;
        let manifest = source.root().await.map_err(|source| BuildError::Fetch { source })?;
        let signatures = Signatures::parse(&manifest);
        let signatures = signatures.map_err(|source| SignatureError::Unreadable { place: place.clone(), source })?;
        let (mut count, mut worst) = (0, None);
        for signature in signatures.iter() {
            count += 1;
            let payload = read_whole(&*source.blob(&signature.payload), LARGEST_PAYLOAD).await;
            let refusal = match judge(&image, digest, (signature, payload), key)? {
                Ok(payload) => return Ok(Signed { digest, identity: payload.identity }),
                Err(refusal) => refusal,
            };
            worst = worst.or(refusal);
        }
        Err(worst.unwrap_or(SignatureError::OtherKey { image, place, count }).into())
    }

    /// Brings the signatures of what `signable` names, whoever's they are, from the repository of `from` to that of
    /// `to`, beside those that are there.
    ///
    /// # Errors
    /// When a registry cannot be reached or refuses it, or what lies where signatures belong is something else.
    pub async fn carry_signatures(
        &self,
        from: &Reference,
        to: &Reference,
        signable: &Signable,
    ) -> Result<(), BuildError> {
        let (source, place) = (self.registry.to_read(from)?, self.registry.to_write(to)?);
        let settle = self.settings.http.options().pause;
        let same = |one: &Signature, other: &Signature| {
            one.payload.digest == other.payload.digest && one.signature == other.signature
        };
        let carried = std::iter::once(&signable.root).chain(&signable.images).map(async |digest| {
            let tag = tag(digest);
            let signatures = there(&source, &tag).await?;
            let new: Vec<(Signature, Box<dyn BlobSource>)> = signatures
                .iter()
                .map(|one| (one.clone(), Box::new(source.blob(&one.payload)) as Box<dyn BlobSource>))
                .collect();
            merge(&place, &tag, &new, (same, settle)).await
        });
        try_join_all(carried).await.map(drop)
    }
}

/// What a signature is worth: the payload, or why not; nothing more where it is just somebody else's.
type Judgement = Result<Payload, Option<SignatureError>>;

fn judge(
    image: &Reference,
    digest: Digest,
    (signature, payload): (&Signature, Result<Bytes, TransferError>),
    key: &PublicKey,
) -> Result<Judgement, BuildError> {
    let image = image.clone();
    let payload = match payload {
        Ok(payload) => payload,
        Err(source @ TransferError::Corrupt { .. }) => return Ok(Err(Some(SignatureError::Damaged { image, source }))),
        Err(source) => return Err(BuildError::Fetch { source }),
    };
    let signed = key.has_signed(&payload, &signature.signature);
    Ok(match Payload::parse(&payload) {
        Ok(payload) if signed && payload.digest == digest => Ok(payload),
        Ok(payload) if signed => Err(Some(SignatureError::OtherDigest { image, signed: payload.digest })),
        Ok(_) => Err(None),
        Err(source) => Err(Some(SignatureError::Payload { image, source })),
    })
}

/// Adds the signature of `payload` to those that are there.
async fn add(place: &Repository, payload: &Payload, (key, settle): (&SigningKey, Duration)) -> Result<(), BuildError> {
    let (tag, public) = (tag(&payload.digest), key.public());
    let bytes = payload.to_bytes();
    let (signature, blob) = Signature::new(&bytes, key.sign(&bytes));
    // Other tools draw the nonce at random, and the signature is as good.
    let same = |one: &Signature, new: &Signature| {
        one.payload.digest == new.payload.digest && public.has_signed(&bytes, &one.signature)
    };
    merge(place, &tag, &[(signature, Box::new(blob))], (same, settle)).await
}

/// The signatures under `tag`.
async fn there(place: &Repository, tag: &str) -> Result<Signatures, BuildError> {
    Ok(match place.tagged(tag).await? {
        None => Signatures::default(),
        Some(manifest) => Signatures::parse(&manifest)
            .map_err(|source| SignatureError::Unreadable { place: format!("{place}:{tag}"), source })?,
    })
}

/// Adds what is new to the signatures under `tag`. The protocol knows no change that depends on what was there, so it
/// is read again whether somebody else overwrote it.
async fn merge(
    place: &Repository,
    tag: &str,
    signatures: &[(Signature, Box<dyn BlobSource>)],
    (same, settle): (impl Fn(&Signature, &Signature) -> bool, Duration),
) -> Result<(), BuildError> {
    if signatures.is_empty() {
        return Ok(());
    }
    for attempt in 1..=MOST_ATTEMPTS {
        let mut all = there(place, tag).await?;
        let new = signatures.iter().filter(|(new, _)| !all.iter().any(|one| same(one, new)));
        let new: Vec<_> = new.collect();
        if new.is_empty() {
            return Ok(());
        }
        for (signature, blob) in new {
            place.put_blob(&**blob).await?;
            all = all.with(signature.clone());
        }
        place.put_blob(&all.config()).await?;
        place.put_manifest(&all.to_manifest(), tag).await?;
        tokio::time::sleep(settle + pause(attempt, settle)).await;
    }
    Err(RegistryError::Contended { repository: place.to_string(), tag: tag.to_owned() }.into())
}

impl Advise for SignatureError {
    fn hint(&self) -> Option<Hint> {
        Some(Hint::new(match self {
            Self::Unsigned { .. } => "sign it with `wheelwright sign REF --key KEY`, or name the image that was signed",
            Self::Unreadable { .. } => "remove the tag, and sign the image again",
            Self::OtherKey { .. } => "name the public key of whoever signed it, with `--signature`",
            Self::OtherDigest { .. } | Self::Payload { .. } | Self::Damaged { .. } => {
                "do not use the image; ask whoever signed it, and see who may write to the repository"
            }
        }))
    }
}
