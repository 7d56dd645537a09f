//! An OCI layout as a registry: what it lists becomes repositories and tags, and nothing is copied.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{
    ServeError,
    digest::Digest,
    disk::{Disk, Kept},
    route::is_name,
};
use crate::{
    image::{Artifact, Manifest, TransferError, read_whole},
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
    let (mut shelved, mut repositories) = (Vec::new(), BTreeSet::new());
    for (root, name) in contents.entries() {
        let Some((repository, tag)) = place(&root, name, &own) else { continue };
        let layout = Layout { disk, folder, repository: &repository };
        layout.add(&root, 0).await?;
        let digest = Digest::from(root.digest);
        disk.set_tag(&repository, &tag, &digest).map_err(|source| layout.unwritable(source))?;
        shelved.push(Shelved { name: format!("{repository}:{tag}"), digest: root.digest });
        repositories.insert(repository);
    }
    let about = about(folder, &contents).await?;
    for repository in &repositories {
        Layout { disk, folder, repository }.attach(&about).await?;
    }
    Ok(shelved)
}

/// What the layout lists as attached, by the manifests that it says itself to be about.
async fn about(folder: &Path, contents: &Contents) -> Result<BTreeMap<Digest, Vec<Descriptor>>, ServeError> {
    let mut about: BTreeMap<Digest, Vec<Descriptor>> = BTreeMap::new();
    for attachment in contents.attachments() {
        let manifest = read(folder, &attachment.manifest).await?;
        if let Some(subject) = manifest.as_ref().and_then(Artifact::subject_of) {
            about.entry(subject.digest.into()).or_default().push(attachment.manifest);
        }
    }
    Ok(about)
}

/// The manifest that `descriptor` points to; nothing where the layout lacks it.
async fn read(folder: &Path, descriptor: &Descriptor) -> Result<Option<Manifest>, ServeError> {
    let path = folder.join(blob_path(&descriptor.digest));
    if !path.exists() {
        return Ok(None);
    }
    let bytes = read_whole(&FileBlob::whole(descriptor.clone(), path), DOCUMENT_LIMIT).await;
    let manifest = bytes.and_then(|bytes| Ok(Manifest::parse(bytes, Some(&descriptor.media_type))?));
    manifest.map(Some).map_err(|source| ServeError::Shelf { source })
}

struct Layout<'a> {
    disk: &'a Disk,
    folder: &'a Path,
    repository: &'a str,
}

impl Layout<'_> {
    /// Notes a manifest and everything below it. What the layout lacks, the registry lacks.
    fn add<'a>(&'a self, descriptor: &'a Descriptor, depth: usize) -> BoxFuture<'a, Result<(), ServeError>> {
        Box::pin(async move {
            let digest = Digest::from(descriptor.digest);
            if depth > DEEPEST || self.disk.has_manifest(self.repository, &digest) {
                return Ok(());
            }
            let Some(manifest) = read(self.folder, descriptor).await? else { return Ok(()) };
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

    /// Adds what is attached to the manifests in the repository, and to that in turn.
    async fn attach(&self, about: &BTreeMap<Digest, Vec<Descriptor>>) -> Result<(), ServeError> {
        let held = about.iter().filter(|(subject, _)| self.disk.has_manifest(self.repository, subject));
        let mut waiting: Vec<&Descriptor> = held.flat_map(|(_, attached)| attached).collect();
        while let Some(attached) = waiting.pop() {
            let digest = Digest::from(attached.digest);
            if !self.disk.has_manifest(self.repository, &digest) {
                self.add(attached, 0).await?;
                waiting.extend(about.get(&digest).into_iter().flatten());
            }
        }
        Ok(())
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
        ServeError::Root { root: self.folder.to_owned(), source }
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
    use crate::{
        image::{Memory, Sink as _},
        layout::LayoutSink,
        oci::MediaType,
    };

    #[tokio::test]
    async fn what_is_attached_is_where_its_subject_is() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("dist");
        let put = async |name: Option<&str>, root: &Manifest, attached: &[&Artifact]| {
            let sink = LayoutSink::open(&folder, name.map(str::to_owned)).unwrap();
            sink.put_manifest(root).await.unwrap();
            for artifact in attached {
                sink.attach(artifact).await.unwrap();
            }
            sink.publish(root).await.unwrap();
        };
        let artifact = |subject: &Descriptor, text: &'static str| {
            let layer = Memory::new(MediaType::ImageLayer, text);
            Artifact::new("text/x", subject, None, vec![(layer, BTreeMap::new())], &BTreeMap::new())
        };
        let [one, two] = ["one", "two"].map(|text| Manifest::of_index(&[], &serde_json::json!({ "of": text })));
        let statement = artifact(one.descriptor(), "statement");
        let signature = artifact(statement.manifest.descriptor(), "signature");
        put(None, &one, &[&signature, &statement]).await;
        put(Some("h.example/team/app:1"), &one, &[]).await;
        put(Some("h.example/other:1"), &two, &[&artifact(&Descriptor::of(MediaType::ImageIndex, b"gone"), "x")]).await;

        let notes = temporary.path().join("notes");
        std::fs::create_dir(&notes).unwrap();
        let disk = Disk::with_blobs(&notes, folder.join("blobs/sha256")).unwrap().unwrap();
        assert_eq!(fill(&disk, &folder).await.unwrap().len(), 3);
        let digest = |manifest: &Manifest| Digest::from(manifest.descriptor().digest);
        let check = |repository: &str, subject: &Manifest, expect: &[&Artifact]| {
            let expect: Vec<Digest> = expect.iter().map(|artifact| digest(&artifact.manifest)).collect();
            assert_eq!(disk.referrers(repository, &digest(subject)).unwrap(), expect, "{repository}");
            for artifact in &expect {
                assert!(disk.has_manifest(repository, artifact), "{repository}");
            }
        };
        for repository in ["dist", "team/app"] {
            check(repository, &one, &[&statement]);
            check(repository, &statement.manifest, &[&signature]);
            let layer = signature.manifest.layers().unwrap().remove(0);
            assert_eq!(disk.blob_size(repository, &layer.digest.into()), Some(9));
        }
        check("other", &two, &[]);
        assert!(!disk.has_manifest("other", &digest(&statement.manifest)));
    }

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
