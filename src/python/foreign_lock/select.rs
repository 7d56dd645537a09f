//! What of a foreign lock is wanted on one target.

use std::collections::{BTreeMap, BTreeSet};

use super::{Edge, ForeignLock, ForeignPackage, Origin, Shape, pylock::plain_marker};
use crate::python::{ExtraName, MarkerEnvironment, PackageName, PythonError, Requirement};

/// Which part of a lock is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part<'a> {
    /// Extras of the project.
    pub extras: &'a [ExtraName],
    /// Dependency groups of the project; of a `pylock.toml`, its default groups where none are named.
    pub groups: &'a [String],
    /// What is wanted besides, of what the lock has.
    pub also: &'a [Requirement],
    /// Projects that the lock is of besides its roots, such as members of a workspace, and what they ask for.
    pub members: &'a [Requirement],
}

/// Position of a package → who asks for it.
type Found = BTreeMap<usize, BTreeSet<String>>;

pub(super) fn select<'l>(
    lock: &'l ForeignLock,
    environment: &MarkerEnvironment,
    part: &Part<'_>,
) -> Result<Vec<(&'l ForeignPackage, Vec<String>)>, PythonError> {
    if let Some(environments) = &lock.environments
        && !environments.markers.iter().any(|marker| marker.evaluate(environment, &[]))
    {
        let (machine, system) = (environment.platform_machine(), environment.platform_system());
        let python = environment.python_full_version();
        let reason = format!("the lock is for other environments than {system} on {machine} with Python {python}");
        let advice = "let its own tool lock the project for this environment too (uv: `tool.uv.environments`)";
        return Err(PythonError::advised(environments.span.clone(), reason, advice));
    }
    let found = match &lock.shape {
        Shape::Flat(default_groups) => flat(lock, environment, (part, default_groups))?,
        Shape::Graph(roots) => graph(lock, environment, (part, roots))?,
    };
    let mut by_name: BTreeMap<&PackageName, (&ForeignPackage, Vec<String>)> = BTreeMap::new();
    for (position, why) in found {
        let package = &lock.packages[position];
        let entry = (package, why.into_iter().collect());
        if let Some((other, _)) = by_name.insert(&package.name, entry) {
            let versions = [other, package].map(|package| package.version.as_ref().map(ToString::to_string));
            let versions = versions.map(Option::unwrap_or_default).join(" and ");
            let reason = format!("{} is wanted in two versions at once, {versions}", package.name);
            return Err(PythonError::place(package.span.clone(), reason));
        }
    }
    Ok(by_name.into_values().collect())
}

