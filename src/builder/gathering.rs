//! Images that are there already: read from anywhere, chosen by platform, joined under one index.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{BuildError, Builder};
use crate::{
    base::{BaseError, image_for},
    image::{Graph, Manifest, Source, TransferError, platform_of, read_whole},
    layout::DOCUMENT_LIMIT,
    oci::{Descriptor, Platform},
};

impl Builder {
    /// What `source` names, or of an index the images for `platforms` only: one as it is, several
    /// in an index of their own.
    ///
    /// # Errors
    /// When it cannot be read, or is for other platforms.
    pub async fn gather(&self, source: &dyn Source, platforms: &[Platform]) -> Result<Graph, BuildError> {
        let root = source.root().await.map_err(unreadable)?;
        let mut parts = Vec::new();
        for platform in platforms {
            let found = image_for(source, root.clone(), platform).await.map_err(|error| match error {
                BaseError::NoPlatform { available, .. } => {
                    let available = available.iter().filter_map(|name| name.parse().ok()).collect();
                    BuildError::OtherPlatforms { platform: platform.clone(), available }
                }
                BaseError::Transfer { source } => unreadable(source),
                source => BuildError::Base { platform: platform.clone(), source },
            });
            let (image, _) = found?;
            parts.push(Graph::read(source, image).await.map_err(unreadable)?);
        }
        match parts.len() {
            0 => Graph::read(source, root).await.map_err(unreadable),
            1 => Ok(parts.remove(0)),
            _ => joined(parts).await,
        }
    }

    /// One index over the images of all `parts`, in their order. The entries of an index stand in
    /// the new one as they stood there.
    ///
    /// # Errors
    /// When a config cannot be read or names no platform, and when two images are for the same one.
    pub async fn join(&self, parts: Vec<Graph>) -> Result<Graph, BuildError> {
        joined(parts).await
    }
}

async fn joined(parts: Vec<Graph>) -> Result<Graph, BuildError> {
    let (mut entries, mut platforms, mut below) = (Vec::new(), BTreeSet::new(), Vec::new());
    for part in parts {
        let new = entries_of(&part).await?;
        for platform in new.iter().filter_map(Descriptor::from_json).filter_map(|entry| entry.platform) {
            if !platforms.insert(platform.clone()) {
                return Err(BuildError::SamePlatform { platform });
            }
        }
        entries.extend(new);
        below.push(if part.root().is_index() { part.without_root() } else { part });
    }
    Ok(Graph::joined(below, Manifest::of_entries(entries)))
}

/// How an index lists what `graph` holds.
async fn entries_of(graph: &Graph) -> Result<Vec<Value>, BuildError> {
    let root = graph.root();
    if let Some(entries) = root.value().get("manifests").and_then(Value::as_array) {
        return Ok(entries.clone());
    }
    let digest = root.descriptor().digest;
    let config = root.config().map_err(|source| unreadable(source.into()))?;
    let blob = graph.blobs().iter().find(|blob| blob.descriptor().digest == config.digest);
    let blob = blob.ok_or(BuildError::NoPlatform { digest })?;
    let config = read_whole(&**blob, DOCUMENT_LIMIT).await.map_err(unreadable)?;
    let platform = Some(platform_of(&config).ok_or(BuildError::NoPlatform { digest })?);
    Ok(vec![Descriptor { platform, ..root.descriptor().clone() }.to_json()])
}

fn unreadable(source: TransferError) -> BuildError {
    BuildError::Fetch { source }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{
        image::{Image, Index, Layer, Memory},
        oci::{DiffId, MediaType, canonical_json},
    };

    fn image(platform: &str) -> Image {
        let platform: Platform = platform.parse().unwrap();
        let layer = Memory::new(MediaType::ImageLayer, platform.to_string());
        let config = json!({ "os": "linux", "architecture": platform.architecture() });
        let config = Memory::new(MediaType::ImageConfig, canonical_json(&config));
        let layer = Layer { diff_id: DiffId(crate::oci::Digest::of(b"")), blob: Arc::new(layer) };
        let (described, layers) = (crate::image::BlobSource::descriptor(&config).clone(), vec![layer]);
        let manifest = Manifest::of_image(&described, &[layers[0].blob.descriptor().clone()], &Value::Null);
        Image { platform, manifest, config, layers }
    }

    fn index(platform: &str) -> Graph {
        let image = image(platform);
        let entry = Descriptor { platform: Some(image.platform.clone()), ..image.manifest.descriptor().clone() };
        let manifest = Manifest::of_index(&[entry], &Value::Null);
        Graph::of_index(&Index { manifest, images: vec![image] })
    }

    #[tokio::test]
    async fn indexes_and_images_are_joined_under_their_platforms() {
        let amd64 = index("linux/amd64");
        let arm64 = index("linux/arm64");
        let alone = arm64.below(&image("linux/arm64").manifest).unwrap();
        let from_indexes = join(&[&amd64, &arm64]).await.unwrap();
        let from_images = join(&[&amd64, &alone]).await.unwrap();
        assert_eq!(from_indexes.root().bytes(), from_images.root().bytes());
        let manifests = from_indexes.manifests();
        assert_eq!((manifests.len(), from_indexes.blobs().len()), (3, 4));
        assert!(matches!(join(&[&arm64, &alone]).await, Err(BuildError::SamePlatform { .. })));
    }

    async fn join(parts: &[&Graph]) -> Result<Graph, BuildError> {
        joined(parts.iter().map(|part| (*part).clone()).collect()).await
    }
}
