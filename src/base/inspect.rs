//! A base image's layers, streamed through a tree: several at the same time, checked on the way. A
//! layer that was read before is not asked for again.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read},
    sync::Arc,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{BaseError, BaseImage, Tree, entries::LayerEntries, error::LayerError, index::Index, memory};
use crate::{
    image::{BlobSource, Check, Layer, consume, verified},
    lock::Facts,
    oci::{Descriptor, DiffId, Digest, Hasher},
    store::Store,
};

/// Layers read at the same time.
const PARALLEL_LAYERS: usize = 4;

/// What matters of a base image to layers that write to `targets` (absolute paths). What was found
/// once is kept in `store`.
///
/// # Errors
/// When a layer cannot be read, is not what it should be, or the interpreter is not understood, and
/// when the store cannot be written.
pub async fn inspect(base: &BaseImage, targets: &[String], store: &Store) -> Result<Facts, BaseError> {
    let digest = base.manifest.descriptor().digest;
    if let Some(facts) = memory::facts(store, &digest, targets) {
        return Ok(facts);
    }
    let facts = read_tree(base, store).await?.facts(&base.settings(), targets)?;
    memory::keep_facts(store, &digest, targets, &facts)?;
    Ok(facts)
}

/// The merged files of a base image, with what says what the base is. Of layers that carry a table of
/// their files no more is fetched than that takes.
///
/// # Errors
/// When a layer cannot be read, or is not what its descriptor and the config say, and when the store
/// cannot be written.
pub async fn read_tree(base: &BaseImage, store: &Store) -> Result<Tree, BaseError> {
    let read = |layer| read_for_facts(layer, &base.tables, store);
    let mut layers = stream::iter(&base.layers).map(read).buffered(PARALLEL_LAYERS);
    let mut tree = Tree::new();
    while let Some(layer) = layers.try_next().await? {
        tree.merge(layer);
    }
    Ok(tree)
}

/// What a layer holds, as far as it says what a base is: of a layer that carries a table of its files
/// only those few are fetched.
async fn read_for_facts(
    layer: &Layer,
    tables: &BTreeMap<Digest, Arc<dyn BlobSource>>,
    store: &Store,
) -> Result<LayerEntries, BaseError> {
    if let Some(known) = memory::known_layer(store, layer.diff_id) {
        return Ok(known);
    }
    let digest = layer.blob.descriptor().digest;
    if let Some(index) = Index::of(layer, tables) {
        if let Some(known) = memory::indexed(store, &digest, index.digest()) {
            return Ok(known);
        }
        match index.read(&*layer.blob).await {
            Ok(entries) => {
                memory::keep_indexed(store, &digest, index.digest(), &entries)?;
                return Ok(entries);
            }
            Err(error) => tracing::debug!(%digest, %error, "the layer's table of files is not used"),
        }
    }
    read_layer(layer, store).await
}

/// Everything that a layer holds: out of `store`, or read now and kept there.
///
/// # Errors
/// When the layer cannot be read, or is not what its descriptor and its diff id say, and when the
/// store cannot be written.
pub async fn read_layer(layer: &Layer, store: &Store) -> Result<LayerEntries, BaseError> {
    match memory::known_layer(store, layer.diff_id) {
        Some(known) => Ok(known),
        None => check_layer(layer, store).await,
    }
}

/// Runs `work`, which may block, on the tar of a layer. The blob's digest is checked where `work` reads to
/// its end.
///
/// # Errors
/// When the layer cannot be read, or `work` fails.
pub async fn stream_layer<T: Send + 'static>(
    layer: &Layer,
    work: impl FnOnce(&mut dyn Read) -> io::Result<T> + Send + 'static,
) -> Result<T, BaseError> {
    let descriptor = layer.blob.descriptor().clone();
    let stream = verified(layer.blob.open(0).await?, &descriptor);
    let done = consume(stream, move |reader| {
        let mut blob = BufReader::new(reader);
        let mut tar = decompressed(&mut blob)?;
        work(&mut *tar)
    });
    done.await.map_err(|source| BaseError::Layer { digest: descriptor.digest, source: source.into() })
}

/// What a layer holds, read now whether it is known or not, and kept in `store`.
///
/// # Errors
/// As for [`read_layer`].
pub async fn check_layer(layer: &Layer, store: &Store) -> Result<LayerEntries, BaseError> {
    let (descriptor, diff_id) = (layer.blob.descriptor().clone(), layer.diff_id);
    let digest = descriptor.digest;
    let stream = layer.blob.open(0).await?;
    let read = consume(stream, move |reader| read_entries(reader, &descriptor, diff_id)).await;
    let entries = read.map_err(|source| BaseError::Layer { digest, source })?;
    memory::keep_layer(store, diff_id, &entries)?;
    Ok(entries)
}

