//! The distributions that an interpreter finds in an image.

use std::collections::BTreeMap;

use super::{
    entries::{Kind, join},
    evidence::Evidence,
    tree::{Node, Tree},
};
use crate::{lock::Installed, python::PackageName};

/// What stands in the directories `sites`; of two distributions of one name the first.
pub(super) fn find(tree: &Tree, sites: &[String]) -> Vec<Installed> {
    let mut found = BTreeMap::new();
    for site in sites {
        for (name, node) in tree.children(site) {
            if let Some((distribution, version)) = distribution(tree, site, name, node) {
                // A folder whose name is none, such as what an interrupted pip leaves, is no distribution.
                let Ok(name) = distribution.parse::<PackageName>() else { continue };
                found.entry(name.as_str().to_owned()).or_insert(version);
            }
        }
    }
    found.into_iter().map(|(name, version)| Installed { name, version }).collect()
}

/// Name and version, from the metadata or else from the name of its folder.
fn distribution(tree: &Tree, site: &str, name: &str, node: &Node) -> Option<(String, String)> {
    let (stem, document) = match (name.strip_suffix(".dist-info"), name.strip_suffix(".egg-info")) {
        (Some(stem), _) => (stem, "METADATA"),
        (_, Some(stem)) => (stem, "PKG-INFO"),
        _ => return None,
    };
    let path = join(site, name);
    let path = if node.kind == Kind::File { path } else { join(&path, document) };
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
