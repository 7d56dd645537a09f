//! An OCI layout as a registry: what it lists becomes repositories and tags, and nothing is copied.

use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{
    ServeError,
    digest::Digest,
    disk::{Disk, Kept},
    route::is_name,
};
use crate::{
    image::{Manifest, TransferError, read_whole},
    layout::{Contents, DOCUMENT_LIMIT, FileBlob, blob_path, read_contents},
    oci::{Descriptor, Reference, is_tag},
};

/// Indexes inside of indexes are followed so far.
const DEEPEST: usize = 4;

/// A name that a layout's image has in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelved {
    /// `repository:tag`.
    pub name: String,
    /// Of the manifest or index.
    pub digest: crate::oci::Digest,
}

/// Fills `disk`, whose blobs are those of the layout at `folder`, with what the layout lists now.
pub(super) async fn fill(disk: &Disk, folder: &Path) -> Result<Vec<Shelved>, ServeError> {
    let contents: Contents = read_contents(folder).map_err(|source| ServeError::Layout { source })?;
    let own = repository_of(folder);
    let mut shelved = Vec::new();
    for (root, name) in contents.entries() {
        let Some((repository, tag)) = place(&root, name, &own) else { continue };
        let layout = Layout { disk, folder: folder.to_owned(), repository: &repository };
        layout.add(&root, 0).await?;
        let digest = Digest::from(root.digest);
        disk.set_tag(&repository, &tag, &digest).map_err(|source| layout.unwritable(source))?;
        shelved.push(Shelved { name: format!("{repository}:{tag}"), digest: root.digest });
    }
    Ok(shelved)
}

struct Layout<'a> {
    disk: &'a Disk,
    folder: PathBuf,
    repository: &'a str,
}

impl Layout<'_> {
    /// Notes a manifest and everything below it. What the layout lacks, the registry lacks.
    fn add<'a>(&'a self, descriptor: &'a Descriptor, depth: usize) -> BoxFuture<'a, Result<(), ServeError>> {
        Box::pin(async move {
            let digest = Digest::from(descriptor.digest);
            let path = self.folder.join(blob_path(&descriptor.digest));
            if depth > DEEPEST || self.disk.has_manifest(self.repository, &digest) || !path.exists() {
                return Ok(());
            }
            let bytes = read_whole(&FileBlob::whole(descriptor.clone(), path), DOCUMENT_LIMIT).await;
            let manifest = bytes.and_then(|bytes| Ok(Manifest::parse(bytes, Some(&descriptor.media_type))?));
            let manifest = manifest.map_err(|source| ServeError::Shelf { source })?;
            let kept =
                Kept { media_type: manifest.descriptor().media_type.to_string(), bytes: manifest.bytes().clone() };
            self.disk.keep_manifest(self.repository, &digest, &kept).map_err(|source| self.unwritable(source))?;
            self.link(&manifest, &digest).map_err(|source| self.unwritable(source))?;
            let entries = manifest.manifests().map_err(TransferError::from);
            for entry in entries.map_err(|source| ServeError::Shelf { source })? {
                self.add(&entry, depth + 1).await?;
            }
            Ok(())
        })
    }

    /// Links the blobs of an image, and the image to its subject.
    fn link(&self, manifest: &Manifest, digest: &Digest) -> std::io::Result<()> {
        let mut blobs = manifest.layers().unwrap_or_default();
        blobs.extend(manifest.config());
        for blob in blobs {
            self.disk.link_blob(self.repository, &blob.digest.into())?;
        }
        let subject = manifest.value().pointer("/subject/digest").and_then(Value::as_str);
        match subject.and_then(|subject| subject.parse::<Digest>().ok()) {
            Some(subject) => self.disk.add_referrer(self.repository, &subject, digest),
            None => Ok(()),
        }
    }

    fn unwritable(&self, source: std::io::Error) -> ServeError {
        ServeError::Root { root: self.folder.clone(), source }
    }
}

/// Repository and tag of an entry: those of a full reference, or the layout's own repository and the
/// entry's name. Nothing for a name that fits neither.
fn place(root: &Descriptor, name: Option<&str>, own: &str) -> Option<(String, String)> {
    let full = |text: &str| {
        let reference: Reference = text.parse().ok()?;
        Some((reference.repository().to_owned(), reference.tag()?.to_owned()))
    };
    let engine = root.annotations.get("io.containerd.image.name");
    match (engine.and_then(|text| full(text)), name) {
        (Some(place), _) => Some(place),
        (None, Some(name)) if is_tag(name) => Some((own.to_owned(), name.to_owned())),
        (None, Some(name)) => full(name),
        (None, None) => Some((own.to_owned(), "latest".to_owned())),
    }
}

/// The folder's name, as far as a repository can be called so.
fn repository_of(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    if is_name(&name) { name } else { "image".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::MediaType;

    #[test]
    fn entries_find_their_repository() {
        let check = |engine: Option<&str>, name: Option<&str>, expect: Option<(&str, &str)>| {
            let mut root = Descriptor::of(MediaType::ImageIndex, b"");
            root.annotations.extend(engine.map(|name| ("io.containerd.image.name".to_owned(), name.to_owned())));
            let found = place(&root, name, "dist");
            assert_eq!(found, expect.map(|(a, b)| (a.to_owned(), b.to_owned())), "{engine:?} {name:?}");
        };
        check(None, None, Some(("dist", "latest")));
        check(None, Some("1.2"), Some(("dist", "1.2")));
        check(None, Some("ghcr.io/me/app:1"), Some(("me/app", "1")));
        check(Some("docker.io/library/app:1"), Some("1"), Some(("library/app", "1")));
        check(None, Some("what is this"), None);
        assert_eq!(Digest::of(crate::serve::digest::Algorithm::Sha256, b""), crate::oci::Digest::of(b"").into());
    }
}
