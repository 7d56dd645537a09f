//! One resolution, from request to wheels: what the recipe names, the choices, the search, the digests.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use pep440_rs::VersionSpecifier;

use super::{
    Alternative, Choice, Fact, Notice, Picked, Request, Resolution, ResolveError,
    brought::Brought,
    catalog::Catalog,
    direct,
    ranges::satisfying,
    rules::{Rules, asked_prereleases},
    solver::{Solution, Solver},
};
use crate::{
    lock::WheelSource,
    pypi::PackageIndex,
    python::{PackageName, Requirement, Target, Version, VersionSpecifiers, Wanted, Yanked, marker_environment},
};

/// Digests learnt at the same time.
const AT_ONCE: usize = 8;

/// Requirements of the recipe that are tried without their bounds after a failure, and how long each.
const SUGGESTIONS: usize = 3;
const PATIENCE: Duration = Duration::from_secs(10);

/// Chooses wheels for `request` on `target`: transitively, wheels only, one of each distribution.
///
/// # Errors
/// When no set of wheels satisfies everything, when the recipe names files that do not fit, when
/// something denied is needed, and when an index cannot be used.
pub async fn resolve(request: &Request, target: &Target, index: &PackageIndex) -> Result<Resolution, ResolveError> {
    let rules = Rules::new(request, marker_environment(target))?;
    let mut catalog = Catalog::new(index.clone(), target);
    catalog.accepted.clone_from(&request.accepted);
    catalog.prefer.clone_from(&request.prefer);
    catalog.keep.clone_from(&request.keep);
    catalog.before = request.before;
    catalog.any_age.clone_from(&request.any_age);
    catalog.prereleases = asked_prereleases(request);
    catalog.patience = request.patience.unwrap_or(catalog.patience);
    let named: Vec<&Requirement> = request.requirements.iter().chain(&request.overrides).collect();
    let local = direct::take_in((&named, &request.wheels), &catalog, rules.environment()).await?;
    direct::take_in((&[], &request.override_wheels), &catalog, rules.environment()).await?;
    let search = Search { catalog: Arc::new(catalog), rules: Arc::new(rules), brought: Brought::of(request) };
    let Found { search, solution, choices } =
        search.solve(&[request.requirements.clone(), local].concat(), &request.choices).await?;
    search.refuse_denied(request, &solution)?;
    search.finish(solution, choices).await
}

#[derive(Clone)]
struct Search {
    catalog: Arc<Catalog>,
    rules: Arc<Rules>,
    brought: Brought,
}

/// What satisfies everything.
struct Found {
    /// With the files that the alternatives name.
    search: Search,
    solution: Solution,
    /// What was taken at each choice.
    choices: Vec<Vec<String>>,
}

/// An alternative that can be had.
struct Taken {
    spelled: Vec<String>,
    requirements: Vec<Requirement>,
    /// With the files that it names.
    search: Search,
    solution: Solution,
}

impl Search {
    async fn run(&self, requirements: Vec<Requirement>) -> Result<Solution, ResolveError> {
        let (catalog, rules) = (Arc::clone(&self.catalog), Arc::clone(&self.rules));
        Solver::new(catalog, rules, requirements, self.brought.clone()).run().await
    }

    /// Searches among stable versions, and where that fails for want of others, among the pre-releases of those
    /// distributions too: what can be had without them stays as it is, whatever others come out.
    ///
    /// [Version specifiers](https://packaging.python.org/en/latest/specifications/version-specifiers/).
    async fn solve(mut self, requirements: &[Requirement], choices: &[Choice]) -> Result<Found, ResolveError> {
        loop {
            let error = match self.choose_all(requirements.to_vec(), choices).await {
                Err(error @ (ResolveError::NoSolution { .. } | ResolveError::NoChoice { .. })) => error,
                other => return other,
            };
            let Some(catalog) = self.catalog.with_unreleased() else {
                return Err(self.suggest(requirements, error).await);
            };
            self.catalog = Arc::new(catalog);
        }
    }

    /// Takes what fits at each choice, one after the other.
    async fn choose_all(&self, mut requirements: Vec<Requirement>, choices: &[Choice]) -> Result<Found, ResolveError> {
        let (mut search, mut spelled, mut found) = (self.clone(), Vec::new(), None);
        for choice in choices {
            let Some(taken) = search.first_of(choice, &requirements).await? else { continue };
            spelled.push(taken.spelled);
            requirements.extend(taken.requirements);
            search = taken.search;
            found = Some(taken.solution);
        }
        let solution = match found {
            Some(solution) => solution,
            None => search.run(requirements).await?,
        };
        Ok(Found { search, solution, choices: spelled })
    }

    /// `error`, with which requirement of the recipe could be said otherwise so that there would be none.
    async fn suggest(&self, requirements: &[Requirement], error: ResolveError) -> ResolveError {
        let ResolveError::NoSolution { platform, mut facts } = error else { return error };
        let bound = |wanted: &Requirement| wanted.versions().is_some_and(|versions| !versions.is_empty());
        let to_blame = |wanted: &Requirement| facts.contains(&Fact::Wanted { requirement: wanted.to_string() });
        let culprits = requirements.iter().enumerate().filter(|(_, wanted)| bound(wanted) && to_blame(wanted));
        let culprits: Vec<usize> = culprits.map(|(position, _)| position).take(SUGGESTIONS).collect();
        for position in culprits {
            let wanted = &requirements[position];
            let Some(versions) = wanted.versions().map(satisfying) else { continue };
            let saying = |specifiers| Requirement { wanted: Wanted::Versions(specifiers), ..wanted.clone() };
            let mut looser = requirements.to_vec();
            looser[position] = saying(VersionSpecifiers::empty());
            let catalog = Arc::new(self.catalog.preferring_nearest(&wanted.name, &versions));
            let search = Self { catalog, ..self.clone() };
            let attempt = tokio::time::timeout(PATIENCE, search.run(looser)).await;
            if let Ok(Ok(solution)) = attempt
                && let Some(version) = solution.chosen.get(&wanted.name)
            {
                let version = VersionSpecifier::equals_version(version.clone().without_local());
                let instead = saying(version.into()).to_string();
                facts.push(Fact::WouldDo { requirement: wanted.to_string(), instead });
            }
        }
        ResolveError::NoSolution { platform, facts }
    }