fn read_entries(blob: impl Read, descriptor: &Descriptor, diff_id: DiffId) -> Result<LayerEntries, LayerError> {
    let mut blob = BufReader::new(Checked { inner: blob, check: Check::new(descriptor), failed: false });
    let read = entries_and_digest(&mut blob);
    // What is no tar may be other bytes than were promised, which their digest tells; where they did not come, nothing.
    if matches!(read, Ok(_) | Err(LayerError::Read { .. })) && !blob.get_ref().failed {
        io::copy(&mut blob, &mut io::sink())?;
        blob.into_inner().check.finish().map_err(io::Error::from)?;
    }
    let (layer, found) = read?;
    if found == diff_id.0 { Ok(layer) } else { Err(LayerError::DiffId { expected: diff_id.0, found }) }
}

/// What the tar in `blob` holds, and its digest.
fn entries_and_digest<R: Read>(blob: &mut BufReader<R>) -> Result<(LayerEntries, Digest), LayerError> {
    let mut tar = Hashed { inner: decompressed(blob)?, hasher: Hasher::new() };
    let layer = LayerEntries::read(&mut tar)?;
    io::copy(&mut tar, &mut io::sink())?;
    Ok((layer, tar.hasher.finish()))
}

/// The tar in `blob`, told by its first bytes: what descriptors say of it is not always true.
fn decompressed<'a, R: Read>(blob: &'a mut BufReader<R>) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match blob.fill_buf()? {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(blob)),
        #[cfg(feature = "zstd")]
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(blob)?),
        #[cfg(not(feature = "zstd"))]
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "this build cannot read Zstandard"));
        }
        _ => Box::new(blob),
    })
}

/// Compares what passes with a descriptor.
struct Checked<R> {
    inner: R,
    check: Check,
    /// Whether the bytes did not come.
    failed: bool,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer).inspect_err(|_| self.failed = true)?;
        self.check.update(&buffer[..count])?;
        Ok(count)
    }
}

