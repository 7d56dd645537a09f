//! Images out of a layout.

use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use futures_util::future::BoxFuture;

use super::{Contents, DOCUMENT_LIMIT, FileBlob, INDEX, LayoutError, MARKER, blob_path};
use crate::{
    image::{BlobSource, Manifest, Source, TransferError, read_whole},
    oci::Descriptor,
};

/// An image in a layout.
#[derive(Debug)]
pub struct LayoutSource {
    folder: PathBuf,
    root: Descriptor,
    /// Set when the layout's own list is the image index.
    listed: Option<Manifest>,
}

impl LayoutSource {
    /// The image called `name` in the layout at `folder`, or the only one there.
    ///
    /// # Errors
    /// When the folder is no layout, or nothing or more than one thing fits.
    pub fn open(folder: impl Into<PathBuf>, name: Option<&str>) -> Result<Self, LayoutError> {
        let folder = folder.into();
        check_marker(&folder)?;
        let (root, listed) = read_contents(&folder)?
            .choose(name)
            .map_err(|source| LayoutError::Contents { path: folder.clone(), source })?;
        Ok(Self { folder, root, listed })
    }

    fn file(&self, descriptor: &Descriptor) -> FileBlob {
        FileBlob::whole(descriptor.clone(), self.folder.join(blob_path(&descriptor.digest)))
    }

    async fn read_manifest(&self, descriptor: &Descriptor) -> Result<Manifest, TransferError> {
        let bytes = read_whole(&self.file(descriptor), DOCUMENT_LIMIT).await?;
        let manifest = Manifest::parse(bytes, Some(&descriptor.media_type))
            .map_err(|source| LayoutError::Manifest { path: self.folder.clone(), source })?;
        Ok(manifest)
    }
}

impl Source for LayoutSource {
    fn root(&self) -> BoxFuture<'_, Result<Manifest, TransferError>> {
        Box::pin(async move {
            match &self.listed {
                Some(index) => Ok(index.clone()),
                None => self.read_manifest(&self.root).await,
            }
        })
    }

    fn manifest<'a>(&'a self, descriptor: &'a Descriptor) -> BoxFuture<'a, Result<Manifest, TransferError>> {
        Box::pin(self.read_manifest(descriptor))
    }

    fn blob(&self, descriptor: &Descriptor) -> Box<dyn BlobSource> {
        Box::new(self.file(descriptor))
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

pub(super) fn read_contents(folder: &Path) -> Result<Contents, LayoutError> {
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
