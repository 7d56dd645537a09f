//! Why there is no such set of packages: who needs what, what there is, and what would help.

use super::{wish::Wish, work::Work};
use crate::{
    apt::{AptError, Standing, set::titled},
    debian::{Alternative, Dependency, Package},
    hint::Hint,
};

/// Versions of a package that are told.
const TOLD: usize = 5;

impl<'a> Work<'a> {
    /// Why nothing meets `dependency` of the package `parent`; of the recipe where there is none.
    pub(super) fn explain(&self, dependency: &Dependency, parent: Option<&'a str>) -> AptError {
        let (chain, text) = (self.chain(parent), dependency.to_string());
        let names = || dependency.alternatives.iter().map(|wanted| wanted.name.as_str());
        if let Some(package) = names().find_map(|name| self.installed.get(name)) {
            return self.base_unfit(chain, text, package);
        }
        let taken = names().find_map(|name| self.set.get(name)).map(|there| {
            let needed_by = self.chain(self.new.get(there.name.as_str()).and_then(|new| new.parent));
            format!("{} is there, needed by {needed_by}", titled(there))
        });
        let found: Vec<String> = names().filter_map(|name| self.versions(name)).collect();
        match (found.is_empty(), dependency.alternatives.as_slice()) {
            (true, [only]) => self.unknown(only, chain, parent),
            (true, _) => AptError::Unmet {
                chain,
                dependency: text,
                found: "the archive has none of them".to_owned(),
                hint: None,
            },
            (false, _) => {
                let found = taken.unwrap_or_else(|| format!("the archive has {}", found.join(", ")));
                AptError::Unmet { chain, dependency: text, found, hint: self.on_request(dependency) }
            }
        }
    }

    /// Why what the recipe asks for cannot be had.
    pub(super) fn explain_wish(&self, wish: &Wish<'_>) -> AptError {
        if let (Some(suite), Some(found)) = (wish.suite, self.versions(&wish.wanted.name)) {
            let (chain, dependency) = (self.chain(None), format!("{}/{suite}", wish.wanted));
            let hint = Some(Hint::new("name the package without a suite, or a suite that has it"));
            return AptError::Unmet { chain, dependency, found: format!("the archive has {found}"), hint };
        }
        self.explain(&Dependency { alternatives: vec![wish.wanted.clone()] }, None)
    }

    /// Why `package` of the base does not go with what replaces others of the base.
    pub(super) fn explain_broken(&self, package: &Package, dependency: &Dependency) -> AptError {
        let names = dependency.alternatives.iter().map(|wanted| wanted.name.as_str());
        let found = names.filter_map(|name| self.set.get(name)).map(titled).collect::<Vec<_>>().join(", ");
        AptError::BaseBroken {
            package: titled(package),
            dependency: dependency.to_string(),
            found,
            name: package.name.clone(),
        }
    }

    pub(super) fn explain_conflict(&self, package: &'a Package, field: &Alternative, other: &'a Package) -> AptError {
        AptError::Conflict {
            left: titled(package),
            right: titled(other),
            field: field.to_string(),
            because: format!("{}; {}", self.presence(package), self.presence(other)),
        }
    }

    /// Who brought a package.
    fn presence(&self, package: &'a Package) -> String {
        match self.new.get(package.name.as_str()) {
            Some(new) => format!("{} is needed by {}", package.name, self.chain(new.parent)),
            None => format!("{} is in the base", package.name),
        }
    }

    fn base_unfit(&self, chain: String, dependency: String, package: &Package) -> AptError {
        let newer = self.universe.highest(&package.name).filter(|newest| newest.package.version > package.version);
        AptError::BaseUnfit {
            chain,
            dependency,
            found: titled(package),
            newer: newer.filter(|_| !self.may_upgrade(&package.name)).map(|_| package.name.clone()),
        }
    }

    fn unknown(&self, wanted: &Alternative, wanted_by: String, parent: Option<&str>) -> AptError {
        let suggestion = parent.is_none().then(|| self.universe.suggestion(&wanted.name)).flatten();
        AptError::Unknown { name: wanted.name.clone(), wanted_by, suggestion }
    }

    /// `lib 1 (bookworm), 2 (bookworm-backports)`; nothing for a name that no package has.
    fn versions(&self, name: &str) -> Option<String> {
        let versions = self.universe.versions(name);
        let told: Vec<String> =
            versions.iter().take(TOLD).map(|one| format!("{} ({})", one.package.version, one.origin.word())).collect();
        (!told.is_empty()).then(|| format!("{name} {}", told.join(", ")))
    }

    /// What of the suites that must be asked for would do.
    fn on_request(&self, dependency: &Dependency) -> Option<Hint> {
        let found = dependency.alternatives.iter().find_map(|wanted| {
            let mut versions = self.universe.versions(&wanted.name).iter();
            versions.find(|one| one.origin.standing == Standing::OnRequest && wanted.accepts(&one.package.version))
        })?;
        let name = format!("{}/{}", found.package.name, found.origin.word());
        Some(Hint::new(format!("add `{name}` to `debian.packages`")))
    }

    /// `the recipe → python3 → libssl3`.
    fn chain(&self, end: Option<&'a str>) -> String {
        let mut names: Vec<_> =
            std::iter::successors(end, |name| self.new.get(name).and_then(|new| new.parent)).collect();
        names.push("the recipe");
        names.reverse();
        names.join(" → ")
    }
}