/// Every package by its own marker; what depends on what serves only to say who asks.
fn flat(
    lock: &ForeignLock,
    environment: &MarkerEnvironment,
    (part, default_groups): (&Part<'_>, &[String]),
) -> Result<Found, PythonError> {
    let groups = if part.groups.is_empty() { default_groups } else { part.groups };
    let named = |kind: &str, name: &str| match kind {
        "extras" => name.parse::<ExtraName>().is_ok_and(|name| part.extras.contains(&name)),
        _ => groups.iter().any(|group| group == name),
    };
    let mut found = Found::new();
    for (position, package) in lock.packages.iter().enumerate() {
        let wanted = match &package.marker {
            None => true,
            Some((text, span)) => plain_marker(text, span, &named)?.evaluate(environment, &[]),
        };
        if wanted {
            found.insert(position, BTreeSet::new());
        }
    }
    let positions: Vec<usize> = found.keys().copied().collect();
    for asking in &positions {
        for edge in &lock.packages[*asking].edges {
            let asked = positions.iter().find(|position| lock.packages[**position].name == edge.name);
            if let Some(why) = asked.and_then(|position| found.get_mut(position)) {
                why.insert(lock.packages[*asking].name.to_string());
            }
        }
    }
    found.values_mut().filter(|why| why.is_empty()).for_each(|why| {
        why.insert("recipe".to_owned());
    });
    Ok(found)
}

fn graph(
    lock: &ForeignLock,
    environment: &MarkerEnvironment,
    (part, roots): (&Part<'_>, &[usize]),
) -> Result<Found, PythonError> {
    let mut walk =
        Walk { lock, environment, extras: named_extras(lock, roots, part), found: Found::new(), open: Vec::new() };
    for root in roots {
        let package = &lock.packages[*root];
        walk.follow("recipe", &package.edges)?;
        for extra in part.extras {
            let edges = package
                .extras
                .get(extra)
                .ok_or_else(|| lacks(package, "extra", extra.as_ref(), package.extras.keys()))?;
            walk.follow("recipe", edges)?;
        }
        for group in part.groups {
            let edges = package
                .groups
                .get(group)
                .ok_or_else(|| lacks(package, "dependency group", group, package.groups.keys()))?;
            walk.follow("recipe", edges)?;
        }
    }
    let is_root = |wanted: &&Requirement| roots.iter().any(|root| lock.packages[*root].name == wanted.name);
    for member in part.members.iter().filter(|member| !is_root(member)) {
        walk.follow("recipe", &[edge(member)])?;
    }
    walk.run()?;
    for requirement in part.also {
        walk.follow("recipe", &[edge(requirement)])?;
    }
    walk.run()?;
    for root in roots {
        walk.found.remove(root);
    }
    Ok(walk.found)
}

/// What somebody outside asks for, who knows no more than its name.
fn edge(requirement: &Requirement) -> Edge {
    let Requirement { name, extras, marker, .. } = requirement.clone();
    Edge { name, version: None, origin: None, extras, marker }
}

struct Walk<'l> {
    lock: &'l ForeignLock,
    environment: &'l MarkerEnvironment,
    extras: Vec<ExtraName>,
    found: Found,
    open: Vec<(usize, Option<ExtraName>)>,
}

impl<'l> Walk<'l> {
    fn run(&mut self) -> Result<(), PythonError> {
        let mut done = BTreeSet::new();
        while let Some((position, extra)) = self.open.pop() {
            if !done.insert((position, extra.clone())) {
                continue;
            }
            let lock: &'l ForeignLock = self.lock;
            let package = &lock.packages[position];
            let edges = match &extra {
                None => Some(&package.edges),
                Some(extra) => package.extras.get(extra),
            };
            self.follow(package.name.as_str(), edges.map(Vec::as_slice).unwrap_or_default())?;
        }
        Ok(())
    }

    fn follow(&mut self, asking: &str, edges: &[Edge]) -> Result<(), PythonError> {
        for edge in edges.iter().filter(|edge| edge.marker.evaluate(self.environment, &self.extras)) {
            let position = self.position(edge)?;
            if self.lock.packages[position].name.as_str() != asking {
                self.found.entry(position).or_default().insert(asking.to_owned());
            }
            self.open.push((position, None));
            self.open.extend(edge.extras.iter().map(|extra| (position, Some(extra.clone()))));
        }
        Ok(())
    }

    fn position(&self, edge: &Edge) -> Result<usize, PythonError> {
        let fits = |package: &ForeignPackage| {
            package.name == edge.name
                && edge.version.as_ref().is_none_or(|version| package.version.as_ref() == Some(version))
                && edge.origin.as_ref().is_none_or(|origin| *origin == package.origin)
        };
        let all = || (0..self.lock.packages.len()).filter(|position| fits(&self.lock.packages[*position]));
        // Of several versions the one that is meant here: who requires a name from outside knows no version.
        let meant = all().find(|position| self.found.contains_key(position));
        match (meant, all().next(), all().nth(1)) {
            (Some(position), ..) | (None, Some(position), None) => Ok(position),
            (None, None, _) => Err(PythonError::advised(
                0..0,
                format!("`{}` is not in it", edge.name),
                "lock the project again with its own tool",
            )),
            (None, Some(_), Some(other)) => Err(PythonError::advised(
                self.lock.packages[other].span.clone(),
                format!("`{}` is in it in several versions, and none of them is among what is meant", edge.name),
                "name the extras or groups that are meant: `{ file = \"…\", extras = [\"…\"] }`",
            )),
        }
    }
}

/// What markers call the extras and groups that are wanted where they exclude each other
/// (`extra == 'extra-3-app-cpu'`).
fn named_extras(lock: &ForeignLock, roots: &[usize], part: &Part<'_>) -> Vec<ExtraName> {
    let mut names = part.extras.to_vec();
    for root in roots {
        let name = lock.packages[*root].name.as_str();
        let long = |kind: &str, own: &str| format!("{kind}-{}-{name}-{own}", name.len()).parse().ok();
        names.extend(part.extras.iter().filter_map(|extra| long("extra", extra.as_ref())));
        names.extend(part.groups.iter().filter_map(|group| long("group", group)));
    }
    names
}

fn lacks<N: ToString>(package: &ForeignPackage, what: &str, name: &str, known: impl Iterator<Item = N>) -> PythonError {
    let known: Vec<String> = known.map(|name| name.to_string()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    PythonError::place(package.span.clone(), format!("{} has no {what} `{name}`; it has: {known}", package.name))
}

impl Origin {
    /// Whether there is something to build before there is a wheel.
    #[must_use]
    pub const fn is_source(&self) -> bool {
        matches!(self, Self::Source(_))
    }
}
