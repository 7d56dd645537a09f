//! The rule of grouping, and what a key depends on.

use proptest::prelude::*;

use super::*;
use crate::{
    lock::{Facts, Interpreter, Scheme, Symlink, WheelSource},
    oci::Platform,
};

fn wheel(name: &str, size: u64) -> LockedWheel {
    LockedWheel {
        uploaded: None,
        own_hash: false,
        name: name.to_owned(),
        version: "1.0".to_owned(),
        file: format!("{name}-1.0-py3-none-any.whl"),
        sha256: Digest::of(format!("{name} {size}").as_bytes()),
        size,
        source: WheelSource::Index("default".to_owned()),
        why: vec!["recipe".to_owned()],
    }
}

fn encoding() -> Encoding {
    Encoding { format: 1, compression: Compression::Gzip }
}

fn frame(others: usize) -> Frame<'static> {
    Frame { encoding: encoding(), others, beside: &[], own: &[], strip: &[], time_zone: None, certificates: &[] }
}

fn planned_in(wheels: Vec<LockedWheel>, frame: Frame<'_>) -> Result<Vec<PlannedLayer>, PlanError> {
    let platform = "linux/amd64".parse().unwrap();
    let below = LockedPlatform::new(platform, None, Facts::default());
    let platform = below.platform.clone();
    let image = LockedImage::new(None, platform, wheels);
    plan(&below, &image, frame)
}

fn planned(wheels: Vec<LockedWheel>) -> Vec<PlannedLayer> {
    planned_in(wheels, frame(3)).unwrap()
}

fn names(layers: &[PlannedLayer]) -> Vec<&str> {
    layers.iter().map(|layer| layer.name.as_str()).collect()
}

fn members(layer: &PlannedLayer) -> Vec<&str> {
    match &layer.contents {
        Contents::Wheels(wheels) => wheels.iter().map(|wheel| wheel.name.as_str()).collect(),
        Contents::Share { wheel, .. } => vec![&wheel.name],
        Contents::Debian(_) | Contents::Whiteouts(_) | Contents::Venv(_) | Contents::Bytecode { .. } => Vec::new(),
    }
}

/// What a layer holds besides `name`, and its key if it does not hold that.
fn without<'l>(layer: &'l PlannedLayer, name: &str) -> (Vec<&'l str>, Option<LayerKey>) {
    let members = members(layer);
    let key = (!members.contains(&name)).then_some(layer.key);
    (members.into_iter().filter(|member| *member != name).collect(), key)
}

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..4 << 20, 0_u64..70 << 20, 0_u64..5 << 30]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,6}", "nvidia-[a-c]", Just("torch".to_owned()), Just("triton".to_owned())]
}

