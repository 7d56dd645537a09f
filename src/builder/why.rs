//! What layers were made of the last time, so that it can be told why one was made again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    BuildError, Builder, Project,
    make::{Finished, Site},
};
use crate::{
    lock::{Compiler, Facts, LockedPackage, LockedWheel, WheelSource},
    oci::Digest,
    plan::{Contents, Encoding, Frame, PlannedLayer, Sources},
    recipe::Variant,
    store::Bucket,
};

/// Hexadecimal digits of a digest that people are shown.
const SHOWN: usize = 12;

/// What goes into a layer, in words: name → value.
pub(super) type Inputs = BTreeMap<String, String>;

/// Why a layer is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// When that came about.
    pub since: Since,
    /// What differed then from what it was before, one line each.
    pub differs: Vec<String>,
}

/// When a layer became what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// No build of this recipe had such a layer on this machine.
    New,
    /// With this build.
    Now,
    /// With an earlier build.
    Earlier,
}

/// What is remembered of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    name: String,
    inputs: Inputs,
    /// What differed when they last changed.
    differs: Vec<String>,
}

/// The inputs of a layer that was planned.
pub(super) fn inputs(planned: &PlannedLayer, facts: &Facts, frame: Frame<'_>) -> Inputs {
    let mut inputs = common(facts, frame.encoding);
    match &planned.contents {
        Contents::Whiteouts(hidden) => {
            inputs.extend(hidden.iter().map(|path| (format!("hidden {path}"), String::new())));
        }
        Contents::Venv(made) => drop(inputs.insert("environment".to_owned(), format!("{made:?}"))),
        Contents::Wheels(wheels) => inputs.extend(wheels.iter().map(wheel)),
        Contents::Share { wheel: shared, number, of } => {
            inputs.extend([wheel(shared), ("part".to_owned(), format!("{number} of {of}"))]);
        }
        Contents::Debian(packages) => {
            inputs.extend(packages.iter().map(package));
            inputs.extend(told_to_debian(frame));
        }
        Contents::Bytecode { compiler, of } => {
            match of {
                Sources::Packages(packages) => inputs.extend(packages.iter().map(package)),
                Sources::Wheels(wheels) => inputs.extend(wheels.iter().map(wheel)),
            }
            inputs.extend([compiled_by(compiler)]);
        }
    }
    if let Some(python) = &facts.python {
        inputs.insert("interpreter".to_owned(), python.path.clone());
    }
    inputs
}

/// What the recipe says of the packages' layer besides which packages there are.
fn told_to_debian(frame: Frame<'_>) -> Inputs {
    let zone = frame.time_zone.map(|zone| ("time zone".to_owned(), zone.to_owned()));
    let certificate = |(name, digest): &(String, Digest)| (format!("certificate {name}"), short(digest));
    let stripped = frame.strip.iter().map(|strip| (format!("strip {strip}"), "left out".to_owned()));
    zone.into_iter().chain(frame.certificates.iter().map(certificate)).chain(stripped).collect()
}

/// The inputs of the layer of the user's files: path, mode, digest.
pub(super) fn inputs_of_files(
    files: &[(String, u32, Digest)],
    compiler: Option<&Compiler>,
    facts: &Facts,
    encoding: Encoding,
) -> Inputs {
    let file = |(place, mode, digest): &(String, u32, Digest)| {
        let (path, owner) = place.rsplit_once(' ').unwrap_or((place, ""));
        (format!("file /{path}"), format!("{mode:o} {owner} {}", short(digest)))
    };
    common(facts, encoding).into_iter().chain(files.iter().map(file)).chain(compiler.map(compiled_by)).collect()
}

fn common(facts: &Facts, encoding: Encoding) -> Inputs {
    let directories =
        facts.directories.iter().map(|directory| (format!("directory {}", directory.path), "of the base".to_owned()));
    let links = facts.symlinks.iter().map(|link| (format!("link {}", link.path), link.target.clone()));
    let own = [
        ("format".to_owned(), encoding.format.to_string()),
        ("compression".to_owned(), encoding.compression.to_string()),
    ];
    own.into_iter().chain(directories).chain(links).collect()
}

fn wheel(wheel: &LockedWheel) -> (String, String) {
    let asked = if wheel.why.iter().any(|why| why == "recipe") { ", asked for" } else { "" };
    let url = if let WheelSource::Url(url) = &wheel.source { format!(", from {url}") } else { String::new() };
    (format!("wheel {}", wheel.name), format!("{} {}{asked}{url}", wheel.version, short(&wheel.sha256)))
}

fn package(package: &LockedPackage) -> (String, String) {
    (format!("package {}", package.name), format!("{} {}", package.version, short(&package.sha256)))
}

fn compiled_by(compiler: &Compiler) -> (String, String) {
    ("compiled by".to_owned(), compiler.to_string())
}

fn short(digest: &Digest) -> String {
    digest.hex().chars().take(SHOWN).collect()
}

/// What differs, one line each.
fn difference(before: &Inputs, after: &Inputs) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, old) in before {
        match after.get(name) {
            None => lines.push(format!("{name} is gone (it was {old})")),
            Some(new) if new != old => lines.push(format!("{name} was {old}, and is {new}")),
            Some(_) => {}
        }
    }
    lines.extend(
        after
            .iter()
            .filter(|(name, _)| !before.contains_key(*name))
            .map(|(name, new)| format!("{name} is new ({new})")),
    );
    lines
}

