//! Images gathered for `verify`: from a registry, a layout or an archive.

use std::path::Path;

use serde_json::Value;

use super::{BuildError, Builder};
use crate::{
    base::{self, BaseError, Tree},
    image::{Layer, Manifest, Mismatch, Source, TransferError, platform_of, read_whole},
    oci::{DiffId, Platform},
    recipe::{self, Base},
    verify::{self, Check, Code, Finding, Report, Skipped, Subject, SubjectLayer, layer_names},
};

/// Configs are at most this large.
const CONFIG_LIMIT: u64 = 16 << 20;

/// What is to be checked of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Which checks are made.
    pub wanted: Vec<Check>,
    /// Of these platforms' images only; of all when empty.
    pub platforms: Vec<Platform>,
}

/// An image of one platform before its layers are read.
struct Candidate {
    platform: Platform,
    manifest: Manifest,
    config: Value,
}

impl Builder {
    /// Checks the image that `image` names, streaming each of its layers once; relative paths start from
    /// `folder`.
    ///
    /// # Errors
    /// When it cannot be reached or read at all; what is wrong with it stands in the report.
    pub async fn verify_image(
        &self,
        image: &Base,
        folder: &Path,
        checks: &Checks,
        demands: &recipe::Check,
    ) -> Result<Report, BuildError> {
        let fail = |source| BuildError::Fetch { source };
        let source = self.source(image, folder)?;
        let root = source.root().await.map_err(fail)?;
        let mut report = Report::default();
        let mut others = Vec::new();
        for (listed, manifest) in listed(&*source, root).await.map_err(fail)? {
            if let Some(platform) = listed.as_ref().filter(|platform| !is_wanted(checks, platform)) {
                others.push(platform.clone());
                continue;
            }
            match self.candidate(&*source, listed, manifest, &mut report).await? {
                Some(candidate) if is_wanted(checks, &candidate.platform) => {
                    self.stage("checking", &candidate.platform);
                    report.extend(self.verify_candidate(&*source, candidate, checks, demands).await?);
                }
                Some(candidate) => others.push(candidate.platform),
                None => {}
            }
        }
        for platform in &checks.platforms {
            if !report.checked.iter().any(|(checked, _)| checked == platform)
                && others.iter().all(|other| other != platform)
            {
                return Err(BuildError::OtherPlatforms { platform: platform.clone(), available: others });
            }
        }
        Ok(report.settled(&demands.accept))
    }

    /// The image with its config, whose platform must be that in the index.
    async fn candidate(
        &self,
        source: &dyn Source,
        listed: Option<Platform>,
        manifest: Manifest,
        report: &mut Report,
    ) -> Result<Option<Candidate>, BuildError> {
        let fail = |source: TransferError| BuildError::Fetch { source };
        let descriptor = manifest.config().map_err(|error| fail(error.into()))?;
        let bytes = match read_whole(&*source.blob(&descriptor), CONFIG_LIMIT).await {
            Ok(bytes) => bytes,
            Err(error) => match (&listed, &error) {
                (Some(platform), TransferError::Corrupt { .. }) => {
                    let message = format!("the config cannot be trusted: {error}");
                    report.findings.push(Finding::new(Code::DIGEST, platform, message));
                    return Ok(None);
                }
                _ => return Err(fail(error)),
            },
        };
        let stated = platform_of(&bytes);
        let Some(platform) = listed.clone().or_else(|| stated.clone()) else {
            return Err(BuildError::NoPlatform { digest: manifest.descriptor().digest });
        };
        if let (Some(listed), Some(stated)) = (&listed, &stated)
            && listed != stated
        {
            let message = format!("the index lists it for {listed}, and its config is for {stated}");
            report.findings.push(Finding::new(Code::PLATFORM, listed, message).hinted("build the index anew"));
        }
        let config = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Some(Candidate { platform, manifest, config }))
    }

    async fn verify_candidate(
        &self,
        source: &dyn Source,
        candidate: Candidate,
        checks: &Checks,
        demands: &recipe::Check,
    ) -> Result<Report, BuildError> {
        let Candidate { platform, manifest, config } = candidate;
        let mut report = Report::default();
        let documents = verify::documents(&platform, &manifest, &config);
        let readable = documents.iter().all(|finding| !matches!(finding.code, Code::DIFF_ID | Code::MEDIA_TYPE));
        if checks.wanted.contains(&Check::Image) {
            report.findings.extend(documents);
        }
        let layers = if readable { layers(source, &manifest, &config)? } else { Vec::new() };
        let mut tree = Tree::new();
        let mut broken = !readable;
        for layer in &layers {
            // Digests are those of bytes: whoever asks for them wants the bytes read.
            let read = if checks.wanted.contains(&Check::Image) {
                base::check_layer(layer, &self.settings.store).await
            } else {
                base::read_layer(layer, &self.settings.store).await
            };
            match read {
                Ok(entries) => tree.merge(entries),
                Err(error) => {
                    report.findings.push(about_layer(&platform, layer, error)?);
                    broken = true;
                }
            }
        }
        if broken {
            let reason = "its layers cannot be read".to_owned();
            let skip = |check: &Check| Skipped { platform: platform.clone(), check: *check, reason: reason.clone() };
            report.skipped.extend(checks.wanted.iter().map(skip));
            report.checked.extend(checks.wanted.iter().map(|check| (platform.clone(), *check)));
            return Ok(report);
        }
        let names = layer_names(&config, layers.len());
        let described = names.into_iter().zip(&layers).map(|(name, layer)| {
            let descriptor = layer.blob.descriptor();
            SubjectLayer { name, digest: descriptor.digest, size: descriptor.size }
        });
        let described = described.collect();
        let subject = Subject::new(platform, config, described, tree);
        report.extend(verify::check(&subject, &checks.wanted, demands));
        Ok(report)
    }
}

