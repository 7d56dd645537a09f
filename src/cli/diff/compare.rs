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

/// What differs between two images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) packages: Vec<Change>,
    /// Of distributions that the later has; nothing with a lock.
    pub(super) licences: Vec<Change>,
    pub(super) config: Vec<Change>,
    pub(super) files: Vec<Change>,
    /// Layers of the later that the earlier has too, and how many the later has; nothing with a lock.
    pub(super) layers: Option<(usize, usize)>,
}

impl Difference {
    /// Nothing differs.
    pub(super) fn is_empty(&self) -> bool {
        self.packages.is_empty() && self.licences.is_empty() && self.config.is_empty() && self.files.is_empty()
    }
}

/// What `after` has otherwise than `before`.
pub(super) fn compare(before: &Portrait, after: &Portrait) -> Difference {
    let layers = (before.files.is_some() && after.files.is_some()).then(|| {
        let known: BTreeSet<_> = before.layers.iter().map(|layer| layer.digest).collect();
        (after.layers.iter().filter(|layer| known.contains(&layer.digest)).count(), after.layers.len())
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
