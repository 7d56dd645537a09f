//! Images gathered for `verify`: from a registry, a layout or an archive, or just built.

use std::{io::ErrorKind, path::Path, sync::Arc};

use futures_util::future::try_join_all;
use serde_json::Value;

use super::{BuildError, Builder, Built, Made, Project, from_lock, inputs};
use crate::{
    base::{self, BaseError, LayerEntries, Tree},
    image::{Image, Layer, Manifest, Mismatch, Source, TransferError, platform_of, read_whole},
    oci::{DiffId, Digest, Platform},
    quantity,
    recipe::Base,
    registry::RegistryError,
    store::Bucket,
    verify::{
        self, Check, Code, Demands, Finding, Report, Skipped, Subject, SubjectLayer, layer_names,
        run::{self, Limits, Started},
    },
};

/// Bytes of layers of one image that are read unasked, so that it can be checked and said what is in it.
pub(super) const READ_UNASKED: u64 = 256 << 20;

/// Configs are at most this large.
const CONFIG_LIMIT: u64 = 16 << 20;

/// What is to be checked of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Which checks are made.
    pub wanted: Vec<Check>,
    /// Of these platforms' images only; of all when empty.
    pub platforms: Vec<Platform>,
    /// What may be taken by what is started.
    pub limits: Limits,
}

/// Raised when the same image would be reported on otherwise than before.
const REPORT_FORMAT: u32 = 6;

/// How layers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Every byte, whatever is known: digests are looked at.
    Anew,
    /// Only those of which nothing is known.
    Needed,
    /// The same, and what cannot be had is not checked.
    Offered,
    /// Not at all: what is not known is not checked.
    Known,
}

/// How thoroughly a built image is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// From what was noted while layers were read or made. A base of which nothing is known is read if it is small; the
    /// image is not checked if it is not, or if another build made some of its layers.
    #[default]
    Quick,
    /// Layers of which nothing is known are read.
    Full,
}

/// An image of one platform before its layers are read.
pub(super) struct Candidate {
    pub(super) platform: Platform,
    pub(super) manifest: Manifest,
    pub(super) config: Value,
    pub(super) layers: Vec<(Layer, Reading)>,
    /// How many of them are known to be the base's.
    base: usize,
}

impl Candidate {
    /// An image of which so many layers are the base's; layers of which nothing is known are read where
    /// `depth` says so.
    pub(super) fn of(
        (platform, manifest, config): (&Platform, &Manifest, &Value),
        (layers, base): (&[Layer], usize),
        depth: Depth,
    ) -> Self {
        let reading = match depth {
            Depth::Quick => Reading::Known,
            Depth::Full => Reading::Needed,
        };
        let layers = layers.iter().map(|layer| (layer.clone(), reading)).collect();
        Self { platform: platform.clone(), manifest: manifest.clone(), config: config.clone(), layers, base }
    }
}