/// Computes the digest of what passes.
struct Hashed<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use futures_util::future::BoxFuture;

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        base::{read_base, tree::tests::layer},
        image::{Image, Manifest, Memory, Source, TransferError},
        oci::MediaType,
    };

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// An image for `platform` of these layers, each given as its media type, blob and tar.
    fn image(platform: &str, layers: &[(&str, Vec<u8>, &[u8])]) -> Image {
        let config = json!({
            "architecture": platform.split('/').nth(1),
            "os": "linux",
            "config": { "Env": ["PATH=/usr/local/bin"] },
            "rootfs": { "type": "layers", "diff_ids": layers.iter().map(|(_, _, tar)| Digest::of(tar)).collect::<Vec<_>>() },
        });
        let config = Memory::new(MediaType::ImageConfig, config.to_string());
        let layers: Vec<Layer> = layers
            .iter()
            .map(|(media_type, blob, tar)| Layer {
                diff_id: DiffId(Digest::of(tar)),
                blob: Arc::new(Memory::new(MediaType::from(*media_type), blob.clone())),
            })
            .collect();
        let descriptors: Vec<_> = layers.iter().map(|layer| layer.blob.descriptor().clone()).collect();
        let manifest = Manifest::of_image(config.descriptor(), &descriptors, &Value::Null);
        Image { platform: platform.parse().unwrap(), manifest, config, layers }
    }

    /// Images in memory, under an index.
    struct Shelf {
        root: Manifest,
        images: Vec<Image>,
    }

    impl Source for Shelf {
        fn root(&self) -> BoxFuture<'_, Result<Manifest, TransferError>> {
            Box::pin(async { Ok(self.root.clone()) })
        }

        fn manifest<'a>(&'a self, descriptor: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, TransferError>> {
            let mut manifests = self.images.iter().map(|image| &image.manifest);
            let found = manifests.find(|manifest| manifest.descriptor().digest == descriptor.digest).unwrap();
            Box::pin(async { Ok(found.clone()) })
        }

        fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource> {
            let mut blobs = BTreeMap::new();
            for image in &self.images {
                blobs.insert(image.config.descriptor().digest, Arc::new(image.config.clone()) as Arc<dyn BlobSource>);
                blobs
                    .extend(image.layers.iter().map(|layer| (layer.blob.descriptor().digest, Arc::clone(&layer.blob))));
            }
            Box::new(Named(descriptor.clone(), Arc::clone(&blobs[&descriptor.digest])))
        }
    }

    /// A blob under the descriptor it was asked for by.
    struct Named(Descriptor, Arc<dyn BlobSource>);

    impl BlobSource for Named {
        fn descriptor(&self) -> &Descriptor {
            &self.0
        }

        fn open(&self, from: u64) -> BoxFuture<'_, Result<crate::image::ByteStream, TransferError>> {
            self.1.open(from)
        }
    }

    fn shelf(images: Vec<Image>) -> Shelf {
        let entry = |image: &Image| Descriptor {
            platform: Some(image.platform.clone()),
            ..image.manifest.descriptor().clone()
        };
        let entries: Vec<_> = images.iter().map(entry).collect();
        Shelf { root: Manifest::of_index(&entries, &Value::Null), images }
    }

    const DOCKER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

    #[tokio::test]
    async fn facts_come_from_layers_of_every_form() {
        let python = format!("file usr/local/bin/python3.12 \\03.12.1\\0{}", "x".repeat(2000));
        let lower = layer(&[&python, "link usr/local/bin/python3 python3.12", "file usr/local/lib/python3.12/os.py"]);
        let middle =
            layer(&["file usr/local/lib/python3.12/site-packages/a-1.dist-info/METADATA Name: a\\nVersion: 1\\n\\n"]);
        let upper =
            layer(&["file usr/local/lib/python3.12/site-packages/b-2.dist-info/METADATA Name: b\\nVersion: 2\\n\\n"]);
        let (front, back) = lower.split_at(1000);
        let layers = [
            (DOCKER, [gzip(front), gzip(back)].concat(), &lower[..]),
            ("application/vnd.oci.image.layer.v1.tar+zstd", zstd::encode_all(&middle[..], 1).unwrap(), &middle[..]),
            ("application/vnd.oci.image.layer.v1.tar", upper.clone(), &upper[..]),
        ];
        let source = shelf(vec![image("linux/arm64", &[]), image("linux/amd64", &layers)]);
        let base = read_base(&source, &"linux/amd64".parse().unwrap()).await.unwrap();
        assert_eq!(base.layers[0].blob.descriptor().media_type, MediaType::ImageLayerGzip);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let facts = inspect(&base, &[], &store).await.unwrap();
        assert_eq!(facts.python.unwrap().version.to_string(), "3.12.1");
        assert_eq!(facts.installed.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let error = read_base(&source, &"linux/s390x".parse().unwrap()).await.err().unwrap();
        assert_eq!(error.to_string(), "the base image is not made for linux/s390x, only for linux/amd64, linux/arm64");
    }

    /// A layer that counts how often its bytes are asked for.
    struct Counted(Arc<dyn BlobSource>, Arc<std::sync::atomic::AtomicUsize>);

    impl BlobSource for Counted {
        fn descriptor(&self) -> &Descriptor {
            self.0.descriptor()
        }

        fn open(&self, from: u64) -> BoxFuture<'_, Result<crate::image::ByteStream, TransferError>> {
            self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.0.open(from)
        }
    }

    #[tokio::test]
    async fn a_layer_is_asked_for_once() {
        let python = format!("file usr/local/bin/python3.12 \\03.12.1\\0{}", "x".repeat(2000));
        let lower = layer(&[&python, "link usr/local/bin/python3 python3.12", "file usr/local/lib/python3.12/os.py"]);
        let upper = layer(&["dir usr/local/share", "file usr/.wh.old", "file opt/.wh..wh..opq"]);
        let blobs =
            [("application/vnd.oci.image.layer.v1.tar", lower.clone(), &lower[..]), (DOCKER, gzip(&upper), &upper)];
        let source = shelf(vec![image("linux/amd64", &blobs)]);
        let mut base = read_base(&source, &"linux/amd64".parse().unwrap()).await.unwrap();
        let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        for layer in &mut base.layers {
            layer.blob = Arc::new(Counted(Arc::clone(&layer.blob), Arc::clone(&asked)));
        }
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let first = inspect(&base, &[], &store).await.unwrap();
        let count = || asked.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(count(), 2);
        assert_eq!(inspect(&base, &[], &store).await.unwrap(), first);
        assert_eq!(inspect(&base, &["/usr/local/share/x".to_owned()], &store).await.unwrap().python, first.python);
        let again = read_layer(&base.layers[1], &store).await.unwrap();
        assert_eq!(again, LayerEntries::read(&upper[..]).unwrap());
        assert_eq!(again.whiteouts().chain(again.opaque()).collect::<Vec<_>>(), ["usr/old", "opt"]);
        assert_eq!(count(), 2);
        // What the store lost is read again.
        let elsewhere = tempfile::tempdir().unwrap();
        inspect(&base, &[], &Store::open(elsewhere.path()).unwrap()).await.unwrap();
        assert_eq!(count(), 4);
    }

    #[tokio::test]
    async fn wrong_layers_are_refused() {
        let tar = layer(&["dir a"]);
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let check = async |media_type: &str, blob: Vec<u8>, promised: &[u8], expect: &str| {
            let source = shelf(vec![image("linux/amd64", &[(media_type, blob, promised)])]);
            let error = match read_base(&source, &"linux/amd64".parse().unwrap()).await {
                Ok(base) => inspect(&base, &[], &store).await.unwrap_err(),
                Err(error) => error,
            };
            let text = format!("{error:?}");
            assert!(text.contains(expect), "{text}");
        };
        check(DOCKER, gzip(&tar), b"other", "DiffId").await;
        check(DOCKER, gzip(&tar)[..40].to_vec(), &tar, "UnexpectedEof").await;
        check(DOCKER, vec![1; 2000], &[1; 2000], "Read").await;
        check("application/vnd.oci.image.layer.nondistributable.v1.tar", tar.clone(), &tar, "NonDistributable").await;
        check("application/wasm", tar.clone(), &tar, "LayerType").await;
    }
}
