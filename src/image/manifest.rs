//! Manifests, images and indexes. A document's bytes are kept as they are: its digest is theirs.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{BlobSource, Bytes, Memory};
use crate::oci::{Descriptor, DiffId, Digest, MediaType, Platform, canonical_json};

/// A manifest or image index: its exact bytes, and what they say.
#[derive(Clone, Debug)]
pub struct Manifest {
    descriptor: Descriptor,
    bytes: Bytes,
    value: Value,
}

/// Bytes that are no manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// Not JSON.
    #[error("{digest} is not JSON")]
    Json {
        /// Of the bytes.
        digest: Digest,
        /// Where it stops being JSON.
        source: serde_json::Error,
    },
    /// JSON, but a field is absent or of the wrong kind.
    #[error("{digest} is no image manifest or index: `{field}` is missing or malformed")]
    Field {
        /// Of the bytes.
        digest: Digest,
        /// Which field.
        field: &'static str,
    },
}

/// One layer: what a manifest and a config say of it, and its bytes on demand.
#[derive(Clone)]
pub struct Layer {
    /// SHA-256 of the uncompressed tar.
    pub diff_id: DiffId,
    /// The compressed blob.
    pub blob: Arc<dyn BlobSource>,
}

/// An image for one platform.
#[derive(Clone)]
pub struct Image {
    /// What it runs on.
    pub platform: Platform,
    /// The image manifest.
    pub manifest: Manifest,
    /// The config blob.
    pub config: Memory,
    /// Base first.
    pub layers: Vec<Layer>,
}

/// Images of several platforms under one name.
#[derive(Clone)]
pub struct Index {
    /// The image index.
    pub manifest: Manifest,
    /// In the order of the index.
    pub images: Vec<Image>,
}

impl Manifest {
    /// Reads a manifest or index; `declared` is the type that a registry's header or a descriptor
    /// gave, used when the document has no `mediaType` of its own.
    ///
    /// # Errors
    /// When the bytes are not JSON or have no usable media type.
    pub fn parse(bytes: impl Into<Bytes>, declared: Option<&MediaType>) -> Result<Self, ManifestError> {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        let value: Value = serde_json::from_slice(&bytes).map_err(|source| ManifestError::Json { digest, source })?;
        let own = value.get("mediaType").and_then(Value::as_str).map(MediaType::from);
        let media_type = own
            .or_else(|| declared.cloned())
            .or_else(|| guess_media_type(&value))
            .ok_or(ManifestError::Field { digest, field: "mediaType" })?;
        Ok(Self { descriptor: Descriptor::of(media_type, &bytes), bytes, value })
    }

    /// The manifest of an image with this config and these layers.
    #[must_use]
    pub fn of_image(config: &Descriptor, layers: &[Descriptor], annotations: &Value) -> Self {
        Self::of(
            MediaType::ImageManifest,
            json!({
                "schemaVersion": 2,
                "mediaType": MediaType::ImageManifest.to_string(),
                "config": config.to_json(),
                "layers": layers.iter().map(Descriptor::to_json).collect::<Vec<_>>(),
                "annotations": annotations,
            }),
        )
    }

    /// The index over these manifests, whose descriptors carry their platforms.
    #[must_use]
    pub fn of_index(manifests: &[Descriptor], annotations: &Value) -> Self {
        Self::of(
            MediaType::ImageIndex,
            json!({
                "schemaVersion": 2,
                "mediaType": MediaType::ImageIndex.to_string(),
                "manifests": manifests.iter().map(Descriptor::to_json).collect::<Vec<_>>(),
                "annotations": annotations,
            }),
        )
    }

    /// The index with these entries, as other indexes have them.
    #[must_use]
    pub fn of_entries(entries: Vec<Value>) -> Self {
        let media_type = MediaType::ImageIndex.to_string();
        Self::of(
            MediaType::ImageIndex,
            json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": Value::Array(entries) }),
        )
    }

    /// Type, digest and size.
    #[must_use]
    pub const fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The exact bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What the bytes say.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// Whether this is an image index (or Docker's manifest list).
    #[must_use]
    pub fn is_index(&self) -> bool {
        self.value.get("manifests").is_some()
    }

    /// The entries of an index; empty for an image manifest.
    ///
    /// # Errors
    /// When an entry is malformed.
    pub fn manifests(&self) -> Result<Vec<Descriptor>, ManifestError> {
        self.descriptors("manifests")
    }

    /// The layers of an image manifest, base first.
    ///
    /// # Errors
    /// When an entry is malformed.
    pub fn layers(&self) -> Result<Vec<Descriptor>, ManifestError> {
        self.descriptors("layers")
    }

    /// The config of an image manifest.
    ///
    /// # Errors
    /// When it is missing or malformed.
    pub fn config(&self) -> Result<Descriptor, ManifestError> {
        self.value
            .get("config")
            .and_then(Descriptor::from_json)
            .ok_or(ManifestError::Field { digest: self.descriptor.digest, field: "config" })
    }

    /// The canonical form of a document that [`Manifest::of_image`] and [`Manifest::of_index`] cannot
    /// express.
    #[must_use]
    pub fn of_value(media_type: MediaType, value: Value) -> Self {
        Self::of(media_type, value)
    }

    fn of(media_type: MediaType, mut value: Value) -> Self {
        if let Some(object) = value.as_object_mut()
            && object.get("annotations").and_then(Value::as_object).is_none_or(serde_json::Map::is_empty)
        {
            object.remove("annotations");
        }
        let bytes = Bytes::from(canonical_json(&value));
        Self { descriptor: Descriptor::of(media_type, &bytes), bytes, value }
    }

    fn descriptors(&self, field: &'static str) -> Result<Vec<Descriptor>, ManifestError> {
        let malformed = || ManifestError::Field { digest: self.descriptor.digest, field };
        match self.value.get(field) {
            None => Ok(Vec::new()),
            Some(list) => list
                .as_array()
                .ok_or_else(malformed)?
                .iter()
                .map(|entry| Descriptor::from_json(entry).ok_or_else(malformed))
                .collect(),
        }
    }
}

impl crate::hint::Advise for ManifestError {
    fn hint(&self) -> Option<crate::hint::Hint> {
        Some(crate::hint::Hint::new("push the image anew from where it was made, or name another"))
    }
}

fn guess_media_type(value: &Value) -> Option<MediaType> {
    if value.get("manifests").is_some() {
        Some(MediaType::ImageIndex)
    } else {
        value.get("layers").map(|_| MediaType::ImageManifest)
    }
}
