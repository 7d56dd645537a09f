//! Everything that a manifest or an index points to, and the order in which it arrives anywhere:
//! blobs, then manifests before the indexes that list them, and the name last.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use futures_util::{StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};

use super::{
    Artifact, Attachment, BlobSource, Index, Manifest, ManifestError, Moved, Sink, Source, TransferError,
    watched::Watched,
};
use crate::{
    oci::{Descriptor, Digest, MediaType, Platform},
    progress::Observer,
};

/// Indexes inside of indexes are followed so far.
const DEEPEST: usize = 4;
/// Manifests below one root.
const MOST_MANIFESTS: usize = 2000;
/// Bytes of all manifests below one root.
const MOST_BYTES: u64 = 64 << 20;

/// An image, or an index of images, with everything it consists of.
#[derive(Clone, Default)]
pub struct Graph {
    /// Each distinct blob once.
    blobs: Vec<Arc<dyn BlobSource>>,
    /// Each below the indexes that list it; the root is the last.
    manifests: Vec<Manifest>,
    /// What is attached to them.
    attached: Vec<Artifact>,
}

/// What it took to deliver a graph.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What the sink's name points to.
    pub root: Digest,
    /// Image manifests, those in indexes included.
    pub images: usize,
    /// Each distinct blob in the order of the graph, with what was done for it.
    pub blobs: Vec<(Digest, Moved)>,
    /// The same for each manifest and index; none of them where it was only foreseen.
    pub manifests: Vec<(Digest, Moved)>,
    /// What was attached, by the digests of the manifests.
    pub attached: Vec<Digest>,
}

impl Delivery {
    /// What was done for the blob with `digest`.
    #[must_use]
    pub fn moved(&self, digest: &Digest) -> Option<Moved> {
        self.blobs.iter().find(|(found, _)| found == digest).map(|(_, moved)| *moved)
    }

    /// Bytes of blobs that were sent or written.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.blobs.iter().map(|(_, moved)| if let Moved::Sent(bytes) = moved { *bytes } else { 0 }).sum()
    }
}

/// Puts `index` into `sink`: every distinct blob once, then the manifests, the index, and its name.
///
/// # Errors
/// The first failure; the sink's name then still points to what it did before.
pub async fn deliver(index: &Index, sink: &dyn Sink) -> Result<Delivery, TransferError> {
    Graph::of_index(index).deliver(sink).await
}

impl Graph {
    /// An index that was built here. Layers that may not be redistributed stay where they are.
    #[must_use]
    pub fn of_index(index: &Index) -> Self {
        let mut graph = Self::default();
        let mut seen = BTreeSet::new();
        for image in &index.images {
            let config: Arc<dyn BlobSource> = Arc::new(image.config.clone());
            for blob in image.layers.iter().map(|layer| &layer.blob).chain([&config]) {
                let descriptor = blob.descriptor();
                if !is_kept_elsewhere(&descriptor.media_type) && seen.insert(descriptor.digest) {
                    graph.blobs.push(Arc::clone(blob));
                }
            }
            graph.manifests.push(image.manifest.clone());
        }
        graph.manifests.push(index.manifest.clone());
        graph
    }

    /// What `source` holds below `root`. Layers that may not be redistributed stay where they are.
    ///
    /// # Errors
    /// When the source fails, when a manifest is malformed, and when there is more below `root` than
    /// any image needs.
    pub async fn read(source: &dyn Source, root: Manifest) -> Result<Self, TransferError> {
        let digest = root.descriptor().digest;
        let graph = Self::default();
        let mut walk = Walk { source, root: digest, seen: BTreeSet::new(), bytes: 0, graph };
        walk.enter(root, 0).await?;
        Ok(walk.graph)
    }

    /// `root`, an index of our own, with all that it lists.
    #[must_use]
    pub fn joined(graphs: impl IntoIterator<Item = Self>, root: Manifest) -> Self {
        let mut joined = Self::default();
        let mut seen = BTreeSet::new();
        for graph in graphs {
            joined.blobs.extend(graph.blobs.into_iter().filter(|blob| seen.insert(blob.descriptor().digest)));
            joined.manifests.extend(graph.manifests.into_iter().filter(|one| seen.insert(one.descriptor().digest)));
        }
        joined.manifests.push(root);
        joined
    }

