//! What is said of images beside what is in them, put together and brought along: statements for each platform,
//! recipe and lock for the whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::{
    BuildError, Builder, Built, BuiltLayer, Destination, Made, Origin, Project, Selection,
    carried::{self, Own},
    inventory::Listed,
    opened::Seen,
    verifying::{READ_UNASKED, Reading},
};
use crate::{
    attest::{self, Build, LayerPaths, OwnFile, Statement, path_map, provenance, with_listed},
    base::{Kind, Tree},
    hint::{Advise as _, Hint, has_login},
    image::{
        Artifact, Attachment, Bytes, Delivery, Graph, Image, Layer, Manifest, ManifestError, Moved, TransferError,
        read_whole,
    },
    layer::{FORMAT, MTIME},
    lock::{Lock, LockedImage, LockedPlatform},
    oci::{Descriptor, Digest, Platform, Reference},
    quantity,
    recipe::Base,
    sbom,
    store::Bucket,
};

/// Bytes of a config.
const LARGEST_CONFIG: u64 = 16 << 20;

/// Raised when other things are attached to the same image than before.
const FORMAT_OF_NOTES: u32 = 2;

/// How what is said of an image goes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attest {
    /// As artifacts of their own, whose subjects are the images and the index: those of registries, and of layouts
    /// where that is asked for.
    #[default]
    Referrers,
    /// In the image index, as BuildKit does it.
    Index,
    /// Not at all.
    Nothing,
}

/// How much is done to know what is in an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// A few layers of which nothing is known are read, so that a base is known; not those that another build made
    /// and that would have to be fetched for it alone.
    #[default]
    Some,
    /// Whatever it takes.
    All,
}

/// What decided about an image, from which all is made that is said of it.
pub(super) struct Evidence<'e> {
    pub(super) project: &'e Project,
    pub(super) lock: &'e Lock,
    variant: Option<String>,
    recipe: Vec<(String, Digest)>,
    lock_digest: Digest,
    indexes: BTreeMap<String, String>,
    epoch: u64,
}

/// What is to be attached to an image.
struct Missing {
    artifacts: Vec<Artifact>,
    /// Nothing was left out because too much would have to be read for it.
    whole: bool,
}

/// One platform's image of which something is said.
#[derive(Clone)]
pub(super) struct Described {
    pub(super) platform: Platform,
    pub(super) manifest: Manifest,
    pub(super) config: Value,
    pub(super) layers: Vec<Layer>,
    /// How many of them are the base's.
    base: usize,
}

impl Described {
    /// The images of an index that was built here.
    fn of_built(built: &Built) -> Vec<Self> {
        let is_below = |row: &&BuiltLayer, image: &Image| row.made == Made::Base && row.platform == image.platform;
        let described = |image: &Image| Self {
            platform: image.platform.clone(),
            manifest: image.manifest.clone(),
            config: serde_json::from_slice(image.config.bytes()).unwrap_or_default(),
            layers: image.layers.clone(),
            base: built.layers.iter().filter(|row| is_below(row, image)).count(),
        };
        built.index.images.iter().map(described).collect()
    }

    /// The images of a graph, which were made of `evidence`.
    async fn of_graph(graph: &Graph, evidence: &Evidence<'_>) -> Result<Vec<Self>, BuildError> {
        let fail = |source: TransferError| BuildError::Fetch { source };
        let malformed = |source: ManifestError| fail(source.into());
        let blob = |digest: &Digest| graph.blobs().iter().find(|blob| blob.descriptor().digest == *digest);
        let mut images = Vec::new();
        for (platform, manifest) in graph.images().map_err(malformed)? {
            let config = manifest.config().map_err(malformed)?;
            let (Some(platform), Some(config)) = (platform, blob(&config.digest)) else { continue };
            let config = read_whole(&**config, LARGEST_CONFIG).await.map_err(fail)?;
            let config: Value = serde_json::from_slice(&config).unwrap_or_default();
            let diff_ids = config.pointer("/rootfs/diff_ids").and_then(Value::as_array).cloned().unwrap_or_default();
            let layers = manifest.layers().map_err(malformed)?;
            let layers = layers.into_iter().zip(diff_ids).filter_map(|(layer, diff_id)| {
                let diff_id = serde_json::from_value(diff_id).ok()?;
                Some(Layer { diff_id, blob: Arc::clone(blob(&layer.digest)?) })
            });
            let layers: Vec<Layer> = layers.collect();
            let base = layers.len().saturating_sub(evidence.origin().own_layers(&platform)?);
            images.push(Self { platform, manifest: manifest.clone(), config, layers, base });
        }
        Ok(images)
    }
}

