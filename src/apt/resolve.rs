//! Which packages are needed together, as apt finds it without recommendations: the highest version of
//! each, the leftmost alternative that can be had.
//!
//! No backtracking: in Debian's own archives the highest versions go together, and where two packages
//! exclude each other the error names both.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{AptError, Candidate, Universe, universe::meets};
use crate::{
    debian::{Alternative, DebianError, Dependency, Package, Relation, Requirement, Version},
    lock::LockedPackage,
    oci::Digest,
};

/// What packages that the user asked for are needed by.
const RECIPE: &str = "recipe";

/// A package of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// Binary package name.
    pub name: String,
    /// The version.
    pub version: Version,
    /// `debian` or `debian-security`.
    pub archive: &'static str,
    /// Path below the archive's root.
    pub path: String,
    /// Of the .deb.
    pub sha256: Digest,
    /// Bytes of the .deb.
    pub size: u64,
    /// `recipe`, or the packages that depend on it. Sorted.
    pub why: Vec<String>,
}

/// What is asked of the archive.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// Packages to have. A name may carry a version, `libgl1=1.6.0-1`.
    pub names: &'a [String],
    /// What the base has; it is neither brought again nor replaced.
    pub installed: &'a [Package],
    /// Names that are left out, whoever depends on them.
    pub exclude: &'a [String],
}

/// The packages that `request` needs and that are not installed yet, sorted by name.
///
/// # Errors
/// When a name is unknown, when a dependency cannot be met, and when two packages exclude each other.
pub fn resolve(universe: &Universe, request: Request<'_>) -> Result<Vec<Selected>, AptError> {
    let mut work = Work::new(universe, request)?;
    for name in request.names {
        work.want(name)?;
    }
    while let Some(name) = work.queue.pop_front() {
        work.follow(name)?;
    }
    work.check_conflicts()?;
    work.finish()
}

impl From<Selected> for LockedPackage {
    fn from(selected: Selected) -> Self {
        Self {
            name: selected.name,
            version: selected.version.into(),
            archive: selected.archive.to_owned(),
            path: selected.path,
            sha256: selected.sha256,
            size: selected.size,
            why: selected.why,
        }
    }
}

struct Work<'a> {
    universe: &'a Universe,
    exclude: &'a [String],
    /// What the base has, by name.
    installed: BTreeMap<&'a str, &'a Package>,
    /// What is new, by name.
    selected: BTreeMap<&'a str, &'a Candidate>,
    /// What either of them provides → by whom, in which version.
    provided: BTreeMap<String, Vec<(&'a str, Option<Version>)>>,
    /// Selected, but not looked into yet.
    queue: VecDeque<&'a str>,
    /// Name → who needs it.
    why: BTreeMap<&'a str, BTreeSet<String>>,
    /// Name → who was the first to need it.
    parent: BTreeMap<&'a str, &'a str>,
}

impl<'a> Work<'a> {
    fn new(universe: &'a Universe, request: Request<'a>) -> Result<Self, AptError> {
        let mut work = Self {
            universe,
            exclude: request.exclude,
            installed: request.installed.iter().map(|package| (package.name.as_str(), package)).collect(),
            selected: BTreeMap::new(),
            provided: BTreeMap::new(),
            queue: VecDeque::new(),
            why: BTreeMap::new(),
            parent: BTreeMap::new(),
        };
        for package in request.installed {
            work.provide(package)?;
        }
        Ok(work)
    }

    /// A package that the recipe names.
    fn want(&mut self, text: &str) -> Result<(), AptError> {
        let malformed = |source| AptError::Malformed { file: "debian.packages".to_owned(), source };
        let wanted = match text.split_once('=') {
            Some((name, version)) => Alternative {
                name: crate::debian::package_name(name).map_err(malformed)?.to_owned(),
                requirement: Some(Requirement {
                    relation: Relation::Equal,
                    version: version.parse().map_err(malformed)?,
                }),
            },
            None => Alternative::any(crate::debian::package_name(text).map_err(malformed)?),
        };
        let met = match self.met_by(&wanted) {
            Some(name) => Some(name),
            // A version that the user names may be other than the highest.
            None => match self.exact(&wanted).or_else(|| self.candidate(&wanted)) {
                Some(candidate) => Some(self.select(candidate, None)?),
                None => None,
            },
        };
        let dependency = Dependency { alternatives: vec![wanted] };
        let name = met.ok_or_else(|| self.explain(&dependency, None))?;
        self.why.entry(name).or_default().insert(RECIPE.to_owned());
        Ok(())
    }

