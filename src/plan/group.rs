//! Which wheels share a layer. The rule looks at one wheel at a time, so that adding, removing or
//! bumping one never moves another to a different layer.

use std::collections::BTreeMap;

use crate::{lock::LockedWheel, oci::Digest, python::NamePattern};

/// A wheel from this size on, in bytes, has a layer of its own.
const GIANT: u64 = 64 << 20;

/// A wheel below this size, in bytes, goes into the one layer of small wheels.
const SMALL: u64 = 2 << 20;

/// Layers among which wheels between the two sizes are spread, by name.
const SPREAD: u8 = 8;

/// Wheels that share a layer.
pub(super) struct Group {
    pub(super) name: String,
    pub(super) wheels: Vec<LockedWheel>,
}

/// Where a wheel belongs; ordered as layers are: what is largest and changes least comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Own(String),
    Spread(u8),
    Small,
}

pub(super) fn groups(wheels: &[LockedWheel], own: &[NamePattern]) -> Vec<Group> {
    let mut places: BTreeMap<Place, Vec<LockedWheel>> = BTreeMap::new();
    for wheel in wheels {
        places.entry(place(wheel, own)).or_default().push(wheel.clone());
    }
    places.into_iter().map(|(place, wheels)| Group { name: name(&place, &wheels), wheels }).collect()
}

fn place(wheel: &LockedWheel, own: &[NamePattern]) -> Place {
    if wheel.size >= GIANT || own.iter().any(|pattern| wheel.name.parse().is_ok_and(|name| pattern.matches(&name))) {
        Place::Own(wheel.name.clone())
    } else if wheel.size < SMALL {
        Place::Small
    } else {
        Place::Spread(Digest::of(wheel.name.as_bytes()).as_bytes()[0] % SPREAD)
    }
}

fn name(place: &Place, wheels: &[LockedWheel]) -> String {
    let names = || wheels.iter().map(|wheel| wheel.name.as_str()).collect::<Vec<_>>();
    match place {
        Place::Own(name) => name.clone(),
        Place::Spread(_) | Place::Small if wheels.len() <= 3 => names().join(" "),
        Place::Spread(_) => format!("{} and {} more", names()[..2].join(" "), wheels.len() - 2),
        Place::Small => format!("{} small wheels", wheels.len()),
    }
}