impl<'e> Evidence<'e> {
    pub(super) fn of(
        (project, lock, selection): (&'e Project, &'e Lock, &Selection),
        epoch: Option<u64>,
    ) -> Result<Self, BuildError> {
        let variant = project.recipe.variant(selection.variant.as_deref())?.name;
        let files = project.recipe.written().map(|(path, text)| (path.to_owned(), Digest::of(text.as_bytes())));
        Ok(Self {
            project,
            lock,
            recipe: files.collect(),
            lock_digest: Digest::of(lock.to_toml().as_bytes()),
            indexes: Origin { project, lock, variant: variant.as_deref() }.indexes(),
            epoch: epoch.unwrap_or(MTIME),
            variant,
        })
    }

    fn origin(&self) -> Origin<'_> {
        Origin { project: self.project, lock: self.lock, variant: self.variant.as_deref() }
    }

    pub(super) fn locked(&self, platform: &Platform) -> Result<(&LockedPlatform, &LockedImage), BuildError> {
        let missing = || BuildError::NotLocked { variant: self.variant.clone(), platform: platform.clone() };
        let below = self.lock.platform(platform).ok_or_else(missing)?;
        Ok((below, self.lock.image(self.variant.as_deref(), platform).ok_or_else(missing)?))
    }

    /// What the statements about the image for `platform`, in which are these files of the user's, are made of.
    pub(super) fn build<'b>(&'b self, platform: &Platform, files: &'b [OwnFile]) -> Result<Build<'b>, BuildError> {
        let base = match self.project.recipe.base.get_ref() {
            Base::Registry(reference) => Some(reference),
            _ => None,
        };
        Ok(Build {
            name: self.project.recipe.name.get_ref(),
            variant: self.variant.as_deref(),
            recipe: &self.recipe,
            lock: self.lock_digest,
            locked: self.locked(platform)?,
            base,
            indexes: &self.indexes,
            files,
            format: FORMAT,
            epoch: self.epoch,
        })
    }

    /// What all that is said depends on, hashed.
    fn digest(&self) -> Digest {
        let decisive =
            format!("{FORMAT_OF_NOTES} {:?} {:?} {} {}", self.variant, self.recipe, self.lock_digest, self.epoch);
        Digest::of(decisive.as_bytes())
    }
}

impl Builder {
    /// `built` with what is said of it in its index, which makes another index of it.
    ///
    /// # Errors
    /// When files of the user's or layers cannot be read.
    pub async fn listing_attestations(
        &self,
        origin: (&Project, &Lock, &Selection),
        mut built: Built,
        effort: Effort,
    ) -> Result<Built, BuildError> {
        let evidence = Evidence::of(origin, self.settings.epoch)?;
        let images = Described::of_built(&built);
        let own = self.own_files(&evidence, &images)?;
        let archive = self.recipe_archive(&evidence, &images, &own)?;
        for image in &images {
            let statements = self.statements(&evidence, image, (&own, effort)).await?;
            let origin = archive.as_ref().map(|(origin, archive, _)| (origin, archive.clone()));
            built.listed.push(attest::listed(image.manifest.descriptor(), &statements, origin));
        }
        built.index.manifest = with_listed(&built.index.manifest, &built.listed);
        Ok(built)
    }

    /// What is to be attached to `built` at `to`, as far as it is not there.
    async fn attaching(
        &self,
        origin: (&Project, &Lock, &Selection),
        built: &Built,
        (to, effort): (&Destination, Effort),
    ) -> Result<Missing, BuildError> {
        let evidence = Evidence::of(origin, self.settings.epoch)?;
        let images = Described::of_built(built);
        self.attachments(&evidence, (built.index.manifest.descriptor(), &images), (to, effort)).await
    }

    /// `graph`, which was made of `origin` elsewhere, with what is to be attached to it at `to`.
    ///
    /// # Errors
    /// When files of the user's or layers cannot be read, and when the registry cannot be reached.
    pub async fn attaching_to(
        &self,
        origin: (&Project, &Lock, &Selection),
        graph: Graph,
        (to, effort): (&Destination, Effort),
    ) -> Result<Graph, BuildError> {
        let evidence = Evidence::of(origin, self.settings.epoch)?;
        let images = Described::of_graph(&graph, &evidence).await?;
        let missing = self.attachments(&evidence, (graph.root().descriptor(), &images), (to, effort)).await?;
        Ok(graph.attaching(missing.artifacts))
    }

