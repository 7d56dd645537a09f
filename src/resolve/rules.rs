//! From what metadata says to what the search is told: markers, overrides, constraints, exclusions.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::VersionSpecifier;

use super::{
    Alternative, Request, ResolveError,
    direct::written_url,
    package::Package,
    ranges::{Versions, satisfying},
};
use crate::python::{ExtraName, MarkerEnvironment, NamePattern, PackageName, Requirement, Wanted};

/// What the recipe says about everybody's requirements.
#[derive(Clone)]
pub(super) struct Rules {
    environment: MarkerEnvironment,
    constraints: BTreeMap<PackageName, Versions>,
    overrides: BTreeMap<PackageName, Vec<Requirement>>,
    exclude: Vec<NamePattern>,
    /// Where the recipe says a distribution lies.
    urls: BTreeMap<PackageName, String>,
}

/// A package with the versions that will do, in the order in which they were required.
pub(super) type Dependencies = Vec<(Package, Versions)>;

impl Rules {
    pub(super) fn new(request: &Request, environment: MarkerEnvironment) -> Result<Self, ResolveError> {
        let mut constraints: BTreeMap<PackageName, Versions> = BTreeMap::new();
        for constraint in request.constraints.iter().filter(|constraint| constraint.applies(&environment, &[])) {
            let Some(versions) = constraint.versions() else {
                return Err(ResolveError::ConstraintUrl { package: constraint.name.clone() });
            };
            let bound = constraints.entry(constraint.name.clone()).or_insert_with(Versions::full);
            *bound = bound.intersection(&satisfying(versions));
        }
        let mut overrides: BTreeMap<PackageName, Vec<Requirement>> = BTreeMap::new();
        for requirement in &request.overrides {
            overrides.entry(requirement.name.clone()).or_default().push(requirement.clone());
        }
        let (exclude, urls) = (request.exclude.clone(), BTreeMap::new());
        let rules = Self { environment, constraints, overrides, exclude, urls };
        Ok(rules.knowing(&request.requirements).knowing(&request.overrides))
    }

    /// The same, where `requirements` are the recipe's too.
    pub(super) fn knowing(mut self, requirements: &[Requirement]) -> Self {
        for requirement in requirements.iter().filter(|requirement| requirement.applies(&self.environment, &[])) {
            if let Wanted::Url(url) = &requirement.wanted {
                self.urls.insert(requirement.name.clone(), written_url(url));
            }
        }
        self
    }

    pub(super) const fn environment(&self) -> &MarkerEnvironment {
        &self.environment
    }

    /// Whether an alternative asks for anything: markers may be for other targets, and its distributions left out.
    pub(super) fn want(&self, alternative: &Alternative) -> bool {
        let mut wheels = alternative.wheels.iter();
        wheels.any(|wheel| wheel.marker.evaluate(&self.environment, &[]))
            || self.apply(&alternative.requirements, None).map_or(true, |wanted| !wanted.is_empty())
    }

    /// What a distribution requires: without `extra`, all that it always does; with it, what it does
    /// besides.
    ///
    /// # Errors
    /// With the reason why the distribution cannot be used.
    pub(super) fn apply(
        &self,
        requirements: &[Requirement],
        extra: Option<&ExtraName>,
    ) -> Result<Dependencies, String> {
        let mut dependencies = Dependencies::new();
        for requirement in requirements.iter().filter(|requirement| self.is_meant(requirement, extra)) {
            if self.exclude.iter().any(|pattern| pattern.matches(&requirement.name)) {
                continue;
            }
            match self.overrides.get(&requirement.name) {
                None => self.add(&mut dependencies, requirement, &[])?,
                Some(instead) => {
                    for other in instead.iter().filter(|other| other.applies(&self.environment, &[])) {
                        self.add(&mut dependencies, other, &requirement.extras)?;
                    }
                }
            }
        }
        Ok(dependencies)
    }

    fn is_meant(&self, requirement: &Requirement, extra: Option<&ExtraName>) -> bool {
        let always = requirement.applies(&self.environment, &[]);
        match extra {
            None => always,
            Some(extra) => !always && requirement.applies(&self.environment, std::slice::from_ref(extra)),
        }
    }

    fn add(&self, into: &mut Dependencies, requirement: &Requirement, more: &[ExtraName]) -> Result<(), String> {
        let name = &requirement.name;
        let mut versions = match &requirement.wanted {
            Wanted::Versions(versions) => satisfying(versions),
            Wanted::Url(url) if self.urls.get(name) == Some(&written_url(url)) => Versions::full(),
            Wanted::Url(_) => return Err(format!("it requires {name} from a URL, which only the recipe may do")),
        };
        if let Some(bound) = self.constraints.get(name) {
            versions = versions.intersection(bound);
        }
        let extras: BTreeSet<&ExtraName> = requirement.extras.iter().chain(more).collect();
        let packages = extras.into_iter().map(|extra| Package::Extra(name.clone(), extra.clone()));
        for package in std::iter::once(Package::Base(name.clone())).chain(packages) {
            match into.iter_mut().find(|(known, _)| *known == package) {
                Some((_, known)) => *known = known.intersection(&versions),
                None => into.push((package, versions.clone())),
            }
        }
        Ok(())
    }
}

/// The distributions of which the recipe itself names a pre-release.
pub(super) fn asked_prereleases(request: &Request) -> BTreeSet<PackageName> {
    let alternatives = request.choices.iter().flat_map(|choice| &choice.any_of);
    let alternatives = alternatives.flat_map(|alternative| &alternative.requirements);
    let own = request.requirements.iter().chain(&request.constraints).chain(&request.overrides).chain(alternatives);
    let names = |requirement: &&Requirement| {
        requirement.versions().is_some_and(|versions| versions.iter().any(VersionSpecifier::any_prerelease))
    };
    own.filter(names).map(|requirement| requirement.name.clone()).collect()
}
