//! What the distributions of an image require of each other, and whether they get it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{error::BaseError, evidence::Evidence, installed, interpreter, tree::Tree};
use crate::python::{MarkerEnvironment, PackageName, Requirement, Version};

/// A distribution that is there, and what it says that it requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Distribution.
    pub name: PackageName,
    /// Its version, as its metadata spell it.
    pub version: String,
    /// `Requires-Dist`, as far as it is understood.
    pub requires: Vec<Requirement>,
}

/// A requirement that is not met. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{by} requires {wanted}, and {}", .found.as_ref().map_or_else(|| "that is not there".to_owned(), |found| format!("{name} is {found}")))]
pub struct Unmet {
    /// Who requires it: name and version.
    pub by: String,
    /// Who requires it: name.
    pub owner: PackageName,
    /// As it is written.
    pub wanted: String,
    /// Of which distribution.
    pub name: PackageName,
    /// The version that there is.
    pub found: Option<String>,
}

impl Tree {
    /// The distributions that the interpreter of this image finds, with what they require; `config` as in
    /// [`Tree::facts`].
    ///
    /// # Errors
    /// When there is a `python3` that cannot be understood.
    pub fn declared(&self, config: &Value) -> Result<Vec<Declared>, BaseError> {
        let Some(found) = interpreter::find(self, config)? else { return Ok(Vec::new()) };
        let declared = installed::each(self, &found.sites).into_iter().map(|found| {
            let path = installed::document(self, &found.info);
            let evidence = path.and_then(|path| self.find(&path)?.1.evidence.clone());
            let requires = match evidence.as_deref() {
                Some(Evidence::Distribution { requires, .. }) => requires.clone(),
                _ => Vec::new(),
            };
            let requires = requires.iter().filter_map(|text| Requirement::lenient(text).ok()).collect();
            Declared { name: found.name, version: found.version, requires }
        });
        Ok(declared.collect())
    }
}

/// What of `declared` requires something else than `present` has, without any extra.
#[must_use]
pub fn unmet(
    declared: &[Declared],
    present: &BTreeMap<PackageName, String>,
    environment: &MarkerEnvironment,
) -> BTreeSet<Unmet> {
    let mut unmet = BTreeSet::new();
    for owner in declared {
        for wanted in owner.requires.iter().filter(|wanted| wanted.applies(environment, &[])) {
            let found = present.get(&wanted.name);
            let version = found.and_then(|text| text.parse::<Version>().ok());
            let met = match (wanted.versions(), version) {
                (Some(versions), Some(version)) => versions.contains(&version),
                // A URL bounds no versions, and neither can a version that is none be compared.
                _ => found.is_some(),
            };
            if !met {
                unmet.insert(Unmet {
                    by: format!("{} {}", owner.name, owner.version),
                    owner: owner.name.clone(),
                    wanted: Requirement { marker: crate::python::MarkerTree::TRUE, ..wanted.clone() }.to_string(),
                    name: wanted.name.clone(),
                    found: found.cloned(),
                });
            }
        }
    }
    unmet
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::tree::tests::tree,
        python::{Libc, Target, marker_environment},
    };

    #[test]
    fn what_is_not_met_is_named() {
        let python = format!("file usr/local/bin/python3.11 \\03.11.9\\0{}", "x".repeat(2000));
        let tree = tree(&[&[
            &python,
            "link usr/local/bin/python3 python3.11",
            "file usr/local/lib/python3.11/os.py",
            "file usr/local/lib/python3.11/site-packages/vision-1.dist-info/METADATA Name: vision\\nVersion: 1\\nRequires-Dist: torch (==2.0)\\nRequires-Dist: gone ; sys_platform == 'win32'\\nRequires-Dist: extra ; extra == 'x'\\nRequires-Dist: absent>1\\n",
            "file usr/local/lib/python3.11/site-packages/torch-2.dist-info/METADATA Name: torch\\nVersion: 2.0+cpu\\n",
        ]]);
        let declared = tree.declared(&Value::Null).unwrap();
        let target = Target {
            platform: "linux/amd64".parse().unwrap(),
            python: "3.11.9".parse().unwrap(),
            libc: Libc::Glibc(2, 36),
            free_threaded: false,
        };
        let mut present: BTreeMap<PackageName, String> =
            declared.iter().map(|one| (one.name.clone(), one.version.clone())).collect();
        let check = |present: &BTreeMap<PackageName, String>, expect: &[&str]| {
            let found = unmet(&declared, present, &marker_environment(&target));
            assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expect);
        };
        check(&present, &["vision 1 requires absent>1, and that is not there"]);
        present.insert("absent".parse().unwrap(), "2".to_owned());
        check(&present, &[]);
        present.insert("torch".parse().unwrap(), "2.1".to_owned());
        check(&present, &["vision 1 requires torch==2.0, and torch is 2.1"]);
    }
}
