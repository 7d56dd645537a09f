//! What is listed: the packages of an image, from its merged files and its lock.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::purl::{self, purl};
use crate::{
    base::{BaseError, Distribution, Tree},
    image::{BASE_DIGEST, BASE_NAME, Manifest},
    lock::{Facts, LockedImage, LockedPlatform},
    oci::{Digest, Platform},
    python::Licence,
    verify::{Owner, Subject},
};

/// What an image for one platform consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// What the image is called: a name of its own, or the recipe's.
    pub name: String,
    /// What it runs on.
    pub platform: Platform,
    /// Of its manifest.
    pub manifest: Digest,
    /// When its config says that it was made, RFC 3339; 1980 where it says nothing.
    pub created: String,
    /// Name and version of the system, from os-release.
    pub system: Option<(String, Option<String>)>,
    /// The name of the base, where it has one, and the digest of its manifest.
    pub base: Option<(Option<String>, String)>,
    /// Sorted by kind and name.
    pub components: Vec<Component>,
}

/// What kind of thing a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ComponentKind {
    /// A distribution of Python's.
    Python,
    /// A Debian package.
    Debian,
    /// An interpreter that no package brought.
    Interpreter,
    /// The files of the user's own in one layer.
    Files,
}

/// One package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// What kind of thing it is.
    pub kind: ComponentKind,
    /// By which it is known; normalised for distributions.
    pub name: String,
    /// As it spells it itself; the digest's beginning for files of the user's.
    pub version: String,
    /// Its package URL; nothing for what is of no registry.
    pub purl: Option<String>,
    /// Under which licence, as far as it says so.
    pub licence: Option<Licence>,
    /// The files that hold the licence, by their paths in the image.
    pub licence_files: Vec<String>,
    /// The wheel or .deb that it came in, where the lock names it.
    pub fetched: Option<Fetched>,
    /// Whether the base brought it; nothing where the image's history does not say which layers are the base's.
    pub of_base: Option<bool>,
    /// Digest of the compressed layer that holds its metadata.
    pub layer: Option<Digest>,
    /// The names of those of its kind that want it, where the lock says so. Sorted.
    pub wanted_by: Vec<String>,
    /// SBOMs that it brought itself, by their paths in the image.
    ///
    /// [PEP 770](https://peps.python.org/pep-0770/).
    pub embedded: Vec<String>,
    /// Its files, by their paths in the image. Sorted.
    pub files: Vec<String>,
}

/// A file that a lock names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// `numpy-1.26.4-….whl`, or a path below an archive's root.
    pub file: String,
    /// Of the whole file.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
}

/// What is known of an image beside the image.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'k> {
    /// The name it shall be called by.
    pub name: &'k str,
    /// What the lock has of it.
    pub locked: Option<(&'k LockedPlatform, &'k LockedImage)>,
    /// How many of the layers are the base's, where that is known.
    pub base_layers: Option<usize>,
    /// The URLs of package indexes that are not the default one, by their names in the lock, without credentials.
    pub indexes: Option<&'k BTreeMap<String, String>>,
}

