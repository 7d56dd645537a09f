//! The search: `PubGrub`'s loop, waiting for metadata where it must and fetching ahead where it can.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use pubgrub::{Id, IncompId, Incompatibility, State, Term};
use tokio::task::JoinSet;

use super::{
    Notice, ResolveError,
    brought::Brought,
    catalog::{Catalog, Unusable},
    conflicts::Order,
    explain::Explanation,
    listing::Listing,
    package::{Package, Provider, Reason},
    ranges::Versions,
    rules::{Dependencies, Rules},
};
use crate::{
    progress::Event,
    python::{ExtraName, PackageName, Requirement, Version},
};

/// Versions of one package tried before the next ones are fetched ahead.
const BATCH: usize = 5;

/// Most versions of one package that are fetched ahead together.
const AHEAD: usize = 50;

/// Versions looked at between two words about it.
const TOLD: usize = 500;

/// Rounds for each version that may be looked at.
const ROUNDS: usize = 50;

/// One search.
pub(super) struct Solver {
    catalog: Arc<Catalog>,
    rules: Arc<Rules>,
    requirements: Vec<Requirement>,
    brought: Brought,
    state: State<Provider>,
    order: Order,
    expanded: BTreeMap<(Package, Version), Vec<Package>>,
    tried: BTreeMap<PackageName, usize>,
    warmed: BTreeMap<PackageName, Versions>,
    looked_at: usize,
    damaged: BTreeMap<PackageName, BTreeMap<Version, String>>,
    /// What is to be said of extras of the base's distributions.
    of_base: BTreeMap<Package, Notice>,
    ahead: JoinSet<()>,
}

/// What the search found.
pub(super) struct Solution {
    /// Distributions with their versions, those of the base left out.
    pub(super) chosen: BTreeMap<PackageName, Version>,
    /// Who requires each of them; `recipe` for the recipe.
    pub(super) why: BTreeMap<PackageName, BTreeSet<String>>,
    pub(super) notices: BTreeSet<Notice>,
}

type Packed = IncompId<Package, Versions, Reason>;

impl Solver {
    pub(super) fn new(
        catalog: Arc<Catalog>,
        rules: Arc<Rules>,
        requirements: Vec<Requirement>,
        brought: Brought,
    ) -> Self {
        Self {
            state: State::init(Package::Root, Version::new([0])),
            order: Order::new(brought.versions().clone()),
            expanded: BTreeMap::new(),
            tried: BTreeMap::new(),
            warmed: BTreeMap::new(),
            looked_at: 0,
            damaged: BTreeMap::new(),
            of_base: BTreeMap::new(),
            ahead: JoinSet::new(),
            catalog,
            rules,
            requirements,
            brought,
        }
    }

    /// Searches to the end.
    pub(super) async fn run(mut self) -> Result<Solution, ResolveError> {
        let mut next = self.state.root_package;
        for _ in 0..self.catalog.patience.saturating_mul(ROUNDS) {
            self.propagate(next)?;
            self.look_ahead();
            let Some((package, versions)) = self.pick() else { return self.solution().await };
            next = package;
            match self.state.package_store[next].clone() {
                Package::Root => self.decide_root(next),
                package => self.decide(next, &package, versions).await?,
            }
            if self.looked_at > self.catalog.patience {
                break;
            }
        }
        Err(self.given_up())
    }

    fn propagate(&mut self, package: Id<Package>) -> Result<(), ResolveError> {
        match self.state.unit_propagation(package) {
            Ok(causes) => {
                for (affected, incompatibility) in &causes {
                    self.note_conflict(*affected, *incompatibility);
                }
            }
            Err(proof) => {
                let explanation = Explanation { catalog: &self.catalog, recipe: &self.requirements };
                return Err(explanation.of(&proof));
            }
        }
        for package in self.order.reconsider() {
            let package = self.state.package_store.alloc(package);
            self.state.backtrack_package(package);
        }
        Ok(())
    }

    fn note_conflict(&mut self, affected: Id<Package>, incompatibility: Packed) {
        let store = &self.state.package_store;
        let terms = self.state.incompatibility_store[incompatibility].iter();
        let culprits: Vec<&Package> = terms.filter(|(id, _)| *id != affected).map(|(id, _)| &store[id]).collect();
        self.order.conflict(&store[affected], &culprits);
    }

