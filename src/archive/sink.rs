//! Images into a new archive, for readers of OCI layouts alone or for container engines too.
//!
//! Every blob goes straight into the file under construction, so none lies on disk twice. Blobs
//! that are put at the same time wait for each other: they stand in the order in which
//! [`Sink::put_blob`] was called.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::future::BoxFuture;

use super::{
    ArchiveError, Output,
    docker::{MANIFEST, document},
    turns::{Turn, Turns},
};
use crate::{
    fs::{AtomicFile, sweep_beside},
    image::{BlobSource, Manifest, Memory, Moved, SaveError, Sink, TransferError, save},
    layout::{Contents, INDEX, MARKER, MARKER_BYTES, blob_path},
    oci::{Descriptor, Digest, Platform, Reference},
};

/// Tar files consist of blocks of this size.
const BLOCK: usize = 512;

/// An archive that an image is written to.
pub struct ArchiveSink {
    path: PathBuf,
    listing: Listing,
    turns: Turns,
    state: Mutex<State>,
}

/// Under which names an archive lists its image, and for whom.
#[derive(Clone, Debug)]
pub enum Listing {
    /// For readers of OCI layouts, under this name.
    Layout(Option<String>),
    /// For container engines too. `docker load` takes one image only: that for `platform`, or the
    /// first, if there is none for it.
    Engines {
        /// The image's name in the engine; without one it can be found by its digest only.
        reference: Option<Reference>,
        /// What the engine runs.
        platform: Option<Platform>,
    },
}

/// The file, while nobody writes to it, and what it holds.
struct State {
    /// Taken by the one whose turn it is; not given back after a failure.
    file: Option<Box<dyn Output>>,
    held: BTreeSet<Digest>,
    /// What `docker load` may be told of.
    manifests: BTreeMap<Digest, Manifest>,
}

impl ArchiveSink {
    /// Begins the archive that will stand at `path`, in the place of what is there.
    ///
    /// # Errors
    /// When the folder of `path` cannot be made or written.
    pub fn create(path: impl Into<PathBuf>, listing: Listing) -> Result<Self, ArchiveError> {
        let path = path.into();
        // A run that was killed leaves an archive that nobody will finish.
        sweep_beside(&path);
        match AtomicFile::create(&path) {
            Ok(file) => Self::begin(Box::new(file), path, listing),
            Err(source) => Err(ArchiveError::Write { path, source }),
        }
    }

    /// Begins an archive whose bytes go to `file`, which messages call `path`.
    ///
    /// # Errors
    /// When `file` takes nothing.
    pub fn begin(mut file: Box<dyn Output>, path: PathBuf, listing: Listing) -> Result<Self, ArchiveError> {
        let mut begin = || {
            write_member(&mut *file, MARKER, MARKER_BYTES)?;
            file.write_all(header("blobs/", tar::EntryType::Directory, 0)?.as_bytes())?;
            file.write_all(header("blobs/sha256/", tar::EntryType::Directory, 0)?.as_bytes())
        };
        if let Err(source) = begin() {
            return Err(ArchiveError::Write { path, source });
        }
        let state = State { file: Some(file), held: BTreeSet::new(), manifests: BTreeMap::new() };
        Ok(Self { path, listing, turns: Turns::new(), state: Mutex::new(state) })
    }

    /// The documents that end an archive: `index.json`, and what `docker load` reads in its place.
    fn documents(&self, root: &Manifest) -> Result<Vec<(&'static str, Vec<u8>)>, ArchiveError> {
        let mut contents = Contents::default();
        match &self.listing {
            Listing::Layout(name) => contents.list(root.descriptor(), name.as_deref()),
            Listing::Engines { reference: Some(reference), .. } => {
                contents.list_for_engines(root.descriptor(), reference);
            }
            Listing::Engines { reference: None, .. } => contents.list(root.descriptor(), None),
        }
        let mut documents = vec![(INDEX, contents.to_bytes())];
        if let Listing::Engines { reference, platform } = &self.listing {
            let manifests = &self.state().manifests;
            documents.push((MANIFEST, document(root, manifests, platform.as_ref(), reference.as_ref())?));
        }
        Ok(documents)
    }

    async fn put(&self, blob: &dyn BlobSource, turn: Turn) -> Result<Moved, TransferError> {
        turn.come().await;
        let Descriptor { digest, size, .. } = *blob.descriptor();
        if self.state().held.contains(&digest) {
            return Ok(Moved::Existed);
        }
        let mut file = self.take_file()?;
        begin_member(&mut *file, &blob_path(&digest), size).map_err(|source| self.unwritable(source))?;
        let mut file = save(blob, file).await.map_err(|error| match error {
            SaveError::Blob(error) => error,
            SaveError::Write { source, .. } => self.unwritable(source).into(),
        })?;
        pad(&mut *file, size).map_err(|source| self.unwritable(source))?;
        let mut state = self.state();
        state.file = Some(file);
        state.held.insert(digest);
        Ok(Moved::Sent(size))
    }

