//! Two portraits held against each other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::builder::{FileFacts, PackageKind, Portrait};

/// Something that came, went, or became another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    /// What sort of thing: `python`, `debian`, a key of the config.
    pub(super) kind: String,
    /// Its name.
    pub(super) name: String,
    /// What it was.
    pub(super) before: Option<String>,
    /// What it is.
    pub(super) after: Option<String>,
}

/// The layers of two images, held against each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Layers {
    /// Those of the later that the earlier has too.
    pub(super) kept: usize,
    /// How many the later has.
    pub(super) all: usize,
    /// Whether they are other bytes: of a file too whose size, mode and owner are as they were.
    pub(super) differ: bool,
}

/// What differs between two images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) packages: Vec<Change>,
    /// Of distributions that the later has; nothing with a lock.
    pub(super) licences: Vec<Change>,
    pub(super) config: Vec<Change>,
    pub(super) files: Vec<Change>,
    /// Nothing with a lock.
    pub(super) layers: Option<Layers>,
}

impl Difference {
    /// What there is to say where no package, licence, setting or file is named: that bytes of layers differ, or `same`.
    pub(super) fn unnamed(&self, same: &'static str) -> Option<&'static str> {
        let named = [&self.packages, &self.licences, &self.config, &self.files];
        let differ = self.layers.is_some_and(|layers| layers.differ);
        let text = if differ { "the bytes of layers differ, and nothing else" } else { same };
        named.into_iter().all(Vec::is_empty).then_some(text)
    }
}

/// What `after` has otherwise than `before`.
pub(super) fn compare(before: &Portrait, after: &Portrait) -> Difference {
    let layers = (before.files.is_some() && after.files.is_some()).then(|| {
        let digests = |portrait: &Portrait| portrait.layers.iter().map(|layer| layer.digest).collect::<Vec<_>>();
        let (before, after) = (digests(before), digests(after));
        let kept = after.iter().filter(|layer| before.contains(layer)).count();
        Layers { kept, all: after.len(), differ: before != after }
    });
    Difference {
        packages: packages(before, after),
        licences: if layers.is_some() { licences(before, after) } else { Vec::new() },
        config: match (&before.config, &after.config) {
            (Some(before), Some(after)) => config(before, after),
            _ => Vec::new(),
        },
        files: match (&before.files, &after.files) {
            (Some(before), Some(after)) => files(before, after),
            _ => Vec::new(),
        },
        layers,
    }
}

fn changed<'m, K: Ord, V: PartialEq>(
    before: &'m BTreeMap<K, V>,
    after: &'m BTreeMap<K, V>,
) -> impl Iterator<Item = (&'m K, Option<&'m V>, Option<&'m V>)> {
    let keys: BTreeSet<&K> = before.keys().chain(after.keys()).collect();
    let pairs = keys.into_iter().map(|key| (key, before.get(key), after.get(key)));
    pairs.filter(|(_, before, after)| before != after)
}

fn packages(before: &Portrait, after: &Portrait) -> Vec<Change> {
    // A lock does not say what the base has of Debian.
    let against_lock = before.files.is_some() != after.files.is_some();
    let changes = changed(&before.packages, &after.packages).filter(|((kind, _), old, new)| {
        !(against_lock && *kind == PackageKind::Debian && (old.is_none() || new.is_none()))
    });
    let changes = changes.map(|((kind, name), before, after)| Change {
        kind: match kind {
            PackageKind::Debian => "debian",
            PackageKind::Python => "python",
        }
        .to_owned(),
        name: name.clone(),
        before: before.cloned(),
        after: after.cloned(),
    });
    changes.collect()
}

/// The licences under which something is there that was not, or was under another.
fn licences(before: &Portrait, after: &Portrait) -> Vec<Change> {
    let changes = changed(&before.licences, &after.licences).filter(|(_, _, new)| new.is_some());
    let changes = changes.map(|(name, before, after)| Change {
        kind: "licence".to_owned(),
        name: name.clone(),
        before: before.map(|licence| licence.as_str().to_owned()),
        after: after.map(|licence| licence.as_str().to_owned()),
    });
    changes.collect()
}

