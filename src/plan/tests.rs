//! The rule of grouping, and what a key depends on.

use proptest::prelude::*;

use super::*;
use crate::lock::{Facts, WheelSource};

fn wheel(name: &str, size: u64) -> LockedWheel {
    LockedWheel {
        name: name.to_owned(),
        version: "1.0".to_owned(),
        file: format!("{name}-1.0-py3-none-any.whl"),
        sha256: Digest::of(format!("{name} {size}").as_bytes()),
        size,
        source: WheelSource::Index("default".to_owned()),
        why: vec!["recipe".to_owned()],
    }
}

fn planned(wheels: Vec<LockedWheel>) -> Vec<PlannedLayer> {
    let platform = "linux/amd64".parse().unwrap();
    let below = LockedPlatform { platform, base: None, facts: Facts::default(), debian: Vec::new() };
    let platform = below.platform.clone();
    let image = LockedImage { variant: None, platform, choices: Vec::new(), wheels };
    plan(&below, &image, Frame { format: 1, own: &[], strip: &[] })
}

/// Keys of the layers that do not hold `name`.
fn others(layers: &[PlannedLayer], name: &str) -> Vec<LayerKey> {
    let holds = |layer: &PlannedLayer| match &layer.contents {
        Contents::Wheels(wheels) => wheels.iter().any(|wheel| wheel.name == name),
        Contents::Debian(_) => false,
    };
    layers.iter().filter(|layer| !holds(layer)).map(|layer| layer.key).collect()
}

proptest! {
    #[test]
    fn a_change_of_one_wheel_changes_only_the_layers_that_hold_it(
        sizes in prop::collection::btree_map("[a-z]{1,6}", 0_u64..200 << 20, 1..40),
        position in any::<prop::sample::Index>(),
        size in 0_u64..200 << 20,
    ) {
        let wheels: Vec<_> = sizes.iter().map(|(name, size)| wheel(name, *size)).collect();
        let changed = position.index(wheels.len());
        let name = wheels[changed].name.clone();
        let mut bumped = wheels.clone();
        bumped[changed] = wheel(&name, size);
        let mut removed = wheels.clone();
        removed.remove(changed);
        let before = planned(wheels);
        for after in [planned(bumped), planned(removed)] {
            let kept = others(&after, &name);
            // Layers without the wheel on both sides are the same; the one it left may differ.
            let lost = others(&before, &name).into_iter().filter(|key| !kept.contains(key)).count();
            prop_assert!(lost <= 1, "{lost} layers were lost");
        }
    }
}

#[test]
fn giants_come_first_and_the_small_tail_last() {
    let layers = planned(vec![wheel("aaa", 10), wheel("numpy", 18 << 20), wheel("torch", 700 << 20), wheel("zzz", 10)]);
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["torch", "numpy", "aaa zzz"]);
}

#[test]
fn what_was_asked_for_is_part_of_the_key() {
    let asked = planned(vec![wheel("demo", 10)]);
    let needed = planned(vec![LockedWheel { why: vec!["other".to_owned()], ..wheel("demo", 10) }]);
    assert_ne!(asked[0].key, needed[0].key);
}