    /// What is to be attached to `images` and to the index `root` at `to`, as far as it is not there.
    async fn attachments(
        &self,
        evidence: &Evidence<'_>,
        (root, images): (&Descriptor, &[Described]),
        (to, effort): (&Destination, Effort),
    ) -> Result<Missing, BuildError> {
        let there = match to {
            Destination::Registry(reference) => self.attached_there(reference, root, images).await?,
            _ => BTreeMap::new(),
        };
        let is_there = |subject: &Digest, artifact: &Artifact| {
            let digest = artifact.manifest.descriptor().digest;
            there.get(subject).is_some_and(|list| list.iter().any(|found| found.manifest.digest == digest))
        };
        let own = self.own_files(evidence, images)?;
        let (mut artifacts, mut whole) = (Vec::new(), true);
        for image in images {
            let subject = image.manifest.descriptor();
            let said = |predicate: &str| {
                let list = there.get(&subject.digest).into_iter().flatten();
                list.filter_map(Attachment::predicate).any(|found| found == predicate)
            };
            let made = provenance(subject.digest, &evidence.build(&image.platform, own.of(&image.platform))?);
            let made = made.to_artifact(subject);
            if is_there(&subject.digest, &made) && said(attest::SPDX) && said(attest::PATHS) {
                continue;
            }
            let statements = self.statements(evidence, image, (&own, effort)).await?;
            whole &= statements.iter().any(|statement| statement.predicate_type == attest::PATHS);
            artifacts.extend(statements.iter().map(|statement| statement.to_artifact(subject)));
        }
        let carried = there.get(&root.digest).into_iter().flatten();
        let mut carried = carried.filter_map(|found| attest::Origin::read(&found.manifest.annotations));
        if !carried.any(|found| found.decisive == evidence.digest())
            && let Some((origin, archive, paths)) = self.recipe_archive(evidence, images, &own)?
        {
            artifacts.push(origin.to_artifact(root, archive, &paths));
        }
        artifacts.retain(|artifact| {
            let subject = Artifact::subject_of(&artifact.manifest).map(|subject| subject.digest);
            subject.is_none_or(|subject| !is_there(&subject, artifact))
        });
        Ok(Missing { artifacts, whole })
    }

    /// What is attached already, by subject; nothing where the image is not there.
    async fn attached_there(
        &self,
        reference: &Reference,
        root: &Descriptor,
        images: &[Described],
    ) -> Result<BTreeMap<Digest, Vec<Attachment>>, BuildError> {
        let repository = self.registry.to_write(reference)?;
        let mut there = BTreeMap::new();
        if repository.has_manifest(root).await? {
            let subjects: BTreeSet<Digest> =
                images.iter().map(|image| image.manifest.descriptor().digest).chain([root.digest]).collect();
            for subject in subjects {
                there.insert(subject, repository.attachments(&subject, None).await?);
            }
        }
        Ok(there)
    }

    /// All that is said of one image.
    async fn statements(
        &self,
        evidence: &Evidence<'_>,
        image: &Described,
        (own, effort): (&Own, Effort),
    ) -> Result<Vec<Statement>, BuildError> {
        let build = evidence.build(&image.platform, own.of(&image.platform))?;
        let digest = image.manifest.descriptor().digest;
        let mut statements = vec![provenance(digest, &build)];
        let Some((seen, layers)) = self.look(image, effort).await? else { return Ok(statements) };
        let listed = Listed::of(seen, Some(image.base));
        match listed.inventory(build.name, Some(evidence.origin())) {
            Ok(inventory) => statements.push(Statement {
                name: build.name.to_owned(),
                subject: digest,
                predicate_type: attest::SPDX.to_owned(),
                predicate: serde_json::from_slice(&sbom::Format::Spdx.write(&inventory, false)).unwrap_or_default(),
            }),
            Err(error) => {
                let message = format!("no SBOM is attached to the image for {}: {error}", image.platform);
                // Nobody named recipe and lock to be held against it: it was built from them.
                let hint = if matches!(error, BuildError::OtherImage { .. }) {
                    Some(Hint::new("run `wheelwright lock --upgrade`, and build again"))
                } else {
                    error.hint()
                };
                self.warn(&message, hint.as_ref());
            }
        }
        statements.push(path_map(digest, &build, &layers, &listed.subject));
        Ok(statements)
    }

