//! Images into a layout.
//!
//! Blobs wait under temporary names until the image is published; only then they and `index.json`
//! get theirs. A run that fails leaves the folder as it was.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;

use super::{Contents, INDEX, LayoutError, MARKER, MARKER_BYTES, blob_path, read_contents, source::check_marker};
use crate::{
    fs::{AtomicFile, FileLock, Folder, SealedFile, is_temporary, sorted_entries, sweep, write_atomic},
    image::{Artifact, Attachment, BlobSource, Manifest, Memory, Moved, SaveError, Sink, TransferError, save},
    oci::{Descriptor, Digest},
};

/// A layout that an image is added to.
pub struct LayoutSink {
    folder: PathBuf,
    name: Option<String>,
    // Dropped before `folders`, so that these are empty by then.
    waiting: Mutex<BTreeMap<Digest, SealedFile>>,
    attached: Mutex<Vec<Attachment>>,
    folders: Arc<Folders>,
}

/// The folders of a layout, held open: what is written lies in them, whatever is linked in their places meanwhile.
struct Folders {
    /// Those that were made for it, the outermost first. Those still empty in the end go again.
    made: Vec<PathBuf>,
    /// Likewise whether `blobs`, and `sha256` in it, were made.
    made_within: [bool; 2],
    root: PathBuf,
    blobs: PathBuf,
    /// To which these paths lead.
    held: [Folder; 2],
    /// Other runs leave what waits in the innermost folder alone.
    _kept: FileLock,
}

impl LayoutSink {
    /// Adds to the layout at `folder`, or makes one if there is nothing or an empty folder. The
    /// image will be listed as `name`; an image listed without a name replaces one without a name.
    ///
    /// # Errors
    /// When the folder holds something else, has links where there should be folders, or cannot be made.
    pub fn open(folder: impl Into<PathBuf>, name: Option<String>) -> Result<Self, LayoutError> {
        let folder = folder.into();
        refuse_links(&folder)?;
        tidy(&folder);
        let begun = folder.join(MARKER).exists();
        if begun || !(is_empty(&folder)? || is_being_made(&folder)) {
            check_marker(&folder)?;
            contents(&folder)?;
        }
        let folders = Arc::new(Folders::make(&folder)?);
        Ok(Self { folder, name, waiting: Mutex::default(), attached: Mutex::default(), folders })
    }

    async fn put(&self, blob: &dyn BlobSource) -> Result<Moved, TransferError> {
        let Descriptor { digest, size, .. } = *blob.descriptor();
        let path = self.folder.join(blob_path(&digest));
        if self.holds(blob.descriptor()) {
            return Ok(Moved::Existed);
        }
        let unwritable = |source| LayoutError::Write { path: path.clone(), source };
        // The folders must outlive a write that goes on in its thread after this call was given up.
        let file = AtomicFile::create(self.folders.blob(&digest)).map_err(unwritable)?;
        let staged = Staged { file, folders: Arc::clone(&self.folders) };
        let staged = save(blob, staged).await.map_err(|error| match error {
            SaveError::Blob(error) => error,
            SaveError::Write { source, .. } => unwritable(source).into(),
        })?;
        // The thread that seals holds on to the folders too: nobody else does, once this is given up.
        let seal = move |Staged { file, folders }: Staged| (file.seal(), folders);
        let (sealed, _folders) = blocking(move || seal(staged)).await;
        self.waiting().insert(digest, sealed.map_err(unwritable)?);
        Ok(Moved::Sent(size))
    }

