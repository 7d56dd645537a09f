//! The one manifest, out of a source, that is meant for a platform.

use futures_util::{StreamExt as _, future::BoxFuture};

use super::RegistryError;
use crate::{
    image::{Manifest, Source, TransferError, platform_of},
    oci::{Descriptor, MediaType, Platform},
};

/// Indexes inside of indexes are followed so far.
const DEEPEST: usize = 4;

/// No config is larger.
const LARGEST_CONFIG: u64 = 4 << 20;

/// The image manifest for `platform` under `root`, which is an index, an index of indexes, or the
/// manifest itself. Of several entries for the platform the first wins, as the image specification
/// asks.
///
/// # Errors
/// When there is no image for the platform, and when the source fails.
pub async fn manifest_for(
    source: &dyn Source,
    root: &Manifest,
    platform: &Platform,
) -> Result<Manifest, RegistryError> {
    let mut search = Search { source, platform, available: Vec::new() };
    match search.within(root.clone(), 0).await? {
        Some(manifest) => Ok(manifest),
        None => Err(RegistryError::NoPlatform {
            subject: root.descriptor().digest,
            platform: Box::new(platform.clone()),
            available: search.available,
        }),
    }
}

struct Search<'a> {
    source: &'a dyn Source,
    platform: &'a Platform,
    available: Vec<Platform>,
}

impl Search<'_> {
    fn within(&mut self, manifest: Manifest, depth: usize) -> BoxFuture<'_, Result<Option<Manifest>, RegistryError>> {
        Box::pin(async move {
            if !manifest.is_index() {
                return Ok(self.is_meant(&manifest).await?.then_some(manifest));
            }
            let digest = manifest.descriptor().digest;
            if depth >= DEEPEST {
                return Err(RegistryError::Nested { subject: digest });
            }
            let entries = manifest
                .manifests()
                .map_err(|source| RegistryError::Manifest { repository: digest.to_string(), source })?;
            self.note(entries.iter().filter_map(|entry| entry.platform.clone()));
            for entry in &entries {
                let named = entry.platform.as_ref() == Some(self.platform);
                let nested = entry.platform.is_none() && is_index(entry);
                if !named && !nested {
                    continue;
                }
                let found = self.source.manifest(entry).await.map_err(moving)?;
                if named && !found.is_index() {
                    return Ok(Some(found));
                }
                if let Some(found) = self.within(found, depth + 1).await? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        })
    }

    /// A manifest that no index describes says in its config what it is for.
    async fn is_meant(&mut self, manifest: &Manifest) -> Result<bool, RegistryError> {
        let digest = manifest.descriptor().digest;
        let config =
            manifest.config().map_err(|source| RegistryError::Manifest { repository: digest.to_string(), source })?;
        let found = platform_of(&self.small_blob(&config).await?);
        self.note(found.clone());
        Ok(found.as_ref() == Some(self.platform))
    }

    async fn small_blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>, RegistryError> {
        if descriptor.size > LARGEST_CONFIG {
            let subject = descriptor.digest.to_string();
            return Err(RegistryError::TooLarge { repository: "config".to_owned(), subject, limit: LARGEST_CONFIG });
        }
        let mut stream = self.source.blob(descriptor).open(0).await.map_err(moving)?;
        let mut bytes = Vec::new();
        while let Some(piece) = stream.next().await {
            bytes.extend_from_slice(
                &piece.map_err(|source| moving(TransferError::Read { digest: descriptor.digest, source }))?,
            );
        }
        Ok(bytes)
    }

    fn note(&mut self, platforms: impl IntoIterator<Item = Platform>) {
        for platform in platforms {
            if !self.available.contains(&platform) {
                self.available.push(platform);
            }
        }
    }
}

fn is_index(entry: &Descriptor) -> bool {
    entry.media_type == MediaType::ImageIndex
        || entry.media_type.to_string() == "application/vnd.docker.distribution.manifest.list.v2+json"
}

fn moving(source: TransferError) -> RegistryError {
    RegistryError::Transfer { source }
}
