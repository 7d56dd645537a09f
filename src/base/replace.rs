//! What of a base must be hidden for another version of a distribution to take its place: every file
//! that the old one brought, so that no mixture is left.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    entries::{Kind, join},
    error::BaseError,
    evidence::Evidence,
    installed::{self, Found},
    interpreter,
    tree::Tree,
};
use crate::{
    lock::{Replaced, Scheme},
    python::{PackageName, Record},
};

/// Where Debian's own packages put what they install for Python.
const OF_DEBIAN: &str = "/usr/lib/python3";

impl Tree {
    /// What hides the distributions `names` that the interpreter of this image finds; `config` as in
    /// [`Tree::facts`]. A folder that holds nothing else is hidden as a whole. What another distribution
    /// lists too stays.
    ///
    /// # Errors
    /// When there is no such distribution, when it belongs to Debian's packages, and when nothing lists its
    /// files.
    pub fn replaced(&self, config: &Value, names: &BTreeSet<PackageName>) -> Result<Vec<Replaced>, BaseError> {
        let Some(found) = interpreter::find(self, config)? else {
            return names.first().map_or(Ok(Vec::new()), |name| Err(BaseError::NotInstalled { name: name.clone() }));
        };
        let scheme = &found.interpreter.scheme;
        let installed = installed::each(self, &found.sites);
        let (old, kept): (Vec<&Found>, Vec<&Found>) = installed.iter().partition(|one| names.contains(&one.name));
        if let Some(name) = names.iter().find(|name| !old.iter().any(|old| old.name == **name)) {
            return Err(BaseError::NotInstalled { name: name.clone() });
        }
        let mut shared = BTreeSet::new();
        for kept in kept {
            shared.extend(self.record(kept).unwrap_or_default().iter().filter_map(|path| self.standing(path)));
        }
        let mut files = Vec::new();
        for old in &old {
            let mut own = self.files_of(old, scheme)?;
            own.retain(|path| !shared.contains(path));
            files.push(own);
        }
        let all: BTreeSet<String> = files.iter().flatten().cloned().collect();
        let roots = [&scheme.purelib, &scheme.platlib, &scheme.headers].map(|root| self.walk(root).end);
        let roots: Vec<String> = roots.into_iter().flatten().collect();
        let replaced = old.iter().zip(&files).map(|(old, files)| Replaced {
            name: old.name.to_string(),
            version: old.version.clone(),
            hides: self.folded(files, &all, &roots),
        });
        Ok(replaced.collect())
    }

    /// The files of a distribution that stand in the tree, led through its links.
    fn files_of(&self, old: &Found, scheme: &Scheme) -> Result<BTreeSet<String>, BaseError> {
        let place = format!("/{}", old.info.trim_start_matches('/'));
        let (name, version) = (old.name.clone(), old.version.clone());
        if place.starts_with(OF_DEBIAN) {
            return Err(BaseError::OfDebian { name, version, place });
        }
        let conda = self.conda_record(old, scheme);
        let listed = self.record(old).or_else(|| conda.as_ref().map(|(_, files)| files.clone()));
        let Some(listed) = listed else { return Err(BaseError::NoRecord { name, version, place }) };
        let mut files: BTreeSet<String> = listed.iter().filter_map(|path| self.standing(path)).collect();
        let compiled: Vec<String> = files.iter().flat_map(|path| self.compiled(path)).collect();
        files.extend(compiled);
        // What installers note there stands in no list.
        if let Some(info) = self.standing_folder(&old.info) {
            files.extend(self.below(&info).filter(|(_, node)| node.kind != Kind::Directory).map(|(path, _)| path));
        }
        // Conda's own note goes where nothing is left of what it speaks of.
        if let Some((note, of_conda)) = conda
            && of_conda.iter().filter_map(|path| self.standing(path)).all(|path| files.contains(&path))
        {
            files.insert(note);
        }
        Ok(files)
    }

    /// What RECORD lists, as paths from the root that may hold `..`.
    fn record(&self, found: &Found) -> Option<Vec<String>> {
        let text = self.text(&join(&found.info, "RECORD"))?;
        let site = found.info.rsplit_once('/').map_or("", |(site, _)| site);
        let record = Record::parse(text.as_bytes()).ok()?;
        let absolute = |path: &str| if path.starts_with('/') { path.to_owned() } else { join(site, path) };
        Some(record.entries.iter().map(|entry| absolute(&entry.path)).collect())
    }