    /// The same with `artifacts`, which are listed in its root: they come with the images, and before the root.
    #[must_use]
    pub fn listing(mut self, artifacts: &[Artifact]) -> Self {
        let root = self.manifests.pop();
        for artifact in artifacts {
            for blob in &artifact.blobs {
                if !self.blobs.iter().any(|known| known.descriptor().digest == blob.descriptor().digest) {
                    self.blobs.push(Arc::clone(blob));
                }
            }
            self.manifests.push(artifact.manifest.clone());
        }
        self.manifests.extend(root);
        self
    }

    /// The same with what is attached to its manifests.
    #[must_use]
    pub fn attaching(mut self, artifacts: Vec<Artifact>) -> Self {
        self.attached.extend(artifacts);
        self
    }

    /// The same with what `source`, out of which it came, lists as attached to its manifests, and to that in turn.
    ///
    /// # Errors
    /// When the source fails, what is listed says of itself that it is about something else, or there is no end to it.
    pub async fn with_attached(mut self, source: &dyn Source) -> Result<Self, TransferError> {
        let root = self.root().descriptor().digest;
        let mut bytes = 0_u64;
        let mut seen: BTreeSet<Digest> = self.manifests.iter().map(|manifest| manifest.descriptor().digest).collect();
        let mut subjects: VecDeque<Digest> = seen.iter().copied().collect();
        while let Some(subject) = subjects.pop_front() {
            for Attachment { manifest: descriptor, .. } in source.attached(&subject).await? {
                if !seen.insert(descriptor.digest) {
                    continue;
                }
                bytes = bytes.saturating_add(descriptor.size);
                if self.attached.len() >= MOST_MANIFESTS || bytes > MOST_BYTES {
                    return Err(TransferError::Sprawling { root });
                }
                let manifest = source.manifest(&descriptor).await?;
                let says = Artifact::subject_of(&manifest).map(|said| said.digest);
                if says != Some(subject) {
                    return Err(TransferError::OtherSubject { artifact: descriptor.digest, subject });
                }
                let parts = manifest.layers()?.into_iter().chain([manifest.config()?]);
                let mut blobs: Vec<Arc<dyn BlobSource>> = Vec::new();
                for part in parts.filter(|part| !is_kept_elsewhere(&part.media_type)) {
                    blobs.push(source.blob(&part).into());
                }
                subjects.push_back(descriptor.digest);
                self.attached.push(Artifact { manifest, blobs });
            }
        }
        Ok(self)
    }

    /// The images alone.
    #[must_use]
    pub fn without_attached(mut self) -> Self {
        self.attached.clear();
        self
    }

    /// What is attached to its manifests.
    #[must_use]
    pub fn attached(&self) -> &[Artifact] {
        &self.attached
    }

    /// What an index lists, without the index itself. It has no root any more, unless it is joined.
    #[must_use]
    pub fn without_root(mut self) -> Self {
        self.manifests.pop();
        self
    }

    /// The part of it below `root`, one of its manifests.
    ///
    /// # Errors
    /// When a manifest is malformed.
    pub fn below(&self, root: &Manifest) -> Result<Self, ManifestError> {
        let mut wanted = BTreeSet::from([root.descriptor().digest]);
        // Whoever lists something comes after it.
        for manifest in self.manifests.iter().rev() {
            if wanted.contains(&manifest.descriptor().digest) {
                let parts = [manifest.manifests()?, manifest.layers()?].concat();
                wanted.extend(parts.iter().map(|part| part.digest));
                wanted.extend(manifest.config().map(|config| config.digest));
            }
        }
        let blobs = self.blobs.iter().filter(|blob| wanted.contains(&blob.descriptor().digest)).cloned().collect();
        let mut manifests = self.manifests.clone();
        manifests.retain(|manifest| wanted.contains(&manifest.descriptor().digest));
        Ok(Self { blobs, manifests, attached: Vec::new() })
    }

    /// Images for known platforms that the root lists, or the root alone where it is an image.
    ///
    /// # Errors
    /// When the root is malformed.
    pub fn images(&self) -> Result<Vec<(Option<Platform>, &Manifest)>, ManifestError> {
        if !self.root().is_index() {
            return Ok(vec![(None, self.root())]);
        }
        let mut images = Vec::new();
        for entry in self.root().manifests()?.into_iter().filter(|entry| entry.platform.is_some()) {
            let found = self.manifests.iter().find(|manifest| manifest.descriptor().digest == entry.digest);
            images.extend(found.map(|manifest| (entry.platform, manifest)));
        }
        Ok(images)
    }

