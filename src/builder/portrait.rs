//! What an image holds, in so far as people compare it: packages, files, configuration, sizes.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use super::{BuildError, Builder, opened::Seen};
use crate::{
    base::{Kind, Node, Tree},
    lock::{Facts, Lock},
    oci::{Descriptor, Platform},
    python::Licence,
    recipe::Base,
};

/// Who installs a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PackageKind {
    /// Debian's, by its own list or by `status.d`.
    Debian,
    /// A distribution that the image's Python finds.
    Python,
}

/// What is compared of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// `file`, `directory`, `other`, or `link to TARGET`.
    pub kind: String,
    /// Bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
}

/// One platform's image, from its files or from a lock.
#[derive(Clone, Debug)]
pub struct Portrait {
    /// The variant, in a lock whose recipe has some.
    pub variant: Option<String>,
    /// The platform.
    pub platform: Platform,
    /// The version of each package.
    pub packages: BTreeMap<(PackageKind, String), String>,
    /// The licence of each distribution that tells of one; nothing of a lock.
    pub licences: BTreeMap<String, Licence>,
    /// Every file; nothing of a lock, which knows none.
    pub files: Option<BTreeMap<String, FileFacts>>,
    /// The image's config; nothing of a lock.
    pub config: Option<Value>,
    /// The layers; nothing of a lock.
    pub layers: Vec<Descriptor>,
    /// Bytes of the compressed layers, or of what a lock names.
    pub size: u64,
    /// Interpreter, libc, system.
    pub facts: Facts,
}

impl Portrait {
    /// The images of a lock, without what a base has of Debian.
    #[must_use]
    pub fn of_lock(lock: &Lock) -> Vec<Self> {
        let portraits = lock.images.iter().filter_map(|image| {
            let below = lock.platform(&image.platform)?;
            let installed = below.facts.installed.iter().map(|held| (&held.name, &held.version));
            let mut packages: BTreeMap<_, _> = installed
                .chain(image.wheels.iter().map(|wheel| (&wheel.name, &wheel.version)))
                .map(|(name, version)| ((PackageKind::Python, name.clone()), version.clone()))
                .collect();
            let debian = below.debian.iter();
            packages.extend(debian.map(|one| ((PackageKind::Debian, one.name.clone()), one.version.clone())));
            let wheels: u64 = image.wheels.iter().map(|wheel| wheel.size).sum();
            Some(Self {
                variant: image.variant.clone(),
                platform: image.platform.clone(),
                packages,
                licences: BTreeMap::new(),
                files: None,
                config: None,
                layers: Vec::new(),
                size: wheels + below.debian.iter().map(|package| package.size).sum::<u64>(),
                facts: below.facts.clone(),
            })
        });
        portraits.collect()
    }
}

impl Builder {
    /// The images that `image` names, each layer of which nothing is known read once; relative paths start from
    /// `folder`.
    ///
    /// # Errors
    /// When the image or a layer cannot be read, or has a Python that cannot be understood.
    pub async fn portray(&self, image: &Base, folder: &Path) -> Result<Vec<Portrait>, BuildError> {
        let mut portraits = Vec::new();
        for seen in self.look_into(image, folder).await? {
            let Seen { platform, config, layers, tree, facts, .. } = seen;
            portraits.push(Portrait {
                variant: None,
                packages: packages(&tree, &facts, &platform)?,
                licences: licences(&tree, &config, &platform)?,
                files: Some(tree.iter().map(|(path, node)| (format!("/{path}"), file(node))).collect()),
                size: layers.iter().map(|layer| layer.size).sum(),
                platform,
                config: Some(config),
                layers,
                facts,
            });
        }
        Ok(portraits)
    }
}

fn packages(
    tree: &Tree,
    facts: &Facts,
    platform: &Platform,
) -> Result<BTreeMap<(PackageKind, String), String>, BuildError> {
    let python = facts.installed.iter().map(|held| ((PackageKind::Python, held.name.clone()), held.version.clone()));
    let malformed = |source| BuildError::PackageList { platform: platform.clone(), source };
    let debian = tree.debian_packages().map_err(malformed)?;
    let debian = debian.into_iter().map(|one| ((PackageKind::Debian, one.name), one.version.to_string()));
    Ok(python.chain(debian).collect())
}

fn licences(tree: &Tree, config: &Value, platform: &Platform) -> Result<BTreeMap<String, Licence>, BuildError> {
    let found = tree.distributions(config);
    let found = found.map_err(|source| BuildError::Base { platform: platform.clone(), source })?;
    Ok(found.into_iter().filter_map(|one| Some((one.name.to_string(), one.licence.licence()?))).collect())
}

fn file(node: &Node) -> FileFacts {
    let kind = match &node.kind {
        Kind::File | Kind::Hardlink(_) => "file".to_owned(),
        Kind::Directory => "directory".to_owned(),
        Kind::Symlink(target) => format!("link to {target}"),
        Kind::Other => "other".to_owned(),
    };
    FileFacts { kind, size: node.size, mode: node.mode, uid: node.uid, gid: node.gid }
}