    fn pick(&mut self) -> Option<(Id<Package>, Versions)> {
        let Self { state, order, .. } = self;
        let store = &state.package_store;
        let picked = state.partial_solution.pick_highest_priority_pkg(|id, range| order.priority(&store[id], range));
        picked.map(|(id, versions)| (id, versions.clone()))
    }

    fn decide_root(&mut self, id: Id<Package>) {
        let version = Version::new([0]);
        // The recipe's own requirements can only fail for a URL, and those are known by now.
        let dependencies = self.rules.apply(&self.requirements, None).unwrap_or_default();
        self.expand((id, &Package::Root), &version, Versions::singleton(version.clone()), dependencies);
    }

    async fn decide(&mut self, id: Id<Package>, package: &Package, versions: Versions) -> Result<(), ResolveError> {
        let Some(name) = package.name().cloned() else { return Ok(()) };
        if let Some(version) = self.brought.version(&name).cloned()
            && self.stays(&name, &version, &versions)
        {
            return self.decide_installed(id, package, (version, versions)).await;
        }
        let listing = self.catalog.listing(&name).await?;
        if !listing.found {
            self.forbid(id, Versions::full(), Reason::NotFound);
            return Ok(());
        }
        let possible = self.within_base(package, &versions);
        let Some(candidate) = self.catalog.choose(&name, &listing, &possible) else {
            self.refuse(id, &listing, versions);
            return Ok(());
        };
        let version = candidate.wheel.version().clone();
        if self.expanded.contains_key(&(package.clone(), version.clone())) {
            self.state.partial_solution.add_decision(id, version);
            return Ok(());
        }
        self.look_at();
        let metadata = self.catalog.metadata(candidate).await?;
        let extra = match package {
            Package::Extra(_, extra) => Some(extra),
            _ => None,
        };
        let dependencies =
            metadata.and_then(|metadata| self.rules.apply(&metadata.requires, extra).map_err(Unusable::Unfit));
        match dependencies {
            Ok(dependencies) => self.expand_version(id, package, (&version, &listing), dependencies),
            Err(unusable) => {
                let reason = match unusable {
                    Unusable::Unfit(reason) => reason,
                    Unusable::Damaged(reason) => {
                        self.damaged.entry(name.clone()).or_default().insert(version.clone(), reason.clone());
                        reason
                    }
                };
                let reason = Reason::Unusable(reason);
                self.state.add_incompatibility(Incompatibility::custom_version(id, version, reason));
            }
        }
        self.fetch_alternatives(&name, &listing, &versions);
        Ok(())
    }

    /// No version of `listing` is in `versions`: say why.
    fn refuse(&mut self, id: Id<Package>, listing: &Listing, versions: Versions) {
        match listing.direct_version().cloned() {
            Some(version) => {
                let reason = Reason::Direct(version.clone());
                self.forbid(id, Versions::singleton(version).complement(), reason);
            }
            None => self.state.add_incompatibility(Incompatibility::no_versions(id, Term::Positive(versions))),
        }
    }

    /// What the base brings is kept: it has no requirements of its own any more, but its extras may.
    async fn decide_installed(
        &mut self,
        id: Id<Package>,
        package: &Package,
        (version, versions): (Version, Versions),
    ) -> Result<(), ResolveError> {
        let named = package.name().and_then(|name| self.named_file(name)).filter(|named| *named != version);
        if !versions.contains(&version) || named.is_some() {
            let others = |version| Versions::singleton(version).complement();
            if let Some(named) = named {
                self.forbid(id, others(named.clone()), Reason::Direct(named));
            }
            self.forbid(id, others(version.clone()), Reason::Installed(version));
            return Ok(());
        }
        let mut dependencies = Dependencies::new();
        if let Package::Extra(name, extra) = package {
            let only = Versions::singleton(version.clone());
            let (found, notice) = self.installed_extra(name, extra, &version).await?;
            self.of_base.extend(notice.map(|notice| (package.clone(), notice)));
            dependencies = found;
            dependencies.push((Package::Base(name.clone()), only));
        }
        if self.expanded.contains_key(&(package.clone(), version.clone())) {
            self.state.partial_solution.add_decision(id, version);
        } else {
            self.expand((id, package), &version, Versions::singleton(version.clone()), dependencies);
        }
        Ok(())
    }

    /// Whether what the base has of `name` is kept, or at least stands in the way.
    fn stays(&self, name: &PackageName, version: &Version, wanted: &Versions) -> bool {
        !self.brought.may_replace(name) || (wanted.contains(version) && self.named_file(name).is_none())
    }

