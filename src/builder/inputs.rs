//! What the recipe asks, with the files it names read: requests for the resolver, and what a lock
//! remembers of all that, by which a stale one is noticed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use url::Url;

use super::{BuildError, Project};
use crate::{
    apt::Mirrors,
    lock::Input,
    oci::Digest,
    pypi,
    python::{Entry, MarkerTree, Requirement, RequirementsTxt},
    recipe::{self, Base, Demand, Listed, Location, Recipe, Security, Variant},
    resolve::{Choice, LocalWheel, Request},
};

/// Requirements files that include each other more deeply than this go in a circle.
const DEEPEST: usize = 32;

/// Every value and file that the lock depends on.
pub(super) fn inputs(project: &Project) -> Result<BTreeMap<String, Input>, BuildError> {
    let recipe = &project.recipe;
    let mut inputs: BTreeMap<String, Input> =
        recipe.inputs().iter().map(|(key, value)| (key.clone(), Input::from(value))).collect();
    let targets = targets(recipe);
    if !targets.is_empty() && (*recipe.base.get_ref() != Base::Scratch || recipe.debian.is_some()) {
        // The lock keeps what lies on the way to them.
        inputs.insert("scripts.to".to_owned(), Input::Items(targets));
    }
    for (key, file) in project.recipe.files() {
        let mut whole = String::new();
        let mut list = |_: &Path, text: &str| whole.push_str(text);
        each_file(project, Path::new(file.get_ref()), 0, &mut list)?;
        inputs.insert(key, Input::Digest(Digest::of(whole.as_bytes())));
    }
    Ok(inputs)
}

/// What the variant wants, on whatever platform.
pub(super) fn request(project: &Project, variant: &Variant) -> Result<Request, BuildError> {
    let wheels = &project.recipe.wheels;
    let mut request = Request {
        exclude: wheels.exclude.iter().map(|pattern| pattern.get_ref().clone()).collect(),
        deny: wheels.deny.iter().map(|pattern| pattern.get_ref().clone()).collect(),
        ..Request::default()
    };
    for demand in &variant.request.require {
        add_demand(&mut request, demand.get_ref());
    }
    for file in &variant.request.files {
        add_file(project, Path::new(file.get_ref()), &mut request)?;
    }
    request.constraints.extend(listed(project, &variant.request.constraints)?);
    request.overrides = listed(project, &variant.request.overrides)?;
    request.choices = variant.request.choices.iter().map(choice).collect();
    Ok(request)
}

/// The recipe's indexes.
pub(super) fn indexes(project: &Project) -> impl Iterator<Item = pypi::Index> + '_ {
    project.recipe.wheels.index.iter().map(|index| pypi::Index {
        name: index.name.get_ref().clone(),
        location: match index.location.get_ref() {
            Location::Url(url) => pypi::Location::Simple(url.clone()),
            Location::Folder(folder) => pypi::Location::Folder(project.folder.join(folder)),
        },
        packages: index.only_for.iter().map(|pattern| pattern.get_ref().clone()).collect(),
        platforms: index.platforms.iter().map(|platform| platform.get_ref().clone()).collect(),
    })
}

/// The recipe's mirrors in place of the user's.
pub(super) fn mirrors(project: &Project, users: &Mirrors) -> Mirrors {
    let Some(debian) = &project.recipe.debian else { return users.clone() };
    let url = |location: &Location| if let Location::Url(url) = location { Some(url.clone()) } else { None };
    let main: Vec<Url> = debian.mirrors.iter().filter_map(|location| url(location.get_ref())).collect();
    let security = match &debian.security {
        Security::Mirror(location) => url(location.get_ref()).into_iter().collect(),
        _ => Vec::new(),
    };
    users.clone().preferring(main, security)
}

/// The paths in the image that layers of this recipe write to.
pub(super) fn targets(recipe: &Recipe) -> Vec<String> {
    let all = recipe.images();
    let mut targets: Vec<String> =
        all.iter().flat_map(|image| &image.scripts).map(|script| script.to.get_ref().clone()).collect();
    targets.sort();
    targets.dedup();
    targets
}

fn choice(choice: &recipe::Choice) -> Choice {
    let one = |demands: &Vec<toml::Spanned<Demand>>| {
        demands.iter().map(|demand| demand.get_ref().requirement.clone()).collect()
    };
    Choice { any_of: choice.any_of.iter().map(one).collect() }
}

