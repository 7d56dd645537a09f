//! What one lock holds otherwise than an earlier one: for people who want to know what an upgrade did.

use std::collections::{BTreeMap, BTreeSet};

use super::{Lock, LockedImage, LockedPackage};
use crate::oci::Platform;

/// Something that came, went, or became another, with every place where it did.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockChange {
    /// What sort of thing.
    pub kind: LockedKind,
    /// Its name; empty for the base.
    pub name: String,
    /// The version, or the digest of the base, that the earlier lock had.
    pub before: Option<String>,
    /// The one that the later lock has.
    pub after: Option<String>,
    /// Where. Sorted.
    pub places: Vec<Place>,
}

/// The sorts of things in a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LockedKind {
    /// The base image.
    Base,
    /// A Debian package.
    Package,
    /// A wheel.
    Wheel,
}

/// An image of a lock; of what lies below wheels, all images of a platform.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The variant, for wheels of a recipe with variants.
    pub variant: Option<String>,
    /// The platform.
    pub platform: Platform,
}

/// Sort, name, and what changed → where.
type Found = BTreeMap<(LockedKind, String, Option<String>, Option<String>), BTreeSet<Place>>;

/// A version, and what tells files of one version from each other.
type Entry<'l> = (&'l str, &'l str);

pub(super) fn changes(before: &Lock, after: &Lock) -> Vec<LockChange> {
    let mut found = Found::new();
    let platforms = keyed(before.platforms.iter().chain(&after.platforms).map(|locked| &locked.platform));
    for platform in platforms {
        let (old, new) = (before.platform(platform), after.platform(platform));
        let place = Place { variant: None, platform: platform.clone() };
        let base = |locked: Option<&super::LockedPlatform>| locked.and_then(|locked| locked.base);
        if base(old) != base(new) {
            let digest = |locked| base(locked).map(|digest| digest.to_string());
            note(&mut found, (LockedKind::Base, ""), (digest(old), digest(new)), &place);
        }
        let list = |locked: Option<&super::LockedPlatform>| locked.map(|locked| locked.debian.clone());
        let (old, new) = (list(old).unwrap_or_default(), list(new).unwrap_or_default());
        compare(&mut found, LockedKind::Package, (&packages(&old), &packages(&new)), &place);
    }
    let images = keyed(before.images.iter().chain(&after.images).map(|image| (&image.variant, &image.platform)));
    for (variant, platform) in images {
        let (old, new) = (before.image(variant.as_deref(), platform), after.image(variant.as_deref(), platform));
        let place = Place { variant: variant.clone(), platform: platform.clone() };
        compare(&mut found, LockedKind::Wheel, (&wheels(old), &wheels(new)), &place);
    }
    let change = |((kind, name, before, after), places): (_, BTreeSet<Place>)| {
        let places = places.into_iter().collect();
        LockChange { kind, name, before, after, places }
    };
    found.into_iter().map(change).collect()
}

fn keyed<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeSet<K> {
    keys.collect()
}

fn packages(packages: &[LockedPackage]) -> BTreeMap<&str, Entry<'_>> {
    packages.iter().map(|package| (package.name.as_str(), (package.version.as_str(), package.path.as_str()))).collect()
}

fn wheels(image: Option<&LockedImage>) -> BTreeMap<&str, Entry<'_>> {
    // Only a digest tells two builds of one file name apart, and it says nothing to people.
    let wheels = image.map(|image| image.wheels.as_slice()).unwrap_or_default();
    wheels.iter().map(|wheel| (wheel.name.as_str(), (wheel.version.as_str(), wheel.file.as_str()))).collect()
}

fn compare(
    found: &mut Found,
    kind: LockedKind,
    (before, after): (&BTreeMap<&str, Entry<'_>>, &BTreeMap<&str, Entry<'_>>),
    place: &Place,
) {
    for name in keyed(before.keys().chain(after.keys())) {
        let (old, new) = (before.get(*name), after.get(*name));
        if old == new {
            continue;
        }
        let same_version = old.map(|(version, _)| version) == new.map(|(version, _)| version);
        let told = |entry: Option<&Entry<'_>>| {
            let (version, file) = entry?;
            Some(if same_version { format!("{version} ({file})") } else { (*version).to_owned() })
        };
        note(found, (kind, name), (told(old), told(new)), place);
    }
}

fn note(
    found: &mut Found,
    (kind, name): (LockedKind, &str),
    (before, after): (Option<String>, Option<String>),
    place: &Place,
) {
    found.entry((kind, name.to_owned(), before, after)).or_default().insert(place.clone());
}
