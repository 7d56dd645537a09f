//! What is worth a second thought before anything is built.

use std::collections::{BTreeMap, BTreeSet};

use super::{Foreseen, ForeseenLayer};
use crate::{builder::Made, hint::Hint, oci::Platform, plan::LayerKey, quantity, recipe::Base};

/// Something that stops nothing, and that one would rather know beforehand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreboding {
    /// A name for programs: `cuda`, `cuda-twice`, `base`, `not-shared`.
    pub kind: &'static str,
    /// The variant, if it is about one.
    pub variant: Option<String>,
    /// The platform.
    pub platform: Platform,
    /// One line.
    pub message: String,
    /// The way out.
    pub hint: Hint,
}

/// Wheels whose bytes shared by two variants are below this are not worth a word.
const LITTLE: u64 = 1 << 20;

/// What is worth a second thought in these images, whose base is called `name`.
#[must_use]
pub fn warnings(images: &[Foreseen], name: &Base) -> Vec<Foreboding> {
    let mut found: Vec<Foreboding> =
        images.iter().flat_map(|image| cuda(image).into_iter().chain(base(image, name))).collect();
    found.extend(not_shared(images));
    found
}

fn foreboding(image: &Foreseen, kind: &'static str, message: String, hint: &str) -> Foreboding {
    let (variant, platform) = (image.variant.clone(), image.platform.clone());
    Foreboding { kind, variant, platform, message, hint: Hint::new(hint) }
}

fn total<'a>(layers: impl IntoIterator<Item = &'a ForeseenLayer>) -> u64 {
    layers.into_iter().map(ForeseenLayer::estimate).sum()
}

fn is_cuda(name: &str) -> bool {
    name.starts_with("nvidia-")
}

/// CUDA by wheels: all of it may be unwanted, or be there already.
fn cuda(image: &Foreseen) -> Option<Foreboding> {
    let held: Vec<_> = image.layers.iter().flat_map(|layer| &layer.holds).filter(|held| is_cuda(&held.name)).collect();
    let bytes: u64 = held.iter().map(|held| held.size).sum();
    if held.is_empty() {
        return None;
    }
    let (shown, count) = (quantity::bytes(bytes), quantity::count(held.len(), "wheel"));
    let is_library =
        |soname: &str| ["libcudart.so", "libcublas.so", "libcudnn.so"].iter().any(|name| soname.starts_with(name));
    if let Some(library) = image.libraries.iter().find(|library| is_library(&library.soname)) {
        let message =
            format!("CUDA is there twice: the base brings {}, and {count} bring {shown} more", library.soname);
        let hint = "take a base without CUDA, or leave the wheels out: `wheels.exclude = [\"nvidia-*\"]`";
        return Some(foreboding(image, "cuda-twice", message, hint));
    }
    let series: BTreeSet<&str> =
        held.iter().filter_map(|held| held.name.rsplit_once("-cu").map(|(_, number)| number)).collect();
    if series.len() > 1 {
        let listed: Vec<&str> = series.into_iter().collect();
        let message = format!("CUDA is there in several versions: {}; {count}, {shown}", listed.join(" and "));
        return Some(foreboding(image, "cuda-twice", message, "require versions that are built for the same CUDA"));
    }
    let whole = total(&image.layers).max(1);
    let message = format!("CUDA takes {shown} of {}: {count}", quantity::bytes(whole));
    let hint = "where no GPU is meant, take torch from an index of CPU wheels (`wheels.index`, with `for`), and say `wheels.deny = [\"nvidia-*\"]`";
    Some(foreboding(image, "cuda", message, hint))
}

/// The larger part of what there is beside something else.
fn base(image: &Foreseen, name: &Base) -> Option<Foreboding> {
    let base = total(image.layers.iter().filter(|layer| layer.made == Made::Base));
    let whole = total(&image.layers);
    let message = || format!("the base is {} of {}", quantity::bytes(base), quantity::bytes(whole));
    let hint = if name.to_string().contains("slim") {
        "the same Python as a Debian package over `scratch` takes less: `[debian] packages = [\"python3\"]`"
    } else {
        "a smaller base has the same Python: a `-slim` one, or one of Debian packages over `scratch`"
    };
    (base > whole - base && base < whole).then(|| foreboding(image, "base", message(), hint))
}