    fn holds(&self, blob: &Descriptor) -> bool {
        let there = || fs::metadata(self.folders.blob(&blob.digest)).is_ok_and(|file| file.len() == blob.size);
        self.waiting().contains_key(&blob.digest) || there()
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeMap<Digest, SealedFile>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for LayoutSink {
    fn put_blob<'a>(&'a self, blob: &'a dyn BlobSource) -> BoxFuture<'a, Result<Moved, TransferError>> {
        Box::pin(self.put(blob))
    }

    fn foresee<'a>(&'a self, blob: &'a dyn BlobSource) -> BoxFuture<'a, Result<Moved, TransferError>> {
        let blob = blob.descriptor();
        Box::pin(async { Ok(if self.holds(blob) { Moved::Existed } else { Moved::Sent(blob.size) }) })
    }

    fn put_manifest<'a>(&'a self, manifest: &'a Manifest) -> BoxFuture<'a, Result<Moved, TransferError>> {
        Box::pin(async move {
            let blob = Memory::new(manifest.descriptor().media_type.clone(), manifest.bytes().clone());
            self.put(&blob).await
        })
    }

    fn attach<'a>(&'a self, artifact: &'a Artifact) -> BoxFuture<'a, Result<(), TransferError>> {
        Box::pin(async move {
            for blob in &artifact.blobs {
                self.put(&**blob).await?;
            }
            self.put_manifest(&artifact.manifest).await?;
            self.attached.lock().unwrap_or_else(PoisonError::into_inner).push(Attachment::of(&artifact.manifest));
            Ok(())
        })
    }

    fn publish<'a>(&'a self, root: &'a Manifest) -> BoxFuture<'a, Result<(), TransferError>> {
        let (folder, name, root) = (self.folder.clone(), self.name.clone(), root.descriptor().clone());
        let folders = Arc::clone(&self.folders);
        let waiting = std::mem::take(&mut *self.waiting());
        let mut attached = std::mem::take(&mut *self.attached.lock().unwrap_or_else(PoisonError::into_inner));
        attached.sort_by_key(|attachment| attachment.manifest.digest);
        Box::pin(async move {
            blocking(move || publish((&folder, &folders), (waiting, attached), &root, name.as_deref()))
                .await
                .map_err(TransferError::from)
        })
    }
}

/// A blob's file, and the folders that must stay until it is gone.
struct Staged {
    file: AtomicFile,
    folders: Arc<Folders>,
}

impl io::Write for Staged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Folders {
    /// Makes those of the layout at `folder` that are missing.
    fn make(folder: &Path) -> Result<Self, LayoutError> {
        let (outer, innermost) = (folder.join("blobs"), folder.join("blobs/sha256"));
        let made_within = [!outer.exists(), !innermost.exists()];
        let mut made: Vec<PathBuf> =
            folder.ancestors().take_while(|folder| !folder.exists()).map(Path::to_owned).collect();
        made.retain(|folder| folder != Path::new(""));
        made.reverse();
        let open = || {
            fs::create_dir_all(&innermost)?;
            let root = Folder::hold(folder)?;
            let blobs = root.folder("blobs".as_ref())?.folder("sha256".as_ref())?;
            let kept = FileLock::keeping(&blobs.place(&innermost))?;
            Ok((root, blobs, kept))
        };
        let (root, blobs, kept) = open().or_else(|source| {
            // A link may have come just now.
            refuse_links(folder)?;
            Err(LayoutError::Write { path: folder.to_owned(), source })
        })?;
        Ok(Self {
            made,
            made_within,
            root: root.place(folder),
            blobs: blobs.place(&innermost),
            held: [root, blobs],
            _kept: kept,
        })
    }

    /// Where the blob lies.
    fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.hex())
    }
}

