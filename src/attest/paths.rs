//! Which input each path of each layer came from.
//!
//! ```json
//! { "layers": [
//!   { "digest": "sha256:…", "name": "1 of 3", "origin": "base" },
//!   { "digest": "sha256:…", "name": "numpy", "origin": "recipe", "components": [
//!     { "kind": "wheel", "name": "numpy-….whl", "digest": { "sha256": "…" },
//!       "paths": { "usr/local/lib/python3.11/site-packages/numpy": ["__init__.py", "…"] } } ] } ] }
//! ```
//!
//! Paths stand below their folders, so that fifty thousand of them take as much room as their names do. Folders
//! belong to nobody and are left out, and so is what is in the base's layers: that is the base's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Build, PATHS, Statement, provenance::hex};
use crate::{
    lock::{LockedPackage, LockedWheel},
    oci::Digest,
    python::PackageName,
    verify::{Owner, Subject},
};

/// A layer with what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerPaths {
    /// Of the compressed blob.
    pub digest: Digest,
    /// What a person calls it.
    pub name: String,
    /// Everything in it but folders, without a leading slash; nothing where it is the base's.
    pub paths: Option<Vec<String>>,
}

/// Who brought something, as the statement has it: of what kind it is, its name, and its digest if it is a file.
type Component<'c> = (&'static str, &'c str, Option<Digest>);

/// The statement which input each path of these layers came from, in `image`, which has this manifest.
#[must_use]
pub fn path_map(manifest: Digest, build: &Build<'_>, layers: &[LayerPaths], image: &Subject) -> Statement {
    let finder = Finder::of(build, image);
    let layers = layers.iter().map(|layer| {
        let mut value = json!({ "digest": layer.digest.to_string(), "name": layer.name, "origin": "base" });
        if let Some(paths) = &layer.paths {
            value["origin"] = "recipe".into();
            value["components"] = finder.components(paths);
        }
        value
    });
    Statement {
        name: build.name.to_owned(),
        subject: manifest,
        predicate_type: PATHS.to_owned(),
        predicate: json!({ "layers": layers.collect::<Value>() }),
    }
}

struct Finder<'f> {
    wheels: BTreeMap<String, &'f LockedWheel>,
    packages: BTreeMap<&'f str, &'f LockedPackage>,
    own: BTreeSet<&'f str>,
    image: &'f Subject,
}

impl<'f> Finder<'f> {
    fn of(build: &Build<'f>, image: &'f Subject) -> Self {
        let (below, locked) = build.locked;
        Self {
            wheels: locked.wheels.iter().map(|wheel| (wheel.name.clone(), wheel)).collect(),
            packages: below.debian.iter().map(|package| (package.name.as_str(), package)).collect(),
            own: build.files.iter().filter_map(|file| file.to.as_deref()).collect(),
            image,
        }
    }

    fn components(&self, paths: &[String]) -> Value {
        let mut components: BTreeMap<Component<'_>, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
        for path in paths {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            components.entry(self.component(path)).or_default().entry(folder).or_default().push(name);
        }
        let one = |((kind, name, digest), mut folders): (Component<'_>, BTreeMap<&str, Vec<&str>>)| {
            for names in folders.values_mut() {
                names.sort_unstable();
            }
            let mut value = json!({ "kind": kind, "name": name, "paths": folders });
            if let Some(digest) = digest {
                value["digest"] = hex(digest);
            }
            value
        };
        components.into_iter().map(one).collect()
    }

    fn component(&self, path: &str) -> Component<'f> {
        let owner = |path: &str| self.image.owners.find(self.image.tree.node(path)?);
        match owner(path).or_else(|| owner(&source_of(path)?)) {
            Some(Owner::Wheel(spelled)) => {
                let name: Option<PackageName> = spelled.split(' ').next().and_then(|name| name.parse().ok());
                let wheel = name.and_then(|name| self.wheels.get(&name.to_string()));
                wheel.map_or(("made", "wheelwright", None), |wheel| ("wheel", &wheel.file, Some(wheel.sha256)))
            }
            Some(Owner::Package(name)) => {
                self.packages.get(name.as_str()).map_or(("made", "wheelwright", None), |package| {
                    ("package", package.path.rsplit('/').next().unwrap_or(&package.path), Some(package.sha256))
                })
            }
            _ if self.own.contains(path) || source_of(path).is_some_and(|source| self.own.contains(&*source)) => {
                ("file", "recipe", None)
            }
            _ => ("made", "wheelwright", None),
        }
    }
}

/// The source that was compiled to the module at `path`.
///
/// [PEP 3147](https://peps.python.org/pep-3147/).
fn source_of(path: &str) -> Option<String> {
    let (folder, name) = path.strip_suffix(".pyc")?.rsplit_once("__pycache__/")?;
    Some(format!("{folder}{}.py", name.rsplit_once('.')?.0))
}