/// Wheels that several variants hold on a platform, in layers that are not the same.
fn not_shared(images: &[Foreseen]) -> Vec<Foreboding> {
    type Groups<'a> = BTreeMap<(&'a Platform, Vec<&'a str>), (Vec<&'a str>, u64)>;
    type Places<'a> = BTreeMap<(&'a Platform, &'a str, &'a str), (u64, BTreeMap<Option<LayerKey>, BTreeSet<&'a str>>)>;
    let mut places = Places::new();
    for image in images {
        let Some(variant) = &image.variant else { continue };
        for layer in &image.layers {
            for held in &layer.holds {
                let place = places.entry((&image.platform, &held.name, &held.version)).or_default();
                place.0 = held.size;
                place.1.entry(layer.key).or_default().insert(variant);
            }
        }
    }
    // By platform and variants: names and bytes.
    let mut groups = Groups::new();
    for ((platform, name, _), (size, keys)) in &places {
        if keys.len() > 1 {
            let variants: BTreeSet<&str> = keys.values().flatten().copied().collect();
            // A wheel that is cut into several layers has several keys in one image.
            if keys.values().all(|holders| holders.len() == variants.len()) {
                continue;
            }
            let group = groups.entry((platform, variants.into_iter().collect())).or_default();
            group.0.push(name);
            group.1 += size;
        }
    }
    let worth = groups.into_iter().filter(|(_, (_, bytes))| *bytes >= LITTLE);
    worth
        .map(|((platform, variants), (names, bytes))| Foreboding {
            kind: "not-shared",
            variant: None,
            platform: platform.clone(),
            message: format!(
                "{} hold {} alike ({}) in layers that they do not share",
                variants.join(" and "),
                listed(&names),
                quantity::bytes(bytes)
            ),
            hint: Hint::new(format!("give them layers of their own: `layers.own = [\"{}\"]`", names.join("\", \""))),
        })
        .collect()
}

fn listed(names: &[&str]) -> String {
    match names {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{builder::Held, lock::Library, oci::Digest};

    fn layer(name: &str, made: Made, size: u64, holds: &[(&str, u64)]) -> ForeseenLayer {
        let holds =
            holds.iter().map(|(name, size)| Held { name: (*name).to_owned(), version: "1".to_owned(), size: *size });
        ForeseenLayer {
            name: name.to_owned(),
            key: None,
            made,
            size: Some(size),
            digest: Some(Digest::of(name.as_bytes())),
            inputs: size,
            fetched: Vec::new(),
            holds: holds.collect(),
        }
    }

    fn image(variant: Option<&str>, libraries: &[&str], layers: Vec<ForeseenLayer>) -> Foreseen {
        let library = |soname: &&str| Library { soname: (*soname).to_owned(), versions: Vec::new() };
        Foreseen {
            variant: variant.map(str::to_owned),
            platform: "linux/amd64".parse().unwrap(),
            layers,
            libraries: libraries.iter().map(library).collect(),
        }
    }

    fn check(images: &[Foreseen], expect: &[&str]) {
        let found: Vec<String> = warnings(images, &Base::Scratch)
            .into_iter()
            .map(|found| format!("{}: {}", found.kind, found.message))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn cuda_and_bases_are_weighed() {
        let base = || layer("base", Made::Base, 30_000_000, &[]);
        let torch = || layer("torch", Made::Built, 700_000_000, &[("torch", 700_000_000)]);
        let cuda = || {
            layer(
                "cuda",
                Made::Built,
                2_000_000_000,
                &[("nvidia-cudnn-cu12", 1_500_000_000), ("nvidia-nccl-cu12", 500_000_000)],
            )
        };
        check(&[image(None, &[], vec![base(), torch()])], &[]);
        check(&[image(None, &[], vec![base(), torch(), cuda()])], &["cuda: CUDA takes 2.0 GB of 2.7 GB: 2 wheels"]);
        check(
            &[image(None, &["libcudart.so.12"], vec![base(), torch(), cuda()])],
            &["cuda-twice: CUDA is there twice: the base brings libcudart.so.12, and 2 wheels bring 2.0 GB more"],
        );
        let older = layer("older", Made::Built, 1, &[("nvidia-cublas-cu11", 1_000_000)]);
        check(
            &[image(None, &[], vec![base(), older, cuda()])],
            &["cuda-twice: CUDA is there in several versions: 11 and 12; 3 wheels, 2.0 GB"],
        );
        let small = layer("flask", Made::Cached, 1_000_000, &[("flask", 1_000_000)]);
        check(&[image(None, &[], vec![base(), small.clone()])], &["base: the base is 30.0 MB of 31.0 MB"]);
        check(&[image(None, &[], vec![base()])], &[]);
        let hint = |name: &str| {
            let images = [image(None, &[], vec![base(), small.clone()])];
            warnings(&images, &Base::parse(name).unwrap())[0].hint.to_string()
        };
        assert!(hint("h.example/python:3.11").contains("a `-slim` one"));
        assert!(hint("h.example/python:3.11-slim").starts_with("the same Python as a Debian package over `scratch`"));
    }
}
