//! Recipe and lock as they travel with an image: an archive of both, with the files of the user's that the image
//! was made of where they are small, as an artifact of `ocipkg`'s type, so that its programs unpack it.

use std::{
    collections::BTreeMap,
    io::{self, Read},
};

use serde_json::json;

use super::AttestError;
use crate::{
    image::{Artifact, Attachment, BlobSource as _, Bytes, Manifest, Memory},
    oci::{Descriptor, Digest, MediaType, canonical_json},
};

/// `ocipkg`'s words.
const ARTIFACT: &str = "application/vnd.ocipkg.v1.artifact";
const CONFIG: &str = "application/vnd.ocipkg.v1.config+json";
const LAYER: &str = "application/vnd.ocipkg.v1.layer.tar+gzip";

/// Annotations that say what is what in the archive.
const RECIPE: &str = "wheelwright.recipe";
const LOCK: &str = "wheelwright.lock";
const VARIANT: &str = "wheelwright.variant";
const FILES: &str = "wheelwright.files";
const DECISIVE: &str = "wheelwright.decisive";

/// Bytes of an archive, packed and unpacked, and of things in it.
const LARGEST: u64 = 64 << 20;
const MOST: usize = 20_000;

/// Where in an archive recipe and lock stand, and what else is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The recipe.
    pub recipe: String,
    /// Its lock.
    pub lock: String,
    /// Which of the recipe's variants the image is.
    pub variant: Option<String>,
    /// Whether all files of the user's are there that the image was made of.
    pub whole: bool,
    /// Of recipe, lock and what else decides: by which the same is known again, though the archive may hold less.
    pub decisive: Digest,
}

/// What stands at a path of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A file.
    File {
        /// What is in it.
        bytes: Bytes,
        /// Whether it is a program.
        executable: bool,
    },
    /// A folder.
    Folder,
    /// A symbolic link.
    Link(String),
}

/// An archive that was read: what stands at each path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// What is where in it.
    pub origin: Origin,
    /// By paths without a leading slash.
    pub contents: BTreeMap<String, Content>,
}

impl Origin {
    /// One for tests.
    #[cfg(test)]
    pub(crate) fn of_app() -> Self {
        Self {
            recipe: "app.toml".into(),
            lock: "app.lock".into(),
            variant: None,
            whole: true,
            decisive: Digest::of(b""),
        }
    }

    /// The artifact for `subject` that has `archive`, a gzipped tar with these `paths`.
    #[must_use]
    pub fn to_artifact(&self, subject: &Descriptor, archive: Bytes, paths: &[String]) -> Artifact {
        let (layer, named) = self.to_layer(archive);
        let config = json!({ "layers": { layer.descriptor().digest.to_string(): paths } });
        let config = Memory::new(MediaType::from(CONFIG), canonical_json(&config));
        let layer =
            (layer, BTreeMap::from([("org.opencontainers.image.title".to_owned(), "recipe.tar.gz".to_owned())]));
        Artifact::new(ARTIFACT, subject, Some(config), vec![layer], &named)
    }

    /// The archive as a layer, with annotations that say what is in it.
    pub(super) fn to_layer(&self, archive: Bytes) -> (Memory, BTreeMap<String, String>) {
        let files = if self.whole { "all" } else { "none" };
        let mut named = BTreeMap::from([
            (RECIPE.to_owned(), self.recipe.clone()),
            (LOCK.to_owned(), self.lock.clone()),
            (FILES.to_owned(), files.to_owned()),
            (DECISIVE.to_owned(), self.decisive.to_string()),
        ]);
        named.extend(self.variant.as_ref().map(|variant| (VARIANT.to_owned(), variant.clone())));
        (Memory::new(MediaType::from(LAYER), archive), named)
    }

    /// What the annotations of an artifact, or of a layer, say is in it; nothing where it is something else.
    #[must_use]
    pub fn read(annotations: &BTreeMap<String, String>) -> Option<Self> {
        Some(Self {
            recipe: annotations.get(RECIPE)?.clone(),
            lock: annotations.get(LOCK)?.clone(),
            variant: annotations.get(VARIANT).cloned(),
            whole: annotations.get(FILES).is_some_and(|files| files == "all"),
            decisive: annotations.get(DECISIVE)?.parse().ok()?,
        })
    }

