//! The distributions that an interpreter finds in an image.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    BaseError,
    entries::{Kind, join},
    evidence::Evidence,
    interpreter,
    tree::Tree,
};
use crate::{
    lock::Installed,
    python::{LicenceFields, PackageName},
};

/// What stands in the directories `sites`; of two distributions of one name the first.
pub(super) fn find(tree: &Tree, sites: &[String]) -> Vec<Installed> {
    let found = each(tree, sites).into_iter();
    found.map(|found| Installed { name: found.name.to_string(), version: found.version }).collect()
}

/// A distribution, and where its metadata stand.
pub(super) struct Found {
    pub(super) name: PackageName,
    pub(super) version: String,
    /// The `.dist-info` or `.egg-info`.
    pub(super) info: String,
}

/// The same as [`find`], with the places.
pub(super) fn each(tree: &Tree, sites: &[String]) -> Vec<Found> {
    let mut found = BTreeMap::new();
    for site in sites {
        for (folder, _) in tree.children(site) {
            if let Some((distribution, version)) = distribution(tree, site, folder) {
                // A folder whose name is none, such as what an interrupted pip leaves, is no distribution.
                let Ok(name) = distribution.parse::<PackageName>() else { continue };
                found.entry(name).or_insert_with(|| (version, join(site, folder)));
            }
        }
    }
    found.into_iter().map(|(name, (version, info))| Found { name, version, info }).collect()
}

/// A distribution that an image's interpreter finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Normalised.
    pub name: PackageName,
    /// As its metadata spell it.
    pub version: String,
    /// Its `.dist-info` or `.egg-info`, without a leading slash.
    pub info: String,
    /// What its metadata tell of its licence.
    pub licence: LicenceFields,
    /// The layer that brought its metadata, counted from 0, the lowest.
    pub layer: usize,
}

impl Tree {
    /// The distributions that the interpreter of this image finds; `config` as in [`Tree::facts`]. Sorted by name.
    ///
    /// # Errors
    /// When there is a `python3` that cannot be understood.
    pub fn distributions(&self, config: &Value) -> Result<Vec<Distribution>, BaseError> {
        let Some(interpreter) = interpreter::find(self, config)? else { return Ok(Vec::new()) };
        let found = each(self, &interpreter.sites).into_iter().map(|found| {
            let node = document(self, &found.info).and_then(|path| Some(self.find(&path)?.1));
            let licence = match node.and_then(|node| node.evidence.as_deref()) {
                Some(Evidence::Distribution { licence, .. }) => licence.clone(),
                _ => LicenceFields::default(),
            };
            let Found { name, version, info } = found;
            let info = self.walk_to(&info).unwrap_or(info);
            Distribution { name, version, info, licence, layer: node.map_or(0, |node| node.layer) }
        });
        Ok(found.collect())
    }
}

/// The file that tells name and version of what stands at `info`.
pub(super) fn document(tree: &Tree, info: &str) -> Option<String> {
    let document = if info.ends_with(".dist-info") { "METADATA" } else { "PKG-INFO" };
    let node = tree.find(info)?.1;
    Some(if node.kind == Kind::File { info.to_owned() } else { join(info, document) })
}

/// Name and version, from the metadata or else from the name of its folder.
fn distribution(tree: &Tree, site: &str, name: &str) -> Option<(String, String)> {
    let stem = name.strip_suffix(".dist-info").or_else(|| name.strip_suffix(".egg-info"))?;
    let path = document(tree, &join(site, name))?;
    if let Some(Evidence::Distribution { name, version, .. }) =
        tree.find(&path).and_then(|(_, node)| node.evidence.as_deref())
    {
        return Some((name.clone(), version.clone()));
    }
    let mut parts = stem.split('-');
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::tree::tests::tree;

    #[test]
    fn metadata_counts_before_names_and_the_first_before_the_next() {
        let tree = tree(&[&[
            "file a/Foo_Bar-1.dist-info/METADATA Name: Foo.Bar\\nVersion: 1.0\\n\\ntext",
            "file a/bare-2.0.dist-info/RECORD",
            "file a/old-3.0-py3.11.egg-info Metadata-Version: 1.0\\nName: old\\nVersion: 3.0\\n",
            "file a/pkg.egg-info/PKG-INFO Name: pkg\\nVersion: 4.0\\n",
            "file b/foo_bar-9.dist-info/METADATA Name: foo-bar\\nVersion: 9\\n",
            "file b/inner/vendored-9.dist-info/METADATA Name: vendored\\nVersion: 9\\n",
            "file b/noise.py",
        ]]);
        let found = find(&tree, &["/a".to_owned(), "/b".to_owned(), "/none".to_owned()]);
        let names: Vec<_> = found.iter().map(|found| format!("{} {}", found.name, found.version)).collect();
        assert_eq!(names, ["bare 2.0", "foo-bar 1.0", "old 3.0", "pkg 4.0"]);
    }
}