    /// The files of an image, and what stands in each of its layers; nothing where too much would have to be read.
    async fn look(&self, image: &Described, effort: Effort) -> Result<Option<(Seen, Vec<LayerPaths>)>, BuildError> {
        let unread = self.unread(image.layers.iter());
        if unread > READ_UNASKED && effort == Effort::Some {
            let message = format!(
                "neither an SBOM nor a map of paths goes with the image for {}: {} of its layers were never read here",
                image.platform,
                quantity::bytes(unread)
            );
            self.warn(&message, Some(&Hint::new("add `--attest referrers` to have them read, once")));
            return Ok(None);
        }
        let wrong = |source| BuildError::Base { platform: image.platform.clone(), source };
        if unread > 0 {
            self.stage("reading", &image.platform);
        }
        let names = crate::verify::layer_names(&image.config, image.layers.len());
        let (mut tree, mut layers) = (Tree::new(), Vec::new());
        for ((number, layer), name) in image.layers.iter().enumerate().zip(names) {
            let Some(entries) = self.entries(layer, Reading::Needed).await.map_err(wrong)? else { continue };
            let stands = entries.iter().filter(|(_, entry)| entry.kind != Kind::Directory);
            let paths = (number >= image.base).then(|| stands.map(|(path, _)| path.to_owned()).collect());
            layers.push(LayerPaths { digest: layer.blob.descriptor().digest, name, paths });
            tree.merge(entries);
        }
        let facts = tree.facts(&image.config, &[]).map_err(wrong)?;
        let descriptors = image.layers.iter().map(|layer| layer.blob.descriptor().clone()).collect();
        let Described { platform, manifest, config, .. } = image.clone();
        Ok(Some((Seen { platform, manifest, config, layers: descriptors, tree, facts }, layers)))
    }

    /// The files of the user's in each of `images`.
    fn own_files(&self, evidence: &Evidence<'_>, images: &[Described]) -> Result<Own, BuildError> {
        let kept = (&self.settings.store, self.settings.now);
        let mut own = Own::default();
        for image in images {
            let (below, locked) = evidence.locked(&image.platform)?;
            let variant = evidence.project.recipe.variant(evidence.variant.as_deref())?;
            own.add((evidence.project, &variant), (&below.under(locked), locked), kept)?;
        }
        Ok(own)
    }

    /// The archive of recipe and lock, what is where in it, and the names of its files; nothing where a file has a
    /// password.
    fn recipe_archive(
        &self,
        evidence: &Evidence<'_>,
        images: &[Described],
        own: &Own,
    ) -> Result<Option<(attest::Origin, Bytes, Vec<String>)>, BuildError> {
        if let Some((path, _)) = evidence.project.recipe.written().find(|(_, text)| has_login(text)) {
            let message =
                format!("recipe and lock do not go with the image: a URL in `{path}` has a user or a password");
            let hint = "keep it in the environment or in ~/.netrc: `prove` needs recipe and lock";
            self.warn(&message, Some(&Hint::new(hint)));
            return Ok(None);
        }
        let platform = images.first().map(|image| image.platform.clone());
        let (origin, contents) = carried::gather(
            (evidence.project, evidence.lock, evidence.variant.clone()),
            own,
            (&self.settings.store, evidence.digest()),
        )?;
        let archive = carried::pack(&contents, &self.settings.store);
        let archive = archive.map_err(|source| match platform {
            Some(platform) => BuildError::Layer { layer: "recipe".to_owned(), platform, source },
            None => BuildError::Worker,
        })?;
        Ok(Some((origin, archive, attest::Carried::paths(&contents))))
    }

    /// Whether it is noted that all this is attached at `to`.
    pub(super) fn is_attached(
        &self,
        origin: (&Project, &Lock, &Selection),
        built: &Built,
        to: &Reference,
    ) -> Result<bool, BuildError> {
        let digest = Evidence::of(origin, self.settings.epoch)?.digest();
        let note = self.settings.store.note(Bucket::Records, &note_of(built, to));
        Ok(note.is_some_and(|note| note == digest.hex().as_bytes()))
    }

    /// Notes it.
    pub(super) fn note_attached(
        &self,
        origin: (&Project, &Lock, &Selection),
        built: &Built,
        to: &Reference,
    ) -> Result<(), BuildError> {
        let digest = Evidence::of(origin, self.settings.epoch)?.digest();
        Ok(self.settings.store.keep(Bucket::Records, &note_of(built, to), digest.hex().as_bytes())?)
    }

    /// Attaches `artifacts` to what is at `to` already.
    pub(super) async fn attach(&self, artifacts: &[Artifact], to: &Destination) -> Result<Vec<Digest>, BuildError> {
        let sink = self.sink(to)?;
        for artifact in artifacts {
            let attached = sink.attach(artifact).await;
            attached.map_err(|source| BuildError::Deliver { destination: to.to_string(), source })?;
        }
        Ok(artifacts.iter().map(|artifact| artifact.manifest.descriptor().digest).collect())
    }