    /// What everything hangs on.
    ///
    /// # Panics
    /// Never: a graph has a root.
    #[must_use]
    pub fn root(&self) -> &Manifest {
        self.manifests.last().expect("a graph has a root")
    }

    /// Its blobs, each once.
    #[must_use]
    pub fn blobs(&self) -> &[Arc<dyn BlobSource>] {
        &self.blobs
    }

    /// Its manifests and indexes, the root last.
    #[must_use]
    pub fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// The same, of which `observer` hears when a blob is read; `name` gives its name, where it has one better
    /// than the beginning of its digest.
    #[must_use]
    pub fn watched(&self, observer: &Arc<dyn Observer>, name: impl Fn(&Descriptor) -> Option<String>) -> Self {
        let watch = |blob: &Arc<dyn BlobSource>| {
            let short = || blob.descriptor().digest.hex().chars().take(12).collect();
            let name = name(blob.descriptor()).unwrap_or_else(short).into();
            let watched = Watched { blob: Arc::clone(blob), name, observer: Arc::clone(observer) };
            Arc::new(watched) as Arc<dyn BlobSource>
        };
        Self {
            blobs: self.blobs.iter().map(watch).collect(),
            manifests: self.manifests.clone(),
            attached: self.attached.clone(),
        }
    }

    /// Puts all of it into `sink`, each blob once, attaches what is to be attached, and makes the sink's name
    /// point to the root.
    ///
    /// # Errors
    /// The first failure; the sink's name then still points to what it did before.
    pub async fn deliver(&self, sink: &dyn Sink) -> Result<Delivery, TransferError> {
        sink.prepare(self.root()).await?;
        let blobs = stream::iter(&self.blobs)
            .map(async |blob| Ok::<_, TransferError>((blob.descriptor().digest, sink.put_blob(&**blob).await?)))
            .buffered(sink.width().max(1))
            .try_collect()
            .await?;
        let mut manifests = Vec::new();
        for manifest in &self.manifests {
            manifests.push((manifest.descriptor().digest, self.put_manifest(manifest, sink).await?));
        }
        let attaching = stream::iter(&self.attached).map(|artifact| sink.attach(artifact));
        attaching.buffered(sink.width().max(1)).try_collect::<()>().await?;
        sink.publish(self.root()).await?;
        Ok(self.delivery(blobs, manifests))
    }

    /// What [`Graph::deliver`] would do, without doing it.
    ///
    /// # Errors
    /// When the sink cannot be asked.
    pub async fn foresee(&self, sink: &dyn Sink) -> Result<Delivery, TransferError> {
        let blobs = stream::iter(&self.blobs)
            .map(async |blob| Ok::<_, TransferError>((blob.descriptor().digest, sink.foresee(&**blob).await?)))
            .buffered(sink.width().max(1))
            .try_collect()
            .await?;
        Ok(self.delivery(blobs, Vec::new()))
    }
}

impl Graph {
    /// Puts a manifest; a sink that now misses blobs of it gets those once more, and then the manifest.
    async fn put_manifest(&self, manifest: &Manifest, sink: &dyn Sink) -> Result<Moved, TransferError> {
        let error = match sink.put_manifest(manifest).await {
            Err(error) => error,
            moved => return moved,
        };
        let Some(lost) = error.lost_blobs() else { return Err(error) };
        let parts: BTreeSet<Digest> =
            manifest.layers()?.into_iter().chain(manifest.config().ok()).map(|part| part.digest).collect();
        for blob in &self.blobs {
            let digest = blob.descriptor().digest;
            if parts.contains(&digest) && (lost.is_empty() || lost.contains(&digest)) {
                sink.put_blob_again(&**blob).await?;
            }
        }
        sink.put_manifest(manifest).await
    }

    fn delivery(&self, blobs: Vec<(Digest, Moved)>, manifests: Vec<(Digest, Moved)>) -> Delivery {
        let is_image = |manifest: &&Manifest| !manifest.is_index() && manifest.value().get("artifactType").is_none();
        let images = self.manifests.iter().filter(is_image).count();
        let attached = self.attached.iter().map(|artifact| artifact.manifest.descriptor().digest).collect();
        Delivery { root: self.root().descriptor().digest, images, blobs, manifests, attached }
    }
}

