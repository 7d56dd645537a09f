//! What is attached to images: manifests of their own that name an image, or an index, as their subject.
//!
//! [Image specification, "Guidelines for Artifact Usage"](https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidelines-for-artifact-usage).

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde_json::{Value, json};

use super::{BlobSource, Manifest, Memory};
use crate::oci::{Descriptor, MediaType};

/// The annotation by which a statement's predicate is known without reading it.
const PREDICATE: &str = "in-toto.io/predicate-type";

/// An artifact: its manifest, which has a subject, and its blobs.
#[derive(Clone)]
pub struct Artifact {
    /// The manifest.
    pub manifest: Manifest,
    /// Everything that the manifest names, but for its subject.
    pub blobs: Vec<Arc<dyn BlobSource>>,
}

impl fmt::Debug for Artifact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Artifact").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

impl Artifact {
    /// The artifact of type `kind` about `subject`, with this config, or without any, and these layers with
    /// their annotations.
    #[must_use]
    pub fn new(
        kind: &str,
        subject: &Descriptor,
        config: Option<Memory>,
        layers: Vec<(Memory, BTreeMap<String, String>)>,
        annotations: &BTreeMap<String, String>,
    ) -> Self {
        let config = config.unwrap_or_else(|| Memory::new(MediaType::EmptyJSON, "{}"));
        let described = |(layer, annotations): &(Memory, BTreeMap<String, String>)| {
            Descriptor { annotations: annotations.clone(), ..layer.descriptor().clone() }.to_json()
        };
        // Of the subject its type, digest and size; what lists say of it besides is theirs.
        let subject = Descriptor::new(subject.media_type.clone(), subject.digest, subject.size);
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::ImageManifest.to_string(),
            "artifactType": kind,
            "config": config.descriptor().to_json(),
            "layers": layers.iter().map(described).collect::<Value>(),
            "subject": subject.to_json(),
            "annotations": annotations,
        });
        let layers = layers.into_iter().map(|(layer, _)| layer);
        let blobs = std::iter::once(config).chain(layers).map(|blob| Arc::new(blob) as Arc<dyn BlobSource>).collect();
        Self { manifest: Manifest::of_value(MediaType::ImageManifest, manifest), blobs }
    }

    /// What `manifest` says of itself as an artifact; nothing where it has no subject.
    #[must_use]
    pub fn subject_of(manifest: &Manifest) -> Option<Descriptor> {
        manifest.value().get("subject").and_then(Descriptor::from_json)
    }
}

/// Something attached, as a list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its manifest.
    pub manifest: Descriptor,
    /// Of what type it is; nothing where neither it nor its list says so.
    pub kind: Option<String>,
}

impl Attachment {
    /// Reads an entry of a list.
    #[must_use]
    pub fn of_entry(entry: &Value) -> Option<Self> {
        let kind = entry.get("artifactType").and_then(Value::as_str).map(str::to_owned);
        Some(Self { manifest: Descriptor::from_json(entry)?, kind })
    }

    /// What a list says of `artifact`.
    #[must_use]
    pub fn of(artifact: &Manifest) -> Self {
        let value = artifact.value();
        let annotations = value.get("annotations").and_then(Value::as_object).into_iter().flatten();
        let texts = annotations.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        let kind = value.get("artifactType").or_else(|| value.pointer("/config/mediaType"));
        Self {
            manifest: Descriptor { annotations: texts.collect(), ..artifact.descriptor().clone() },
            kind: kind.and_then(Value::as_str).map(str::to_owned),
        }
    }

    /// As it stands in a list.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut entry = self.manifest.to_json();
        if let Some(kind) = &self.kind {
            entry["artifactType"] = kind.as_str().into();
        }
        entry
    }

    /// The type of the predicate, where it is a statement.
    #[must_use]
    pub fn predicate(&self) -> Option<&str> {
        self.manifest.annotations.get(PREDICATE).map(String::as_str)
    }
}