    /// The layers of `manifest` that hold recipe and lock, with what is where in them.
    #[must_use]
    pub fn layers(manifest: &Manifest) -> Vec<(Self, Descriptor)> {
        let all = Self::read(&Attachment::of(manifest).manifest.annotations);
        let layers = manifest.layers().unwrap_or_default().into_iter();
        let archives = layers.filter(|layer| layer.media_type.to_string() == LAYER && layer.size <= LARGEST);
        archives.filter_map(|layer| Some((all.clone().or_else(|| Self::read(&layer.annotations))?, layer))).collect()
    }
}

impl Carried {
    /// Reads an archive.
    ///
    /// # Errors
    /// When it is none, is larger than any recipe's, or holds something else than plain files, folders and links
    /// below its own root, or not what it should.
    pub fn read(origin: Origin, archive: &[u8]) -> Result<Self, AttestError> {
        let unreadable = |source| AttestError::Archive { source };
        let unpacked = flate2::read::GzDecoder::new(archive).take(LARGEST);
        let mut archive = tar::Archive::new(unpacked);
        let mut contents = BTreeMap::new();
        for entry in archive.entries().map_err(unreadable)? {
            let mut entry = entry.map_err(unreadable)?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).trim_end_matches('/').to_owned();
            let refuse = |problem| Err(AttestError::Path { path: path.clone(), problem });
            if path.split('/').any(|part| matches!(part, "" | "." | "..")) || path.contains('\0') {
                return refuse("leads out of it");
            }
            if contents.len() == MOST {
                return refuse("is one of too many");
            }
            let content = match entry.header().entry_type() {
                tar::EntryType::Directory => Content::Folder,
                tar::EntryType::Symlink => {
                    let target = entry.link_name_bytes().unwrap_or_default();
                    Content::Link(String::from_utf8_lossy(&target).into_owned())
                }
                tar::EntryType::Regular => {
                    let mut bytes = Vec::new();
                    entry.read_to_end(&mut bytes).map_err(unreadable)?;
                    let executable = entry.header().mode().map_err(unreadable)? & 0o111 != 0;
                    Content::File { bytes: bytes.into(), executable }
                }
                _ => return refuse("is neither file, folder nor link"),
            };
            if contents.insert(path.clone(), content).is_some() {
                return refuse("stands in it twice");
            }
        }
        let carried = Self { origin, contents };
        carried.check()?;
        Ok(carried)
    }

    /// Nothing stands below a link or a file, and recipe and lock are there.
    fn check(&self) -> Result<(), AttestError> {
        for path in self.contents.keys() {
            let above = path.match_indices('/').filter_map(|(end, _)| self.contents.get(&path[..end]));
            if above.into_iter().any(|above| *above != Content::Folder) {
                return Err(AttestError::Path { path: path.clone(), problem: "stands below what is no folder" });
            }
        }
        self.text("recipe", &self.origin.recipe)?;
        self.text("lock", &self.origin.lock).map(drop)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// When there is none at `path`.
    pub fn text(&self, what: &'static str, path: &str) -> Result<&str, AttestError> {
        let absent = || AttestError::Absent { what, path: path.to_owned() };
        match self.contents.get(path) {
            Some(Content::File { bytes, .. }) => std::str::from_utf8(bytes).map_err(|_| absent()),
            _ => Err(absent()),
        }
    }

    /// The folder of the recipe in the archive; empty where that is its root.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.origin.recipe.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The text of the file at `path`, which counts from the recipe's folder.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn extended(&self, path: &str) -> io::Result<String> {
        let mut parts: Vec<&str> = self.folder().split('/').filter(|part| !part.is_empty()).collect();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        let missing = |_| io::Error::from(io::ErrorKind::NotFound);
        self.text("extended", &parts.join("/")).map(str::to_owned).map_err(missing)
    }

    /// The names in it, as `ocipkg` lists them.
    #[must_use]
    pub fn paths(contents: &BTreeMap<String, Content>) -> Vec<String> {
        let files = contents.iter().filter(|(_, content)| matches!(content, Content::File { .. }));
        files.map(|(path, _)| path.clone()).collect()
    }
}
