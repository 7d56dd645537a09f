//! Which layers an image has, what is in each, and under which key: a pure function of recipe and
//! lock. Reads no file.

mod bytecode;
mod error;
mod group;
mod key;
mod shards;

use crate::{
    lock::{Compiler, Facts, LockedImage, LockedPackage, LockedPlatform, LockedWheel, Venv},
    oci::Digest,
    python::NamePattern,
    recipe::Compression,
};

pub use error::PlanError;
pub use key::LayerKey;
pub use shards::{Load, assign};

/// Most layers of an image: what Docker can stack, 127, less the two that it adds itself.
pub const MOST_LAYERS: usize = 125;

/// Most bytes of wheels in one layer: 4 GiB, which every registry takes.
const CAP: u64 = 4 << 30;

/// The same where layers are not compressed, for wheels that inflate to the fourfold.
const CAP_UNCOMPRESSED: u64 = CAP / 4;

/// How layers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// Version of the layer format.
    pub format: u32,
    /// The recipe's choice.
    pub compression: Compression,
}

/// What is fixed for all layers of an image before any is made.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// How layers are written.
    pub encoding: Encoding,
    /// Layers that the image has besides those planned here: the base's, and one of scripts.
    pub others: usize,
    /// All images of the recipe for the same platform, as the lock has them.
    pub beside: &'a [&'a LockedImage],
    /// Distributions that the recipe wants in layers of their own.
    pub own: &'a [NamePattern],
    /// What the recipe wants left out of Debian packages: `doc`, `man`, `locale`, and paths.
    pub strip: &'a [&'a str],
    /// The local time, where it is not UTC.
    pub time_zone: Option<&'a str>,
    /// Names and digests of certificates of the user's.
    pub certificates: &'a [(String, Digest)],
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
    /// Marks of removal: absolute paths of the base that are hidden. Sorted. They stand in a layer of
    /// their own below all others, so that they can hide nothing that the image brings, and so that the
    /// layers of wheels do not depend on what was there before.
    Whiteouts(Vec<String>),
    /// A virtual environment without any wheel.
    Venv(Venv),
    /// Debian packages, sorted by name.
    Debian(Vec<LockedPackage>),
    /// Wheels, sorted by name.
    Wheels(Vec<LockedWheel>),
    /// A part of a wheel that is too large for one layer.
    Share {
        /// The wheel.
        wheel: LockedWheel,
        /// Which part, counted from one. What is in it is decided when the wheel is read, by a rule
        /// that depends on this wheel alone.
        number: usize,
        /// Of how many.
        of: usize,
    },
    /// What Python sources become when they are compiled, and nothing else.
    Bytecode {
        /// Who compiles them.
        compiler: Compiler,
        /// Where they come from.
        of: Sources,
    },
}

/// Where Python sources come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sources {
    /// Debian packages, sorted by name.
    Packages(Vec<LockedPackage>),
    /// Wheels, sorted by name.
    Wheels(Vec<LockedWheel>),
}

impl Sources {
    /// The files that the sources are in: name, digest and bytes.
    pub fn files(&self) -> Vec<(String, Digest, u64)> {
        match self {
            Self::Packages(packages) => packages.iter().map(LockedPackage::as_file).collect(),
            Self::Wheels(wheels) => wheels.iter().map(LockedWheel::as_file).collect(),
        }
    }
}

impl PlannedLayer {
    /// Bytes of the files that it is made from.
    #[must_use]
    pub fn input_size(&self) -> u64 {
        match &self.contents {
            Contents::Whiteouts(_) | Contents::Venv(_) => 0,
            Contents::Debian(packages) => packages.iter().map(|package| package.size).sum(),
            Contents::Wheels(wheels) => wheels.iter().map(|wheel| wheel.size).sum(),
            Contents::Share { wheel, of, .. } => wheel.size / *of as u64,
            Contents::Bytecode { of, .. } => bytecode::estimate(of),
        }
    }
}