    /// The first alternative of `choice` that asks for something here, and can be had together with `requirements`;
    /// nothing where none asks for anything, as of requirements whose markers are for other targets.
    async fn first_of(&self, choice: &Choice, requirements: &[Requirement]) -> Result<Option<Taken>, ResolveError> {
        let spelled = |alternative: &Alternative| alternative.spelled().join(" + ");
        let (meant, others): (Vec<_>, Vec<_>) =
            choice.any_of.iter().partition(|alternative| self.rules.want(alternative));
        if meant.is_empty() {
            return Ok(None);
        }
        let elsewhere = "nothing of it is wanted on this target".to_owned();
        let passed_over =
            |alternative| Fact::PassedOver { alternative: spelled(alternative), reason: elsewhere.clone() };
        let mut facts: Vec<Fact> = others.into_iter().map(passed_over).collect();
        for alternative in meant {
            match self.attempt(alternative, requirements).await {
                Ok(taken) => return Ok(Some(taken)),
                Err(ResolveError::NoSolution { facts: why, .. }) => facts.extend(why),
                Err(
                    error @ (ResolveError::DirectIncompatible { .. }
                    | ResolveError::DirectPython { .. }
                    | ResolveError::DirectTwice { .. }),
                ) => {
                    facts.push(Fact::PassedOver { alternative: spelled(alternative), reason: error.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        Err(ResolveError::NoChoice {
            platform: Box::new(self.catalog.target().platform.clone()),
            alternatives: choice.any_of.iter().map(spelled).collect(),
            facts: Fact::told(facts),
        })
    }

    /// Files that `alternative` names are the only ones of their distributions with it, and with it alone.
    async fn attempt(&self, alternative: &Alternative, requirements: &[Requirement]) -> Result<Taken, ResolveError> {
        let (mut search, mut wanted) = (self.clone(), alternative.requirements.clone());
        if alternative.names_files() {
            let catalog = self.catalog.apart();
            let named: Vec<&Requirement> = wanted.iter().collect();
            let local = direct::take_in((&named, &alternative.wheels), &catalog, self.rules.environment()).await?;
            search.rules = Arc::new(Rules::clone(&self.rules).knowing(&wanted));
            search.catalog = Arc::new(catalog);
            wanted.extend(local);
        }
        let solution = search.run([requirements, &wanted].concat()).await?;
        Ok(Taken { spelled: alternative.spelled(), requirements: wanted, search, solution })
    }

    fn refuse_denied(&self, request: &Request, solution: &Solution) -> Result<(), ResolveError> {
        for package in solution.chosen.keys() {
            if let Some(pattern) = request.deny.iter().find(|pattern| pattern.matches(package)) {
                return Err(ResolveError::Denied {
                    package: package.clone(),
                    pattern: pattern.clone(),
                    platform: Box::new(self.catalog.target().platform.clone()),
                    why: why(solution, package),
                });
            }
        }
        Ok(())
    }

    async fn finish(&self, solution: Solution, choices: Vec<Vec<String>>) -> Result<Resolution, ResolveError> {
        let picks = solution.chosen.iter().map(|(name, version)| self.picked(name, version, &solution));
        let picks: Vec<(Picked, Option<Notice>)> = stream::iter(picks).buffered(AT_ONCE).try_collect().await?;
        let mut notices: BTreeSet<Notice> = solution.notices.clone();
        let mut wheels = Vec::with_capacity(picks.len());
        for (picked, notice) in picks {
            wheels.push(picked);
            notices.extend(notice);
        }
        let notices = notices.into_iter().collect();
        Ok(Resolution { platform: self.catalog.target().platform.clone(), wheels, choices, notices })
    }

    async fn picked(
        &self,
        name: &PackageName,
        version: &Version,
        solution: &Solution,
    ) -> Result<(Picked, Option<Notice>), ResolveError> {
        let listing = self.catalog.listing(name).await?;
        let candidate = listing.candidate(version).expect("only versions of the listing are chosen");
        let index = match &candidate.source {
            WheelSource::Index(index) => index.as_str(),
            _ => "",
        };
        let (sha256, size) = self.catalog.index.digest_and_size(index, &candidate.file).await?;
        if self.catalog.accepted.get(name).is_some_and(|accepted| !accepted.contains(&sha256)) {
            return Err(ResolveError::NotAccepted { file: candidate.file.name.clone(), found: sha256 });
        }
        let notice = match &candidate.file.yanked {
            Yanked::No => None,
            Yanked::Because(reason) => {
                Some(Notice::Yanked { package: name.clone(), version: version.clone(), reason: reason.clone() })
            }
        };
        let picked = Picked {
            name: name.clone(),
            version: version.clone(),
            file: candidate.wheel.clone(),
            sha256,
            size,
            source: candidate.source.clone(),
            uploaded: candidate.file.uploaded,
            own_hash: candidate.own_hash && !self.catalog.accepted.contains_key(name),
            why: why(solution, name),
        };
        Ok((picked, notice))
    }
}

fn why(solution: &Solution, package: &PackageName) -> Vec<String> {
    solution.why.get(package).map(|why| why.iter().cloned().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod texts;

#[cfg(test)]
mod lies;