impl Drop for Folders {
    fn drop(&mut self) {
        // Fails on the folders that are in use, as it should.
        let ([root, _], [outer, innermost]) = (&self.held, self.made_within);
        if innermost && let Ok(blobs) = root.folder("blobs".as_ref()) {
            let _ = blobs.remove_folder("sha256".as_ref());
        }
        if outer {
            let _ = root.remove_folder("blobs".as_ref());
        }
        for folder in self.made.iter().rev() {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// What leads out of the layout is not written to.
fn refuse_links(folder: &Path) -> Result<(), LayoutError> {
    match [folder.join("blobs"), folder.join("blobs/sha256")].into_iter().find(|path| path.is_symlink()) {
        Some(path) => Err(LayoutError::Link { path }),
        None => Ok(()),
    }
}

/// Removes what a killed run left: unfinished files, and the folders of a layout that never was one.
fn tidy(folder: &Path) {
    sweep(folder);
    let holds_only = |folder: &Path, name: &str| {
        sorted_entries(folder).is_ok_and(|entries| entries.len() == 1 && entries[0].file_name() == name)
    };
    let blobs = folder.join("blobs");
    if holds_only(folder, "blobs") && holds_only(&blobs, "sha256") {
        let innermost = blobs.join("sha256");
        drop(FileLock::keeping(&innermost));
        // Fails on folders in which there is something.
        let _ = fs::remove_dir(innermost).and_then(|()| fs::remove_dir(blobs));
    }
}

fn publish(
    (folder, folders): (&Path, &Folders),
    (waiting, attached): (BTreeMap<Digest, SealedFile>, Vec<Attachment>),
    root: &Descriptor,
    name: Option<&str>,
) -> Result<(), LayoutError> {
    let unwritable = |path: PathBuf| move |source| LayoutError::Write { path, source };
    // Another process may be about to list its image in the same file.
    let _lock = FileLock::folder(&folders.root).map_err(unwritable(folder.to_owned()))?;
    let marker = folders.root.join(MARKER);
    if !marker.exists() {
        write_atomic(&marker, MARKER_BYTES).map_err(unwritable(folder.join(MARKER)))?;
    }
    for (digest, file) in waiting {
        file.commit().map_err(unwritable(folder.join(blob_path(&digest))))?;
    }
    let mut contents = contents(folder)?;
    contents.list(root, name);
    for attachment in &attached {
        contents.attach(attachment);
    }
    write_atomic(&folders.root.join(INDEX), &contents.to_bytes()).map_err(unwritable(folder.join(INDEX)))
}

/// What the layout lists; nothing, while it is being made.
fn contents(folder: &Path) -> Result<Contents, LayoutError> {
    if folder.join(INDEX).exists() { read_contents(folder) } else { Ok(Contents::default()) }
}

fn is_empty(folder: &Path) -> Result<bool, LayoutError> {
    match sorted_entries(folder) {
        Ok(entries) => Ok(entries.is_empty()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(source) => Err(LayoutError::Read { path: folder.to_owned(), source }),
    }
}

/// Whether another run is about to make a layout of the folder: there is nothing in it but what waits.
fn is_being_made(folder: &Path) -> bool {
    let others = |folder: &Path, known: Option<&str>| {
        let entries = sorted_entries(folder).unwrap_or_default();
        let names = entries.into_iter().map(|entry| entry.file_name()).filter(|name| !is_temporary(name));
        names.filter(|name| known.is_none_or(|known| name != known)).count()
    };
    let blobs = folder.join("blobs");
    blobs.is_dir()
        && others(folder, Some("blobs")) == 0
        && others(&blobs, Some("sha256")) == 0
        && others(&blobs.join("sha256"), None) == 0
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        hint::Advise as _,
        image::{Image, Index, Layer, Source as _, deliver, read_whole},
        layout::LayoutSource,
        oci::{DiffId, MediaType},
    };

    /// A blob whose descriptor promises other bytes than it has.
    struct Liar(Descriptor, Memory);

    impl BlobSource for Liar {
        fn descriptor(&self) -> &Descriptor {
            &self.0
        }

        fn open(&self, from: u64) -> BoxFuture<'_, Result<crate::image::ByteStream, TransferError>> {
            self.1.open(from)
        }
    }

    /// An image of one layer that holds `text`, in an index.
    fn index(text: &'static str) -> Index {
        let layer = Memory::new(MediaType::ImageLayer, text);
        let config = Memory::new(MediaType::ImageConfig, format!("{{\"of\":\"{text}\"}}"));
        let manifest = Manifest::of_image(config.descriptor(), std::slice::from_ref(layer.descriptor()), &Value::Null);
        let platform: crate::oci::Platform = "linux/amd64".parse().unwrap();
        let entry = Descriptor { platform: Some(platform.clone()), ..manifest.descriptor().clone() };
        let layers = vec![Layer { diff_id: DiffId(layer.descriptor().digest), blob: Arc::new(layer) }];
        let images = vec![Image { platform, manifest, config, layers }];
        Index { manifest: Manifest::of_index(&[entry], &json!({ "of": text })), images }
    }

    /// Every file below `folder` with its bytes.
    fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in sorted_entries(folder).unwrap() {
            if entry.path().is_dir() {
                found.extend(files(&entry.path()));
            } else {
                found.insert(entry.path(), fs::read(entry.path()).unwrap());
            }
        }
        found
    }

    #[tokio::test]
    async fn what_goes_in_comes_out() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("deep/layout");
        for (text, name) in [("one", "first"), ("two", "second"), ("three", "first")] {
            let sink = LayoutSink::open(&folder, Some(name.to_owned())).unwrap();
            let delivery = deliver(&index(text), &sink).await.unwrap();
            assert!(delivery.blobs.iter().all(|(_, moved)| matches!(moved, Moved::Sent(_))));
        }
        let source = LayoutSource::open(&folder, Some("first")).unwrap();
        let root = source.root().await.unwrap();
        assert_eq!(root.bytes(), index("three").manifest.bytes());
        let manifest = source.manifest(&root.manifests().unwrap()[0]).await.unwrap();
        let layer = source.blob(&manifest.layers().unwrap()[0]);
        assert_eq!(&read_whole(&*layer, 10).await.unwrap()[..], b"three");
        let error = LayoutSource::open(&folder, None).unwrap_err();
        assert_eq!(error.hint().unwrap().to_string(), "append `:NAME` to the path to choose one of them");
    }

    #[tokio::test]
    async fn the_same_image_again_changes_nothing() {
        let temporary = tempfile::tempdir().unwrap();
        deliver(&index("x"), &LayoutSink::open(temporary.path(), None).unwrap()).await.unwrap();
        let before = files(temporary.path());
        let again = deliver(&index("x"), &LayoutSink::open(temporary.path(), None).unwrap()).await.unwrap();
        assert!(again.blobs.iter().all(|(_, moved)| *moved == Moved::Existed));
        assert_eq!(files(temporary.path()), before);
    }

