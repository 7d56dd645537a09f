//! The base image for one platform, found in a source.

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{BaseError, soci};
use crate::{
    image::{BlobSource, Bytes, Layer, Manifest, Source, read_whole},
    oci::{Descriptor, DiffId, Digest, MediaType, Platform},
};

/// Configs are at most this large.
const CONFIG_LIMIT: u64 = 16 << 20;
/// Indexes within indexes within an index are followed, no more.
const DEPTH_LIMIT: u8 = 3;
/// Entries whose platform is unknown until their config is read.
const UNNAMED_LIMIT: usize = 16;

/// A base image for one platform.
#[derive(Clone)]
pub struct BaseImage {
    /// Its manifest, as the source has it.
    pub manifest: Manifest,
    /// The index under whose name it was found, if that name is an index's.
    pub index: Option<Digest>,
    /// Its config's bytes. What is not known of it must be kept.
    pub config: Bytes,
    /// Its layers, the lowest first. Their media types are OCI's, whatever the manifest calls them.
    pub layers: Vec<Layer>,
    /// For some of its layers, by digest: a table of files that the manifest answers for.
    pub tables: BTreeMap<Digest, Arc<dyn BlobSource>>,
}

/// The image for `platform` that `source` names.
///
/// # Errors
/// When it cannot be read, is malformed, or is made for other platforms.
pub async fn read_base(source: &dyn Source, platform: &Platform) -> Result<BaseImage, BaseError> {
    let root = source.root().await?;
    let index = root.is_index().then_some(root.descriptor().digest);
    let listed = root.manifests()?;
    let (manifest, config) = image_for(source, root, platform).await?;
    let layers = layers(source, &manifest, &config)?;
    let tables = soci::tables(source, &manifest, &listed).await;
    Ok(BaseImage { manifest, index, config, layers, tables })
}

/// The image for `platform` in `root`, which is an index, an index of indexes, or the image itself:
/// its manifest and its config.
///
/// # Errors
/// When it cannot be read, is malformed, or is made for other platforms.
pub async fn image_for(
    source: &dyn Source,
    root: Manifest,
    platform: &Platform,
) -> Result<(Manifest, Bytes), BaseError> {
    let mut search = Search { source, platform, available: Vec::new() };
    if let Some(found) = search.find(root, DEPTH_LIMIT).await? {
        return Ok(found);
    }
    search.available.sort();
    search.available.dedup();
    Err(BaseError::NoPlatform { platform: platform.clone(), available: search.available })
}

impl BaseImage {
    /// The `config` object within the config: environment, entry point, labels.
    #[must_use]
    pub fn settings(&self) -> Value {
        let config: Option<Value> = serde_json::from_slice(&self.config).ok();
        config.and_then(|mut config| config.get_mut("config").map(Value::take)).unwrap_or_default()
    }
}

struct Search<'a> {
    source: &'a dyn Source,
    platform: &'a Platform,
    /// The platforms that did not fit.
    available: Vec<String>,
}

impl Search<'_> {
    /// The image in `manifest`, or in one of those it lists; with its config.
    fn find(&mut self, manifest: Manifest, depth: u8) -> BoxFuture<'_, Result<Option<(Manifest, Bytes)>, BaseError>> {
        Box::pin(async move {
            if !manifest.is_index() {
                return self.check(manifest).await;
            }
            for descriptor in self.candidates(&manifest)? {
                let inner = self.source.manifest(&descriptor).await?;
                if depth > 0
                    && let Some(found) = self.find(inner, depth - 1).await?
                {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        })
    }

    /// The entries of an index worth reading: those for the platform, else those without any.
    fn candidates(&mut self, index: &Manifest) -> Result<Vec<Descriptor>, BaseError> {
        let entries = index.manifests()?;
        let documents = index.value().get("manifests").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut unnamed = Vec::new();
        for (descriptor, document) in entries.into_iter().zip(&documents) {
            match (&descriptor.platform, document.get("platform")) {
                (Some(platform), _) if platform == self.platform => return Ok(vec![descriptor]),
                (Some(platform), _) => self.available.push(platform.to_string()),
                // Attestations are listed for a platform of this name.
                (None, Some(platform)) if text(platform, "os") == "unknown" => {}
                (None, Some(platform)) => self.available.push(platform_name(platform)),
                (None, None) => unnamed.push(descriptor),
            }
        }
        unnamed.truncate(UNNAMED_LIMIT);
        Ok(unnamed)
    }

    /// The manifest with its config, if that is for the platform.
    async fn check(&mut self, manifest: Manifest) -> Result<Option<(Manifest, Bytes)>, BaseError> {
        let descriptor = manifest.config()?;
        let bytes = read_whole(&*self.source.blob(&descriptor), CONFIG_LIMIT).await?;
        let config = parse_config(&descriptor, &bytes)?;
        let name = platform_name(&config);
        if name.parse::<Platform>().is_ok_and(|platform| platform == *self.platform) {
            return Ok(Some((manifest, bytes)));
        }
        self.available.push(name);
        Ok(None)
    }
}

fn parse_config(descriptor: &Descriptor, bytes: &[u8]) -> Result<Value, BaseError> {
    serde_json::from_slice(bytes)
        .map_err(|error| BaseError::Config { digest: descriptor.digest, problem: error.to_string() })
}

/// `os/architecture` and, where there is one, `/variant`, of a config or of a descriptor's platform.
fn platform_name(value: &Value) -> String {
    let parts = ["os", "architecture", "variant"].map(|field| text(value, field));
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn layers(source: &dyn Source, manifest: &Manifest, config: &[u8]) -> Result<Vec<Layer>, BaseError> {
    let descriptor = manifest.config()?;
    let malformed = |problem: String| BaseError::Config { digest: descriptor.digest, problem };
    let diff_ids: Vec<DiffId> = parse_config(&descriptor, config)?
        .pointer("/rootfs/diff_ids")
        .cloned()
        .ok_or_else(|| malformed("`rootfs.diff_ids` is missing".to_owned()))
        .and_then(|list| serde_json::from_value(list).map_err(|error| malformed(error.to_string())))?;
    let descriptors = manifest.layers()?;
    if descriptors.len() != diff_ids.len() {
        return Err(malformed(format!("it has {} diff ids for {} layers", diff_ids.len(), descriptors.len())));
    }
    let layer = |(descriptor, diff_id): (Descriptor, DiffId)| {
        let descriptor = in_oci_words(descriptor)?;
        Ok(Layer { diff_id, blob: Arc::from(source.blob(&descriptor)) })
    };
    descriptors.into_iter().zip(diff_ids).map(layer).collect()
}

/// The descriptor with OCI's name for its type: the bytes are the same.
fn in_oci_words(descriptor: Descriptor) -> Result<Descriptor, BaseError> {
    let media_type = descriptor.media_type.to_string();
    let media_type = match media_type.as_str() {
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => MediaType::ImageLayerGzip,
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => MediaType::ImageLayerZstd,
        "application/vnd.docker.image.rootfs.diff.tar" => MediaType::ImageLayer,
        other if other.contains("nondistributable") || other.contains(".foreign.") => {
            return Err(BaseError::NonDistributable { digest: descriptor.digest, media_type });
        }
        _ => match &descriptor.media_type {
            MediaType::ImageLayer | MediaType::ImageLayerGzip | MediaType::ImageLayerZstd => {
                descriptor.media_type.clone()
            }
            _ => return Err(BaseError::LayerType { digest: descriptor.digest, media_type }),
        },
    };
    Ok(Descriptor { media_type, ..descriptor })
}
