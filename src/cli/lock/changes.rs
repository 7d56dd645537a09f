//! What a new lock changed, as people read it.

use std::{collections::BTreeSet, fmt::Write as _};

use crate::{
    cli::{quantity, report::visible},
    lock::{Lock, LockChange, LockedImage, LockedKind, Place},
};

/// Characters of a digest that tell it from others.
const DIGEST: usize = 19;

/// A line for everything that came, went or moved; nothing when nothing did.
pub(super) fn told(before: &Lock, after: &Lock) -> String {
    let mut text = String::new();
    for change in after.changes_since(before) {
        let _ = writeln!(text, "  {}", visible(&line(&change, after)));
    }
    text
}

fn line(change: &LockChange, lock: &Lock) -> String {
    let name = match change.kind {
        LockedKind::Base => "the base".to_owned(),
        LockedKind::Package => format!("{} (Debian)", change.name),
        LockedKind::Wheel => change.name.clone(),
    };
    let short = |version: &String| match change.kind {
        LockedKind::Base => format!("{}…", version.chars().take(DIGEST).collect::<String>()),
        _ => version.clone(),
    };
    let what = match (&change.before, &change.after) {
        (None, after) => format!("+ {name} {}", after.as_ref().map(short).unwrap_or_default()),
        (Some(before), None) => format!("- {name} {}", short(before)),
        (Some(before), Some(after)) => format!("~ {name} {} → {}", short(before), short(after)),
    };
    let places = match change.kind {
        LockedKind::Wheel => places(&change.places, &images(lock)),
        _ => platforms(&change.places, lock),
    };
    format!("{what}{places}")
}

/// ` (linux/amd64)`; nothing where `here` are all platforms of the lock.
pub(super) fn platforms(here: &[Place], lock: &Lock) -> String {
    let all = lock.platforms.iter().map(|locked| Place { variant: None, platform: locked.platform.clone() });
    places(here, &all.collect())
}

/// Every image of the lock.
pub(super) fn images(lock: &Lock) -> BTreeSet<Place> {
    let image = |image: &LockedImage| Place { variant: image.variant.clone(), platform: image.platform.clone() };
    lock.images.iter().map(image).collect()
}

/// ` (pytorch, tensorflow on linux/amd64)`; nothing where `here` is all there is.
pub(super) fn places(here: &[Place], all: &BTreeSet<Place>) -> String {
    let whole =
        |same: &dyn Fn(&Place) -> bool| all.iter().filter(|place| same(place)).all(|place| here.contains(place));
    if whole(&|_| true) {
        return String::new();
    }
    let name = |place: &Place| match &place.variant {
        Some(variant) if whole(&|other| other.variant == place.variant) => variant.clone(),
        Some(variant) if !whole(&|other| other.platform == place.platform) => {
            format!("{variant} on {}", place.platform)
        }
        _ => place.platform.to_string(),
    };
    let names: BTreeSet<String> = here.iter().map(name).collect();
    format!(" ({})", names.into_iter().collect::<Vec<_>>().join(", "))
}

/// `  pytorch, linux/amd64: 12 wheels (1.2 GB)`, a line for each image.
pub(super) fn contents(lock: &Lock) -> String {
    let mut text = String::new();
    for image in &lock.images {
        let variant = image.variant.as_ref().map(|variant| format!("{variant}, ")).unwrap_or_default();
        let packages = lock.platform(&image.platform).map_or(0, |platform| platform.debian.len());
        let wheels = quantity::count(image.wheels.len(), "wheel");
        let packages = match packages {
            0 => String::new(),
            packages => format!(", {}", quantity::count(packages, "Debian package")),
        };
        let size = quantity::bytes(image.wheels.iter().map(|wheel| wheel.size).sum());
        let _ = writeln!(text, "  {variant}{}: {wheels} ({size}){packages}", image.platform);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        lock::{LockedPlatform, LockedWheel, WheelSource},
        oci::Digest,
    };

    /// `variant platform name version` of every wheel; the base is named by its digest's text.
    fn lock(base: &str, wheels: &[[&str; 4]]) -> Lock {
        let platforms: [crate::oci::Platform; 2] = ["linux/amd64", "linux/arm64"].map(|text| text.parse().unwrap());
        let mut images = Vec::new();
        for variant in ["one", "two"] {
            for platform in &platforms {
                let here = wheels.iter().filter(|wheel| {
                    [variant, "*"].contains(&wheel[0]) && [platform.to_string().as_str(), "*"].contains(&wheel[1])
                });
                let wheel = |[_, _, name, version]: &[&str; 4]| LockedWheel {
                    uploaded: None,
                    own_hash: false,
                    name: (*name).to_owned(),
                    version: (*version).to_owned(),
                    file: format!("{name}-{version}-py3-none-any.whl"),
                    sha256: Digest::of(b""),
                    size: 1,
                    source: WheelSource::Index("default".to_owned()),
                    why: Vec::new(),
                };
                let wheels = here.map(wheel).collect();
                let variant = Some(variant.to_owned());
                images.push(LockedImage::new(variant, platform.clone(), wheels));
            }
        }
        let below =
            |platform| LockedPlatform::new(platform, Some(Digest::of(base.as_bytes())), crate::lock::Facts::default());
        let platforms = platforms.map(below).into();
        Lock { version: 1, inputs: std::collections::BTreeMap::new(), platforms, images }
    }

    #[test]
    fn changes_are_told_once_with_their_places() {
        let before =
            lock("a", &[["*", "*", "numpy", "1.26"], ["one", "*", "gone", "1"], ["two", "linux/amd64", "native", "1"]]);
        let after = lock(
            "b",
            &[["*", "*", "numpy", "2.0"], ["*", "linux/arm64", "new", "1"], ["two", "linux/amd64", "native", "2"]],
        );
        insta::assert_snapshot!(told(&before, &after), @"
          ~ the base sha256:ca978112ca1b… → sha256:3e23e8160039…
          - gone 1 (one)
          ~ native 1 → 2 (two on linux/amd64)
          + new 1 (linux/arm64)
          ~ numpy 1.26 → 2.0
        ");
        assert_eq!(told(&after, &after), "");
    }
}
