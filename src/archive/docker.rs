//! `manifest.json`: what `docker load` reads of an archive, and older Podman too.
//!
//! Its paths lead into the layout, so that one tar serves all: layers may be compressed there.
//! [Docker image specification](https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::ArchiveError;
use crate::{
    image::{Manifest, ManifestError},
    layout::blob_path,
    oci::{Digest, Platform, Reference, canonical_json},
};

/// The file.
pub(super) const MANIFEST: &str = "manifest.json";

/// Its bytes: the image for `platform` below `root`, or else the first there, called `reference`.
pub(super) fn document(
    root: &Manifest,
    manifests: &BTreeMap<Digest, Manifest>,
    platform: Option<&Platform>,
    reference: Option<&Reference>,
) -> Result<Vec<u8>, ArchiveError> {
    let digest = root.descriptor().digest;
    let malformed = |source| ArchiveError::Malformed { digest, source };
    let image = chosen(root, manifests, platform).map_err(malformed)?.ok_or(ArchiveError::NoImage { digest })?;
    let config = blob_path(&image.config().map_err(malformed)?.digest);
    let layers = image.layers().map_err(malformed)?;
    let layers: Vec<String> = layers.iter().map(|layer| blob_path(&layer.digest)).collect();
    let names: Option<Value> = reference.map(|reference| json!([reference.to_string()]));
    Ok(canonical_json(&json!([{ "Config": config, "RepoTags": names, "Layers": layers }])))
}

/// Attestations and the like are listed for no platform that is known.
fn chosen<'a>(
    root: &'a Manifest,
    manifests: &'a BTreeMap<Digest, Manifest>,
    platform: Option<&Platform>,
) -> Result<Option<&'a Manifest>, ManifestError> {
    if !root.is_index() {
        return Ok(Some(root));
    }
    let mut images = Vec::new();
    for entry in root.manifests()? {
        let manifest = manifests.get(&entry.digest).filter(|manifest| !manifest.is_index());
        images.extend(entry.platform.zip(manifest));
    }
    let meant = images.iter().position(|(found, _)| Some(found) == platform).unwrap_or_default();
    Ok(images.get(meant).map(|(_, manifest)| *manifest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::{Descriptor, MediaType};

    fn image(platform: &str) -> (Descriptor, Manifest) {
        let layer = Descriptor::of(MediaType::ImageLayerGzip, platform.as_bytes());
        let manifest = Manifest::of_image(&layer, std::slice::from_ref(&layer), &Value::Null);
        (Descriptor { platform: platform.parse().ok(), ..manifest.descriptor().clone() }, manifest)
    }

    #[test]
    fn one_image_is_named() {
        let images = ["unknown/unknown", "linux/amd64", "linux/arm64"].map(image);
        let entries = images.clone().map(|(entry, _)| entry);
        let root = Manifest::of_index(&entries, &Value::Null);
        let manifests = images.into_iter().map(|(entry, manifest)| (entry.digest, manifest)).collect();
        let check = |platform: &str, expect: &str| {
            let reference = "demo:1".parse().unwrap();
            let bytes = document(&root, &manifests, platform.parse().ok().as_ref(), Some(&reference)).unwrap();
            let path = blob_path(&Digest::of(expect.as_bytes()));
            let expect = json!([{ "Config": path, "RepoTags": ["docker.io/library/demo:1"], "Layers": [path] }]);
            assert_eq!(bytes, canonical_json(&expect), "{platform}");
        };
        check("linux/arm64", "linux/arm64");
        check("linux/s390x", "linux/amd64");
        let empty = Manifest::of_index(&entries[..1], &Value::Null);
        assert!(matches!(document(&empty, &manifests, None, None), Err(ArchiveError::NoImage { .. })));
    }
}
