//! Images out of a layout: what is common to folders and archives, and the folder.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;

use super::{Contents, ContentsError, DOCUMENT_LIMIT, FileBlob, INDEX, LayoutError, MARKER, blob_path};
use crate::{
    image::{Artifact, Attachment, BlobSource, Manifest, ManifestError, Source, TransferError, read_whole},
    oci::{Descriptor, Digest},
};

/// Where the blobs of a layout lie.
pub trait Place: Send + Sync {
    /// The blob that `descriptor` points to, whether it is there or not.
    fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource>;

    /// Says that a blob there should be a manifest and is none.
    fn broken(&self, source: ManifestError) -> TransferError;
}

/// An image that an `index.json` lists, wherever its blobs lie.
#[derive(Debug)]
pub struct Listed<P> {
    place: P,
    root: Descriptor,
    /// Set when the list itself is the image index.
    index: Option<Manifest>,
    /// What is listed as attached to one image or another.
    attached: Vec<Attachment>,
    /// The same by what it is about, once somebody asked.
    about: OnceCell<BTreeMap<Digest, Vec<Attachment>>>,
}

/// A folder that is a layout.
#[derive(Debug)]
pub struct Folder(PathBuf);

/// An image in a layout.
pub type LayoutSource = Listed<Folder>;

impl<P: Place> Listed<P> {
    /// The image called `name` among `contents`, or the only one there.
    ///
    /// # Errors
    /// When nothing or more than one thing fits.
    pub fn choose(place: P, contents: &Contents, name: Option<&str>) -> Result<Self, ContentsError> {
        let (root, index) = contents.choose(name)?;
        Ok(Self { place, root, index, attached: contents.attachments().collect(), about: OnceCell::new() })
    }

    /// What is listed as attached, by the manifests that it says itself to be about. Each is read once.
    async fn read_attached(&self) -> Result<BTreeMap<Digest, Vec<Attachment>>, TransferError> {
        let mut about: BTreeMap<Digest, Vec<Attachment>> = BTreeMap::new();
        for attachment in &self.attached {
            let manifest = self.read_manifest(&attachment.manifest).await?;
            if let Some(subject) = Artifact::subject_of(&manifest) {
                about.entry(subject.digest).or_default().push(attachment.clone());
            }
        }
        Ok(about)
    }

    async fn read_manifest(&self, descriptor: &Descriptor) -> Result<Manifest, TransferError> {
        let bytes = read_whole(&*self.place.blob(descriptor), DOCUMENT_LIMIT).await?;
        Manifest::parse(bytes, Some(&descriptor.media_type)).map_err(|source| self.place.broken(source))
    }
}

impl LayoutSource {
    /// The image called `name` in the layout at `folder`, or the only one there.
    ///
    /// # Errors
    /// When the folder is no layout, or nothing or more than one thing fits.
    pub fn open(folder: impl Into<PathBuf>, name: Option<&str>) -> Result<Self, LayoutError> {
        let folder = folder.into();
        let contents = read_contents(&folder)?;
        let path = folder.clone();
        Self::choose(Folder(folder), &contents, name).map_err(|source| LayoutError::Contents { path, source })
    }
}

impl<P: Place> Source for Listed<P> {
    fn root(&self) -> BoxFuture<'_, Result<Manifest, TransferError>> {
        Box::pin(async move {
            match &self.index {
                Some(index) => Ok(index.clone()),
                None => self.read_manifest(&self.root).await,
            }
        })
    }

    fn manifest<'a>(&'a self, descriptor: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, TransferError>> {
        Box::pin(self.read_manifest(descriptor))
    }

    fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource> {
        self.place.blob(descriptor)
    }

    fn attached<'a>(&'a self, subject: &'a Digest) -> BoxFuture<'a, Result<Vec<Attachment>, TransferError>> {
        Box::pin(async move {
            let about = self.about.get_or_try_init(|| self.read_attached()).await?;
            Ok(about.get(subject).cloned().unwrap_or_default())
        })
    }
}

impl Place for Folder {
    fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource> {
        Box::new(FileBlob::whole(descriptor.clone(), self.0.join(blob_path(&descriptor.digest))))
    }

    fn broken(&self, source: ManifestError) -> TransferError {
        LayoutError::Manifest { path: self.0.clone(), source }.into()
    }
}

/// Succeeds when `folder` says that it is a layout of a version that is known.
pub(super) fn check_marker(folder: &Path) -> Result<(), LayoutError> {
    let not_a_layout = || LayoutError::NotALayout { path: folder.to_owned() };
    let bytes = match read_small(&folder.join(MARKER)) {
        Err(LayoutError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound && folder.is_dir() => {
            return Err(not_a_layout());
        }
        other => other?,
    };
    let marker: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| not_a_layout())?;
    let version = marker.get("imageLayoutVersion").and_then(serde_json::Value::as_str);
    if version.is_some_and(|version| version.starts_with("1.")) { Ok(()) } else { Err(not_a_layout()) }
}

/// What the layout at `folder` lists.
///
/// # Errors
/// When the folder is no layout, or its `index.json` is none.
pub fn read_contents(folder: &Path) -> Result<Contents, LayoutError> {
    check_marker(folder)?;
    let bytes = read_small(&folder.join(INDEX))?;
    Contents::parse(&bytes).map_err(|source| LayoutError::Contents { path: folder.to_owned(), source })
}

fn read_small(path: &Path) -> Result<Vec<u8>, LayoutError> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(DOCUMENT_LIMIT).read_to_end(&mut bytes))
        .map_err(|source| LayoutError::Read { path: path.to_owned(), source })?;
    Ok(bytes)
}