struct Walk<'a> {
    source: &'a dyn Source,
    root: Digest,
    seen: BTreeSet<Digest>,
    bytes: u64,
    graph: Graph,
}

impl Walk<'_> {
    fn enter(&mut self, manifest: Manifest, depth: usize) -> BoxFuture<'_, Result<(), TransferError>> {
        Box::pin(async move {
            let Descriptor { digest, size, .. } = *manifest.descriptor();
            self.bytes = self.bytes.saturating_add(size);
            let much = self.graph.manifests.len() >= MOST_MANIFESTS || self.bytes > MOST_BYTES;
            if much || depth > DEEPEST {
                return Err(TransferError::Sprawling { root: self.root });
            }
            if manifest.is_index() {
                for entry in manifest.manifests()? {
                    if self.seen.insert(entry.digest) {
                        let inner = self.source.manifest(&entry).await?;
                        self.enter(inner, depth + 1).await?;
                    }
                }
            } else {
                let layers = manifest.layers()?;
                for blob in layers.into_iter().chain([manifest.config()?]) {
                    self.add(&blob);
                }
            }
            self.seen.insert(digest);
            self.graph.manifests.push(manifest);
            Ok(())
        })
    }

    fn add(&mut self, blob: &Descriptor) {
        if !is_kept_elsewhere(&blob.media_type) && self.seen.insert(blob.digest) {
            self.graph.blobs.push(self.source.blob(blob).into());
        }
    }
}

/// Layers that may not be redistributed stay where their descriptor's `urls` say.
///
/// [Image specification, "Non-Distributable Layers"](https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md#non-distributable-layers).
#[must_use]
pub fn is_kept_elsewhere(media_type: &MediaType) -> bool {
    let name = media_type.to_string();
    name.contains("nondistributable") || name.contains(".foreign.")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::Value;

    use super::*;
    use crate::image::Memory;

    /// Indexes that list each other's successor twice.
    struct Deep(AtomicUsize);

    fn index(level: usize) -> Manifest {
        if level == 0 {
            return Manifest::of_index(&[], &Value::Null);
        }
        let inner = index(level - 1).descriptor().clone();
        Manifest::of_index(&[inner.clone(), inner], &Value::Null)
    }

    impl Source for Deep {
        fn root(&self) -> BoxFuture<'_, Result<Manifest, TransferError>> {
            Box::pin(async { Ok(index(3)) })
        }

        fn manifest<'a>(&'a self, descriptor: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, TransferError>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            let found = (0..20).map(index).find(|index| index.descriptor().digest == descriptor.digest);
            Box::pin(async move { Ok(found.unwrap()) })
        }

        fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource> {
            Box::new(Memory::new(descriptor.media_type.clone(), ""))
        }
    }

    #[tokio::test]
    async fn what_is_listed_twice_is_read_once_and_stands_before_who_lists_it() {
        let source = Deep(AtomicUsize::new(0));
        let graph = Graph::read(&source, index(3)).await.unwrap();
        let digests: Vec<_> = graph.manifests().iter().map(|manifest| manifest.descriptor().digest).collect();
        assert_eq!(digests, [0, 1, 2, 3].map(|level| index(level).descriptor().digest));
        assert_eq!(source.0.into_inner(), 3);
    }

    #[tokio::test]
    async fn nothing_is_followed_without_end() {
        let error = Graph::read(&Deep(AtomicUsize::new(0)), index(7)).await.err().unwrap();
        assert!(matches!(error, TransferError::Sprawling { .. }), "{error}");
    }

    #[tokio::test]
    async fn layers_that_may_not_be_moved_are_not() {
        let layer = |kind: &str| Descriptor::of(MediaType::from(kind), kind.as_bytes());
        let kinds = [
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        ];
        let config = layer("application/vnd.oci.image.config.v1+json");
        let manifest = Manifest::of_image(&config, &kinds.map(layer), &Value::Null);
        let graph = Graph::read(&Deep(AtomicUsize::new(0)), manifest).await.unwrap();
        assert_eq!(graph.blobs().len(), 2);
    }
}