    #[tokio::test]
    async fn nothing_is_left_of_a_failed_run() {
        let temporary = tempfile::tempdir().unwrap();
        let liar = Liar(Descriptor::of(MediaType::ImageLayer, b"true"), Memory::new(MediaType::ImageLayer, "lie!"));
        let fresh = temporary.path().join("a/b");
        let used = temporary.path().join("used");
        deliver(&index("x"), &LayoutSink::open(&used, None).unwrap()).await.unwrap();
        let before = files(&used);
        for folder in [&fresh, &used] {
            let sink = LayoutSink::open(folder, None).unwrap();
            sink.put_blob(&Memory::new(MediaType::ImageLayer, "good")).await.unwrap();
            let error = sink.put_blob(&liar).await.unwrap_err();
            assert!(matches!(error, TransferError::Corrupt { .. }), "{error}");
        }
        assert!(!temporary.path().join("a").exists());
        assert_eq!(files(&used), before);
    }

    #[tokio::test]
    async fn what_a_killed_run_left_is_put_away_and_what_a_living_one_has_is_not() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("layout");
        let innermost = folder.join("blobs/sha256");
        fs::create_dir_all(&innermost).unwrap();
        let left = || crate::fs::temporary_file(&innermost).unwrap().into_temp_path().keep().unwrap();
        let first = left();
        let sink = LayoutSink::open(&folder, None).unwrap();
        assert!(!first.exists());
        sink.put_blob(&Memory::new(MediaType::ImageLayer, "waits for its name")).await.unwrap();
        drop(LayoutSink::open(&folder, Some("other".to_owned())).unwrap());
        assert_eq!(files(&folder).len(), 1);
        deliver(&index("x"), &sink).await.unwrap();
        drop(sink);
        let second = left();
        deliver(&index("y"), &LayoutSink::open(&folder, Some("y".to_owned())).unwrap()).await.unwrap();
        assert!(!second.exists());
        assert_eq!(LayoutSource::open(&folder, Some("y")).unwrap().root().await.unwrap().manifests().unwrap().len(), 1);
    }

    #[test]
    fn other_folders_are_not_touched() {
        let temporary = tempfile::tempdir().unwrap();
        write_atomic(&temporary.path().join("precious"), b"1").unwrap();
        let error = LayoutSink::open(temporary.path(), None).err().unwrap();
        assert!(matches!(error, LayoutError::NotALayout { .. }), "{error}");
        assert_eq!(files(temporary.path()).len(), 1);
    }

    #[tokio::test]
    async fn nothing_is_written_out_of_the_folder() {
        use std::os::unix::fs::symlink;
        let outside = tempfile::tempdir().unwrap();
        for link in ["blobs", "blobs/sha256"] {
            let folder = tempfile::tempdir().unwrap();
            let link = folder.path().join(link);
            fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(outside.path(), &link).unwrap();
            write_atomic(&folder.path().join(MARKER), MARKER_BYTES).unwrap();
            write_atomic(&folder.path().join(INDEX), br#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
            let Err(error) = LayoutSink::open(folder.path(), None) else { panic!("{link:?} is followed") };
            assert!(matches!(&error, LayoutError::Link { path } if *path == link), "{error}");
        }
        // A link that takes a folder's place meanwhile leads nobody away either.
        let folder = tempfile::tempdir().unwrap();
        let sink = LayoutSink::open(folder.path(), None).unwrap();
        fs::rename(folder.path().join("blobs"), folder.path().join("moved")).unwrap();
        symlink(outside.path(), folder.path().join("blobs")).unwrap();
        fs::create_dir(outside.path().join("sha256")).unwrap();
        deliver(&self::index("one"), &sink).await.unwrap();
        drop(sink);
        assert!(sorted_entries(&outside.path().join("sha256")).unwrap().is_empty());
        assert_eq!(sorted_entries(&folder.path().join("moved/sha256")).unwrap().len(), 4);
        fs::remove_dir(outside.path().join("sha256")).unwrap();
        // Files that are links are replaced, and what they led to stays.
        let kept = outside.path().join("kept");
        write_atomic(&kept, br#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
        let folder = tempfile::tempdir().unwrap();
        write_atomic(&folder.path().join(MARKER), MARKER_BYTES).unwrap();
        symlink(&kept, folder.path().join(INDEX)).unwrap();
        deliver(&self::index("one"), &LayoutSink::open(folder.path(), None).unwrap()).await.unwrap();
        assert_eq!(fs::read(&kept).unwrap(), br#"{"schemaVersion":2,"manifests":[]}"#);
        assert!(!folder.path().join(INDEX).is_symlink());
        assert_eq!(sorted_entries(outside.path()).unwrap().len(), 1);
    }
}
