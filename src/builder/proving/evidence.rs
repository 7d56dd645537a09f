//! What is attached to an image, as far as it belongs to it.

use super::{BuildError, Builder, ProofError, Prove, Published};
use crate::{
    attest::{self, Carried, Origin, Statement},
    image::{Artifact, Attachment, Manifest, Source, read_whole},
    oci::{Descriptor, Digest},
};

/// Bytes of a statement, and of an archive of recipe and lock.
const LARGEST: u64 = 64 << 20;

/// Recipe and lock, with what is said of the images.
pub(super) struct Found {
    pub(super) carried: Carried,
    /// The provenance of each image, in their order; often one, but somebody else may have attached another.
    pub(super) statements: Vec<Vec<Statement>>,
}

/// An artifact that is about a manifest.
struct About {
    subject: Digest,
    manifest: Manifest,
}

/// Where attached things are looked for.
struct Search<'s> {
    source: &'s dyn Source,
    root: &'s Manifest,
}

impl Builder {
    /// Every recipe with its lock that is attached to the image, and the provenance of `images`.
    pub(super) async fn evidence(
        &self,
        order: &Prove,
        (source, root, images): (&dyn Source, &Manifest, &[Published]),
    ) -> Result<Vec<Found>, BuildError> {
        let search = Search { source, root };
        let of_root = search.about(&root.descriptor().digest).await?;
        let mut origins: Vec<(Digest, Origin, Descriptor)> = Vec::new();
        let mut statements = Vec::new();
        let mut add = |about: &[About]| {
            for one in about {
                let found = Origin::layers(&one.manifest).into_iter();
                let found = found.map(|(origin, layer)| (one.manifest.descriptor().digest, origin, layer));
                // In an index the same archive stands beside each image.
                origins.extend(
                    found
                        .filter(|(.., layer)| !origins.iter().any(|(.., known)| known.digest == layer.digest))
                        .collect::<Vec<_>>(),
                );
            }
        };
        add(&of_root);
        let mut of_images = Vec::new();
        for image in images {
            let about = search.about(&image.manifest.descriptor().digest).await?;
            add(&about);
            of_images.push(about);
        }
        if origins.is_empty() {
            return Err(ProofError::Nothing { image: order.image.clone() }.into());
        }
        for (image, about) in images.iter().zip(&of_images) {
            statements.push(search.provenance(image, about).await?);
        }
        let mut found = Vec::new();
        for (artifact, origin, layer) in origins {
            let bytes = search.read(&layer).await?;
            let carried = Carried::read(origin, &bytes);
            let carried = carried.map_err(|source| ProofError::Attached { artifact, source })?;
            found.push(Found { carried, statements: statements.clone() });
        }
        Ok(found)
    }
}

impl Search<'_> {
    /// What is attached to `subject`, or listed beside it.
    async fn about(&self, subject: &Digest) -> Result<Vec<About>, BuildError> {
        let fail = |source| BuildError::Fetch { source };
        let mut found = Vec::new();
        for attachment in self.source.attached(subject).await.map_err(fail)? {
            let manifest = self.source.manifest(&attachment.manifest).await.map_err(fail)?;
            let is_ours = attachment.predicate().is_some() || !Origin::layers(&manifest).is_empty();
            if is_ours {
                found.push(about(subject, manifest)?);
            }
        }
        for (listed, descriptor) in attest::entries(self.root) {
            if listed == *subject {
                let manifest = self.source.manifest(&descriptor).await.map_err(fail)?;
                found.push(about(subject, manifest)?);
            }
        }
        // The registry may list as a referrer what the index lists too.
        found.dedup_by_key(|about| about.manifest.descriptor().digest);
        Ok(found)
    }

    /// What is said of how `image` was made.
    async fn provenance(&self, image: &Published, about: &[About]) -> Result<Vec<Statement>, BuildError> {
        let mut statements = Vec::new();
        for About { subject, manifest } in about {
            let artifact = manifest.descriptor().digest;
            let layers = manifest.layers().map_err(|error| BuildError::Fetch { source: error.into() })?;
            for layer in layers.iter().filter(|layer| layer.media_type.to_string() == attest::STATEMENT) {
                let attached = Attachment { manifest: layer.clone(), kind: None };
                if attached.predicate() != Some(attest::PROVENANCE) {
                    continue;
                }
                let statement = Statement::parse(&self.read(layer).await?);
                let statement = statement.map_err(|source| ProofError::Attached { artifact, source })?;
                if statement.subject != *subject {
                    return Err(ProofError::Swapped { artifact, subject: *subject, says: statement.subject }.into());
                }
                if statement.predicate_type == attest::PROVENANCE {
                    statements.push(statement);
                }
            }
        }
        if statements.is_empty() {
            return Err(ProofError::NoProvenance { platform: image.platform.clone() }.into());
        }
        Ok(statements)
    }

    async fn read(&self, layer: &Descriptor) -> Result<Vec<u8>, BuildError> {
        let bytes = read_whole(&*self.source.blob(layer), LARGEST).await;
        Ok(bytes.map_err(|source| BuildError::Fetch { source })?.to_vec())
    }
}

/// The artifact `manifest`, which is listed as being about `subject`, if it says so itself.
fn about(subject: &Digest, manifest: Manifest) -> Result<About, BuildError> {
    let artifact = manifest.descriptor().digest;
    match Artifact::subject_of(&manifest) {
        Some(said) if said.digest == *subject => Ok(About { subject: *subject, manifest }),
        said => {
            let says = said.map_or(artifact, |said| said.digest);
            Err(ProofError::Swapped { artifact, subject: *subject, says }.into())
        }
    }
}