    /// As [`Builder::deliver_mended`], with what is said of the image where `attest` says so.
    ///
    /// # Errors
    /// As [`Builder::deliver_mended`], and when something cannot be attached.
    pub async fn deliver_attested(
        &self,
        origin: (&Project, &Lock, &Selection),
        built: &Built,
        to: &Destination,
        (attest, effort): (Attest, Effort),
    ) -> Result<Delivery, BuildError> {
        let place = match to {
            Destination::Registry(reference) if attest == Attest::Referrers => reference,
            Destination::Layout { .. } if attest == Attest::Referrers && effort == Effort::All => {
                let missing = self.attaching(origin, built, (to, effort)).await?;
                return self.deliver_mended(origin, (built, missing.artifacts), to).await;
            }
            _ => return self.deliver_mended(origin, (built, Vec::new()), to).await,
        };
        // Who asks for all of it has it looked at: registries lose what no tag leads to.
        if effort == Effort::All || !self.is_attached(origin, built, place)? {
            let Missing { artifacts, whole } = self.attaching(origin, built, (to, effort)).await?;
            let delivery = self.deliver_mended(origin, (built, artifacts), to).await?;
            if whole {
                self.note_attached(origin, built, place)?;
            }
            return Ok(delivery);
        }
        let mut delivery = self.deliver_mended(origin, (built, Vec::new()), to).await?;
        // What the registry has lost it has lost with all that was attached to it.
        if delivery.manifests.iter().any(|(_, moved)| *moved != Moved::Existed) {
            let missing = self.attaching(origin, built, (to, effort)).await?;
            delivery.attached = self.attach(&missing.artifacts, to).await?;
        }
        Ok(delivery)
    }
}

/// Where it is noted what is attached to the image at `to`.
fn note_of(built: &Built, to: &Reference) -> String {
    let place = format!("{}/{}", to.registry(), to.repository());
    let root = built.index.manifest.descriptor().digest;
    format!("attached-{}-{}", &root.hex()[..32], &Digest::of(place.as_bytes()).hex()[..32])
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;
    use serde_json::json;

    use super::*;
    use crate::{
        builder::testing::Bench,
        image::{BlobSource, ByteStream},
        oci::{DiffId, MediaType},
        pypi::testing::Wheel,
    };

    /// A layer of which only a descriptor is there.
    struct Promised(Descriptor);

    impl BlobSource for Promised {
        fn descriptor(&self) -> &Descriptor {
            &self.0
        }

        fn open(&self, _: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
            panic!("it is not to be read");
        }
    }

    #[tokio::test]
    async fn what_is_left_out_is_not_all() {
        // The provenance, and the recipe with its lock.
        left_out("", 2, &["neither an SBOM nor a map of paths"]).await;
        left_out("# https://me:s3cret@host/", 1, &["neither an SBOM", "a URL in `app.toml` has a user or"]).await;
    }

    /// Attaches to an image with a layer that was never read; `comment` stands in the recipe.
    async fn left_out(comment: &str, attached: usize, said: &[&str]) {
        let (bench, recipe) = (Bench::new(&[]), &*format!("[wheels]\nrequire = [\"demo\"]\n{comment}"));
        let wheels = [Wheel::new("demo", "1.0")];
        let (project, lock) = (bench.project(recipe), bench.lock(&wheels, recipe, None, &[]).await.unwrap());
        let (builder, _index) = bench.builder(&wheels).await;
        let selection = Selection::default();
        let evidence = Evidence::of((&project, &lock, &selection), None).unwrap();
        let layer = Descriptor { size: 1 << 40, ..Descriptor::of(MediaType::ImageLayer, b"layer") };
        let config = Descriptor::of(MediaType::ImageConfig, b"{}");
        let manifest = Manifest::of_image(&config, std::slice::from_ref(&layer), &json!({}));
        let layers = vec![Layer { diff_id: DiffId(layer.digest), blob: Arc::new(Promised(layer)) }];
        let (platform, config) = ("linux/amd64".parse().unwrap(), json!({}));
        let images = [Described { platform, manifest: manifest.clone(), config, layers, base: 1 }];
        let to = Destination::Layout { folder: bench.folder.path().join("dist"), name: None };
        let what = (manifest.descriptor(), &images[..]);
        let missing = builder.attachments(&evidence, what, (&to, Effort::Some)).await.unwrap();
        assert_eq!((missing.artifacts.len(), missing.whole), (attached, false));
        let warnings = bench.warnings();
        for said in said {
            assert!(warnings.iter().any(|warning| warning.contains(said)), "{warnings:?}");
        }
    }
}