impl Builder {
    /// What the recipe of `project` asks of its images, with the files of overrides and the locks of other tools that
    /// it names read.
    ///
    /// # Errors
    /// When one of these files cannot be read.
    pub fn demands(&self, project: &Project) -> Result<Demands, BuildError> {
        let settings = self.package_index(project);
        let mut overridden = Vec::new();
        for variant in project.recipe.images() {
            overridden.extend(inputs::overridden(project, &variant, settings.settings())?);
            overridden.extend(from_lock::overridden(project, &variant)?);
        }
        Ok(Demands::of(&project.recipe, overridden))
    }

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
        demands: &Demands,
    ) -> Result<Report, BuildError> {
        let fail = |source| BuildError::Fetch { source };
        let source = self.source(image, folder)?;
        let root = source.root().await.map_err(fail)?;
        let mut report = Report::default();
        let mut others = Vec::new();
        for (listed, manifest) in all_listed(&*source, root).await.map_err(fail)? {
            if let Some(platform) = listed.as_ref().filter(|platform| !is_wanted(checks, platform)) {
                others.push(platform.clone());
                continue;
            }
            let manifest = match (&listed, manifest) {
                (_, Ok(manifest)) => manifest,
                (Some(platform), Err(error)) => {
                    report.findings.push(lost(platform, "its manifest", error).map_err(fail)?);
                    others.push(platform.clone());
                    continue;
                }
                (None, Err(error)) => return Err(fail(error)),
            };
            // Digests are those of bytes: whoever asks for them wants the bytes read.
            let reading = if checks.wanted.contains(&Check::Image) { Reading::Anew } else { Reading::Needed };
            match self.candidate(&*source, (listed.clone(), manifest), reading, &mut report).await? {
                Some(candidate) if is_wanted(checks, &candidate.platform) => {
                    self.stage("checking", &candidate.platform);
                    report.extend(self.verify_candidate(candidate, checks, demands).await?);
                }
                Some(candidate) => others.push(candidate.platform),
                None => others.extend(listed),
            }
        }
        for platform in &checks.platforms {
            if !report.checked.iter().any(|(checked, _)| checked == platform)
                && others.iter().all(|other| other != platform)
            {
                return Err(BuildError::OtherPlatforms { platform: platform.clone(), available: others });
            }
        }
        Ok(report.settled(&demands.check.accept))
    }

    /// The image with its config, whose platform must be that in the index.
    pub(super) async fn candidate(
        &self,
        source: &dyn Source,
        (listed, manifest): (Option<Platform>, Manifest),
        reading: Reading,
        report: &mut Report,
    ) -> Result<Option<Candidate>, BuildError> {
        let fail = |source: TransferError| BuildError::Fetch { source };
        let descriptor = manifest.config().map_err(|error| fail(error.into()))?;
        let bytes = match read_whole(&*source.blob(&descriptor), CONFIG_LIMIT).await {
            Ok(bytes) => bytes,
            Err(error) => {
                let Some(platform) = &listed else { return Err(fail(error)) };
                report.findings.push(lost(platform, &format!("config {}", descriptor.digest), error).map_err(fail)?);
                return Ok(None);
            }
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
        let layers = layers(source, &manifest, &config)?.into_iter().map(|layer| (layer, reading)).collect();
        Ok(Some(Candidate { platform, manifest, config, layers, base: 0 }))
    }

    /// Checks images that were built, each platform's.
    ///
    /// # Errors
    /// When a layer of which nothing is known cannot be read.
    pub async fn verify_built(
        &self,
        built: &Built,
        depth: Depth,
        checks: &Checks,
        demands: &Demands,
    ) -> Result<Report, BuildError> {
        let what = (checks, demands);
        let images = built.index.images.iter().map(|image| self.verify_one(built, image, depth, what));
        let mut report = Report::default();
        for found in try_join_all(images).await? {
            report.extend(found);
        }
        Ok(report.settled(&demands.check.accept))
    }

    /// Checks one platform's image, or recalls what was found in it.
    async fn verify_one(
        &self,
        built: &Built,
        image: &Image,
        depth: Depth,
        (checks, demands): (&Checks, &Demands),
    ) -> Result<Report, BuildError> {
        let note = note_of_report(&image.manifest.descriptor().digest, &checks.wanted, demands);
        // Whoever wants something started does not want to hear what came of it another time.
        let may_be_known = !checks.wanted.contains(&Check::Run);
        if may_be_known
            && let Some(known) = self.settings.store.note(Bucket::Checks, &note)
            && let Ok(known) = serde_json::from_slice(&known)
        {
            return Ok(known);
        }
        let config = serde_json::from_slice(image.config.bytes()).unwrap_or_default();
        let rows: Vec<_> = built.layers.iter().filter(|row| row.platform == image.platform).collect();
        let unread_of = |made| {
            let rows = image.layers.iter().zip(&rows).filter(move |(_, row)| row.made == made);
            self.unread(rows.map(|(layer, _)| layer))
        };
        // A base is read once for all builds on it; what another build made would be fetched for this alone.
        let (base, remote) = (unread_of(Made::Base), unread_of(Made::Remote));
        let reads_all = depth == Depth::Full || remote == 0 && base <= READ_UNASKED;
        if reads_all && base + remote > 0 {
            self.stage("reading", &image.platform);
        }
        let reading = rows.iter().map(|row| match row.made {
            Made::Base | Made::Remote if !reads_all => Reading::Known,
            // Nobody asked for it: where the registry does not give it now, the build goes on.
            Made::Base if depth == Depth::Quick => Reading::Offered,
            // Our own lie in the store, and are noted when they are made.
            _ => Reading::Needed,
        });
        let layers = image.layers.iter().cloned().zip(reading).collect();
        let base = rows.iter().filter(|row| row.made == Made::Base).count();
        let (platform, manifest) = (image.platform.clone(), image.manifest.clone());
        let mut report = Report::default();
        if checks.wanted.contains(&Check::Run) {
            let time = rows.iter().map(|row| row.time).sum();
            let (what, result) = ("layers".to_owned(), "made".to_owned());
            report.started.push(Started { platform: image.platform.clone(), what, result, version: None, time });
        }
        let candidate = Candidate { platform, manifest, config, layers, base };
        report.extend(self.verify_candidate(candidate, checks, demands).await?);
        // What was not checked may be checked another time.
        if may_be_known && report.skipped.is_empty() {
            let text = serde_json::to_vec(&report).unwrap_or_default();
            let keep = self.settings.store.keep(Bucket::Checks, &note, &text);
            keep.map_err(|source| BuildError::Base { platform: image.platform.clone(), source: source.into() })?;
        }
        Ok(report)
    }

    pub(super) async fn verify_candidate(
        &self,
        candidate: Candidate,
        checks: &Checks,
        demands: &Demands,
    ) -> Result<Report, BuildError> {
        let Candidate { platform, manifest, config, layers, base: base_layers } = candidate;
        let wanted = &checks.wanted;
        let mut report = Report::default();
        let documents = verify::documents(&platform, &manifest, &config);
        let readable = documents.iter().all(|finding| !matches!(finding.code, Code::DIFF_ID | Code::MEDIA_TYPE));
        if wanted.contains(&Check::Image) {
            report.findings.extend(documents);
        }
        let contents = if readable {
            self.contents(&platform, &layers, &mut report.findings).await?
        } else {
            Err("its documents do not fit together".to_owned())
        };
        let contents = match contents {
            Ok(contents) => contents,
            Err(reason) => {
                let skip =
                    |check: &Check| Skipped { platform: platform.clone(), check: *check, reason: reason.clone() };
                report.skipped.extend(wanted.iter().map(skip));
                report.checked.extend(wanted.iter().map(|check| (platform.clone(), *check)));
                return Ok(report);
            }
        };
        let names = layer_names(&config, layers.len());
        let described = names.into_iter().zip(&layers).map(|(name, (layer, _))| {
            let descriptor = layer.blob.descriptor();
            SubjectLayer { name, digest: descriptor.digest, size: descriptor.size }
        });
        let described = described.collect();
        let (files, demanded) = (wanted.clone(), demands.clone());
        let checked = self.compute(move || {
            let mut tree = Tree::new();
            for layer in contents {
                tree.merge(layer);
            }
            let subject = Subject::new(platform, config, described, tree).over(base_layers);
            let report = verify::check(&subject, &files, &demanded);
            (Arc::new(subject), report)
        });
        let (subject, found) = checked.await?;
        report.extend(found);
        let skipped = self.name_packages(&mut report.findings, &subject.tree, &subject.platform).await;
        report.skipped.extend(skipped);
        if wanted.contains(&Check::Run) {
            self.stage("starting", &subject.platform);
            report.extend(self.start(Arc::clone(&subject), &layers, checks.limits, demands).await?);
        }
        // Ten thousands of files: nobody waits until they are forgotten.
        self.pool.spawn(move || drop(subject));
        Ok(report)
    }

    /// What each of the layers holds, or why that cannot be told.
    async fn contents(
        &self,
        platform: &Platform,
        layers: &[(Layer, Reading)],
        findings: &mut Vec<Finding>,
    ) -> Result<Result<Vec<LayerEntries>, String>, BuildError> {
        // Where one layer is missing nothing can be told, and the others need not be looked at.
        let shut = layers.iter().filter(|(_, reading)| *reading == Reading::Known).map(|(layer, _)| layer);
        let unread = self.unread(shut);
        if unread > 0 {
            return Ok(Err(never_read(unread)));
        }
        let known = self.known(layers).await?;
        let (mut contents, mut gap) = (Vec::new(), None);
        for ((layer, reading), known) in layers.iter().zip(known) {
            let held = match known {
                Some(known) => Ok(Some(known)),
                None => self.entries(layer, *reading).await,
            };
            match held {
                Ok(Some(held)) => contents.push(held),
                Ok(None) => gap = Some(never_read(layer.blob.descriptor().size)),
                // What is wrong is the store, not the image.
                Err(source) if distrusted(layer).await => {
                    let (digest, platform) = (layer.blob.descriptor().digest, platform.clone());
                    return Err(BuildError::Damaged { digest, platform, source });
                }
                Err(error) if *reading == Reading::Offered && is_withheld(&error) => {
                    let why = std::error::Error::source(&error).map(|why| format!(": {why}")).unwrap_or_default();
                    gap = Some(format!("{error}{why}"));
                }
                Err(error) => {
                    findings.push(about_layer(platform, layer, error)?);
                    gap = Some("its layers cannot be read".to_owned());
                }
            }
        }
        Ok(gap.map_or(Ok(contents), Err))
    }

    /// Unpacks an image into a temporary folder, and starts what is asked for in it.
    async fn start(
        &self,
        subject: Arc<Subject>,
        layers: &[(Layer, Reading)],
        limits: Limits,
        demands: &Demands,
    ) -> Result<Report, BuildError> {
        let fail = |source| BuildError::Unpacking { source };
        let folder = tempfile::tempdir().map_err(fail)?;
        let root = folder.path().join("root");
        std::fs::create_dir(&root).map_err(fail)?;
        let blocking = async |work: Box<dyn FnOnce() -> std::io::Result<()> + Send>| {
            tokio::task::spawn_blocking(work).await.map_err(|_| BuildError::Worker)?.map_err(fail)
        };
        let (image, to) = (Arc::clone(&subject), root.clone());
        blocking(Box::new(move || run::prepare(&image.tree, &to))).await?;
        for (number, (layer, _)) in layers.iter().enumerate() {
            let (image, to) = (Arc::clone(&subject), root.clone());
            let gaps = base::stream_layer(layer, move |tar| run::layer(&image.tree, number, tar, &to)).await;
            let gaps = gaps.map_err(|source| BuildError::Base { platform: subject.platform.clone(), source })?;
            for path in gaps.0 {
                self.warn(&format!("/{path} could not be unpacked: a later layer replaces what it is a name of"), None);
            }
        }
        let (image, to) = (Arc::clone(&subject), root.clone());
        blocking(Box::new(move || run::finish(&image.tree, &to))).await?;
        let demands = demands.clone();
        // Whoever drops this future no longer waits. The folder goes when nothing runs in it any more.
        let waiting = Arc::new(());
        let waits = Arc::downgrade(&waiting);
        let started = tokio::task::spawn_blocking(move || {
            let report = run::check(&subject, &root, &demands, limits, &|| waits.strong_count() > 0);
            folder.close().map(|()| report)
        });
        let report = started.await.map_err(|_| BuildError::Worker)?.map_err(fail);
        drop(waiting);
        report
    }

    /// Bytes of the layers of which nothing is known.
    pub(super) fn unread<'l>(&self, layers: impl Iterator<Item = &'l Layer>) -> u64 {
        let unknown = layers.filter(|layer| !base::is_known_layer(&self.settings.store, layer.diff_id));
        unknown.map(|layer| layer.blob.descriptor().size).sum()
    }

    /// What is known of each layer; nothing of those that shall be read whatever is known. One after the other: side
    /// by side they would wait for each other's memory.
    async fn known(&self, layers: &[(Layer, Reading)]) -> Result<Vec<Option<LayerEntries>>, BuildError> {
        let may_be_known = |(layer, reading): &(Layer, Reading)| (*reading != Reading::Anew).then_some(layer.diff_id);
        let (store, layers) = (self.settings.store.clone(), layers.iter().map(may_be_known).collect::<Vec<_>>());
        let recall = move || layers.into_iter().map(|layer| base::known_layer(&store, layer?)).collect();
        self.compute(recall).await
    }

    /// What a layer holds; nothing where that is not known and nothing shall be read.
    pub(super) async fn entries(&self, layer: &Layer, reading: Reading) -> Result<Option<LayerEntries>, BaseError> {
        let store = &self.settings.store;
        match reading {
            Reading::Anew => base::check_layer(layer, store).await.map(Some),
            Reading::Needed | Reading::Offered => {
                // Several recipes on one base come here at once.
                let _turn = self.turns.take(layer.diff_id.0).await;
                base::read_layer(layer, store).await.map(Some)
            }
            Reading::Known => Ok(base::known_layer(store, layer.diff_id)),
        }
    }
}

