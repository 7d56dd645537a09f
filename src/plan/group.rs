//! Which wheels share a layer. The rule looks at one wheel at a time, so that adding, removing or
//! bumping one never moves another to a different layer:
//!
//! 1. A wheel that the recipe wants by itself, or of 64 MiB and more, has a layer of its own. Over the
//!    cap it has several.
//! 2. The smaller members of a family of frameworks share one layer.
//! 3. The rest is spread by name over eight layers, but what is below 2 MiB, the pure-Python tail,
//!    which shares one.
//! 4. What stands in layers with others stands there with what is in the same images of the recipe: a
//!    variant that includes two others consists of their layers.
//!
//! When that makes more layers than an image may have, the fourth rule is left out; only when there are still
//! too many, wheels with layers of their own join the
//! eight, the smallest first. Sizes are compared by powers of two and then names, so that a bump
//! seldom changes who joins.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use super::key;
use crate::{
    lock::{LockedImage, LockedWheel},
    oci::Digest,
    python::NamePattern,
};

/// A wheel from this size on, in bytes, has a layer of its own.
const GIANT: u64 = 64 << 20;

/// A wheel below this size, in bytes, goes into the one layer of small wheels.
const SMALL: u64 = 2 << 20;

/// Layers among which wheels between the two sizes are spread, by name.
const SPREAD: u8 = 8;

/// Distributions that come and change together.
const FAMILIES: [(&str, &[&str]); 4] = [
    ("jax", &["jax", "jaxlib", "jax-*"]),
    ("onnxruntime", &["onnxruntime*"]),
    ("tensorflow", &["tensorflow*", "tf-keras*", "keras*", "tensorboard*"]),
    ("torch", &["torch", "torchvision", "torchaudio", "pytorch-triton*", "triton", "nvidia-*"]),
];

/// Wheels that share a layer, or a part of one wheel.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) wheels: Vec<LockedWheel>,
    /// Of a wheel over the cap: which part this is, counted from one, and how many there are.
    pub(super) share: Option<(usize, usize)>,
}

/// What groups must keep to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Layers.
    pub(super) layers: usize,
    /// Bytes of wheels in one layer.
    pub(super) cap: u64,
}

/// Where a wheel belongs; ordered as layers are: what is largest and changes least comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Own(String),
    Family(&'static str, Images),
    Spread(u8, Images),
    Small(Images),
}

/// Which images hold a wheel, by their places in the lock; what most have comes first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Images(Reverse<usize>, Vec<usize>);

type Places = BTreeMap<Place, Vec<LockedWheel>>;

/// The groups of `wheels`, in an image of which the recipe has those `beside` for the same platform; as an
/// error the number of layers without which it cannot be done.
pub(super) fn groups(
    wheels: &[LockedWheel],
    beside: &[&LockedImage],
    own: &[NamePattern],
    limits: Limits,
) -> Result<Vec<Group>, usize> {
    let grouped = |places: &Places| -> Vec<Group> {
        let mut groups: Vec<Group> = places.iter().flat_map(|(place, wheels)| cut(place, wheels, limits.cap)).collect();
        let names = told_apart(groups.iter().map(|group| (group.name.clone(), &group.wheels[..])));
        groups.iter_mut().zip(names).for_each(|(group, name)| group.name = name);
        groups
    };
    let groups = grouped(&placed(wheels, own, |wheel| images(wheel, beside)));
    if groups.len() <= limits.layers {
        return Ok(groups);
    }
    let mut places = placed(wheels, own, |_| Images::default());
    loop {
        let groups = grouped(&places);
        if groups.len() <= limits.layers {
            return Ok(groups);
        }
        if !fold(&mut places, limits.cap) {
            return Err(groups.len());
        }
    }
}

fn placed(wheels: &[LockedWheel], own: &[NamePattern], images: impl Fn(&LockedWheel) -> Images) -> Places {
    let mut places = Places::new();
    for wheel in wheels {
        places.entry(place(wheel, own, images(wheel))).or_default().push(wheel.clone());
    }
    places
}

/// Those of the images that hold `wheel` with the same bytes in their layers.
pub(super) fn images(wheel: &LockedWheel, beside: &[&LockedImage]) -> Images {
    let own = key::wheel_json(wheel);
    let same = |other: &LockedWheel| other.name == wheel.name && key::wheel_json(other) == own;
    let holds = |image: &LockedImage| image.wheels.iter().any(same);
    let places: Vec<usize> = (0..beside.len()).filter(|place| holds(beside[*place])).collect();
    Images(Reverse(places.len()), places)
}

fn place(wheel: &LockedWheel, own: &[NamePattern], images: Images) -> Place {
    if wheel.size >= GIANT || own.iter().any(|pattern| is(wheel, pattern)) {
        Place::Own(wheel.name.clone())
    } else if let Some(family) = family(wheel) {
        Place::Family(family, images)
    } else if wheel.size < SMALL {
        Place::Small(images)
    } else {
        spread(wheel, images)
    }
}

