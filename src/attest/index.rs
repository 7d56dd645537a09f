//! Statements in the image index itself, as BuildKit puts them there: entries for no platform, one beside each
//! image. Layouts and archives carry them, and so do registries that know of no referrers.
//!
//! [BuildKit, attestation storage](https://github.com/moby/buildkit/blob/v0.16.0/docs/attestations/attestation-storage.md).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Origin, Statement};
use crate::{
    image::{Artifact, Bytes, Manifest},
    oci::{Descriptor, Digest, MediaType},
};

const KIND: &str = "application/vnd.docker.attestation.manifest.v1+json";
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";
const ATTESTATION: &str = "attestation-manifest";

/// The statements about `subject`, an image's manifest, and the archive of its recipe and lock if there is one, to be
/// listed beside it.
#[must_use]
pub fn listed(subject: &Descriptor, statements: &[Statement], origin: Option<(&Origin, Bytes)>) -> Artifact {
    let mut layers: Vec<_> = statements.iter().map(Statement::to_layer).collect();
    layers.extend(origin.map(|(origin, archive)| origin.to_layer(archive)));
    Artifact::new(KIND, subject, None, layers, &BTreeMap::new())
}

/// The image index `index` with `artifacts` behind its images.
#[must_use]
pub fn with_listed(index: &Manifest, artifacts: &[Artifact]) -> Manifest {
    let mut value = index.value().clone();
    let entries = artifacts.iter().map(|artifact| {
        let subject = Artifact::subject_of(&artifact.manifest).map(|subject| subject.digest.to_string());
        let mut entry = artifact.manifest.descriptor().to_json();
        entry["annotations"] = json!({ REFERENCE_TYPE: ATTESTATION, REFERENCE_DIGEST: subject });
        entry["platform"] = json!({ "architecture": "unknown", "os": "unknown" });
        entry
    });
    if let Some(list) = value.get_mut("manifests").and_then(Value::as_array_mut) {
        list.extend(entries);
    }
    Manifest::of_value(MediaType::ImageIndex, value)
}

/// The manifests that an index lists as attestations, with the digests of the images that they are about.
#[must_use]
pub fn entries(index: &Manifest) -> Vec<(Digest, Descriptor)> {
    let all = index.manifests().unwrap_or_default().into_iter();
    let attestations =
        all.filter(|entry| entry.annotations.get(REFERENCE_TYPE).is_some_and(|kind| kind == ATTESTATION));
    attestations.filter_map(|entry| Some((entry.annotations.get(REFERENCE_DIGEST)?.parse().ok()?, entry))).collect()
}