    /// Looks into the dependencies of the selected package `name`.
    fn follow(&mut self, name: &'a str) -> Result<(), AptError> {
        let Some(candidate) = self.selected.get(name).copied() else { return Ok(()) };
        for dependency in candidate.package.dependencies().map_err(|source| malformed(name, source))? {
            let alternatives = &dependency.alternatives;
            let met = match alternatives.iter().find_map(|wanted| self.met_by(wanted)) {
                Some(met) => met,
                None => match alternatives.iter().find_map(|wanted| self.candidate(wanted)) {
                    Some(candidate) => self.select(candidate, Some(name))?,
                    None if alternatives.iter().any(|wanted| self.exclude.contains(&wanted.name)) => continue,
                    None => return Err(self.explain(&dependency, Some(name))),
                },
            };
            if met != name {
                self.why.entry(met).or_default().insert(name.to_owned());
            }
        }
        Ok(())
    }

    /// Who among what is there already meets `wanted`.
    fn met_by(&self, wanted: &Alternative) -> Option<&'a str> {
        let version = self.version_of(&wanted.name);
        if let Some((name, _)) = version.filter(|(_, version)| wanted.accepts(version)) {
            return Some(name);
        }
        let provided = self.provided.get(&wanted.name)?;
        provided.iter().find(|(_, version)| meets(wanted, version.as_ref())).map(|(name, _)| *name)
    }

    fn version_of(&self, name: &str) -> Option<(&'a str, &'a Version)> {
        let package = match self.selected.get(name) {
            Some(candidate) => &candidate.package,
            None => self.installed.get(name)?,
        };
        Some((&package.name, &package.version))
    }

    /// The package to take for `wanted`. Nothing that is there already is replaced by another version.
    fn candidate(&self, wanted: &Alternative) -> Option<&'a Candidate> {
        let real = self.universe.highest(&wanted.name).filter(|candidate| wanted.accepts(&candidate.package.version));
        real.into_iter()
            .chain(self.universe.providers(wanted))
            .filter(|candidate| !self.exclude.contains(&candidate.package.name))
            .find(|candidate| self.version_of(&candidate.package.name).is_none())
    }

    fn exact(&self, wanted: &Alternative) -> Option<&'a Candidate> {
        wanted.requirement.as_ref()?;
        let versions = self.universe.versions(&wanted.name);
        versions.iter().find(|candidate| wanted.accepts(&candidate.package.version))
    }

    fn select(&mut self, candidate: &'a Candidate, parent: Option<&'a str>) -> Result<&'a str, AptError> {
        let name = candidate.package.name.as_str();
        self.selected.insert(name, candidate);
        self.queue.push_back(name);
        if let Some(parent) = parent {
            self.parent.insert(name, parent);
        }
        self.provide(&candidate.package)?;
        Ok(name)
    }

    fn provide(&mut self, package: &'a Package) -> Result<(), AptError> {
        for provided in package.provides().map_err(|source| malformed(&package.name, source))? {
            let version = provided.requirement.map(|requirement| requirement.version);
            self.provided.entry(provided.name).or_default().push((&package.name, version));
        }
        Ok(())
    }

    /// Everything that is new against everything.
    fn check_conflicts(&self) -> Result<(), AptError> {
        let new = self.selected.values().map(|candidate| &candidate.package);
        for package in new.chain(self.installed.values().copied()) {
            for excluded in package.conflicts().map_err(|source| malformed(&package.name, source))? {
                let Some(other) = self.excluded(package, &excluded) else { continue };
                if self.selected.contains_key(package.name.as_str()) || self.selected.contains_key(other.name.as_str())
                {
                    return Err(AptError::Conflict {
                        left: titled(package),
                        right: titled(other),
                        field: excluded.to_string(),
                    });
                }
            }
        }
        Ok(())
    }

    /// A package other than `package` that `excluded` is about.
    fn excluded(&self, package: &Package, excluded: &Alternative) -> Option<&'a Package> {
        let by_name = self.version_of(&excluded.name).filter(|(_, version)| excluded.accepts(version));
        let provided = self.provided.get(&excluded.name).into_iter().flatten();
        let provided = provided.filter(|(_, version)| meets(excluded, version.as_ref()));
        by_name
            .map(|(name, _)| name)
            .into_iter()
            .chain(provided.map(|(name, _)| *name))
            .find(|name| *name != package.name)
            .and_then(|name| self.package(name))
    }

    fn package(&self, name: &str) -> Option<&'a Package> {
        let selected = self.selected.get(name).map(|candidate| &candidate.package);
        selected.or_else(|| self.installed.get(name).copied())
    }

    fn explain(&self, dependency: &Dependency, wanted_by: Option<&'a str>) -> AptError {
        let (chain, text) = (self.chain(wanted_by), dependency.to_string());
        let names = || dependency.alternatives.iter().map(|wanted| wanted.name.as_str());
        if let Some(package) = names().find_map(|name| self.installed.get(name)) {
            return AptError::BaseUnfit { chain, dependency: text, found: titled(package) };
        }
        let found: Vec<_> = names()
            .filter_map(|name| self.package(name).or_else(|| Some(&self.universe.highest(name)?.package)))
            .map(titled)
            .collect();
        match (found.is_empty(), dependency.alternatives.as_slice()) {
            (true, [only]) => AptError::Unknown {
                name: only.name.clone(),
                wanted_by: chain,
                suggestion: wanted_by.is_none().then(|| self.universe.suggestion(&only.name)).flatten(),
            },
            (true, _) => AptError::Unmet { chain, dependency: text, found: "none of them".to_owned() },
            (false, _) => AptError::Unmet { chain, dependency: text, found: found.join(", ") },
        }
    }

    /// `the recipe → python3 → libssl3`.
    fn chain(&self, end: Option<&'a str>) -> String {
        let mut names: Vec<_> = std::iter::successors(end, |name| self.parent.get(name).copied()).collect();
        names.push("the recipe");
        names.reverse();
        names.join(" → ")
    }

    fn finish(self) -> Result<Vec<Selected>, AptError> {
        let mut why = self.why;
        self.selected
            .into_values()
            .map(|Candidate { archive, package }| {
                let file = package.file.as_ref().ok_or_else(|| AptError::NoChecksum { package: titled(package) })?;
                Ok(Selected {
                    name: package.name.clone(),
                    version: package.version.clone(),
                    archive,
                    path: file.path.clone(),
                    sha256: file.sha256,
                    size: file.size,
                    why: why.remove(package.name.as_str()).unwrap_or_default().into_iter().collect(),
                })
            })
            .collect()
    }
}