    /// The version of the file that the recipe names.
    fn named_file(&self, name: &PackageName) -> Option<Version> {
        self.catalog.known(name)?.direct_version().cloned()
    }

    /// Whether `version` is what the base has, and stays there.
    fn is_kept(&self, name: &PackageName, version: &Version) -> bool {
        let same = self.brought.version(name) == Some(version);
        same && !(self.brought.may_replace(name) && self.named_file(name).is_some())
    }

    /// The lock knows no metadata of the base; an index may have the same version. Where that tells nothing, or of no
    /// such extra, there is something to say.
    async fn installed_extra(
        &self,
        name: &PackageName,
        extra: &ExtraName,
        version: &Version,
    ) -> Result<(Dependencies, Option<Notice>), ResolveError> {
        let untold = |why: &str| {
            let reason = format!("{why} {name} {version}, which the base brings");
            let notice = Notice::UntoldExtra { package: name.clone(), extra: extra.clone(), reason };
            (Dependencies::new(), Some(notice))
        };
        let listing = self.catalog.listing(name).await?;
        let Some(candidate) = listing.candidate(version) else { return Ok(untold("no index has")) };
        let Ok(metadata) = self.catalog.metadata(candidate).await? else {
            return Ok(untold("no index has usable metadata of"));
        };
        let Ok(dependencies) = self.rules.apply(&metadata.requires, Some(extra)) else {
            return Ok(untold("URLs are required by"));
        };
        let unknown = || Notice::UnknownExtra { package: name.clone(), version: version.clone(), extra: extra.clone() };
        Ok((dependencies, (!metadata.extras.contains(extra)).then(unknown)))
    }

    /// Of an extra, the versions that its base can still have.
    fn within_base(&mut self, package: &Package, versions: &Versions) -> Versions {
        let Package::Extra(name, _) = package else { return versions.clone() };
        let base = self.state.package_store.alloc(Package::Base(name.clone()));
        match self.state.partial_solution.term_intersection_for_package(base) {
            Some(Term::Positive(base)) if !base.is_disjoint(versions) => base.intersection(versions),
            _ => versions.clone(),
        }
    }

    fn expand_version(
        &mut self,
        id: Id<Package>,
        package: &Package,
        (version, listing): (&Version, &Listing),
        mut dependencies: Dependencies,
    ) {
        let only = Versions::singleton(version.clone());
        let versions = match package {
            Package::Extra(name, _) => {
                dependencies.push((Package::Base(name.clone()), only.clone()));
                only
            }
            // Versions that nobody can choose may share the fate of this one: fewer holes in the sets.
            _ => only.widen_versions(&listing.versions),
        };
        self.expand((id, package), version, versions, dependencies);
    }

    fn expand(
        &mut self,
        (id, package): (Id<Package>, &Package),
        version: &Version,
        versions: Versions,
        dependencies: Dependencies,
    ) {
        let required: Vec<Package> = dependencies.iter().map(|(package, _)| package.clone()).collect();
        required.iter().filter_map(Package::name).for_each(|name| self.order.find(name));
        self.expanded.insert((package.clone(), version.clone()), required);
        let conflict = self.state.add_package_version_dependencies(id, version.clone(), versions, dependencies);
        if let Some(incompatibility) = conflict {
            self.note_conflict(id, incompatibility);
        }
    }

    fn forbid(&mut self, id: Id<Package>, versions: Versions, reason: Reason) {
        self.state.add_incompatibility(Incompatibility::custom_term(id, Term::Positive(versions), reason));
    }

    fn look_at(&mut self) {
        self.looked_at += 1;
        if self.looked_at.is_multiple_of(TOLD) {
            let subject = format!("for {}: {} versions looked at", self.catalog.target().platform, self.looked_at);
            self.catalog.index.observer().observe(&Event::Stage { name: "choosing wheels", subject: &subject });
        }
    }

    fn given_up(&self) -> ResolveError {
        let mut tried: Vec<(&PackageName, &usize)> = self.tried.iter().collect();
        tried.sort_by_key(|(_, times)| Reverse(**times));
        ResolveError::GivenUp {
            platform: Box::new(self.catalog.target().platform.clone()),
            looked_at: self.looked_at,
            most: tried.into_iter().take(3).map(|(name, _)| name.clone()).collect(),
        }
    }