fn is(wheel: &LockedWheel, pattern: &NamePattern) -> bool {
    wheel.name.parse().is_ok_and(|name| pattern.matches(&name))
}

fn family(wheel: &LockedWheel) -> Option<&'static str> {
    let member = |pattern: &&str| pattern.parse().is_ok_and(|pattern| is(wheel, &pattern));
    FAMILIES.iter().find(|(_, members)| members.iter().any(member)).map(|(name, _)| *name)
}

fn spread(wheel: &LockedWheel, images: Images) -> Place {
    Place::Spread(hash(wheel)[0] % SPREAD, images)
}

/// Of the name, so that a version does not matter.
fn hash(wheel: &LockedWheel) -> [u8; 32] {
    *Digest::of(wheel.name.as_bytes()).as_bytes()
}

fn total(wheels: &[LockedWheel]) -> u64 {
    wheels.iter().map(|wheel| wheel.size).sum()
}

/// The layers of one place: one, unless it is over the cap.
fn cut(place: &Place, wheels: &[LockedWheel], cap: u64) -> Vec<Group> {
    match wheels {
        [wheel] if wheel.size > cap => {
            let of = usize::try_from(wheel.size.div_ceil(cap)).unwrap_or(usize::MAX);
            let part = |number| {
                let name = format!("{} {number}/{of}", wheel.name);
                Group { name, wheels: vec![wheel.clone()], share: Some((number, of)) }
            };
            (1..=of).map(part).collect()
        }
        _ => {
            let parts = halves(wheels.to_vec(), cap, 8);
            parts.into_iter().map(|wheels| Group { name: name(place, &wheels), wheels, share: None }).collect()
        }
    }
}

/// Wheels divided by the bits of their names' hashes, from bit `bit` on, until each part is below the cap.
fn halves(wheels: Vec<LockedWheel>, cap: u64, bit: usize) -> Vec<Vec<LockedWheel>> {
    if wheels.len() < 2 || total(&wheels) <= cap || bit == 256 {
        return if wheels.is_empty() { Vec::new() } else { vec![wheels] };
    }
    let is_set = |wheel: &LockedWheel| hash(wheel)[bit / 8] >> (bit % 8) & 1 == 1;
    let (right, left) = wheels.into_iter().partition(is_set);
    [halves(left, cap, bit + 1), halves(right, cap, bit + 1)].concat()
}

/// Makes one layer less: the smallest wheel with a layer of its own joins the spread ones; when none is
/// left, the first of the shared layers joins the last. Whether there was anything to do.
fn fold(places: &mut Places, cap: u64) -> bool {
    let mut moves: Vec<(Place, Place)> = own_by_size(places);
    let shared: Vec<&Place> = places.keys().filter(|place| !matches!(place, Place::Own(_))).collect();
    if let [first, .., last] = shared[..] {
        moves.push((first.clone(), last.clone()));
    }
    let size = |place: &Place| places.get(place).map_or(0, |wheels| total(wheels));
    let Some((from, to)) = moves.into_iter().find(|(from, to)| size(from) + size(to) <= cap) else { return false };
    let mut joining = places.remove(&from).unwrap_or_default();
    let wheels = places.entry(to).or_default();
    wheels.append(&mut joining);
    wheels.sort_by(|left, right| left.name.cmp(&right.name));
    true
}

fn own_by_size(places: &Places) -> Vec<(Place, Place)> {
    let mut own: Vec<(u32, &Place, &LockedWheel)> = places
        .iter()
        .filter_map(|(place, wheels)| match (place, &wheels[..]) {
            (Place::Own(_), [wheel]) => Some((wheel.size.checked_ilog2().unwrap_or_default(), place, wheel)),
            _ => None,
        })
        .collect();
    own.sort_by(|left, right| (left.0, left.1).cmp(&(right.0, right.1)));
    own.into_iter().map(|(_, place, wheel)| (place.clone(), spread(wheel, Images::default()))).collect()
}

/// The names of groups, of which no two are one: a later one is named after its first wheel too.
pub(super) fn told_apart<'w>(groups: impl Iterator<Item = (String, &'w [LockedWheel])>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let name = |(name, wheels): (String, &[LockedWheel])| match (seen.insert(name.clone()), wheels) {
        (false, [first, ..]) => format!("{name} from {} on", first.name),
        _ => name,
    };
    groups.map(name).collect()
}

/// The names of wheels, where they are few.
pub(super) fn named(wheels: &[LockedWheel]) -> Option<String> {
    let names = || wheels.iter().map(|wheel| wheel.name.as_str()).collect::<Vec<_>>().join(" ");
    (wheels.len() <= 3).then(names)
}

fn name(place: &Place, wheels: &[LockedWheel]) -> String {
    let many = || match place {
        Place::Own(_) | Place::Spread(..) => {
            format!("{} {} and {} more", wheels[0].name, wheels[1].name, wheels.len() - 2)
        }
        Place::Family(family, _) => format!("{} wheels around {family}", wheels.len()),
        Place::Small(_) => format!("{} small wheels", wheels.len()),
    };
    named(wheels).unwrap_or_else(many)
}
