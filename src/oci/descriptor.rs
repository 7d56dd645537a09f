//! Descriptors: what a blob is, how large, and under which digest.

use std::collections::BTreeMap;

use oci_spec::image::MediaType;
use serde_json::{Map, Value, json};

use super::{Digest, Platform};

/// A typed, sized, digested pointer to a blob or manifest.
///
/// [Image specification, descriptor](https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// What the bytes are.
    pub media_type: MediaType,
    /// SHA-256 of the bytes.
    pub digest: Digest,
    /// Number of bytes.
    pub size: u64,
    /// Set on the entries of an image index.
    pub platform: Option<Platform>,
    /// Sorted by key.
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// The descriptor of `bytes`.
    #[must_use]
    pub fn of(media_type: MediaType, bytes: &[u8]) -> Self {
        Self::new(media_type, Digest::of(bytes), bytes.len() as u64)
    }

    /// A descriptor without platform and annotations.
    #[must_use]
    pub const fn new(media_type: MediaType, digest: Digest, size: u64) -> Self {
        Self { media_type, digest, size, platform: None, annotations: BTreeMap::new() }
    }

    /// As it stands in a manifest or index.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("mediaType".into(), self.media_type.to_string().into());
        object.insert("digest".into(), self.digest.to_string().into());
        object.insert("size".into(), self.size.into());
        if let Some(platform) = &self.platform {
            object.insert("platform".into(), platform_json(platform));
        }
        if !self.annotations.is_empty() {
            object.insert("annotations".into(), json!(self.annotations));
        }
        Value::Object(object)
    }

    /// Reads a descriptor out of a manifest or index; nothing when a required field is absent or
    /// malformed. A platform that no wheel exists for is read as none, and so is that of a table or an
    /// attestation, which is no image for it.
    #[must_use]
    pub fn from_json(value: &Value) -> Option<Self> {
        let annotations = match value.get("annotations").and_then(Value::as_object) {
            Some(map) => {
                map.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
            }
            None => BTreeMap::new(),
        };
        Some(Self {
            media_type: MediaType::from(value.get("mediaType")?.as_str()?),
            digest: value.get("digest")?.as_str()?.parse().ok()?,
            size: value.get("size")?.as_u64()?,
            platform: value.get("platform").filter(|_| is_image(value)).and_then(read_platform),
            annotations,
        })
    }
}

fn platform_json(platform: &Platform) -> Value {
    let mut object = json!({ "architecture": platform.architecture(), "os": platform.os() });
    if let Some(variant) = platform.variant() {
        object["variant"] = variant.into();
    }
    object
}

/// Whether an entry may be an image: of other artifacts the type is named.
fn is_image(entry: &Value) -> bool {
    let artifact = entry.get("artifactType").and_then(Value::as_str);
    artifact.is_none_or(|artifact| artifact == MediaType::ImageConfig.as_ref())
}

fn read_platform(value: &Value) -> Option<Platform> {
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let (os, architecture) = (field("os")?, field("architecture")?);
    match field("variant") {
        Some(variant) => format!("{os}/{architecture}/{variant}"),
        None => format!("{os}/{architecture}"),
    }
    .parse()
    .ok()
}