/// What a layer was the last time: that of the same name, or else the one that has most in common with it and
/// is no other layer's now.
fn predecessor<'k>(name: &str, inputs: &Inputs, kept: &'k [Kept], others: &[&str]) -> Option<&'k Kept> {
    let same = kept.iter().find(|kept| kept.name == name);
    let common = |kept: &Kept| {
        let shared = kept.inputs.keys().filter(|name| inputs.contains_key(*name));
        shared.filter(|name| ["wheel ", "package ", "file "].iter().any(|kind| name.starts_with(kind))).count()
    };
    let free = kept.iter().filter(|kept| !others.contains(&kept.name.as_str()) && common(kept) > 0);
    same.or_else(|| free.max_by_key(|kept| common(kept)))
}

/// Holds layers against those of the last build; what to remember, and what to tell of each.
fn compare(kept: &[Kept], layers: &[(&str, &Inputs)]) -> (Vec<Kept>, Vec<Why>) {
    let names: Vec<&str> = layers.iter().map(|(name, _)| *name).collect();
    let of = |(name, inputs): &(&str, &Inputs)| {
        let (since, differs) = match predecessor(name, inputs, kept, &names) {
            None => (Since::New, Vec::new()),
            Some(before) if before.inputs == **inputs => (Since::Earlier, before.differs.clone()),
            Some(before) => (Since::Now, difference(&before.inputs, inputs)),
        };
        let new = Kept { name: (*name).to_owned(), inputs: (*inputs).clone(), differs: differs.clone() };
        (new, Why { since, differs })
    };
    layers.iter().map(of).unzip()
}

impl Builder {
    /// Why each of the layers is what it is; remembers what they are made of.
    pub(super) fn explain_layers(
        &self,
        site: Site<'_>,
        variant: &Variant,
        made: &[Finished],
    ) -> Result<Vec<Why>, BuildError> {
        let store = &self.settings.store;
        let place = place_of(site.project, variant.name.as_deref(), &site.below.platform.to_string());
        let key = format!("layers-1-{}", place.hex());
        let note = store.note(Bucket::Builds, &key);
        let kept: Vec<Kept> = note.and_then(|note| serde_json::from_slice(&note).ok()).unwrap_or_default();
        let layers: Vec<(&str, &Inputs)> = made.iter().map(|one| (one.name.as_str(), &one.inputs)).collect();
        let (new, whys) = compare(&kept, &layers);
        if new != kept {
            store.keep(Bucket::Builds, &key, &serde_json::to_vec(&new).unwrap_or_default())?;
        }
        Ok(whys)
    }
}

/// Names a recipe's image for a platform on this machine.
pub(super) fn place_of(project: &Project, variant: Option<&str>, platform: &str) -> Digest {
    let folder = project.folder.canonicalize().unwrap_or_else(|_| project.folder.clone());
    let (name, variant) = (project.recipe.name.get_ref(), variant.unwrap_or_default());
    Digest::of(format!("{}\n{name}\n{variant}\n{platform}", folder.display()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(entries: &[(&str, &str)]) -> Inputs {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_differs_is_told_until_something_else_does() {
        let (first, second) =
            (inputs(&[("wheel a", "1.0 aa"), ("link /lib", "usr/lib")]), inputs(&[("wheel a", "1.1 bb")]));
        let mut kept = Vec::new();
        let mut build = |layers: &[(&str, &Inputs)]| {
            let (new, whys) = compare(&kept, layers);
            kept = new;
            whys.into_iter().map(|why| (why.since, why.differs.join("; "))).collect::<Vec<_>>()
        };
        assert_eq!(build(&[("a", &first)]), [(Since::New, String::new())]);
        assert_eq!(build(&[("a", &first)]), [(Since::Earlier, String::new())]);
        let told = "link /lib is gone (it was usr/lib); wheel a was 1.0 aa, and is 1.1 bb".to_owned();
        assert_eq!(build(&[("a", &second)]), [(Since::Now, told.clone())]);
        assert_eq!(build(&[("a", &second)]), [(Since::Earlier, told)]);
    }

    #[test]
    fn what_the_recipe_says_of_packages_is_an_input() {
        let certificates = [("company".to_owned(), Digest::of(b"pem"))];
        let encoding = Encoding { format: 1, compression: crate::recipe::Compression::default() };
        let frame = Frame {
            encoding,
            others: 0,
            beside: &[],
            own: &[],
            strip: &["doc"],
            time_zone: Some("Europe/Berlin"),
            certificates: &certificates,
        };
        let short = short(&certificates[0].1);
        let expect =
            [("certificate company", short.as_str()), ("strip doc", "left out"), ("time zone", "Europe/Berlin")];
        assert_eq!(told_to_debian(frame), inputs(&expect));
        assert!(told_to_debian(Frame { strip: &[], time_zone: None, certificates: &[], ..frame }).is_empty());
    }

    #[test]
    fn layers_with_other_names_are_known_by_what_is_in_them() {
        let old = [
            Kept { name: "a".to_owned(), inputs: inputs(&[("wheel a", "1")]), differs: Vec::new() },
            Kept { name: "b c".to_owned(), inputs: inputs(&[("wheel b", "1"), ("wheel c", "1")]), differs: Vec::new() },
        ];
        let grown = inputs(&[("wheel b", "1"), ("wheel c", "1"), ("wheel d", "2")]);
        let (_, whys) = compare(&old, &[("a", &inputs(&[("wheel a", "1")])), ("b c d", &grown)]);
        assert_eq!(whys[0].since, Since::Earlier);
        assert_eq!(whys[1], Why { since: Since::Now, differs: vec!["wheel d is new (2)".to_owned()] });
        let (_, whys) = compare(&old, &[("x", &inputs(&[("wheel x", "1"), ("format", "1")]))]);
        assert_eq!(whys[0].since, Since::New);
    }
}
