//! One attempt: from what is asked for to everything that it depends on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{ESSENTIAL, RECIPE, Recommends, Request, Select, Selected, wish::Wish};
use crate::{
    apt::{
        AptError, Candidate, Set, Standing, Universe,
        set::{fits, titled},
    },
    debian::{Alternative, DebianError, Dependency, Package},
};

/// Why an attempt came to nothing, and which choice might be taken back.
pub(super) struct Failure<'a> {
    pub(super) error: AptError,
    /// A package that was one of several that would have done.
    pub(super) choice: Option<&'a str>,
}

/// A package that is new.
#[derive(Clone)]
pub(super) struct New<'a> {
    candidate: &'a Candidate,
    /// Who was the first to need it; the recipe where nobody was.
    pub(super) parent: Option<&'a str>,
    /// Whether another package would have done in its place.
    chosen: bool,
    why: BTreeSet<String>,
}

#[derive(Clone)]
pub(super) struct Work<'a> {
    pub(super) universe: &'a Universe,
    pub(super) request: Request<'a>,
    /// Choices that were taken back.
    refused: &'a BTreeSet<String>,
    /// What the base has, by name.
    pub(super) installed: BTreeMap<&'a str, &'a Package>,
    /// What the base has and what is new.
    pub(super) set: Set<'a>,
    pub(super) new: BTreeMap<&'a str, New<'a>>,
    /// New, but not looked into yet.
    queue: VecDeque<&'a str>,
    /// New, and their recommendations not looked into yet.
    recommending: VecDeque<&'a str>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        universe: &'a Universe,
        request: Request<'a>,
        refused: &'a BTreeSet<String>,
    ) -> Result<Self, Failure<'a>> {
        let set = Set::of(request.installed).map_err(|source| malformed("the base", source))?;
        let installed = request.installed.iter().map(|package| (package.name.as_str(), package)).collect();
        let (new, queue, recommending) = (BTreeMap::new(), VecDeque::new(), VecDeque::new());
        Ok(Self { universe, request, refused, installed, set, new, queue, recommending })
    }

    /// Everything that the request needs.
    pub(super) fn run(mut self) -> Result<Vec<Selected>, Failure<'a>> {
        let names = self.request.names;
        for name in names {
            self.want(name)?;
        }
        if self.request.essential {
            for candidate in self.universe.essential() {
                self.want_essential(candidate)?;
            }
        }
        match self.request.select {
            Select::Depends => {
                self.follow_all()?;
                self.recommend()?;
            }
            Select::Listed => self.check_conflicts()?,
        }
        self.finish().map_err(Failure::from)
    }

    /// A package that the recipe names.
    fn want(&mut self, text: &'a str) -> Result<(), Failure<'a>> {
        let wish = Wish::parse(text).map_err(|source| malformed("debian.packages", source))?;
        let there = self.set.get(&wish.wanted.name).filter(|package| wish.is_met_by(package));
        let there = there.or_else(|| self.set.met_by(&wish.wanted).filter(|_| wish.suite.is_none()));
        let name = if let Some(package) = there {
            package.name.as_str()
        } else {
            let candidates = self.possible(wish.candidates(self.universe));
            let candidate = candidates.first().ok_or_else(|| self.explain_wish(&wish))?;
            let name = self.select(candidate, None, candidates.len() > 1)?;
            self.queue.push_back(name);
            name
        };
        self.note(name, RECIPE);
        Ok(())
    }

    fn want_essential(&mut self, candidate: &'a Candidate) -> Result<(), Failure<'a>> {
        let name = candidate.package.name.as_str();
        if self.set.get(name).is_none() && !self.request.exclude.iter().any(|excluded| excluded == name) {
            self.select(candidate, None, false)?;
            self.queue.push_back(name);
        }
        self.note(name, ESSENTIAL);
        Ok(())
    }

    fn follow_all(&mut self) -> Result<(), Failure<'a>> {
        loop {
            while let Some(name) = self.queue.pop_front() {
                self.follow(name)?;
            }
            if !self.mend_base()? {
                return self.check_conflicts();
            }
        }
    }

    /// Looks into the dependencies of the new package `name`, and before the next of them into those of what
    /// the one before brought, as apt does: what is there by then decides about alternatives.
    fn follow(&mut self, name: &'a str) -> Result<(), Failure<'a>> {
        let mut path = vec![self.step(name)?];
        while let Some((parent, ahead)) = path.last_mut() {
            let Some(dependency) = ahead.next() else {
                path.pop();
                continue;
            };
            let parent = *parent;
            if let Some(name) = self.meet(&dependency, parent, parent)? {
                path.push(self.step(name)?);
            }
        }
        Ok(())
    }

    /// A package and what it depends on.
    fn step(&self, name: &'a str) -> Result<(&'a str, std::vec::IntoIter<Dependency>), Failure<'a>> {
        let dependencies = self.set.get(name).map(Package::dependencies).transpose();
        Ok((name, dependencies.map_err(|source| malformed(name, source))?.unwrap_or_default().into_iter()))
    }

    /// Makes sure that `dependency` of the package `parent` is met; the package that was taken for it, if it
    /// was not.
    fn meet(&mut self, dependency: &Dependency, parent: &'a str, why: &str) -> Result<Option<&'a str>, Failure<'a>> {
        let mut taken = None;
        let met = if let Some(package) = self.set.met(dependency) {
            package.name.as_str()
        } else {
            let options = self.options(dependency, parent);
            match options.first() {
                Some(candidate) => {
                    let name = self.select(candidate, Some(parent), options.len() > 1)?;
                    taken = Some(name);
                    name
                }
                None if self.is_excluded(dependency) => return Ok(None),
                None => {
                    let error = self.explain(dependency, Some(parent));
                    return Err(Failure { error, choice: self.choice_above(parent) });
                }
            }
        };
        if met != parent {
            self.note(met, why);
        }
        Ok(taken)
    }

    /// The package that may be taken for `dependency`, and another one if there is any, the best first.
    fn options(&self, dependency: &Dependency, parent: &str) -> Vec<&'a Candidate> {
        let universe = self.universe;
        let all = dependency
            .alternatives
            .iter()
            .flat_map(|wanted| universe.meeting(wanted).into_iter().chain(self.suite_of_parent(parent, wanted)));
        self.possible(all)
    }

    /// What was taken from a suite by request may take from there what it cannot do without.
    fn suite_of_parent(&self, parent: &str, wanted: &Alternative) -> Option<&'a Candidate> {
        let origin = &self.new.get(parent)?.candidate.origin;
        let mut versions = self.universe.versions(&wanted.name).iter();
        let same = |one: &Candidate| (&one.origin.archive, &one.origin.suite) == (&origin.archive, &origin.suite);
        (origin.standing == Standing::OnRequest)
            .then(|| versions.find(|one| same(one) && fits(&one.package, wanted)))?
    }

    /// Nothing that is there already is replaced by another version, unless the request allows it.
    fn possible(&self, candidates: impl IntoIterator<Item = &'a Candidate>) -> Vec<&'a Candidate> {
        let is_possible = |candidate: &&Candidate| {
            let package = &candidate.package;
            let free = self.set.get(&package.name).is_none_or(|there| {
                let replaceable = !self.new.contains_key(package.name.as_str()) && there.version < package.version;
                replaceable && self.may_upgrade(&package.name)
            });
            free && !self.request.exclude.contains(&package.name) && !self.refused.contains(&package.name)
        };
        candidates.into_iter().filter(is_possible).take(2).collect()
    }

    pub(super) fn may_upgrade(&self, name: &str) -> bool {
        self.request.upgrade.iter().any(|allowed| allowed == name)
    }

    pub(super) fn is_excluded(&self, dependency: &Dependency) -> bool {
        if self.request.exclude.is_empty() {
            return false;
        }
        let excluded = |name: &String| self.request.exclude.contains(name);
        let excluded_provider = |wanted| self.universe.meeting(wanted).iter().any(|one| excluded(&one.package.name));
        dependency.alternatives.iter().any(|wanted| excluded(&wanted.name) || excluded_provider(wanted))
    }

    fn select(
        &mut self,
        candidate: &'a Candidate,
        parent: Option<&'a str>,
        chosen: bool,
    ) -> Result<&'a str, Failure<'a>> {
        let name = candidate.package.name.as_str();
        self.set.add(&candidate.package).map_err(|source| malformed(name, source))?;
        self.new.insert(name, New { candidate, parent, chosen, why: BTreeSet::new() });
        self.recommending.push_back(name);
        Ok(name)
    }

    fn note(&mut self, name: &str, why: &str) {
        if let Some(new) = self.new.get_mut(name) {
            new.why.insert(why.to_owned());
        }
    }

    /// Packages of the base that lack something since others were replaced are replaced too, where the
    /// request allows it. Whether there were any.
    fn mend_base(&mut self) -> Result<bool, Failure<'a>> {
        let replaced = self.new.keys().any(|name| self.installed.contains_key(name));
        if !replaced {
            return Ok(false);
        }
        let kept: Vec<_> =
            self.installed.values().filter(|own| !self.new.contains_key(own.name.as_str())).copied().collect();
        let before = Set::of(self.request.installed).map_err(|source| malformed("the base", source))?;
        for package in kept {
            let name = package.name.as_str();
            for dependency in package.dependencies().map_err(|source| malformed(name, source))? {
                if before.met(&dependency).is_none() || self.set.met(&dependency).is_some() {
                    continue;
                }
                let newer = self.universe.highest(name).filter(|_| self.may_upgrade(name));
                let Some(candidate) = newer.filter(|one| one.package.version > package.version) else {
                    return Err(self.explain_broken(package, &dependency).into());
                };
                let mut replaced = dependency.alternatives.iter().map(|wanted| wanted.name.as_str());
                let why = replaced.find(|name| self.new.contains_key(name)).unwrap_or(RECIPE).to_owned();
                self.select(candidate, None, false)?;
                self.queue.push_back(name);
                self.note(name, &why);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Everything that is new against everything.
    fn check_conflicts(&self) -> Result<(), Failure<'a>> {
        for package in self.set.iter() {
            for field in package.conflicts().map_err(|source| malformed(&package.name, source))? {
                for other in self.set.excluded(package, &field) {
                    let pair = [package.name.as_str(), other.name.as_str()];
                    if pair.iter().any(|name| self.new.contains_key(name)) {
                        let choice = pair.iter().rev().find_map(|name| self.choice_above(name));
                        return Err(Failure { error: self.explain_conflict(package, &field, other), choice });
                    }
                }
            }
        }
        Ok(())
    }

    /// The nearest package, from `name` towards the recipe, for which another would have done.
    fn choice_above(&self, name: &str) -> Option<&'a str> {
        let mut next = self.new.get(name);
        while let Some(new) = next {
            if new.chosen {
                return Some(&new.candidate.package.name);
            }
            next = self.new.get(new.parent?);
        }
        None
    }

    /// Adds what is recommended, as far as it can be had without breaking anything.
    fn recommend(&mut self) -> Result<(), Failure<'a>> {
        while let Some(name) = self.recommending.pop_front() {
            let counts = match self.request.recommends {
                Recommends::None => false,
                Recommends::All => true,
                Recommends::Of(names) => names.iter().any(|listed| listed == name),
            };
            let Some(package) = self.set.get(name).filter(|_| counts) else { continue };
            let why = format!("{name} (recommends)");
            for dependency in package.recommendations().map_err(|source| malformed(name, source))? {
                let mut tried = self.clone();
                let met = tried.meet(&dependency, name, &why).and_then(|taken| {
                    tried.queue.extend(taken);
                    tried.follow_all()
                });
                if met.is_ok() {
                    *self = tried;
                }
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Selected>, AptError> {
        self.new
            .into_values()
            .map(|New { candidate: Candidate { origin, package }, why, .. }| {
                let file = package.file.as_ref().ok_or_else(|| AptError::NoChecksum { package: titled(package) })?;
                Ok(Selected {
                    name: package.name.clone(),
                    version: package.version.clone(),
                    archive: origin.archive.clone(),
                    suite: origin.suite.clone(),
                    path: file.path.clone(),
                    sha256: file.sha256,
                    size: file.size,
                    why: why.into_iter().collect(),
                })
            })
            .collect()
    }
}

impl From<AptError> for Failure<'_> {
    fn from(error: AptError) -> Self {
        Self { error, choice: None }
    }
}

fn malformed(name: &str, source: DebianError) -> AptError {
    AptError::Malformed { file: format!("paragraph of {name}"), source }
}