/// Why an image cannot be checked quickly.
fn never_read(bytes: u64) -> String {
    format!("{} of its layers were never read here; `--verify full` reads them, once", quantity::bytes(bytes))
}

/// Throws away what a layer that cannot be read is made of wrongly in the store; false where nothing of it is
/// there, or nothing is wrong with that.
async fn distrusted(layer: &Layer) -> bool {
    let blob = Arc::clone(&layer.blob);
    tokio::task::spawn_blocking(move || blob.distrust()).await.unwrap_or(false)
}

/// Where it is noted what was found in the image with this manifest: by all that decides about that.
fn note_of_report(manifest: &Digest, wanted: &[Check], demands: &Demands) -> String {
    let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    let decisive = format!("{} {REPORT_FORMAT} {wanted:?} {demands:?}", env!("CARGO_PKG_VERSION"));
    format!("report-{}-{}", manifest.hex(), Digest::of(decisive.as_bytes()).hex())
}

fn is_wanted(checks: &Checks, platform: &Platform) -> bool {
    checks.platforms.is_empty() || checks.platforms.contains(platform)
}

/// The images below `root`, with the platforms that an index gives them.
pub(super) async fn listed(
    source: &dyn Source,
    root: Manifest,
) -> Result<Vec<(Option<Platform>, Manifest)>, TransferError> {
    let all = all_listed(source, root).await?;
    all.into_iter().map(|(platform, manifest)| Ok((platform, manifest?))).collect()
}

