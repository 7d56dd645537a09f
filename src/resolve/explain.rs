//! From a proof that there is no solution to the facts it rests on.

use std::collections::{BTreeMap, BTreeSet};

use pubgrub::{DerivationTree, Derived, External};

use super::{
    Fact, ResolveError,
    catalog::Catalog,
    listing::Candidate,
    package::{Package, Reason},
    ranges::{Versions, in_words, nearest, same_public},
};
use crate::python::{PackageName, Requirement, Version, Yanked};

/// Refused versions told of one package.
const TOLD: usize = 3;

/// What is needed to put a proof into words.
pub(super) struct Explanation<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) recipe: &'a [Requirement],
}

/// Who requires what, over all versions: with the words for what is wanted.
type Edges<'a> = BTreeMap<(&'a Package, &'a Package), (Versions, Vec<String>)>;

type Proof = DerivationTree<Package, Versions, Reason>;

impl Explanation<'_> {
    pub(super) fn of(&self, proof: &Proof) -> ResolveError {
        let mut facts = Vec::new();
        let mut edges = Edges::new();
        for leaf in leaves(proof) {
            match leaf {
                External::FromDependencyOf(Package::Root, _, package, versions) => {
                    facts.push(Fact::Wanted { requirement: self.wanted(package, versions) });
                }
                External::FromDependencyOf(package, versions, dependency, wanted)
                    if package.name() != dependency.name() =>
                {
                    let edge = edges.entry((package, dependency)).or_insert_with(|| (Versions::empty(), Vec::new()));
                    edge.0 = edge.0.union(versions);
                    edge.1.push(format!("{dependency}{}", in_words(wanted)));
                }
                leaf => self.tell(leaf, &mut facts),
            }
        }
        for ((package, dependency), (versions, wanted)) in edges {
            facts.push(self.depends(package, &versions, (dependency, wanted)));
        }
        ResolveError::NoSolution {
            platform: Box::new(self.catalog.target().platform.clone()),
            facts: Fact::told(facts),
        }
    }

    fn tell(&self, leaf: &External<Package, Versions, Reason>, facts: &mut Vec<Fact>) {
        match leaf {
            External::NotRoot(..) | External::FromDependencyOf(..) => {}
            External::NoVersions(package, versions) => {
                if let Some(name) = package.name() {
                    self.no_versions(name, versions, facts);
                }
            }
            External::Custom(package, versions, reason) => {
                if let Some(name) = package.name() {
                    facts.extend(self.custom(name, versions, reason));
                }
            }
        }
    }

    /// All that the versions of one package want of another: in full, or how much of it.
    fn depends(&self, package: &Package, versions: &Versions, wanted: (&Package, Vec<String>)) -> Fact {
        const SHOWN: usize = 3;
        let (dependency, mut wanted) = wanted;
        wanted.sort();
        wanted.dedup();
        let requirement = match wanted.len() {
            0..=SHOWN => wanted.join(" or "),
            count => format!("{dependency} in {count} different ranges"),
        };
        Fact::Depends { package: package.to_string(), versions: self.spelled(package, versions), requirement }
    }

    /// The recipe's own words, where they are to be had.
    fn wanted(&self, package: &Package, versions: &Versions) -> String {
        let own: Vec<&Requirement> =
            self.recipe.iter().filter(|requirement| Some(&requirement.name) == package.name()).collect();
        match own[..] {
            [only] => only.to_string(),
            _ => format!("{package}{}", in_words(versions)),
        }
    }

    fn custom(&self, name: &PackageName, versions: &Versions, reason: &Reason) -> Option<Fact> {
        let package = name.clone();
        Some(match reason {
            Reason::NotFound => {
                let indexes = self.catalog.index.indexes_for(name, &self.catalog.target().platform);
                Fact::NotFound { package, indexes }
            }
            Reason::Installed(version) => Fact::Installed { package, version: version.clone() },
            Reason::Direct(version) => Fact::Direct { package, version: version.clone() },
            Reason::Unusable(reason) => {
                let version = versions.as_singleton()?.clone();
                Fact::Unusable { package, version, reason: reason.clone() }
            }
        })
    }

    /// The newest refused versions in the range; when there are none, the range itself.
    fn no_versions(&self, name: &PackageName, versions: &Versions, facts: &mut Vec<Fact>) {
        const USABLE: usize = 5;
        let Some(listing) = self.catalog.known(name) else { return };
        let inside = || listing.candidates.iter().rev().filter(|one| versions.contains(one.wheel.version()));
        if inside().any(|one| one.wheel.version().any_prerelease() && one.is_offered()) {
            self.catalog.note_unreleased(name);
        }
        let withdrawn: Vec<Fact> = inside().filter_map(|one| withdrawn(name, one)).take(TOLD).collect();
        let refused = || listing.refused.iter().rev().filter(|(version, _)| versions.contains(version));
        let unfit: Vec<Fact> = refused()
            .take(TOLD)
            .filter(|(_, refused)| !refused.is_source_only())
            .map(|(version, refused)| Fact::Unusable {
                package: name.clone(),
                version: version.clone(),
                reason: refused.in_words(&self.catalog.tags),
            })
            .collect();
        let sources = refused().filter(|(_, refused)| refused.is_source_only());
        let sources: Vec<Version> = sources.map(|(version, _)| version.clone()).collect();
        if !unfit.is_empty() || !withdrawn.is_empty() {
            facts.extend(unfit.into_iter().chain(withdrawn));
        } else if let Some(fact) = other_locals(name, versions, &listing.versions) {
            facts.push(fact);
        } else if !sources.is_empty() {
            let usable = listing.versions.iter().rev().find(|version| !version.any_prerelease()).cloned();
            facts.push(Fact::SourceOnly { package: name.clone(), versions: sources, usable });
        } else {
            let there_are = nearest(versions, listing.advisable()).into_iter().take(USABLE).collect();
            let words = in_words(versions);
            let versions = if words.is_empty() { "any range".to_owned() } else { words.trim().to_owned() };
            facts.push(Fact::NoVersion { package: name.clone(), versions, there_are });
        }
    }

    /// The versions of `package` in `versions` that exist.
    fn spelled(&self, package: &Package, versions: &Versions) -> String {
        let listing = package.name().and_then(|name| self.catalog.known(name));
        let all = listing.as_ref().map(|listing| listing.versions.as_slice()).unwrap_or_default();
        let inside: Vec<&Version> = all.iter().filter(|version| versions.contains(version)).collect();
        match inside[..] {
            [] => in_words(versions),
            [only] => only.to_string(),
            [first, second] => format!("{first} and {second}"),
            [first, .., last] => format!("{first} to {last} ({} versions)", inside.len()),
        }
    }
}