/// Environment and labels by name, every other key as it is.
fn config(before: &Value, after: &Value) -> Vec<Change> {
    let (before, after) = (settings(before), settings(after));
    let changes = changed(&before, &after);
    let changes = changes.map(|((kind, name), before, after)| Change {
        kind: kind.clone(),
        name: name.clone(),
        before: before.cloned(),
        after: after.cloned(),
    });
    changes.collect()
}

fn settings(config: &Value) -> BTreeMap<(String, String), String> {
    let mut settings = BTreeMap::new();
    for (key, value) in config.get("config").and_then(Value::as_object).into_iter().flatten() {
        match (key.as_str(), value) {
            ("Env", Value::Array(variables)) => {
                for variable in variables.iter().filter_map(Value::as_str) {
                    let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
                    settings.insert(("env".to_owned(), name.to_owned()), value.to_owned());
                }
            }
            ("Labels", Value::Object(labels)) => {
                for (name, value) in labels {
                    let value = value.as_str().unwrap_or_default().to_owned();
                    settings.insert(("label".to_owned(), name.clone()), value);
                }
            }
            (_, Value::Null) => {}
            (_, Value::String(text)) if text.is_empty() => {}
            (_, Value::String(text)) => drop(settings.insert(("config".to_owned(), key.clone()), text.clone())),
            _ => drop(settings.insert(("config".to_owned(), key.clone()), value.to_string())),
        }
    }
    settings
}

fn files(before: &BTreeMap<String, FileFacts>, after: &BTreeMap<String, FileFacts>) -> Vec<Change> {
    let told = |file: &FileFacts| {
        let size = if file.kind == "file" { format!(", {} bytes", file.size) } else { String::new() };
        format!("{}{size}, {:04o} {}:{}", file.kind, file.mode, file.uid, file.gid)
    };
    let changes = changed(before, after).map(|(path, before, after)| Change {
        kind: "file".to_owned(),
        name: path.clone(),
        before: before.map(told),
        after: after.map(told),
    });
    changes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::diff::{json, markdown, paired, text},
        lock::Facts,
        oci::{Descriptor, MediaType},
    };

    /// An image of one file, with these layers.
    fn portrait(layers: &[&str], size: u64) -> Portrait {
        let file = FileFacts { kind: "file".to_owned(), size, mode: 0o644, uid: 0, gid: 0 };
        Portrait {
            variant: None,
            platform: "linux/amd64".parse().unwrap(),
            packages: BTreeMap::new(),
            licences: BTreeMap::new(),
            files: Some([("/etc/token".to_owned(), file)].into()),
            config: Some(Value::Null),
            layers: layers.iter().map(|text| Descriptor::of(MediaType::ImageLayer, text.as_bytes())).collect(),
            size: 7,
            facts: Facts::default(),
        }
    }

    #[test]
    fn bytes_of_layers_are_a_difference() {
        let check = |before: &[&str], (after, size): (&[&str], u64), expect: [&str; 2], differ| {
            let pairs = paired(&[portrait(before, 1)], &[portrait(after, size)]);
            let told = text::render(&pairs, false);
            assert!(told.starts_with(&format!("linux/amd64\n  {}\n", expect[0])), "{told}");
            let told = markdown::render(&pairs, false);
            assert!(told.contains(&format!("size: 7 B; layers as before: {}", expect[1])), "{told}");
            let value: Value = serde_json::from_str(&json::render("a", "b", &pairs)).unwrap();
            assert_eq!(value["images"][0]["layers"]["differ"], differ, "{value}");
        };
        let bytes = "the bytes of layers differ, and nothing else";
        check(&["a", "b"], (&["a", "b"], 1), ["no difference", "2 of 2; nothing else differs"], false);
        check(&["a", "b"], (&["a", "c"], 1), [bytes, &format!("1 of 2; {bytes}")], true);
        check(&["a", "b"], (&["b"], 1), [bytes, &format!("1 of 1; {bytes}")], true);
        check(&["a", "b"], (&["b", "a"], 1), [bytes, &format!("2 of 2; {bytes}")], true);
        check(&["a"], (&["b"], 2), ["files: 0 added, 0 removed, 1 changed", "0 of 1; files: 0 added"], true);
    }
}