proptest! {
    /// Adding is removing the other way round.
    #[test]
    fn a_change_of_one_wheel_changes_only_the_layers_that_hold_it(
        sizes in prop::collection::btree_map(name(), size(), 1..40),
        position in any::<prop::sample::Index>(),
        size in size(),
    ) {
        let wheels: Vec<_> = sizes.iter().map(|(name, size)| wheel(name, *size)).collect();
        let changed = position.index(wheels.len());
        let name = wheels[changed].name.clone();
        let mut bumped = wheels.clone();
        bumped[changed] = wheel(&name, size);
        let mut removed = wheels.clone();
        removed.remove(changed);
        let (before, after) = (planned(wheels), [planned(bumped), planned(removed)]);
        for layers in after {
            // But for the wheel itself, the same layers with the same wheels; and the same keys where
            // it is in neither of them.
            let rest = |layers: &[PlannedLayer]| -> std::collections::BTreeMap<String, Option<LayerKey>> {
                let rest = layers.iter().map(|layer| without(layer, &name)).filter(|(members, _)| !members.is_empty());
                rest.map(|(members, key)| (members.join(" "), key)).collect()
            };
            let (old, new) = (rest(&before), rest(&layers));
            prop_assert_eq!(old.keys().collect::<Vec<_>>(), new.keys().collect::<Vec<_>>());
            for (members, key) in old {
                if let (Some(key), Some(Some(other))) = (key, new.get(&members)) {
                    prop_assert_eq!(key, *other, "{}", members);
                }
            }
        }
    }

    #[test]
    fn the_budget_is_kept_and_no_wheel_lost(
        sizes in prop::collection::btree_map(name(), 0_u64..900 << 20, 1..60),
        others in 90_usize..125,
    ) {
        let wheels: Vec<_> = sizes.iter().map(|(name, size)| wheel(name, *size)).collect();
        let layers = planned_in(wheels, frame(others));
        match layers {
            Ok(layers) => {
                prop_assert!(layers.len() + others <= MOST_LAYERS);
                let mut held: Vec<&str> = layers.iter().flat_map(members).collect();
                held.sort_unstable();
                prop_assert_eq!(held, sizes.keys().collect::<Vec<_>>());
                let bytes = |layer: &PlannedLayer| members(layer).iter().map(|name| sizes[*name]).sum::<u64>();
                prop_assert!(layers.iter().all(|layer| bytes(layer) <= CAP));
            }
            // 60 wheels below 900 MiB fit into 14 layers of 4 GiB, but for unlucky names.
            Err(PlanError::TooManyLayers { .. }) => prop_assert!(others > 105),
        }
    }
}

#[test]
fn giants_come_first_and_the_small_tail_last() {
    let layers = planned(vec![
        wheel("aaa", 10),
        wheel("numpy", 18 << 20),
        wheel("nvidia-cudnn", 700 << 20),
        wheel("nvidia-nvtx", 10),
        wheel("torch", 700 << 20),
        wheel("triton", 60 << 20),
        wheel("zzz", 10),
    ]);
    assert_eq!(names(&layers), ["nvidia-cudnn", "torch", "nvidia-nvtx triton", "numpy", "aaa zzz"]);
    let own: NamePattern = "n*".parse().unwrap();
    let layers = planned_in(vec![wheel("numpy", 10), wheel("zzz", 10)], Frame { own: &[own], ..frame(0) }).unwrap();
    assert_eq!(names(&layers), ["numpy", "zzz"]);
}

#[test]
fn a_wheel_over_the_cap_is_split() {
    let layers = planned(vec![wheel("torch", CAP + 1), wheel("zzz", 10)]);
    assert_eq!(names(&layers), ["torch 1/2", "torch 2/2", "zzz"]);
    assert_ne!(layers[0].key, layers[1].key);
    let plain = Encoding { compression: Compression::None, ..encoding() };
    let layers = planned_in(vec![wheel("torch", CAP)], Frame { encoding: plain, ..frame(0) }).unwrap();
    assert_eq!(layers.len(), 4);
}

#[test]
fn the_smallest_giants_join_others_when_layers_run_out() {
    let wheels =
        || (0..10).map(|index| wheel(&format!("giant-{index}"), (100 + index * 100) << 20)).collect::<Vec<_>>();
    let layers = planned_in(wheels(), frame(MOST_LAYERS - 8)).unwrap();
    let alone = ["giant-6", "giant-7", "giant-8", "giant-9"];
    assert_eq!(names(&layers)[..4], alone);
    assert_eq!(names(&layers)[4..], ["giant-2", "giant-3", "giant-0", "giant-1 giant-4 giant-5"]);
    // A bump within the same power of two folds the same wheels.
    let mut bumped = wheels();
    bumped[9] = wheel("giant-9", 1010 << 20);
    let after = planned_in(bumped, frame(MOST_LAYERS - 8)).unwrap();
    let kept = after.iter().filter(|layer| layers.iter().any(|other| other.key == layer.key)).count();
    assert_eq!(kept, after.len() - 1);
}

