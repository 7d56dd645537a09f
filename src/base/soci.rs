//! SOCI indexes, which tell of files in layers that are ordinary gzip: where an image has one.
//!
//! Only those of the second version are read, which the image's manifest names by digest. One of the first
//! version is attached to an image from outside (a referrer), and may be added or changed at any time by whoever
//! may write to the repository: facts that are kept under the manifest's digest must not depend on it.
//!
//! [SOCI Index Manifest v2](https://github.com/awslabs/soci-snapshotter/blob/main/docs/soci-index-manifest-v2.md).

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{
    image::{BlobSource, Manifest, Source},
    oci::{Descriptor, Digest, MediaType},
};

/// On the manifest of an image: the digest of its index.
const ANNOTATION: &str = "com.amazon.soci.index-digest";
const TYPE: &str = "application/vnd.amazon.soci.index.v2+json";
/// On a table: the digest of the layer that it tells of.
const LAYER: &str = "com.amazon.soci.image-layer-digest";

/// The tables of the image with `manifest`, by the digests of its layers. `listed` stands beside it.
///
/// There are none where the index cannot be had: the layers are read whole then.
pub(super) async fn tables(
    source: &dyn Source,
    manifest: &Manifest,
    listed: &[Descriptor],
) -> BTreeMap<Digest, Arc<dyn BlobSource>> {
    let said = manifest.value().get("annotations").and_then(|annotations| annotations.get(ANNOTATION));
    let Some(digest) = said.and_then(Value::as_str).and_then(|text| text.parse::<Digest>().ok()) else {
        return BTreeMap::new();
    };
    let unlisted = Descriptor::new(MediaType::ImageManifest, digest, 0);
    let descriptor = listed.iter().find(|entry| entry.digest == digest).unwrap_or(&unlisted);
    match source.manifest(descriptor).await {
        Ok(index) if index.descriptor().digest == digest => listed_tables(source, &index),
        Ok(_) => BTreeMap::new(),
        Err(error) => {
            tracing::debug!(%digest, %error, "the image's SOCI index is not used");
            BTreeMap::new()
        }
    }
}

fn listed_tables(source: &dyn Source, index: &Manifest) -> BTreeMap<Digest, Arc<dyn BlobSource>> {
    let kind = index.value().pointer("/config/mediaType").and_then(Value::as_str);
    let tables = if kind == Some(TYPE) { index.layers().unwrap_or_default() } else { Vec::new() };
    let table = |descriptor: Descriptor| {
        let layer = descriptor.annotations.get(LAYER)?.parse().ok()?;
        // Other artifacts for the same layer have types of their own.
        let is_table = descriptor.media_type.to_string() == "application/octet-stream";
        is_table.then(|| (layer, Arc::from(source.blob(&descriptor))))
    };
    tables.into_iter().filter_map(table).collect()
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;
    use serde_json::json;

    use super::*;
    use crate::image::{Memory, TransferError};

    /// A repository with one manifest in it.
    struct Beside(Manifest);

    impl Source for Beside {
        fn root(&self) -> BoxFuture<'_, Result<Manifest, TransferError>> {
            Box::pin(async { Ok(self.0.clone()) })
        }

        fn manifest<'a>(&'a self, descriptor: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, TransferError>> {
            assert_eq!(descriptor, self.0.descriptor(), "what the index lists has a size");
            Box::pin(async { Ok(self.0.clone()) })
        }

        fn blob(&self, _: &Descriptor) -> Box<dyn BlobSource> {
            Box::new(Memory::new(MediaType::from("application/octet-stream"), "a table"))
        }
    }

    async fn found(kind: &str, media_type: &str, layer: &str) -> Vec<Digest> {
        let config = Memory::new(MediaType::from(kind), "{}");
        let mut table = Descriptor::of(MediaType::from(media_type), b"a table");
        table.annotations.insert(LAYER.to_owned(), layer.to_owned());
        let index = Manifest::of_image(config.descriptor(), &[table], &Value::Null);
        let listed = [index.descriptor().clone()];
        let annotations = json!({ (ANNOTATION): index.descriptor().digest });
        let image = Manifest::of_image(config.descriptor(), &[], &annotations);
        tables(&Beside(index), &image, &listed).await.into_keys().collect()
    }

    #[tokio::test]
    async fn tables_are_those_that_the_manifest_names() {
        let layer = Digest::of(b"a layer");
        let octets = "application/octet-stream";
        assert_eq!(found(TYPE, octets, &layer.to_string()).await, [layer]);
        let referrer = "application/vnd.amazon.soci.index.v1+json";
        assert!(found(referrer, octets, &layer.to_string()).await.is_empty());
        assert!(found(TYPE, "application/vnd.amazon.soci.prefetch.v1+json", &layer.to_string()).await.is_empty());
        assert!(found(TYPE, octets, "sha256:12").await.is_empty());
        let config = Memory::new(MediaType::ImageConfig, "{}");
        let image = Manifest::of_image(config.descriptor(), &[], &Value::Null);
        assert!(tables(&Beside(image.clone()), &image, &[]).await.is_empty());
    }
}