    /// Fetches pages, and the metadata most likely wanted, of everything that is required, as soon as it
    /// is and whenever that changes which version would be taken.
    fn look_ahead(&mut self) {
        while self.ahead.try_join_next().is_some() {}
        for (id, versions) in self.state.partial_solution.prioritized_packages() {
            let Some(name) = self.state.package_store[id].name() else { continue };
            if self.brought.version(name).is_some_and(|version| versions.contains(version))
                || self.warmed.get(name) == Some(versions)
            {
                continue;
            }
            self.warmed.insert(name.clone(), versions.clone());
            let (catalog, name, versions) = (Arc::clone(&self.catalog), name.clone(), versions.clone());
            self.ahead.spawn(async move { catalog.warm(&name, &versions).await });
        }
    }

    /// After some versions of one package, the next ones will probably be wanted too.
    fn fetch_alternatives(&mut self, name: &PackageName, listing: &Arc<Listing>, versions: &Versions) {
        let tried = self.tried.entry(name.clone()).or_default();
        *tried += 1;
        if !tried.is_multiple_of(BATCH) {
            return;
        }
        let ahead = (*tried * 2).min(AHEAD);
        let next = listing.candidates.iter().rev().filter(|candidate| versions.contains(candidate.wheel.version()));
        for candidate in next.skip(1).take(ahead) {
            let (catalog, candidate) = (Arc::clone(&self.catalog), candidate.clone());
            self.ahead.spawn(async move {
                let _ = catalog.metadata(&candidate).await;
            });
        }
    }

    async fn solution(&self) -> Result<Solution, ResolveError> {
        let decided: BTreeMap<Package, Version> = self
            .state
            .partial_solution
            .extract_solution()
            .map(|(id, version)| (self.state.package_store[id].clone(), version))
            .collect();
        let mut solution = Solution { chosen: BTreeMap::new(), why: BTreeMap::new(), notices: BTreeSet::new() };
        for (package, version) in reachable(&decided, &self.expanded) {
            let owner = package.name().map_or_else(|| "recipe".to_owned(), ToString::to_string);
            let required = self.expanded.get(&(package.clone(), version.clone())).into_iter().flatten();
            for name in required.filter_map(Package::name).filter(|name| Some(*name) != package.name()) {
                solution.why.entry(name.clone()).or_default().insert(owner.clone());
            }
            let Some(name) = package.name().filter(|name| !self.is_kept(name, version)) else {
                solution.notices.extend(self.of_base.get(package).cloned());
                continue;
            };
            solution.chosen.insert(name.clone(), version.clone());
            solution.notices.extend(self.passed_over(name, version));
            if let Package::Extra(_, extra) = package {
                solution.notices.extend(self.unknown_extra(name, version, extra).await?);
            }
        }
        Ok(solution)
    }

    /// What would have been taken rather than `version`, were it what it says.
    fn passed_over(&self, name: &PackageName, version: &Version) -> Vec<Notice> {
        let newer = self.damaged.get(name).into_iter().flatten().filter(|(damaged, _)| *damaged > version);
        let told = newer.map(|(version, reason)| Notice::PassedOver {
            package: name.clone(),
            version: version.clone(),
            reason: reason.clone(),
        });
        told.collect()
    }

    async fn unknown_extra(
        &self,
        name: &PackageName,
        version: &Version,
        extra: &ExtraName,
    ) -> Result<Option<Notice>, ResolveError> {
        let listing = self.catalog.listing(name).await?;
        let Some(candidate) = listing.candidate(version) else { return Ok(None) };
        let known = self.catalog.metadata(candidate).await?.is_ok_and(|metadata| metadata.extras.contains(extra));
        let unknown = || Notice::UnknownExtra { package: name.clone(), version: version.clone(), extra: extra.clone() };
        Ok((!known).then(unknown))
    }
}

/// What of `decided` the recipe leads to.
fn reachable<'a>(
    decided: &'a BTreeMap<Package, Version>,
    expanded: &BTreeMap<(Package, Version), Vec<Package>>,
) -> BTreeMap<&'a Package, &'a Version> {
    let mut found = BTreeMap::new();
    let mut open: Vec<&Package> = vec![&Package::Root];
    while let Some(package) = open.pop() {
        let Some((package, version)) = decided.get_key_value(package) else { continue };
        if found.insert(package, version).is_none() {
            open.extend(expanded.get(&(package.clone(), version.clone())).into_iter().flatten());
        }
    }
    found
}
