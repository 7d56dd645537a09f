//! Which layers an image has, what is in each, and under which key: a pure function of recipe and
//! lock. Reads no file.

mod group;
mod key;

use crate::{
    lock::{Facts, LockedImage, LockedPackage, LockedPlatform, LockedWheel},
    oci::Digest,
    python::NamePattern,
};

pub use key::LayerKey;

/// What is fixed for all layers of an image before any is made.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Version of the layer format.
    pub format: u32,
    /// Distributions that the recipe wants in layers of their own.
    pub own: &'a [NamePattern],
    /// What the recipe wants left out of Debian packages: `doc`, `man`, `locale`.
    pub strip: &'a [&'static str],
}

/// One layer to be made; in the order in which they stand in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedLayer {
    /// What a person calls it: `debian`, `torch`, `wheels`.
    pub name: String,
    /// Everything that can change a byte of it, hashed.
    pub key: LayerKey,
    /// What is in it.
    pub contents: Contents,
}

/// What a layer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Debian packages, sorted by name.
    Debian(Vec<LockedPackage>),
    /// Wheels, sorted by name.
    Wheels(Vec<LockedWheel>),
}

impl PlannedLayer {
    /// Bytes of the files that it is made from.
    #[must_use]
    pub fn input_size(&self) -> u64 {
        match &self.contents {
            Contents::Debian(packages) => packages.iter().map(|package| package.size).sum(),
            Contents::Wheels(wheels) => wheels.iter().map(|wheel| wheel.size).sum(),
        }
    }
}

/// The layers of one image, without the base's below and the scripts' above.
#[must_use]
pub fn plan(platform: &LockedPlatform, image: &LockedImage, frame: Frame<'_>) -> Vec<PlannedLayer> {
    let mut layers = Vec::new();
    if !platform.debian.is_empty() {
        let key = key::of_debian(&platform.debian, platform.base.as_ref(), frame);
        layers.push(PlannedLayer {
            name: "debian".to_owned(),
            key,
            contents: Contents::Debian(platform.debian.clone()),
        });
    }
    for group in group::groups(&image.wheels, frame.own) {
        let key = key::of_wheels(&group.wheels, &platform.facts, frame.format);
        layers.push(PlannedLayer { name: group.name, key, contents: Contents::Wheels(group.wheels) });
    }
    layers
}

/// The key of a layer of files of the user's: the digests of what is in it, in order.
#[must_use]
pub fn scripts_key(files: &[(String, u32, Digest)], facts: &Facts, format: u32) -> LayerKey {
    key::of_scripts(files, facts, format)
}

#[cfg(test)]
mod tests;