/// The layers of one image, without the base's below and the scripts' above. `platform` is what lies
/// under this image: [`LockedPlatform::under`].
///
/// # Errors
/// When the image would have more than [`MOST_LAYERS`], whatever is put together.
pub fn plan(platform: &LockedPlatform, image: &LockedImage, frame: Frame<'_>) -> Result<Vec<PlannedLayer>, PlanError> {
    let below = [
        whiteouts(image, frame),
        debian(platform, frame),
        bytecode::of_packages(platform, frame),
        venv(platform, frame),
    ];
    let below: Vec<PlannedLayer> = below.into_iter().flatten().collect();
    let compiled = bytecode::of_wheels(platform, image, frame);
    let others = frame.others + below.len() + compiled.len();
    let cap = if frame.encoding.compression == Compression::None { CAP_UNCOMPRESSED } else { CAP };
    let limits = group::Limits { layers: MOST_LAYERS.saturating_sub(others), cap };
    let too_many = |wheels| PlanError::TooManyLayers {
        platform: platform.platform.clone(),
        others: frame.others,
        needed: others + wheels,
    };
    if others > MOST_LAYERS {
        return Err(too_many(0));
    }
    let groups = group::groups(&image.wheels, frame.beside, frame.own, limits).map_err(too_many)?;
    let wheels = groups.into_iter().map(|group| {
        let key = key::of_wheels(&group.wheels, group.share, &platform.facts, frame.encoding);
        PlannedLayer { name: group.name, key, contents: contents(group.wheels, group.share) }
    });
    Ok(below.into_iter().chain(wheels).chain(compiled).collect())
}

fn whiteouts(image: &LockedImage, frame: Frame<'_>) -> Option<PlannedLayer> {
    let mut hidden: Vec<String> = image.replaced.iter().flat_map(|replaced| replaced.hides.clone()).collect();
    hidden.sort();
    hidden.dedup();
    let planned = || PlannedLayer {
        name: "replaced".to_owned(),
        key: key::of_whiteouts(&hidden, frame.encoding),
        contents: Contents::Whiteouts(hidden.clone()),
    };
    (!hidden.is_empty()).then(planned)
}

fn venv(platform: &LockedPlatform, frame: Frame<'_>) -> Option<PlannedLayer> {
    let venv = platform.venv.as_ref()?;
    let key = key::of_venv(venv, platform, frame.encoding);
    Some(PlannedLayer { name: "venv".to_owned(), key, contents: Contents::Venv(venv.clone()) })
}

fn debian(platform: &LockedPlatform, frame: Frame<'_>) -> Option<PlannedLayer> {
    let packages = &platform.debian;
    let planned = || PlannedLayer {
        name: "debian".to_owned(),
        key: key::of_debian(platform, frame),
        contents: Contents::Debian(packages.clone()),
    };
    (!packages.is_empty()).then(planned)
}

fn contents(wheels: Vec<LockedWheel>, share: Option<(usize, usize)>) -> Contents {
    match (share, &wheels[..]) {
        (Some((number, of)), [wheel]) => Contents::Share { wheel: wheel.clone(), number, of },
        _ => Contents::Wheels(wheels),
    }
}

/// Names what becomes of the modules of a wheel when `compiler` compiles them, in whatever layer.
#[must_use]
pub fn modules_key(wheel: &LockedWheel, compiler: &Compiler, facts: &Facts) -> Digest {
    key::of_modules(wheel, compiler, facts)
}

/// The key of a layer of files of the user's: the digests of what is in it, in order, and who compiles those
/// that are Python's, if anybody does.
#[must_use]
pub fn scripts_key(
    files: &[(String, u32, Digest)],
    compiler: Option<&Compiler>,
    facts: &Facts,
    encoding: Encoding,
) -> LayerKey {
    key::of_scripts(files, compiler, facts, encoding)
}

#[cfg(test)]
mod tests;