/// The same, whether their manifests can be read or not.
async fn all_listed(
    source: &dyn Source,
    root: Manifest,
) -> Result<Vec<(Option<Platform>, Result<Manifest, TransferError>)>, TransferError> {
    if !root.is_index() {
        return Ok(vec![(None, Ok(root))]);
    }
    let mut images = Vec::new();
    for descriptor in root.manifests()?.into_iter().filter(|descriptor| descriptor.platform.is_some()) {
        let manifest = source.manifest(&descriptor).await;
        images.push((descriptor.platform, manifest));
    }
    Ok(images)
}

/// The layers, as manifest and config describe them; their numbers were found to be the same.
pub(super) fn layers(source: &dyn Source, manifest: &Manifest, config: &Value) -> Result<Vec<Layer>, BuildError> {
    let descriptors = manifest.layers().map_err(|error| BuildError::Fetch { source: error.into() })?;
    let diff_ids = config.pointer("/rootfs/diff_ids").and_then(Value::as_array).cloned().unwrap_or_default();
    let layers = descriptors.into_iter().zip(diff_ids).filter_map(|(descriptor, diff_id)| {
        let diff_id: DiffId = serde_json::from_value(diff_id).ok()?;
        Some(Layer { diff_id, blob: source.blob(&descriptor).into() })
    });
    Ok(layers.collect())
}

