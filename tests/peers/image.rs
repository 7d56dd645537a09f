//! Images in OCI layouts, as files on disk and JSON, read here without the code under test.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use wheelwright::oci::Digest;

use super::workshop::{call, output};

/// A layout that holds one image index.
pub(super) struct Layout {
    folder: PathBuf,
}

impl Layout {
    pub(super) fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The digest of the image index.
    pub(super) fn digest(&self) -> String {
        let document: Value = serde_json::from_slice(&fs::read(self.folder.join("index.json")).unwrap()).unwrap();
        let entries = document["manifests"].as_array().unwrap();
        assert_eq!(entries.len(), 1, "{document}");
        entries[0]["digest"].as_str().unwrap().to_owned()
    }

    /// The image index.
    pub(super) fn index(&self) -> Value {
        self.document(&self.digest())
    }

    /// The config of the image for an architecture.
    pub(super) fn config(&self, architecture: &str) -> Value {
        let manifest = self.document(self.manifest(architecture)["digest"].as_str().unwrap());
        self.document(manifest["config"]["digest"].as_str().unwrap())
    }

    /// Every blob that is there, each checked against its name.
    pub(super) fn blobs(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder.join("blobs/sha256")).unwrap().map(Result::unwrap);
        let checked = entries.map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            assert_eq!(Digest::of(&fs::read(entry.path()).unwrap()).hex(), name);
            name
        });
        checked.collect()
    }

    /// The root file system for an architecture, unpacked by umoci below `folder`.
    ///
    /// umoci does not follow a name to an image index, so it gets a view of the layout in which the
    /// name leads to the platform's manifest.
    pub(super) fn unpack(&self, architecture: &str, folder: &Path) -> PathBuf {
        let view = folder.join(format!("{architecture}-layout"));
        fs::create_dir_all(&view).unwrap();
        output(call("cp", ["-r", "-l"]).args(["blobs", "oci-layout"].map(|name| self.folder.join(name))).arg(&view));
        let mut entry = self.manifest(architecture);
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": "image" });
        let document = json!({ "schemaVersion": 2, "manifests": [entry] });
        fs::write(view.join("index.json"), document.to_string()).unwrap();
        let bundle = folder.join(architecture);
        output(call("umoci", ["unpack", "--image"]).arg(format!("{}:image", view.display())).arg(&bundle));
        fs::remove_dir_all(view).unwrap();
        bundle.join("rootfs")
    }

    /// The descriptor of the manifest for an architecture.
    fn manifest(&self, architecture: &str) -> Value {
        let index = self.index();
        let mut entries = index["manifests"].as_array().unwrap().iter();
        let found = entries.find(|entry| entry["platform"]["architecture"] == architecture);
        found.unwrap_or_else(|| panic!("nothing for {architecture} in {index}")).clone()
    }

    fn document(&self, digest: &str) -> Value {
        let file = self.folder.join("blobs").join(digest.replace(':', "/"));
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    }
}