/// Why an image cannot be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// Its Python cannot be understood.
    #[error("what is installed for Python cannot be told")]
    Python(#[from] BaseError),
    /// A list of Debian packages is malformed.
    #[error("the list of Debian packages is malformed")]
    Packages(#[from] crate::debian::DebianError),
}

impl Inventory {
    /// What `subject`, the image with this manifest and these facts, consists of.
    ///
    /// # Errors
    /// When a list of packages in it is malformed.
    pub fn of(subject: &Subject, manifest: &Manifest, facts: &Facts, known: Known<'_>) -> Result<Self, InventoryError> {
        let files = Files::of(subject);
        let finder = Finder { subject, facts, known, files };
        let mut components = finder.distributions()?;
        components.extend(finder.debian()?);
        components.extend(finder.interpreter());
        components.extend(finder.own_files());
        components.sort_by(|left, right| (left.kind, &left.name).cmp(&(right.kind, &right.name)));
        let annotation = |key: &str| manifest.value().get("annotations")?.get(key)?.as_str().map(str::to_owned);
        Ok(Self {
            name: known.name.to_owned(),
            platform: subject.platform.clone(),
            manifest: manifest.descriptor().digest,
            created: subject.config.get("created").and_then(Value::as_str).unwrap_or("1980-01-01T00:00:00Z").to_owned(),
            system: facts.system.as_ref().map(|system| (system.id.clone(), system.version.clone())),
            base: annotation(BASE_DIGEST).map(|digest| (annotation(BASE_NAME), digest)),
            components,
        })
    }

    /// The image's own package URL.
    pub(super) fn purl(&self) -> String {
        let name = self.name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        purl("oci", &name, &self.manifest.to_string(), &[("arch", Some(self.platform.architecture()))])
    }
}

/// What a component is called within a document: no two have the same.
pub(super) fn reference(one: &Component) -> String {
    one.purl.clone().unwrap_or_else(|| format!("files:{}@{}", one.name, one.version))
}

/// Whose each file is.
struct Files {
    of_packages: BTreeMap<Owner, Vec<String>>,
    /// Files that nobody lists, by their layers.
    of_layers: BTreeMap<usize, Vec<String>>,
}

impl Files {
    fn of(subject: &Subject) -> Self {
        let mut files = Self { of_packages: BTreeMap::new(), of_layers: BTreeMap::new() };
        for (path, node) in subject.tree.iter().filter(|(_, node)| node.kind != crate::base::Kind::Directory) {
            match subject.owners.find(node) {
                Some(owner) => files.of_packages.entry(owner.clone()).or_default().push(format!("/{path}")),
                None => files.of_layers.entry(node.layer).or_default().push(format!("/{path}")),
            }
        }
        files
    }

    fn of_package(&self, owner: &Owner) -> Vec<String> {
        self.of_packages.get(owner).cloned().unwrap_or_default()
    }
}

struct Finder<'f> {
    subject: &'f Subject,
    facts: &'f Facts,
    known: Known<'f>,
    files: Files,
}