fn is_wanted(checks: &Checks, platform: &Platform) -> bool {
    checks.platforms.is_empty() || checks.platforms.contains(platform)
}

/// The images below `root`, with the platforms that an index gives them.
async fn listed(source: &dyn Source, root: Manifest) -> Result<Vec<(Option<Platform>, Manifest)>, TransferError> {
    if !root.is_index() {
        return Ok(vec![(None, root)]);
    }
    let mut images = Vec::new();
    for descriptor in root.manifests()?.into_iter().filter(|descriptor| descriptor.platform.is_some()) {
        let manifest = source.manifest(&descriptor).await?;
        images.push((descriptor.platform, manifest));
    }
    Ok(images)
}

/// The layers, as manifest and config describe them; their numbers were found to be the same.
fn layers(source: &dyn Source, manifest: &Manifest, config: &Value) -> Result<Vec<Layer>, BuildError> {
    let descriptors = manifest.layers().map_err(|error| BuildError::Fetch { source: error.into() })?;
    let diff_ids = config.pointer("/rootfs/diff_ids").and_then(Value::as_array).cloned().unwrap_or_default();
    let layers = descriptors.into_iter().zip(diff_ids).filter_map(|(descriptor, diff_id)| {
        let diff_id: DiffId = serde_json::from_value(diff_id).ok()?;
        Some(Layer { diff_id, blob: source.blob(&descriptor).into() })
    });
    Ok(layers.collect())
}

/// What is wrong with a layer that could not be read.
fn about_layer(platform: &Platform, layer: &Layer, error: BaseError) -> Result<Finding, BuildError> {
    let digest = layer.blob.descriptor().digest;
    let source = match error {
        BaseError::Layer { source, .. } => source,
        BaseError::Transfer { source: TransferError::Corrupt { found, .. } } => {
            let message = format!("layer {digest}: the bytes that are there have {found}");
            return Ok(Finding::new(Code::DIGEST, platform, message).hinted("bring the image there again"));
        }
        source => return Err(BuildError::Base { platform: platform.clone(), source }),
    };
    Ok(match &source {
        base::LayerError::DiffId { expected, found } => {
            let message = format!("layer {digest} has the diff id {found}, and the config says {expected}");
            Finding::new(Code::DIFF_ID, platform, message).hinted("build the image anew")
        }
        base::LayerError::Read { source } if is_mismatch(source) => {
            let message = format!("layer {digest}: {source}");
            Finding::new(Code::DIGEST, platform, message).hinted("bring the image there again")
        }
        other => {
            let cause = std::error::Error::source(other).map(|cause| format!(": {cause}")).unwrap_or_default();
            let message = format!("layer {digest} cannot be unpacked: {other}{cause}");
            Finding::new(Code::UNREADABLE_LAYER, platform, message)
        }
    })
}

fn is_mismatch(error: &std::io::Error) -> bool {
    error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Mismatch>)
}