/// That `what` is not there, or is something else than was promised; any other error is nothing about the image.
fn lost(platform: &Platform, what: &str, error: TransferError) -> Result<Finding, TransferError> {
    let message = match &error {
        TransferError::Corrupt { found, .. } => format!("{what}: the bytes that are there have {found}"),
        _ if is_absent(&error) => format!("{what} is not there"),
        _ => return Err(error),
    };
    Ok(Finding::new(Code::DIGEST, platform, message).hinted("bring the image there again"))
}

/// Whether what was asked for is not where it should be.
fn is_absent(error: &TransferError) -> bool {
    if let TransferError::Room(failure) = error
        && let Some(error) = failure.error().downcast_ref::<RegistryError>()
    {
        return error.status().is_some_and(|status| status.as_u16() == 404);
    }
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.filter_map(|error| error.downcast_ref::<std::io::Error>()).any(|error| error.kind() == ErrorKind::NotFound)
}

/// What is wrong with a layer that could not be read.
fn about_layer(platform: &Platform, layer: &Layer, error: BaseError) -> Result<Finding, BuildError> {
    let digest = layer.blob.descriptor().digest;
    let source = match error {
        BaseError::Layer { source, .. } => source,
        BaseError::Transfer { source } => {
            return lost(platform, &format!("layer {digest}"), source).map_err(|source| BuildError::Fetch { source });
        }
        source => return Err(BuildError::Base { platform: platform.clone(), source }),
    };
    Ok(match &source {
        base::LayerError::DiffId { expected, found } => {
            let message = format!("layer {digest} has the diff id {found}, and the config says {expected}");
            Finding::new(Code::DIFF_ID, platform, message).hinted("build the image anew")
        }
        base::LayerError::Read { source } if let Some(Mismatch { found, .. }) = mismatch(source) => {
            let message = format!("layer {digest}: the bytes that are there have {found}");
            Finding::new(Code::DIGEST, platform, message).hinted("bring the image there again")
        }
        other => {
            let cause = std::error::Error::source(other).map(|cause| format!(": {cause}")).unwrap_or_default();
            let message = format!("layer {digest} cannot be unpacked: {other}{cause}");
            Finding::new(Code::UNREADABLE_LAYER, platform, message)
        }
    })
}

/// Whether a layer did not come, or not whole; what is wrong with its bytes is another matter.
fn is_withheld(error: &BaseError) -> bool {
    match error {
        BaseError::Transfer { source } => !matches!(source, TransferError::Corrupt { .. }),
        BaseError::Layer { source: base::LayerError::Read { source }, .. } => mismatch(source).is_none(),
        _ => false,
    }
}

fn mismatch(error: &std::io::Error) -> Option<&Mismatch> {
    error.get_ref()?.downcast_ref()
}