impl Finder<'_> {
    fn tree(&self) -> &Tree {
        &self.subject.tree
    }

    fn layer(&self, number: usize) -> Option<Digest> {
        self.subject.layers.get(number).map(|layer| layer.digest)
    }

    fn is_of_base(&self, layer: usize) -> Option<bool> {
        self.known.base_layers.map(|below| layer < below)
    }

    fn distributions(&self) -> Result<Vec<Component>, InventoryError> {
        let found = self.tree().distributions(&self.subject.config)?;
        Ok(found.into_iter().map(|one| self.distribution(one)).collect())
    }

    fn distribution(&self, found: Distribution) -> Component {
        let Distribution { name, version, info, licence, layer } = found;
        let name = name.to_string();
        let locked = self
            .known
            .locked
            .and_then(|(_, image)| image.wheels.iter().find(|wheel| wheel.name == name && wheel.version == version));
        let stem = info.rsplit('/').next().and_then(|name| name.strip_suffix(".dist-info")).unwrap_or_default();
        let owner = Owner::Wheel(
            stem.split_once('-').map_or_else(|| stem.to_owned(), |(name, version)| format!("{name} {version}")),
        );
        let below = |folder: &str| format!("{info}/{folder}");
        let embedded = self.tree().starting_with(&below("sboms/")).map(|(path, _)| format!("/{path}")).collect();
        // Since metadata 2.4 they stand in a folder of their own, before that beside METADATA.
        let licence_file = |file: &String| {
            let places = [below(&format!("licenses/{file}")), below(file)];
            places.into_iter().find(|path| self.tree().node(path).is_some()).map(|path| format!("/{path}"))
        };
        Component {
            kind: ComponentKind::Python,
            purl: Some(purl::of_distribution(&name, &version, locked, self.known.indexes)),
            licence: licence.licence(),
            licence_files: licence.files.iter().filter_map(licence_file).collect(),
            fetched: locked.map(|wheel| Fetched { file: wheel.file.clone(), sha256: wheel.sha256, size: wheel.size }),
            of_base: self.is_of_base(layer),
            layer: self.layer(layer),
            wanted_by: locked.map(|wheel| packages_among(&wheel.why)).unwrap_or_default(),
            embedded,
            files: self.files.of_package(&owner),
            name,
            version,
        }
    }

    fn debian(&self) -> Result<Vec<Component>, InventoryError> {
        let packages = self.tree().debian_packages()?;
        Ok(packages
            .into_iter()
            .map(|package| {
                let version = package.version.to_string();
                let locked = self.known.locked.and_then(|(below, _)| {
                    below.debian.iter().find(|locked| locked.name == package.name && locked.version == version)
                });
                let purl = purl::of_package(&package.name, &version, &package.architecture, self.facts);
                let layer = self.layer_of_package(&package.name, &package.architecture);
                let copyright = format!("usr/share/doc/{}/copyright", package.name);
                let licence_files = self.tree().find(&copyright).map(|(path, _)| format!("/{path}"));
                Component {
                    kind: ComponentKind::Debian,
                    purl: Some(purl),
                    licence: None,
                    licence_files: licence_files.into_iter().collect(),
                    fetched: locked.map(|one| Fetched { file: one.path.clone(), sha256: one.sha256, size: one.size }),
                    of_base: self.is_of_base(layer),
                    layer: self.layer(layer),
                    wanted_by: locked.map(|one| packages_among(&one.why)).unwrap_or_default(),
                    embedded: Vec::new(),
                    files: self.files.of_package(&Owner::Package(package.name.clone())),
                    name: package.name,
                    version,
                }
            })
            .collect())
    }

    /// The layer that lists a package: the newest that wrote what dpkg knows of it.
    fn layer_of_package(&self, name: &str, architecture: &str) -> usize {
        let places = [
            format!("var/lib/dpkg/status.d/{name}"),
            format!("var/lib/dpkg/info/{name}.list"),
            format!("var/lib/dpkg/info/{name}:{architecture}.list"),
            "var/lib/dpkg/status".to_owned(),
        ];
        places.iter().find_map(|path| Some(self.tree().find(path)?.1.layer)).unwrap_or_default()
    }

    /// The interpreter, unless a package brought it.
    fn interpreter(&self) -> Option<Component> {
        let python = self.facts.python.as_ref()?;
        let (path, node) = self.tree().find(&python.path)?;
        if self.subject.owners.find(node).is_some() {
            return None;
        }
        let version = python.version.to_string();
        Some(Component {
            kind: ComponentKind::Interpreter,
            name: "python".to_owned(),
            purl: Some(purl("generic", "python", &version, &[])),
            version,
            licence: Some(Licence::Expression("PSF-2.0".to_owned())),
            licence_files: Vec::new(),
            fetched: None,
            of_base: self.is_of_base(node.layer),
            layer: self.layer(node.layer),
            wanted_by: Vec::new(),
            embedded: Vec::new(),
            files: vec![format!("/{path}")],
        })
    }

    /// Files of layers above the base that no package lists.
    fn own_files(&self) -> Vec<Component> {
        let scripts = |(number, files): (&usize, &Vec<String>)| {
            let layer = self.subject.layers.get(*number)?;
            (layer.name == "scripts").then(|| Component {
                kind: ComponentKind::Files,
                name: format!("{}-files", self.known.name.rsplit('/').next().unwrap_or_default()),
                version: layer.digest.hex().chars().take(12).collect(),
                purl: None,
                licence: None,
                licence_files: Vec::new(),
                fetched: None,
                of_base: Some(false),
                layer: Some(layer.digest),
                wanted_by: Vec::new(),
                embedded: Vec::new(),
                files: files.clone(),
            })
        };
        self.files.of_layers.iter().filter_map(scripts).collect()
    }
}

/// The names of packages in a lock's `why`, which says `recipe` and others as well.
fn packages_among(why: &[String]) -> Vec<String> {
    let names: BTreeSet<&str> = why.iter().map(|reason| reason.split([' ', '[']).next().unwrap_or_default()).collect();
    names.into_iter().map(str::to_owned).collect()
}