fn add_demand(request: &mut Request, demand: &Demand) {
    match &demand.wheel {
        None => request.requirements.push(demand.requirement.clone()),
        Some(path) => request.wheels.push(LocalWheel {
            path: PathBuf::from(path),
            extras: demand.requirement.extras.clone(),
            marker: demand.requirement.marker.clone(),
        }),
    }
}

fn listed(project: &Project, list: &[toml::Spanned<Listed>]) -> Result<Vec<Requirement>, BuildError> {
    let mut found = Vec::new();
    for item in list {
        match item.get_ref() {
            Listed::Demand(demand) => found.push(demand.requirement.clone()),
            Listed::File(file) => {
                let mut request = Request::default();
                add_file(project, Path::new(file), &mut request)?;
                found.append(&mut request.requirements);
            }
        }
    }
    Ok(found)
}

fn add_file(project: &Project, file: &Path, request: &mut Request) -> Result<(), BuildError> {
    read_file(project, file, 0, &mut |folder, entry| match entry {
        Entry::Requirement { requirement, hashes } => {
            if !hashes.is_empty() {
                request.accepted.entry(requirement.name.clone()).or_default().extend(hashes);
            }
            request.requirements.push(requirement);
        }
        Entry::Wheel { path, .. } => {
            request.wheels.push(LocalWheel {
                path: folder.join(path),
                extras: Vec::new(),
                marker: MarkerTree::default(),
            });
        }
        Entry::Include(_) | Entry::Constraints(_) => {}
    })?;
    constraints_of(project, file, request)
}

/// The constraints that a requirements file names with `-c`.
fn constraints_of(project: &Project, file: &Path, request: &mut Request) -> Result<(), BuildError> {
    for (name, constraints) in direct_entries(project, file)?.into_iter().filter_map(|(folder, entry)| match entry {
        Entry::Constraints(name) => Some((folder.join(&name), true)),
        Entry::Include(name) => Some((folder.join(&name), false)),
        _ => None,
    }) {
        if constraints {
            let mut add = |_: &Path, entry: Entry| {
                if let Entry::Requirement { requirement, .. } = entry {
                    request.constraints.push(requirement);
                }
            };
            read_file(project, &name, 0, &mut add)?;
        } else {
            constraints_of(project, &name, request)?;
        }
    }
    Ok(())
}

fn direct_entries(project: &Project, file: &Path) -> Result<Vec<(PathBuf, Entry)>, BuildError> {
    let folder = file.parent().unwrap_or(Path::new("")).to_owned();
    let parsed = parse(project, file)?.1;
    Ok(parsed.lines.into_iter().map(|line| (folder.clone(), line.entry)).collect())
}

fn read_file(
    project: &Project,
    file: &Path,
    depth: usize,
    take: &mut dyn FnMut(&Path, Entry),
) -> Result<(), BuildError> {
    if depth > DEEPEST {
        return Err(BuildError::Circle { path: file.to_owned() });
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    for line in parse(project, file)?.1.lines {
        match line.entry {
            Entry::Include(name) => read_file(project, &folder.join(name), depth + 1, take)?,
            entry => take(folder, entry),
        }
    }
    Ok(())
}

/// Hands every file that `file` includes or is constrained by to `take`, and `file` itself first.
fn each_file(
    project: &Project,
    file: &Path,
    depth: usize,
    take: &mut dyn FnMut(&Path, &str),
) -> Result<(), BuildError> {
    if depth > DEEPEST {
        return Err(BuildError::Circle { path: file.to_owned() });
    }
    let (text, parsed) = parse(project, file)?;
    take(file, &text);
    let folder = file.parent().unwrap_or(Path::new(""));
    for line in parsed.lines {
        if let Entry::Include(name) | Entry::Constraints(name) = line.entry {
            each_file(project, &folder.join(name), depth + 1, take)?;
        }
    }
    Ok(())
}

fn parse(project: &Project, file: &Path) -> Result<(String, RequirementsTxt), BuildError> {
    let fail = |source| BuildError::File { path: file.to_owned(), source };
    let text = fs::read_to_string(project.folder.join(file)).map_err(fail)?;
    let parsed = RequirementsTxt::parse(&text);
    let parsed = parsed.map_err(|source| BuildError::Requirements { path: file.to_owned(), source })?;
    Ok((text, parsed))
}