    /// The note of the conda package that brought the distribution, and the files that it lists.
    fn conda_record(&self, found: &Found, scheme: &Scheme) -> Option<(String, Vec<String>)> {
        let notes = join(&scheme.data, "conda-meta");
        let info = format!("/{}", found.info.trim_start_matches('/'));
        let inside = info.strip_prefix(&scheme.data)?.trim_start_matches('/');
        let names: Vec<String> = self.children(&notes).iter().map(|(name, _)| (*name).to_owned()).collect();
        names.into_iter().filter(|name| name.strip_suffix(".json").is_some()).find_map(|name| {
            let note = join(&notes, &name);
            let text = self.text(&note).filter(|text| text.contains(inside))?;
            let value: Value = serde_json::from_str(&text).ok()?;
            let files: Vec<&str> = value.get("files")?.as_array()?.iter().filter_map(Value::as_str).collect();
            let is_its =
                |path: &&str| path.strip_prefix(inside).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            files.iter().any(is_its).then(|| {
                let listed = files.iter().map(|path| join(&scheme.data, path)).collect();
                Some((self.standing(&note)?, listed))
            })?
        })
    }

    /// What was compiled of the module at `path`, a real path: its neighbours in `__pycache__`.
    fn compiled(&self, path: &str) -> Vec<String> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(stem) = name.strip_suffix(".py") else { return Vec::new() };
        let cache = join(folder, "__pycache__");
        let start = format!("{stem}.");
        let is_its = |name: &str| {
            name.starts_with(&start) && name.strip_suffix(".pyc").is_some_and(|rest| rest.matches('.').count() <= 2)
        };
        self.children(&cache).into_iter().filter(|(name, _)| is_its(name)).map(|(name, _)| join(&cache, name)).collect()
    }

    /// Where the file at `path` really stands, if there is one.
    fn standing(&self, path: &str) -> Option<String> {
        let (folder, name) = path.trim_end_matches('/').rsplit_once('/').unwrap_or(("", path));
        let path = join(&self.walk(folder).end?, name);
        self.node(&path).filter(|node| node.kind != Kind::Directory).map(|_| path)
    }

    fn standing_folder(&self, path: &str) -> Option<String> {
        let end = self.walk(path).end?;
        self.node(&end).filter(|node| node.kind == Kind::Directory).map(|_| end)
    }

    fn text(&self, path: &str) -> Option<String> {
        match self.find(path)?.1.evidence.as_deref()? {
            Evidence::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// `files` with folders in place of all that is in them, where `all` that is hidden leaves nothing;
    /// only folders below `roots` count. Absolute and sorted.
    fn folded(&self, files: &BTreeSet<String>, all: &BTreeSet<String>, roots: &[String]) -> Vec<String> {
        let mut hides = BTreeSet::new();
        let mut empty: BTreeSet<&str> = BTreeSet::new();
        let mut full: BTreeSet<&str> = BTreeSet::new();
        'files: for path in files {
            let root = roots.iter().filter(|root| path.starts_with(&format!("{root}/"))).map(String::len).max();
            let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
            for folder in folders.filter(|folder| root.is_some_and(|root| folder.len() > root)) {
                if !empty.contains(folder) && !full.contains(folder) {
                    let gone =
                        self.below(folder).all(|(path, node)| node.kind == Kind::Directory || all.contains(&path));
                    if gone {
                        empty.insert(folder)
                    } else {
                        full.insert(folder)
                    };
                }
                if empty.contains(folder) {
                    hides.insert(format!("/{folder}"));
                    continue 'files;
                }
            }
            hides.insert(format!("/{path}"));
        }
        hides.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::tree::tests::tree;

    /// A conda-like base: the interpreter in `/opt/conda`, and what `more` lines say.
    fn base(more: &[&str]) -> Tree {
        let python = format!("file opt/conda/bin/python3.11 \\03.11.9\\0{}", "x".repeat(2000));
        let common = [
            &python,
            "link opt/conda/bin/python3 python3.11",
            "file opt/conda/lib/python3.11/os.py",
            "dir opt/conda/lib/python3.11/site-packages",
        ];
        let inner: Vec<String> =
            more.iter().map(|line| line.replace("SITE", "opt/conda/lib/python3.11/site-packages")).collect();
        let lines: Vec<&str> = common.into_iter().chain(inner.iter().map(String::as_str)).collect();
        tree(&[&lines])
    }

    fn hidden(tree: &Tree, names: &[&str]) -> Result<Vec<String>, String> {
        let config = serde_json::json!({ "Env": ["PATH=/opt/conda/bin:/usr/bin"] });
        let names = names.iter().map(|name| name.parse().unwrap()).collect();
        let replaced = tree.replaced(&config, &names).map_err(|error| error.to_string())?;
        let short = |path: &String| path.replace("/opt/conda/lib/python3.11/site-packages", "SITE");
        Ok(replaced
            .iter()
            .map(|one| {
                format!("{} {}: {}", one.name, one.version, one.hides.iter().map(short).collect::<Vec<_>>().join(" "))
            })
            .collect())
    }

    const TORCH: &[&str] = &[
        "file SITE/torch-2.0.dist-info/METADATA Name: torch\\nVersion: 2.0\\n",
        "file SITE/torch-2.0.dist-info/RECORD torch/__init__.py,,\\ntorch/lib/a.so,,\\nshared/__init__.py,,\\nshared/own.py,,\\n../../../bin/torchrun,,\\ntorch-2.0.dist-info/METADATA,,\\ngone.py,,\\ntop.py,,\\n",
        "file SITE/torch-2.0.dist-info/INSTALLER pip",
        "file SITE/torch/__init__.py x",
        "file SITE/torch/__pycache__/__init__.cpython-311.pyc x",
        "file SITE/torch/__pycache__/__init__.cpython-311.opt-1.pyc x",
        "file SITE/torch/lib/a.so x",
        "dir SITE/torch/empty",
        "file SITE/shared/__init__.py x",
        "file SITE/shared/own.py x",
        "file SITE/shared/other.py x",
        "file SITE/top.py x",
        "file SITE/__pycache__/top.cpython-311.pyc x",
        "file SITE/__pycache__/topmost.cpython-311.pyc x",
        "file opt/conda/bin/torchrun x",
        "file SITE/other-1.dist-info/METADATA Name: other\\nVersion: 1\\n",
        "file SITE/other-1.dist-info/RECORD shared/__init__.py,,\\nshared/other.py,,\\n",
    ];

    #[test]
    fn everything_that_a_distribution_brought_is_hidden() {
        assert_eq!(
            hidden(&base(TORCH), &["torch"]).unwrap(),
            ["torch 2.0: /opt/conda/bin/torchrun SITE/__pycache__/top.cpython-311.pyc SITE/shared/own.py SITE/top.py \
              SITE/torch SITE/torch-2.0.dist-info"]
        );
        let both = hidden(&base(TORCH), &["other", "torch"]).unwrap();
        assert_eq!(both[0], "other 1: SITE/other-1.dist-info SITE/shared");
        assert!(both[1].contains("SITE/shared ") && !both[1].contains("SITE/shared/own.py"), "{}", both[1]);
    }

    #[test]
    fn what_is_not_listed_by_others_too_but_stands_beside_stays() {
        let more = [TORCH, &["file SITE/torch/patched.py x"]].concat();
        let found = hidden(&base(&more), &["torch"]).unwrap();
        let expect = "SITE/torch/__init__.py SITE/torch/__pycache__ SITE/torch/lib";
        assert!(found[0].contains(expect), "{}", found[0]);
    }

    #[test]
    fn condas_own_lists_count_where_there_is_no_record() {
        let egg = &[
            "file SITE/old-3.0-py3.11.egg-info/PKG-INFO Name: old\\nVersion: 3.0\\n",
            "file SITE/old/a.py x",
            "file SITE/old/kept.txt x",
        ];
        assert_eq!(
            hidden(&base(egg), &["old"]).unwrap_err(),
            "nothing lists the files of old 3.0, in /opt/conda/lib/python3.11/site-packages/old-3.0-py3.11.egg-info"
        );
        let note = "file opt/conda/conda-meta/py-old-3.0-0.json {\"files\":[\"lib/python3.11/site-packages/old-3.0-py3.11.egg-info/PKG-INFO\",\"lib/python3.11/site-packages/old/a.py\"]}";
        let found = hidden(&base(&[&egg[..], &[note]].concat()), &["old"]).unwrap();
        assert_eq!(
            found,
            ["old 3.0: /opt/conda/conda-meta/py-old-3.0-0.json SITE/old-3.0-py3.11.egg-info SITE/old/a.py"]
        );
    }

    #[test]
    fn what_belongs_to_debian_stays() {
        let python = format!("file usr/bin/python3.11 \\03.11.2\\0{}", "x".repeat(2000));
        let tree = tree(&[&[
            &python,
            "link usr/bin/python3 python3.11",
            "file usr/lib/python3.11/os.py",
            "file usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA Name: six\\nVersion: 1.16.0\\n",
            "file usr/lib/python3/dist-packages/six-1.16.0.dist-info/RECORD six.py,,\\n",
        ]]);
        let config = Value::Null;
        let error = |name: &str| tree.replaced(&config, &[name.parse().unwrap()].into()).unwrap_err().to_string();
        assert_eq!(
            error("six"),
            "six 1.16.0 belongs to Debian's packages, in /usr/lib/python3/dist-packages/six-1.16.0.dist-info"
        );
        assert_eq!(error("numpy"), "the base has no numpy that could be replaced");
    }
}