fn withdrawn(package: &PackageName, candidate: &Candidate) -> Option<Fact> {
    let Yanked::Because(reason) = candidate.file.yanked.clone() else { return None };
    Some(Fact::Withdrawn { package: package.clone(), version: candidate.wheel.version().clone(), reason })
}

/// What there is of the one version that `versions` name, where its local part is missing.
fn other_locals(package: &PackageName, versions: &Versions, known: &[Version]) -> Option<Fact> {
    let version = versions.as_singleton().filter(|version| version.is_local())?.clone();
    let public = same_public(&version.clone().without_local());
    let there_are: Vec<Version> = known.iter().filter(|known| public.contains(known)).cloned().collect();
    (!there_are.is_empty()).then(|| Fact::OtherLocal { package: package.clone(), version, there_are })
}

/// The leaves of a proof, each once. The proof shares its parts, and may be deep.
fn leaves(proof: &Proof) -> Vec<&External<Package, Versions, Reason>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![proof];
    while let Some(part) = open.pop() {
        if !seen.insert(std::ptr::from_ref(part)) {
            continue;
        }
        match part {
            DerivationTree::External(leaf) => found.push(leaf),
            DerivationTree::Derived(Derived { cause1, cause2, .. }) => open.extend([cause1.as_ref(), cause2.as_ref()]),
        }
    }
    found
}