    fn take_file(&self) -> Result<Box<dyn Output>, ArchiveError> {
        self.state().file.take().ok_or_else(|| ArchiveError::Closed { path: self.path.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unwritable(&self, source: io::Error) -> ArchiveError {
        ArchiveError::Write { path: self.path.clone(), source }
    }
}

impl Sink for ArchiveSink {
    fn put_blob<'a>(&'a self, blob: &'a dyn BlobSource) -> BoxFuture<'a, Result<Moved, TransferError>> {
        // Taken here, not when the future is first polled: the order of calls is the caller's.
        let turn = self.turns.take();
        Box::pin(self.put(blob, turn))
    }

    fn put_manifest<'a>(&'a self, manifest: &'a Manifest) -> BoxFuture<'a, Result<Moved, TransferError>> {
        let turn = self.turns.take();
        Box::pin(async move {
            let blob = Memory::new(manifest.descriptor().media_type.clone(), manifest.bytes().clone());
            let moved = self.put(&blob, turn).await?;
            if matches!(self.listing, Listing::Engines { .. }) {
                self.state().manifests.insert(manifest.descriptor().digest, manifest.clone());
            }
            Ok(moved)
        })
    }

    fn publish<'a>(&'a self, root: &'a Manifest) -> BoxFuture<'a, Result<(), TransferError>> {
        let turn = self.turns.take();
        Box::pin(async move {
            turn.come().await;
            let documents = self.documents(root)?;
            let mut file = self.take_file()?;
            let finish = move || {
                for (name, bytes) in documents {
                    write_member(&mut *file, name, &bytes)?;
                }
                file.write_all(&[0; 2 * BLOCK])?;
                file.finish()
            };
            let finished = tokio::task::spawn_blocking(finish).await.map_err(io::Error::other).flatten();
            finished.map_err(|source| self.unwritable(source).into())
        })
    }
}

fn write_member(file: &mut dyn Write, path: &str, bytes: &[u8]) -> io::Result<()> {
    let size = bytes.len() as u64;
    begin_member(file, path, size)?;
    file.write_all(bytes)?;
    pad(file, size)
}

fn begin_member(file: &mut dyn Write, path: &str, size: u64) -> io::Result<()> {
    file.write_all(header(path, tar::EntryType::Regular, size)?.as_bytes())
}

/// Fills the last block of a member of `size` bytes.
fn pad(file: &mut dyn Write, size: u64) -> io::Result<()> {
    let missing = usize::try_from(size.wrapping_neg() % BLOCK as u64).unwrap_or_default();
    file.write_all(&[0; BLOCK][..missing])
}

fn header(path: &str, kind: tar::EntryType, size: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path)?;
    header.set_entry_type(kind);
    header.set_mode(if kind.is_dir() { 0o755 } else { 0o644 });
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        archive::ArchiveSource,
        image::{ByteStream, Source as _, read_whole},
        oci::MediaType,
    };

    /// A blob that takes its time.
    struct Slow(Memory, u8);

    impl BlobSource for Slow {
        fn descriptor(&self) -> &Descriptor {
            self.0.descriptor()
        }

        fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
            Box::pin(async move {
                for _ in 0..self.1 {
                    tokio::task::yield_now().await;
                }
                self.0.open(from).await
            })
        }
    }

    /// Archives three blobs of which the first comes after `delay` rounds.
    async fn archive(delay: u8) -> Vec<u8> {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("out/image.tar");
        let sink = ArchiveSink::create(&path, Listing::Layout(Some("demo".to_owned()))).unwrap();
        let layer = |bytes: &'static [u8]| Memory::new(MediaType::ImageLayer, bytes);
        let blobs = [Slow(layer(b"first"), delay), Slow(layer(&[7; 513]), 0), Slow(layer(b""), 1)];
        let moved = futures_util::future::try_join_all(blobs.iter().map(|blob| sink.put_blob(blob))).await.unwrap();
        assert_eq!(moved, [Moved::Sent(5), Moved::Sent(513), Moved::Sent(0)]);
        assert_eq!(sink.put_blob(&blobs[0]).await.unwrap(), Moved::Existed);
        let layers: Vec<_> = blobs.iter().map(|blob| blob.descriptor().clone()).collect();
        let root = Manifest::of_image(blobs[0].descriptor(), &layers, &Value::Null);
        sink.put_manifest(&root).await.unwrap();
        assert!(!path.exists(), "nothing is visible before it is published");
        sink.publish(&root).await.unwrap();

        let source = ArchiveSource::open(&path, Some("demo")).unwrap();
        let found = source.root().await.unwrap();
        assert_eq!(found.bytes(), root.bytes());
        assert_eq!(source.manifest(root.descriptor()).await.unwrap().bytes(), root.bytes());
        for (descriptor, blob) in found.layers().unwrap().iter().zip(&blobs) {
            assert_eq!(read_whole(&*source.blob(descriptor), 1000).await.unwrap(), blob.0.bytes());
        }
        std::fs::read(&path).unwrap()
    }

    #[tokio::test]
    async fn bytes_do_not_depend_on_who_is_slow() {
        assert_eq!(archive(0).await, archive(5).await);
    }

    #[tokio::test]
    async fn a_failed_blob_closes_the_archive_and_leaves_nothing() {
        let temporary = tempfile::tempdir().unwrap();
        let sink = ArchiveSink::create(temporary.path().join("x.tar"), Listing::Layout(None)).unwrap();
        let root = Manifest::of_index(&[], &Value::Null);
        let short = Memory::new(MediaType::ImageLayer, "short");
        let liar = Liar(Descriptor { size: 9, ..short.descriptor().clone() }, short);
        assert!(matches!(sink.put_blob(&liar).await, Err(TransferError::Corrupt { .. })));
        assert!(sink.publish(&root).await.is_err());
        assert_eq!(crate::fs::sorted_entries(temporary.path()).unwrap().len(), 0);
    }

    /// A blob whose descriptor promises other bytes than it has.
    struct Liar(Descriptor, Memory);

    impl BlobSource for Liar {
        fn descriptor(&self) -> &Descriptor {
            &self.0
        }

        fn open(&self, from: u64) -> BoxFuture<'_, Result<ByteStream, TransferError>> {
            self.1.open(from)
        }
    }
}
