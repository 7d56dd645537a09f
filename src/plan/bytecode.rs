//! Which compiled sources share a layer: those of wheels for any platform stand apart from the others, so that
//! all platforms share them, and both stand with what is in the same images of the recipe, as the wheels do.

use std::collections::BTreeMap;

use super::{
    Contents, Frame, PlannedLayer, Sources,
    group::{Images, images, named, told_apart},
    key,
};
use crate::lock::{LockedImage, LockedPlatform, LockedWheel};

/// Layers of compiled sources; where images differ so much that it were more, what they have in common is not
/// looked at.
const MOST: usize = 8;

/// What the sources of a wheel for one platform come to at most, in bytes, near enough: most of it is no source.
const SOURCES: u64 = 8 << 20;

/// Bytes of what `sources` become, near enough for an estimate.
pub(super) fn estimate(sources: &Sources) -> u64 {
    sources.files().into_iter().map(|(file, _, size)| if is_for_any(&file) { size } else { size.min(SOURCES) }).sum()
}

/// Of the packages' Python sources, where there are any.
pub(super) fn of_packages(platform: &LockedPlatform, frame: Frame<'_>) -> Option<PlannedLayer> {
    let compiler = platform.compiler.as_ref()?;
    let is_python = |name: &str| name.starts_with("python3") || name.starts_with("libpython3");
    let of = Sources::Packages(platform.debian.clone());
    let planned = || PlannedLayer {
        name: "bytecode of debian".to_owned(),
        key: key::of_bytecode((compiler, &of), platform, frame),
        contents: Contents::Bytecode { compiler: compiler.clone(), of: of.clone() },
    };
    platform.debian.iter().any(|package| is_python(&package.name)).then(planned)
}

/// Of the wheels' sources; those that all platforms share come first.
pub(super) fn of_wheels(platform: &LockedPlatform, image: &LockedImage, frame: Frame<'_>) -> Vec<PlannedLayer> {
    let Some(compiler) = &platform.compiler else { return Vec::new() };
    let mut shared = placed(&image.wheels, |wheel| images(wheel, frame.beside));
    if shared.len() > MOST {
        shared = placed(&image.wheels, |_| Images::default());
    }
    let names = shared.values().map(|wheels| {
        let many = || format!("{} wheels", wheels.len());
        format!("bytecode of {}", named(wheels).unwrap_or_else(many))
    });
    let names: Vec<String> = told_apart(names.zip(shared.values().map(Vec::as_slice)));
    let layer = |(name, wheels): (String, Vec<LockedWheel>)| {
        let of = Sources::Wheels(wheels);
        let key = key::of_bytecode((compiler, &of), platform, frame);
        PlannedLayer { name, key, contents: Contents::Bytecode { compiler: compiler.clone(), of } }
    };
    names.into_iter().zip(shared.into_values()).map(layer).collect()
}

fn placed(
    wheels: &[LockedWheel],
    images: impl Fn(&LockedWheel) -> Images,
) -> BTreeMap<(bool, Images), Vec<LockedWheel>> {
    let mut places = BTreeMap::<_, Vec<LockedWheel>>::new();
    for wheel in wheels {
        places.entry((!is_for_any(&wheel.file), images(wheel))).or_default().push(wheel.clone());
    }
    places
}

fn is_for_any(file: &str) -> bool {
    file.ends_with("-any.whl")
}