#[test]
fn a_base_of_too_many_layers_is_refused() {
    let error = planned_in(vec![wheel("demo", 10)], frame(MOST_LAYERS)).unwrap_err();
    let expect =
        "the image for linux/amd64 needs 126 layers, 125 of them the base's and the scripts', and may have 125";
    assert_eq!(error.to_string(), expect);
    assert_eq!(planned_in(vec![wheel("demo", 10)], frame(MOST_LAYERS - 1)).unwrap().len(), 1);
}

#[test]
fn what_was_asked_for_and_the_compression_are_part_of_the_key() {
    let asked = planned(vec![wheel("demo", 10)]);
    let needed = planned(vec![LockedWheel { why: vec!["other".to_owned()], ..wheel("demo", 10) }]);
    assert_ne!(asked[0].key, needed[0].key);
    let zstd = Encoding { compression: Compression::Zstd, ..encoding() };
    let other = planned_in(vec![wheel("demo", 10)], Frame { encoding: zstd, ..frame(3) }).unwrap();
    assert_ne!(asked[0].key, other[0].key);
    assert_ne!(scripts_key(&[], None, &Facts::default(), zstd), scripts_key(&[], None, &Facts::default(), encoding()));
}

#[test]
fn a_variant_that_includes_others_consists_of_their_layers() {
    let platform: crate::oci::Platform = "linux/amd64".parse().unwrap();
    let image = |variant: &str, names: &[&str]| {
        let wheels = names.iter().map(|name| wheel(name, if name.len() > 3 { 10 << 20 } else { 10 })).collect();
        LockedImage::new(Some(variant.to_owned()), platform.clone(), wheels)
    };
    let first = image("first", &["a", "b", "both", "both2", "s", "torch"]);
    let second = image("second", &["both", "both2", "keras", "s", "t"]);
    let full = image("full", &["a", "b", "both", "both2", "keras", "s", "t", "torch"]);
    let beside = [&first, &full, &second];
    let below = LockedPlatform::new(platform.clone(), None, Facts::default());
    let keys = |image: &LockedImage| -> Vec<LayerKey> {
        let frame = Frame { beside: &beside, ..frame(3) };
        plan(&below, image, frame).unwrap().iter().map(|layer| layer.key).collect()
    };
    let theirs = [keys(&first), keys(&second)].concat();
    assert!(keys(&full).iter().all(|key| theirs.contains(key)));
    // Alone it would be grouped otherwise.
    let alone: Vec<_> = plan(&below, &full, frame(3)).unwrap().iter().map(|layer| layer.key).collect();
    assert!(!alone.iter().all(|key| theirs.contains(key)));
    // Where there is room for fewer layers, they are put together instead.
    let tight = Frame { beside: &beside, ..frame(MOST_LAYERS - 3) };
    assert!(plan(&below, &full, tight).unwrap().len() <= 3);
}