fn titled(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

fn malformed(name: &str, source: DebianError) -> AptError {
    AptError::Malformed { file: format!("paragraph of {name}"), source }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::{apt::DEBIAN, debian::packages, hint::Advise as _};

    /// Each line is `name version[: field=value; …]`.
    fn universe(lines: &str) -> Universe {
        let mut universe = Universe::default();
        for package in packages_of(lines) {
            universe.add(DEBIAN, package);
        }
        universe.complete().unwrap();
        universe
    }

    fn packages_of(lines: &str) -> Vec<Package> {
        let zeros = "0".repeat(64);
        let mut text = String::new();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (title, fields) = line.split_once(" | ").unwrap_or((line, ""));
            let (name, version) = title.split_once(' ').unwrap();
            let fields = fields.replace("; ", "\n");
            let file = format!("Filename: pool/{name}.deb\nSize: 1\nSHA256: {zeros}");
            writeln!(text, "Package: {name}\nVersion: {version}\n{file}\n{fields}\n").unwrap();
        }
        packages("test", text.as_bytes()).map(Result::unwrap).collect()
    }

    fn solve(universe: &Universe, names: &str, installed: &str) -> Result<String, AptError> {
        let names: Vec<_> = names.split(' ').map(str::to_owned).collect();
        let selected = resolve(universe, Request { names: &names, installed: &packages_of(installed), exclude: &[] })?;
        Ok(selected
            .iter()
            .map(|one| format!("{} {} <- {}", one.name, one.version, one.why.join(" ")))
            .collect::<Vec<_>>()
            .join("; "))
    }

    #[test]
    fn excluded_packages_are_left_out_whoever_depends_on_them() {
        let universe = universe(
            "app 1 | Depends: lib, big | small
             lib 1 | Depends: fat
             fat 1
             big 1
             small 1",
        );
        let (names, exclude) = (["app".to_owned()], ["fat".to_owned(), "big".to_owned()]);
        let request = Request { names: &names, installed: &[], exclude: &exclude };
        let selected = resolve(&universe, request).unwrap();
        assert_eq!(selected.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["app", "lib", "small"]);
    }

    #[test]
    fn the_closure_is_what_apt_would_take() {
        let universe = universe(
            "app 1 | Pre-Depends: pre; Depends: lib (>= 2), either | other, virtual
             pre 1
             lib 1
             lib 2
             lib 3~rc1
             either 1 | Depends: app
             other 1
             second 1 | Provides: virtual; Priority: optional
             first 1 | Provides: virtual; Priority: extra
             wants-virtual-version 1 | Depends: numbered (>= 2)
             numbered-old 1 | Provides: numbered (= 1)
             numbered-bare 1 | Provides: numbered
             numbered-new 1 | Provides: numbered (= 2)",
        );
        let check = |names: &str, installed: &str, expect: &str| {
            assert_eq!(solve(&universe, names, installed).unwrap(), expect, "{names}");
        };
        check("app", "", "app 1 <- either recipe; either 1 <- app; lib 3~rc1 <- app; pre 1 <- app; second 1 <- app");
        check(
            "app other",
            "",
            "app 1 <- recipe; lib 3~rc1 <- app; other 1 <- app recipe; pre 1 <- app; second 1 <- app",
        );
        check(
            "app other lib=2",
            "first 1 | Provides: virtual\npre 1",
            "app 1 <- recipe; lib 2 <- app recipe; other 1 <- app recipe",
        );
        check("app", "app 1", "");
        check(
            "wants-virtual-version",
            "",
            "numbered-new 1 <- wants-virtual-version; wants-virtual-version 1 <- recipe",
        );
        check("virtual", "", "second 1 <- recipe");
    }

    #[test]
    fn errors_name_the_way_to_the_package() {
        let universe = universe(
            "app 1 | Depends: middle
             middle 1 | Depends: lib (>= 2), gone
             lib 1
             other 1 | Depends: none | nothing
             left 1 | Depends: right
             right 2 | Breaks: left (<< 2)
             mail 1 | Provides: mta; Conflicts: mta
             post 1 | Provides: mta; Conflicts: mta
             lone 1 | Depends: absent",
        );
        let check = |names: &str, installed: &str, expect: &str| {
            assert_eq!(solve(&universe, names, installed).unwrap_err().to_string(), expect, "{names}");
        };
        check("app", "", "the recipe → app → middle needs `lib (>= 2)`, but the archive has lib 1");
        check("app", "lib 1.5", "the recipe → app → middle needs `lib (>= 2)`, but the base has lib 1.5");
        check("other", "", "the recipe → other needs `none | nothing`, but the archive has none of them");
        check("lib=3", "", "the recipe needs `lib (= 3)`, but the archive has lib 1");
        check("left", "", "right 2 conflicts with left 1 (`left (<< 2)`)");
        check("mail post", "", "mail 1 conflicts with post 1 (`mta`)");
        check("lone", "", "the recipe → lone needs `absent`, and there is no package of that name");
        assert!(solve(&universe, "mail", "").is_ok());
    }

    #[test]
    fn a_wrong_name_gets_a_suggestion() {
        let error = solve(&universe("python3 1\nlibgl1 1"), "pyhton3", "").unwrap_err();
        assert_eq!(error.to_string(), "the recipe needs `pyhton3`, and there is no package of that name");
        assert_eq!(error.hint().unwrap().to_string(), "did you mean `python3`?");
    }

    #[test]
    fn what_the_base_has_conflicts_only_with_what_is_new() {
        let universe = universe("new 1");
        assert!(solve(&universe, "new", "a 1 | Conflicts: b\nb 1").is_ok());
        let error = solve(&universe, "new", "a 1 | Conflicts: new").unwrap_err();
        assert_eq!(error.to_string(), "a 1 conflicts with new 1 (`new`)");
    }
}