#[test]
fn compiled_sources_are_shared_where_their_wheels_are() {
    let compiler = |version: &str| Compiler {
        version: version.parse().unwrap(),
        magic: 3495,
        cache_tag: "cpython-311".to_owned(),
    };
    let native = |platform: &str| {
        let machine = if platform == "linux/amd64" { "x86_64" } else { "aarch64" };
        let file = format!("numpy-1.0-cp311-cp311-manylinux_2_17_{machine}.whl");
        LockedWheel { sha256: Digest::of(file.as_bytes()), file, ..wheel("numpy", 18 << 20) }
    };
    let site = || "/opt/venv/lib".to_owned();
    let scheme = Scheme { purelib: site(), platlib: site(), scripts: site(), data: site(), headers: site() };
    let python = Interpreter {
        path: "/usr/bin/python3".to_owned(),
        version: "3.11.4".parse().unwrap(),
        free_threaded: false,
        scheme,
    };
    let over = |links: &[(&str, &str)]| Facts {
        python: Some(python.clone()),
        symlinks: links
            .iter()
            .map(|(path, target)| Symlink { path: (*path).to_owned(), target: (*target).to_owned() })
            .collect(),
        ..Facts::default()
    };
    let on_facts = |facts: &Facts, platform: &str, compiler: Option<Compiler>, wheels: &[LockedWheel]| {
        let platform: Platform = platform.parse().unwrap();
        let below = LockedPlatform { compiler, ..LockedPlatform::new(platform.clone(), None, facts.clone()) };
        let image = LockedImage::new(None, platform, wheels.to_vec());
        let layers = plan(&below, &image, frame(3)).unwrap();
        let bytecode = layers.into_iter().filter(|layer| matches!(layer.contents, Contents::Bytecode { .. }));
        bytecode.map(|layer| (layer.name, layer.key)).collect::<Vec<_>>()
    };
    let on = |platform: &str, compiler, wheels: &[LockedWheel]| on_facts(&over(&[]), platform, compiler, wheels);
    let wheels = |platform: &str| [wheel("flask", 10), native(platform)];
    let (amd64, arm64) = ("linux/amd64", "linux/arm64");
    assert_eq!(on(amd64, None, &wheels(amd64)), []);
    let here = on(amd64, Some(compiler("3.11.2")), &wheels(amd64));
    let there = on(arm64, Some(compiler("3.11.2")), &wheels(arm64));
    assert_eq!(here[0].0, "bytecode of flask");
    assert_eq!(here[1].0, "bytecode of numpy");
    assert_eq!(here[0], there[0]);
    assert_ne!(here[1].1, there[1].1, "their sources may differ");
    assert_ne!(on(amd64, Some(compiler("3.11.7")), &wheels(amd64))[0].1, here[0].1);
    let asked = LockedWheel { why: vec!["flask".to_owned()], ..wheel("flask", 10) };
    assert_eq!(on(amd64, Some(compiler("3.11.2")), &[asked])[0], here[0], "no source says who asked");
    let over =
        |links: &[(&str, &str)]| on_facts(&over(links), amd64, Some(compiler("3.11.2")), &wheels(amd64))[0].clone();
    assert_eq!(over(&[("/lib64", "usr/lib64"), ("/var/run", "/run")]), here[0], "nothing goes there");
    let moved = over(&[("/opt", "data")]);
    assert_ne!(moved, here[0]);
    assert_ne!(over(&[("/data/venv", "../v/./x"), ("/opt", "data")]), moved, "a link leads to a link");
    assert_ne!(over(&[("/opt/venv/lib/flask", "/x")]), here[0]);
}

#[test]
fn packages_are_compiled_where_python_is_among_them() {
    let package = |name: &str| LockedPackage {
        name: name.to_owned(),
        version: "1".to_owned(),
        archive: "debian".to_owned(),
        suite: None,
        path: format!("pool/{name}.deb"),
        sha256: Digest::of(name.as_bytes()),
        size: 1,
        why: Vec::new(),
    };
    let names = |packages: &[&str]| {
        let compiler =
            Compiler { version: "3.11.2".parse().unwrap(), magic: 3495, cache_tag: "cpython-311".to_owned() };
        let below = LockedPlatform {
            compiler: Some(compiler),
            debian: packages.iter().map(|name| package(name)).collect(),
            ..LockedPlatform::new("linux/amd64".parse().unwrap(), None, Facts::default())
        };
        let image = LockedImage::new(None, below.platform.clone(), Vec::new());
        plan(&below, &image, frame(0)).unwrap().into_iter().map(|layer| layer.name).collect::<Vec<_>>()
    };
    assert_eq!(names(&["libc6"]), ["debian"]);
    assert_eq!(names(&["libc6", "python3.11-minimal"]), ["debian", "bytecode of debian"]);
}

#[test]
fn scripts_are_others_when_they_are_compiled() {
    let compiler = Compiler { version: "3.11.2".parse().unwrap(), magic: 3495, cache_tag: "cpython-311".to_owned() };
    let key = |compiler: Option<&Compiler>| scripts_key(&[], compiler, &Facts::default(), encoding());
    assert_ne!(key(None), key(Some(&compiler)));
}
